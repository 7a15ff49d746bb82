"""The randomizer: the same world for the same key, values within their ranges, parameters that are held."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ashore.configs.errors import AshoreError
from ashore.configs.space import Dimension
from ashore.randomization.effects.base import SpaceError
from ashore.randomization.samplers.uniform import UniformSampler
from ashore.sim.env import Env
from tests.sim.worlds import RANDOMIZED, make, randomizer_of, rollout, task


def lambdas(env: Env) -> Tensor:
    return randomizer_of(env).lambdas.clone()


@pytest.mark.parametrize("preset", RANDOMIZED)
def test_an_episode_has_the_same_lambda_whatever_the_number_of_worlds_and_threads(preset: str) -> None:
    one, eight = make(preset, 3), make(preset, 8, threads=2)
    for _ in range(3):
        assert torch.equal(lambdas(one), lambdas(eight)[:3])
        one.restart()
        eight.restart()
    assert not torch.equal(lambdas(one), lambdas(make(preset, 3))), "the next episode is another world"
    assert not torch.equal(lambdas(make(preset, 3, seed=4)), lambdas(make(preset, 3)))
    assert len(lambdas(eight).unique(dim=0)) == 8, "no two worlds are alike"


@pytest.mark.parametrize("preset", RANDOMIZED)
def test_an_episode_reached_through_play_has_the_lambda_of_its_number(preset: str) -> None:
    played, counted = make(preset, 2), make(preset, 2)
    played.age.fill_(played.settings.episode_steps - 10)
    rollout(played, 13)
    assert int(played.episode.min()) >= 1
    for _ in range(int(played.episode[1])):
        counted.restart()
    assert torch.equal(lambdas(played)[1], lambdas(counted)[1])


@pytest.mark.parametrize("preset", RANDOMIZED)
def test_lambda_stays_in_its_range_and_the_critic_sees_it_within_one(preset: str) -> None:
    env = make(preset, 256)
    low, high = (
        torch.tensor([getattr(d, k) for d in randomizer_of(env).dimensions], dtype=torch.float64)
        for k in ("low", "high")
    )
    values = lambdas(env)
    # exp(log(x)) may miss x by a rounding.
    assert ((values >= low * (1 - 1e-12) - 1e-300) & (values <= high * (1 + 1e-12))).all() or (low < 0).any()
    assert ((values >= low - 1e-12) & (values <= high + 1e-12)).all()
    spread = (values.amax(0) - values.amin(0)) / (high - low)
    assert (spread > 0.9).all(), "256 worlds fill the range"
    assert (randomizer_of(env).values.abs() <= 1.0).all()
    assert torch.equal(env.observation["critic"][:, -len(low) :], randomizer_of(env).values)


def dimension(low: float, high: float, distribution: str, widest: tuple[float, float] | None = None) -> Dimension:
    return Dimension.model_validate(
        {"name": "x", "group": "x", "unit": "1", "nominal": high, "low": low, "high": high}
        | {"distribution": distribution, "widest": widest or (low, high)}
    )


def test_log_uniform_is_uniform_in_the_logarithm_and_linear_in_the_value() -> None:
    sampler = UniformSampler((dimension(0.01, 100.0, "log"), dimension(-1.0, 3.0, "linear")))
    u = torch.linspace(0, 1 - 2.0**-24, 1001)[:, None].expand(-1, 2)
    values, token = sampler.sample(u)
    # Half way from 0.01 to 100 along the logarithm is 1.
    assert values[500].tolist() == pytest.approx([1.0, 1.0], rel=1e-4)
    assert values[0].tolist() == pytest.approx([0.01, -1.0])
    assert values[:, 0].max() <= 100.0 and values[:, 1].max() < 3.0
    assert token.shape == (1001,)


def test_pins_hold_a_group_or_one_dimension_and_leave_the_rest_drawn() -> None:
    free = make("arm_reach", 16)
    held = make("arm_reach", 16, pins={"link_mass": 1.3, "link_mass[link2]": 0.6, "payload": 0.0})
    names = [d.name for d in randomizer_of(free).dimensions]
    a, b = lambdas(free), lambdas(held)
    for i, name in enumerate(names):
        if name == "link_mass[link2]":
            assert (b[:, i] == 0.6).all()
        elif name.startswith("link_mass"):
            assert (b[:, i] == 1.3).all()
        elif name == "payload":
            assert (b[:, i] == 0.0).all(), "a pin at zero is a pin"
        else:
            assert torch.equal(a[:, i], b[:, i]), name
    held.restart()
    assert (lambdas(held)[:, names.index("link_mass[link1]")] == 1.3).all()


@pytest.mark.parametrize(
    ("pins", "message"),
    [
        ({"link_mass": 1.6}, r"link_mass\[link1\] = 1.6 1; allowed: \[0.5, 1.5\]"),
        ({"command_latency": 0.201}, r"command_latency = 0.201 s; allowed: \[0.0, 0.2\] s"),
        ({"payload": -0.1}, r"payload = -0.1 kg; allowed: \[0.0, 5.0\] kg"),
        ({"wind": 1.0}, r"'wind' is no parameter here; there is \['command_drop', .*'velocity_noise'\]"),
        ({"link_mass[link12]": 1.0}, "is no parameter here"),
    ],
)
def test_a_pin_that_cannot_be_is_refused(pins: dict[str, float], message: str) -> None:
    with pytest.raises(SpaceError, match=message) as error:
        make("arm_reach", 2, pins=pins)
    assert isinstance(error.value, AshoreError)


def test_a_pin_may_leave_the_range_of_training_up_to_the_bounds() -> None:
    env = make("arm_reach", 2, pins={"payload": 5.0})
    assert (env.world.field("body_mass")[:, env.world.row_names("body_mass").index("payload")] == 5.0).all()


def test_the_critic_sees_minus_one_and_one_at_the_widest_ends() -> None:
    for end, expected in ((0, -1.0), (1, 1.0)):
        env = make("arm_reach", 1)
        widest = torch.tensor([[d.widest[end] for d in randomizer_of(env).dimensions]], dtype=torch.float64)
        randomizer_of(env).write(torch.tensor([0]), widest)
        np.testing.assert_allclose(randomizer_of(env).values.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("preset", RANDOMIZED)
def test_a_restored_randomizer_has_the_same_worlds_and_writes_them(preset: str) -> None:
    env, other = make(preset, 4), make(preset, 4, seed=9)
    state = randomizer_of(env).state_dict()
    fields = {k: v.clone() for k, v in env.world.fields.items()}
    randomizer_of(other).load_state_dict(state)
    assert torch.equal(lambdas(other), lambdas(env))
    assert torch.equal(randomizer_of(other).values, randomizer_of(env).values)
    assert fields and all(torch.equal(other.world.field(k), v) for k, v in fields.items())
    assert torch.equal(other.channel.noise_std, env.channel.noise_std)
    env.restart()
    assert torch.equal(state["lambdas"], lambdas(other)), "a state is a copy"


def test_a_task_that_randomizes_nothing_has_no_randomizer() -> None:
    env = make(task("cartpole_swingup", randomization={}), 2)
    assert env.randomizer is None
    assert env.observation_sizes["critic"] == env.observation_sizes["actor"] + 2 + 2
