"""Any gymnasium vector environment can be trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode

from ashore.configs.algorithms import PPOSettings
from ashore.configs.errors import UsageError
from ashore.configs.schema import TrainSettings
from ashore.policies.checkpoint import CheckpointError, load
from ashore.policies.gymnasium_vector import GymnasiumVector
from ashore.policies.policy import load_policy
from ashore.policies.trainer import train
from tests.policies.test_checkpoint import assert_same

SETTINGS = TrainSettings(
    total_steps=4 * 64, num_envs=4, torch_threads=1, algorithm=PPOSettings(rollout_steps=32, minibatch_size=50)
)


def _make(name: str, mode: AutoresetMode = AutoresetMode.SAME_STEP, **options: Any) -> GymnasiumVector:
    kwargs = {"autoreset_mode": mode}
    return GymnasiumVector(gymnasium.make_vec(name, 4, vectorization_mode="sync", vector_kwargs=kwargs, **options))


def test_terminal_observations_and_episode_sums_reach_the_learner() -> None:
    env = _make("Pendulum-v1", max_episode_steps=5)
    env.reset(1)
    total = torch.zeros(4)
    for _ in range(5):
        before = env.observation["actor"]
        kept = before.clone()
        seen, reward, terminated, truncated, info = env.step(torch.ones(4, 1))
        total += reward
        assert torch.equal(before, kept) and reward.dtype == torch.float32
    assert truncated.all() and not terminated.any()
    assert info["final_ids"].tolist() == [0, 1, 2, 3]
    assert torch.equal(seen["actor"], env.observation["critic"])
    assert info["final_obs"]["actor"].shape == (4, 3)
    assert not torch.isclose(info["final_obs"]["actor"], seen["actor"]).all()
    torch.testing.assert_close(info["episode"]["return"], total)
    assert info["episode"]["length"].tolist() == [5.0] * 4
    assert "final_ids" not in env.step(torch.ones(4, 1))[4]


def test_actions_span_the_action_box(monkeypatch: pytest.MonkeyPatch) -> None:
    env = _make("Pendulum-v1")  # torque within 2 N*m
    received: list[np.ndarray] = []
    step = env.env.step

    def listening(action: np.ndarray) -> Any:
        received.append(action.copy())
        return step(action)

    monkeypatch.setattr(env.env, "step", listening)
    env.reset(0)
    env.step(torch.tensor([[-5.0], [0.0], [0.5], [1.0]]))
    assert received[0][:, 0].tolist() == [-2.0, 0.0, 1.0, 2.0]
    assert received[0].dtype == np.float32


def test_goes_on_from_a_checkpoint_to_the_same_bits(tmp_path: Path) -> None:
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    train(SETTINGS, _make("Pendulum-v1", max_episode_steps=20), straight)
    train(SETTINGS.model_copy(update={"total_steps": 128}), _make("Pendulum-v1", max_episode_steps=20), stopped)
    outcome = train(SETTINGS, _make("Pendulum-v1", max_episode_steps=20), stopped, resume=True)
    assert outcome.steps == 256
    assert load_policy(outcome.checkpoint).acting()(torch.zeros(2, 3)).shape == (2, 1)
    a, b = (load(path) | {"seconds": None} for path in (outcome.checkpoint, straight / "checkpoints" / "000000000256"))
    assert_same(a, b)


def test_trains_but_does_not_resume_where_the_state_is_unknown(tmp_path: Path) -> None:
    env = _make("Pendulum-v1", max_episode_steps=20)
    env.env.envs[1].unwrapped.engine = object()
    train(SETTINGS, env, tmp_path)
    with pytest.raises(CheckpointError, match="cannot be resumed"):
        train(SETTINGS, _make("Pendulum-v1"), tmp_path, resume=True)


def test_what_cannot_be_trained_on_is_refused() -> None:
    with pytest.raises(UsageError, match="SAME_STEP"):
        _make("Pendulum-v1", AutoresetMode.NEXT_STEP)
