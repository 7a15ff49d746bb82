"""SAC, TD3 and DDPG: temperature, values and gradients against known answers; killed and resumed; numbers that are none."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ashore.configs.algorithms import AlgorithmSettings, DDPGSettings, SACSettings, TD3Settings
from ashore.configs.errors import UsageError
from ashore.configs.schema import TrainSettings
from ashore.policies.algorithms import make_learner
from ashore.policies.checkpoint import CheckpointError, complete, latest, load
from ashore.policies.off_policy.sac import SAC
from ashore.policies.off_policy.td3 import DDPG, TD3
from ashore.policies.policy import load_policy
from ashore.policies.replay import Batch
from ashore.policies.trainer import CHECKPOINTS, train
from tests.policies.double_integrator import DoubleIntegrator, evaluate
from tests.policies.linear_quadratic import LinearQuadratic, soft_q
from tests.policies.test_checkpoint import assert_same

SMALL: dict[str, Any] = {
    "rollout_steps": 16,
    "updates_per_step": 0.0625,
    "batch_size": 64,
    "hidden": (32, 32),
    "learning_starts": 1000,
    "learning_rate": 3e-3,
    "discount": 0.95,
    "buffer_size": 8000,
}
EACH: dict[str, AlgorithmSettings] = {
    "sac": SACSettings(kind="sac", **SMALL),
    "sac with history": SACSettings(
        kind="sac", **SMALL, n_step=3, layer_norm=True, memory={"kind": "history", "steps": 3}
    ),
    "td3": TD3Settings(kind="td3", **SMALL),
    "ddpg": DDPGSettings(kind="ddpg", **SMALL),
}


def _training(algorithm: AlgorithmSettings, steps: int = 12 * 1024) -> TrainSettings:
    return TrainSettings(
        total_steps=steps,
        num_envs=64,
        seed=3,
        torch_threads=1,
        eval_every=4096,
        checkpoint_every=2048,
        algorithm=algorithm,
    )


@pytest.mark.parametrize("name", EACH)
def test_solves_the_double_integrator(name: str, tmp_path: Path) -> None:
    outcome = train(_training(EACH[name]), DoubleIntegrator(64), tmp_path, evaluate=evaluate)
    assert outcome.evaluation is not None and outcome.evaluation["return"] > 33.5  # -5 without a policy
    policy = load_policy(outcome.checkpoint)
    assert evaluate(policy.acting()) == pytest.approx(outcome.evaluation, rel=1e-4)


@pytest.mark.parametrize("name", EACH)
def test_stopped_and_resumed_ends_in_the_same_bits(name: str, tmp_path: Path) -> None:
    short, whole = _training(EACH[name], 3 * 1024), _training(EACH[name], 5 * 1024)
    train(whole, DoubleIntegrator(64), tmp_path / "whole")
    train(short, DoubleIntegrator(64), tmp_path / "parts")
    train(whole, DoubleIntegrator(64), tmp_path / "parts", resume=True)
    a, b = (load(latest(tmp_path / name / CHECKPOINTS) or Path()) for name in ("whole", "parts"))
    assert_same(a | {"seconds": None}, b | {"seconds": None})


def test_a_checkpoint_shares_with_the_one_before_what_has_not_changed(tmp_path: Path) -> None:
    algorithm = SACSettings(kind="sac", **SMALL | {"buffer_size": 100_000})
    train(_training(algorithm), DoubleIntegrator(64), tmp_path)
    before, last = complete(tmp_path / CHECKPOINTS)[-2:]
    files = sorted(path.name for path in last.glob("replay-*"))
    same = [name for name in files if (before / name).exists() and (before / name).samefile(last / name)]
    assert len(files) >= 4 and len(same) >= len(files) - 2


def test_what_is_not_a_number_stops_the_run_and_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match=r"actor \[64, 2\] is not finite, first at \[0, 0\]"):
        train(_training(EACH["sac"]), DoubleIntegrator(64, break_at=100), tmp_path)
    modules = load(latest(tmp_path / CHECKPOINTS) or Path())["learner"]["modules"]
    assert all(x.isfinite().all() for module in modules.values() for x in module.values())
    broken = make_learner(EACH["sac"], DoubleIntegrator(64), 0)
    assert isinstance(broken, SAC)
    with torch.no_grad():
        broken.critics.weights[0].fill_(math.nan)
    env = DoubleIntegrator(64)
    with pytest.raises(FloatingPointError, match=r"the update is not finite: .*value_loss"):
        broken.improve(env)


class Bandit(LinearQuadratic):
    """One step an episode, whose reward is the higher the nearer the action is to 0.3."""

    def step(self, action: Tensor) -> Any:
        seen, _, terminated, _, info = super().step(action)
        ended = torch.ones_like(terminated)
        ids = torch.arange(self.num_envs)
        info = {"final_ids": ids, "final_obs": seen, "episode": {"return": torch.zeros(self.num_envs)}}
        return seen, -(action[:, 0] - 0.3).square(), ended, ~ended, info


@pytest.mark.parametrize(("target", "rollouts"), [(-1.0, 28), (0.0, 12)])
def test_the_temperature_brings_the_entropy_to_its_target(target: float, rollouts: int) -> None:
    settings = SACSettings(kind="sac", **SMALL | {"learning_starts": 256}, target_entropy=target)
    learner, env = SAC(settings, Bandit(64), 0), Bandit(64)
    for _ in range(rollouts):
        report = learner.improve(env)
    assert report.losses["entropy"] == pytest.approx(target, abs=0.15)
    action = learner.acting()(torch.zeros(1, 1))
    assert action.item() == pytest.approx(0.3, abs=0.1)


@pytest.mark.slow
def test_the_critic_agrees_with_a_soft_value_computation() -> None:
    temperature, discount = 0.1, 0.8
    settings = SACSettings(
        kind="sac",
        rollout_steps=16,
        updates_per_step=0.125,
        batch_size=256,
        hidden=(64, 64),
        learning_starts=2000,
        learning_rate=2e-3,
        discount=discount,
        tau=0.04,
        initial_temperature=temperature,
        n_step=1,
    )
    env = LinearQuadratic(64)
    learner = SAC(settings, env, 0)
    learner.temperature_optimizer.param_groups[0]["lr"] = 0.0
    for _ in range(12):
        learner.improve(env)
    x, u, q = soft_q(temperature, discount)
    inside = np.abs(x) < 1.5
    grid = torch.tensor(np.stack(np.meshgrid(x[inside], u, indexing="ij"), -1).reshape(-1, 2), dtype=torch.float32)
    with torch.no_grad():
        ours = learner.critics(learner.critic_normalizer(grid[:, :1]), grid[:, 1:]).mean(0).numpy()
    error = ours - q[inside].reshape(-1)
    # The tanh of a Gaussian is not quite the soft-optimal policy, and its value a little lower.
    assert np.abs(error).mean() < 0.1 and q[inside].std() > 1


def test_targets_are_rewards_and_the_soft_value_of_what_follows() -> None:
    learner = SAC(SACSettings(kind="sac", **SMALL), DoubleIntegrator(4), 0)
    n = 50_000
    one = torch.ones(n, 2)
    batch = Batch(one, torch.ones(n, 3), torch.ones(n, 1), torch.ones(n), torch.full((n,), 0.9), one, torch.ones(n, 3))
    with torch.no_grad():
        for i in range(2):  # two critics that do not look at anything: 3 and 2
            for parameters in (learner.target_critics.weights, learner.target_critics.biases):
                for x in parameters:
                    x[i].zero_()
            learner.target_critics.biases[-1][i] = 3.0 - i
        head = learner.actor(torch.ones(n, 2))
        entropy = -learner.actor.distribution(head).draw(torch.Generator().manual_seed(9))[1].mean()
    target = learner.targets(batch, torch.tensor(0.5)).mean()
    assert target.item() == pytest.approx(1 + 0.9 * (2 + 0.5 * entropy.item()), abs=0.01)


def test_the_actor_moves_up_its_critic_and_leaves_it_as_it_is() -> None:
    for kind in ("td3", "sac"):
        learner = make_learner(EACH[kind], DoubleIntegrator(4), 0)
        assert isinstance(learner, TD3 | SAC)
        n = 64
        seen = torch.randn(n, 2, generator=torch.Generator().manual_seed(0))
        zero = torch.zeros(n)
        batch = Batch(seen, torch.cat((seen, seen[:, :1]), 1), torch.zeros(n, 1), zero, zero, seen, torch.ones(n, 3))
        learner.critic_optimizer.param_groups[0]["lr"] = 0.0

        def value(of: Any = learner, batch: Batch = batch) -> float:
            with torch.no_grad():
                return float(of.critics(batch.critic, of.actor.mode(of.actor(batch.actor))).amin(0).mean())

        before = value()
        for _ in range(20):
            learner.update(batch)
        assert value() > before
        assert isinstance(learner, SAC) or learner.policy_delay == 2


def test_ddpg_has_one_critic_and_a_target_at_the_action_itself() -> None:
    learner = DDPG(DDPGSettings(kind="ddpg", **SMALL), DoubleIntegrator(4), 0)
    action = torch.tensor([[0.25]])
    assert learner.critics.count == 1 and learner.policy_delay == 1 and torch.equal(learner.smoothed(action), action)
    delayed = TD3(TD3Settings(kind="td3", **SMALL), DoubleIntegrator(4), 0)
    noisy = delayed.smoothed(action.expand(1000, 1))
    assert 0.1 < noisy.std() < 0.3 and (noisy - 0.25).abs().max() <= 0.5 + 1e-6


def test_choices_are_refused() -> None:
    env = DoubleIntegrator(4)
    env.discrete = True
    with pytest.raises(UsageError, match=r"kind = 'sac'; the environment takes one of 1 choices; allowed: a2c, "):
        make_learner(EACH["sac"], env, 0)


def test_an_entropy_that_no_policy_has_is_refused() -> None:
    """Its temperature would grow without end."""
    for name in ("target_entropy", "final_entropy"):
        settings = SACSettings(kind="sac", **SMALL | {name: 0.7})
        with pytest.raises(UsageError, match=rf"train.algorithm.{name} = 0.7; allowed: below 0.69 nats"):
            make_learner(settings, DoubleIntegrator(4), 0)


def test_the_target_entropy_falls_evenly() -> None:
    settings = SACSettings(kind="sac", **SMALL | {"target_entropy": 0.5, "final_entropy": -1.5, "entropy_steps": 1000})
    learner = SAC(settings, DoubleIntegrator(4), 0)
    seen = []
    for learner.steps in (0, 500, 1000, 9000):
        seen.append(learner.target_entropy)
    assert seen == [0.5, -0.5, -1.5, -1.5]


@pytest.mark.parametrize("harm", ["missing", "other"])
def test_a_checkpoint_whose_replay_is_not_whole_is_not_resumed_from(harm: str, tmp_path: Path) -> None:
    train(_training(EACH["sac"], 3 * 1024), DoubleIntegrator(64), tmp_path)
    path = latest(tmp_path / CHECKPOINTS) or Path()
    manifest = json.loads((path / "manifest.json").read_text())
    entry = manifest["files"].pop("replay-00.part.safetensors")
    if harm == "other":
        manifest["files"]["replay-zz.part.safetensors"] = entry
        (path / "replay-00.part.safetensors").rename(path / "replay-zz.part.safetensors")
    (path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="lacks replay-00" if harm == "missing" else "replay-zz .* does not fit"):
        train(_training(EACH["sac"]), DoubleIntegrator(64), tmp_path, resume=True)


class EndsInNothing(LinearQuadratic):
    """What it shows last of an episode that a time limit ends is not a number."""

    def step(self, action: Tensor) -> Any:
        *result, info = super().step(action)
        for x in info.get("final_obs", {}).values():
            x[:] = torch.nan
        return *result, info


def test_a_last_observation_that_is_not_a_number_stops_the_run() -> None:
    env = EndsInNothing(64)
    learner = SAC(SACSettings(kind="sac", **SMALL), env, 0)
    with pytest.raises(FloatingPointError, match=r"terminal actor .* is not finite"):
        learner.improve(env)
