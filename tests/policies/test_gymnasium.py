"""What gymnasium environments show and take, and that their state goes into a checkpoint where it can be known."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

from ashore.configs.errors import UsageError
from ashore.configs.gymnasium_run import GymnasiumSettings
from ashore.policies.gymnasium_spaces import Observations
from ashore.policies.gymnasium_vector import GymnasiumVector, fault_of_resuming, make_gymnasium

TARGET, PICTURE, SEVERAL = (f"tests.policies.worlds:{name}-v0" for name in ("Target", "Picture", "Several"))


def make(name: str, num_envs: int = 3, **kwargs: Any) -> GymnasiumVector:
    return make_gymnasium(GymnasiumSettings(id=name, kwargs=kwargs), num_envs)


def test_parts_of_a_dict_stand_side_by_side_and_a_choice_is_one_hot() -> None:
    env = make(TARGET)
    seen = env.reset(0)["actor"]
    assert seen.shape == (3, 4) and seen.dtype == torch.float32
    assert env.seen.parts == [("observation['place']", 2), ("observation['side']", 2)]
    assert torch.equal(seen[:, 3], (seen[:, 0] > 0).float())
    assert torch.equal(seen[:, 2:].sum(1), torch.ones(3))


def test_tuples_and_several_choices_are_flat_too() -> None:
    seen = Observations(spaces.Tuple((spaces.MultiDiscrete([2, 3]), spaces.MultiBinary(2), spaces.Box(0, 9, (2, 1)))))
    batch = (np.array([[1, 2], [0, 1]]), np.array([[1, 0], [0, 1]]), np.array([[[4.0], [5.0]], [[6.0], [7.0]]]))
    expected = [[0, 1, 0, 0, 1, 1, 0, 4, 5], [1, 0, 0, 1, 0, 0, 1, 6, 7]]
    assert seen.rows(batch, 2).tolist() == expected
    assert seen.row((batch[0][1], batch[1][1], batch[2][1])).tolist() == expected[1:]
    assert seen.name_of(8) == "observation[2][1]"


def test_choices_begin_where_the_environment_begins_them() -> None:
    env = make(TARGET)
    side = env.reset(0)["actor"][:, 3].long()
    assert (env.action_size, env.discrete) == (2, True)
    assert env.step(side)[1].tolist() == [1.0, 1.0, 1.0]


def test_an_image_stays_one() -> None:
    env = make(PICTURE)
    seen = env.reset(0)["actor"]
    assert env.layout.image == (12, 12, 1) and seen.dtype == torch.uint8 and seen.shape == (3, 144)


def test_a_return_that_reaches_the_threshold_is_a_success() -> None:
    env = make(TARGET, 1)
    env.reset(0)
    for _ in range(8):
        info = env.step(env.observation["actor"][:, 3].long())[4]
    assert info["episode"] == {
        "return": torch.tensor([8.0]),
        "length": torch.tensor([8.0]),
        "success": torch.tensor([1.0]),
    }


@pytest.mark.parametrize(
    ("broken", "said"),
    [("reward", "reward of world 0 is nan after 3 steps"), ("observation", r"\['place'\]\[1\] of world 0 is inf")],
)
def test_what_is_not_finite_is_named(broken: str, said: str) -> None:
    env = make(TARGET, broken=broken)
    env.reset(0)
    left = torch.zeros(3, dtype=torch.int64)
    env.step(left)
    env.step(left)
    with pytest.raises(FloatingPointError, match=said):
        env.step(left)


@pytest.mark.parametrize(
    ("name", "kwargs", "said"),
    [
        (SEVERAL, {}, r"action space = MultiDiscrete\(\[2 3\]\); allowed: Box, or Discrete"),
        ("Nowhere-v0", {}, "Nowhere-v0.*doesn't exist"),
        ("no_such_module:X-v0", {}, "No module named 'no_such_module'"),
        ("CartPole-v1", {"gravitas": 1}, "gymnasium.kwargs = .*gravitas"),
    ],
)
def test_what_cannot_be_made_is_one_line(name: str, kwargs: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        make(name, **kwargs)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "CartPole-v1",
        "Pendulum-v1",
        "MountainCar-v0",
        "HalfCheetah-v5",
        "Ant-v5",
        "FrozenLake-v1",
        "Blackjack-v1",
        TARGET,
    ],
)
def test_a_world_goes_on_from_its_captured_state_to_the_same_bits(name: str) -> None:
    assert fault_of_resuming(GymnasiumSettings(id=name)) == ""


def test_a_state_that_is_not_known_is_said() -> None:
    fault = fault_of_resuming(GymnasiumSettings(id=TARGET, kwargs={"hidden": True}))
    assert fault == "Target.engine is a object, or holds one"


class Elsewhere(gymnasium.Env[Any, Any]):
    """Keeps its state where no attribute of its own shows it."""

    observation_space = spaces.Box(-9, 9, (1,))
    action_space = spaces.Box(-1, 1, (1,))
    kept: dict[int, float] = {}  # noqa: RUF012

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.kept[id(self)] = self.np_random.uniform(-1, 1)
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return np.zeros(1, np.float32), self.kept[id(self)], False, False, {}


def test_a_state_that_attributes_do_not_show_is_found_out() -> None:
    gymnasium.register("Elsewhere-v0", entry_point=lambda **_: Elsewhere())
    assert (
        fault_of_resuming(GymnasiumSettings(id="Elsewhere-v0"))
        == "a world restored from its attributes went another way"
    )
