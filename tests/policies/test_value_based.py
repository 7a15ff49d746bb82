"""Values as functions of what is seen: targets and features by hand, data sets; each learner learns and resumes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ashore.configs.algorithms import DQNSettings, FeatureSettings, FittedQSettings, LinearQSettings
from ashore.configs.errors import UsageError
from ashore.configs.gymnasium_run import GymnasiumSettings
from ashore.configs.schema import TrainSettings
from ashore.policies.algorithms import make_learner
from ashore.policies.checkpoint import latest, load
from ashore.policies.gymnasium_vector import GymnasiumVector, make_gymnasium
from ashore.policies.layout import Layout
from ashore.policies.policy import load_policy
from ashore.policies.replay import Batch
from ashore.policies.trainer import train
from ashore.policies.value_based.actors import NetworkActor, convolutions
from ashore.policies.value_based.data import Transitions, load_transitions, save_transitions
from ashore.policies.value_based.dqn import DQN
from ashore.policies.value_based.features import Features
from ashore.policies.value_based.linear_q import LinearQ
from tests.policies.test_checkpoint import assert_same

TARGET, PICTURE = (f"tests.policies.worlds:{name}-v0" for name in ("Target", "Picture"))
UNIT = Layout(low=(0.0, 0.0), high=(1.0, 1.0))


def make(name: str, num_envs: int = 4) -> GymnasiumVector:
    env = make_gymnasium(GymnasiumSettings(id=name), num_envs)
    env.reset(0)
    return env


def small(**algorithm: Any) -> Any:
    """Settings of learners that learn Target in a second."""
    common = {"rollout_steps": 16, "epsilon_steps": 600, "discount": 0.5, "learning_starts": 64}
    kinds = {"dqn": DQNSettings, "linear_q": LinearQSettings, "fitted_q": FittedQSettings}
    return kinds[algorithm["kind"]](**(common | algorithm))


LEARNERS = {
    "dqn": {"kind": "dqn", "hidden": (32,), "batch_size": 32, "learning_rate": 3e-3, "buffer_size": 2048},
    "dqn, tau, n steps": {
        "kind": "dqn",
        "hidden": (32,),
        "batch_size": 32,
        "learning_rate": 3e-3,
        "target_every": None,
        "n_step": 3,
    },
    "linear_q": {"kind": "linear_q", "features": FeatureSettings(order=1)},
    "linear_q, tiles": {"kind": "linear_q", "features": FeatureSettings(kind="tiles", tilings=2, tiles=2)},
    "fitted_q": {"kind": "fitted_q", "features": FeatureSettings(order=1), "iterations": 20},
}


@pytest.mark.parametrize("name", LEARNERS)
def test_each_learns_what_is_right(name: str) -> None:
    env = make(TARGET)
    learner = make_learner(small(**LEARNERS[name]), env, seed=0)
    for _ in range(20):
        learner.improve(env)
    seen = env.reset(5)["actor"]
    assert torch.equal(learner.acting()(seen), seen[:, 3].long())


@pytest.mark.parametrize("name", ["dqn", "linear_q", "fitted_q"])
def test_each_goes_on_from_a_checkpoint_to_the_same_bits(name: str, tmp_path: Path) -> None:
    def run(folder: Path, steps: int, resume: bool = False) -> None:
        settings = TrainSettings(
            total_steps=steps, num_envs=4, torch_threads=1, checkpoint_every=64, algorithm=small(**LEARNERS[name])
        )
        train(settings, make_gymnasium(GymnasiumSettings(id=TARGET), 4), folder, resume=resume)

    run(tmp_path / "whole", 384)
    run(tmp_path / "part", 192)
    run(tmp_path / "part", 384, resume=True)
    found = [latest(tmp_path / folder / "checkpoints") for folder in ("whole", "part")]
    a, b = (load(path) | {"seconds": None} for path in found if path is not None)
    assert_same(a, b)
    assert found[0] is not None
    policy, seen = load_policy(found[0]), make(TARGET).observation["actor"]
    assert policy.acting()(seen).shape == (4,)


def test_dqn_learns_from_images() -> None:
    env = make(PICTURE)
    algorithm = {"hidden": (32,), "channels": (8, 8), "batch_size": 32, "learning_rate": 2e-3, "buffer_size": 1024}
    learner = make_learner(small(kind="dqn", **algorithm), env, seed=0)
    assert isinstance(learner, DQN) and learner.replay.arrays["actor"].dtype == torch.uint8
    for _ in range(25):
        learner.improve(env)
    seen = env.reset(9)["actor"]
    bright = seen.view(4, 12, 2, 6).float().mean((1, 3)).argmax(1)
    assert torch.equal(learner.acting()(seen), bright)


def test_convolutions_halve_the_image() -> None:
    layers, size = convolutions((13, 8, 3), (4, 6), "relu", None)
    assert size == 6 * 4 * 2
    assert layers(torch.zeros(2, 3, 13, 8)).shape == (2, size)


@pytest.mark.parametrize(("double", "following"), [(True, 1.0), (False, 3.0)])
def test_the_target_of_dqn_by_hand(double: bool, following: float) -> None:
    """The network prefers choice 0, of which the target network thinks 1; its own best is 3."""
    env = make(TARGET)
    learner = make_learner(small(kind="dqn", hidden=(), double=double), env, seed=0)
    assert (
        isinstance(learner, DQN)
        and isinstance(learner.actor, NetworkActor)
        and isinstance(learner.target, NetworkActor)
    )
    for actor, values in ((learner.actor, [2.0, 0.0]), (learner.target, [1.0, 3.0])):
        weight, bias = actor.trunk.parameters()
        weight.data.zero_()
        bias.data.copy_(torch.tensor(values))
    rows = torch.zeros(2, 1, 4)
    batch = Batch(
        rows,
        rows[:, 0],
        torch.zeros(2, dtype=torch.int64),
        torch.tensor([5.0, 5.0]),
        torch.tensor([0.9, 0.0]),
        rows,
        rows,
    )
    torch.testing.assert_close(learner.targets(batch), torch.tensor([5 + 0.9 * following, 5.0]))


def test_fourier_features_by_hand() -> None:
    features = Features(FeatureSettings(order=1), 2, UNIT)
    phi = features.dense(torch.tensor([[0.5, 0.25]]))[0]
    expected = [1.0, math.cos(math.pi * 0.25), math.cos(math.pi * 0.5), math.cos(math.pi * 0.75)]
    np.testing.assert_allclose(phi.numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(features.step_sizes.numpy(), [1, 1, 1, 1 / math.sqrt(2)])


def test_one_tile_of_each_grid_is_active_and_near_places_share_tiles() -> None:
    features = Features(FeatureSettings(kind="tiles", tilings=4, tiles=4), 2, UNIT)
    here, near, far = (features.dense(torch.tensor([[x, x]]))[0] for x in (0.50, 0.55, 0.95))
    assert here.sum() == near.sum() == far.sum() == 4
    assert float(here @ near) > float(here @ far) == 0
    assert features(torch.tensor([[1.0, 1.0]]))[0].max() < features.size


def test_values_without_bounds_are_scaled_by_what_was_seen() -> None:
    features = Features(FeatureSettings(order=1), 2, Layout(low=(0.0, -1e38), high=(1.0, 1e38)))
    features.measure(torch.tensor([[0.0, 10.0], [0.2, 14.0]]))
    reach = 4 * math.sqrt(8)  # four times the standard deviation of 10 and 14
    np.testing.assert_allclose(features.low.numpy(), [0.0, 12 - reach], atol=1e-6)
    np.testing.assert_allclose(features.high.numpy(), [1.0, 12 + reach], atol=1e-6)


def test_too_many_features_are_refused() -> None:
    with pytest.raises(UsageError, match="fourier of 12 values has more than"):
        Features(FeatureSettings(order=3), 12, Layout())


def test_a_rate_of_one_takes_a_value_to_its_target() -> None:
    env = make(TARGET)
    learner = make_learner(
        small(kind="linear_q", features=FeatureSettings(order=2), learning_rate=1.0, learning_starts=1), env, 0
    )
    assert isinstance(learner, LinearQ)
    step = learner.step(env, {})
    one = type(step)(*(x[:1] for x in step))._replace(terminated=torch.tensor([True]), reward=torch.tensor([3.0]))
    learner.move(one)
    assert float(learner.values(one.seen)[0, one.action[0]]) == pytest.approx(3.0)


def random_transitions(count: int) -> Transitions:
    """Of Target, by random choices; every episode is cut by its end alone."""
    generator = torch.Generator().manual_seed(0)
    place = torch.rand(count + 1, 2, generator=generator) * 2 - 1
    right = (place[:, :1] > 0).float()
    seen = torch.cat((place, 1 - right, right), 1)
    action = torch.randint(2, (count,), generator=generator)
    reward = (action == right[:count, 0]).float()
    return Transitions(seen[:-1], action, reward, seen[1:], torch.zeros(count, dtype=torch.bool))


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_fitted_q_learns_from_a_data_set_without_acting(ending: str, tmp_path: Path) -> None:
    save_transitions(tmp_path / f"data{ending}", random_transitions(500))
    settings = small(
        kind="fitted_q", data=str(tmp_path / f"data{ending}"), features=FeatureSettings(order=1), learning_starts=1
    )
    env = make(TARGET)
    learner = make_learner(settings, env, seed=0)
    before = env.observation["actor"].clone()
    learner.improve(env)
    assert torch.equal(env.observation["actor"], before) and learner.steps == 500
    assert torch.equal(learner.acting()(before), before[:, 3].long())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"action": torch.full((9,), 2)}, "action reaches from 2 to 2; allowed: 0 to 1"),
        ({"reward": torch.full((9,), torch.nan)}, "reward is not finite"),
        ({"observation": torch.zeros(9, 3)}, r"observation is \[9, 3\]; allowed here: \[9, 4\]"),
    ],
)
def test_a_data_set_that_does_not_fit_is_refused(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    save_transitions(tmp_path / "data.npz", random_transitions(9)._replace(**change))
    with pytest.raises(UsageError, match=said):
        load_transitions(tmp_path / "data.npz", 4, 2)


def test_a_data_set_never_runs_what_a_pickle_holds(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", observation=np.array([object()]))
    with pytest.raises(UsageError, match="cannot be read"):
        load_transitions(tmp_path / "data.npz", 4, 2)
    with pytest.raises(UsageError, match=r"allowed: \.npz, \.safetensors"):
        save_transitions(tmp_path / "data.pkl", random_transitions(2))


def test_what_takes_choices_and_what_does_not_is_said() -> None:
    with pytest.raises(UsageError, match=r"1 continuous actions; allowed: .*ppo.*sac"):
        make_learner(small(kind="dqn"), make("Pendulum-v1"), 0)
