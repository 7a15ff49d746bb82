"""Every step of the ladder: that it learns, goes on to the same bits, stops on what is not a number, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from rich.console import Console

from ashore.configs.algorithms import A2CSettings, PPOSettings
from ashore.policies.algorithms import make_learner
from ashore.policies.checkpoint import latest, load
from ashore.policies.networks import TrunkCritic
from ashore.policies.on_policy.a2c import A2C
from ashore.policies.on_policy.ppo import PPO
from ashore.policies.policy import load_policy
from ashore.policies.trainer import CHECKPOINTS, train
from tests.policies.double_integrator import DoubleIntegrator
from tests.policies.ladder import ALGORITHMS, GOAL, STEPS, TASKS, evaluation, learn, settings
from tests.policies.test_checkpoint import assert_same

QUIET = Console(quiet=True)
KINDS = sorted(ALGORITHMS)


@pytest.mark.parametrize("kind", KINDS)
def test_learns_the_double_integrator(kind: str, tmp_path: Path) -> None:
    assert evaluation(TASKS["force"])(lambda seen: torch.zeros(len(seen), 1))["return"] < 0.6 * GOAL
    assert learn("force", kind, 3, tmp_path, STEPS // 2) > GOAL


@pytest.mark.parametrize("kind", KINDS)
def test_learns_to_choose(kind: str, tmp_path: Path) -> None:
    assert learn("choices", kind, 3, tmp_path, STEPS // 2) > GOAL


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_ends_in_the_same_bits(kind: str, task: str, tmp_path: Path) -> None:
    steps = 64 * ALGORITHMS[kind]["rollout_steps"]
    short, whole = settings(kind, total_steps=2 * steps), settings(kind, total_steps=4 * steps)
    train(whole, TASKS[task](64), tmp_path / "whole", console=QUIET)
    train(short, TASKS[task](64), tmp_path / "parts", console=QUIET)
    train(whole, TASKS[task](64), tmp_path / "parts", resume=True, console=QUIET)
    ended = [latest(tmp_path / part / CHECKPOINTS) for part in ("whole", "parts")]
    states = [load(path) | {"seconds": None, "settings": None} for path in ended if path is not None]
    assert_same(*states)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_a_number_stops_before_it_spoils_the_networks(kind: str) -> None:
    algorithm = settings(kind).algorithm
    env = DoubleIntegrator(8, break_at=3)
    learner = make_learner(algorithm, env, 0)
    learner.observe(env.observation)
    with pytest.raises(FloatingPointError, match="not finite, first at"):
        learner.improve(env)
    assert all(x.isfinite().all() for module in learner.modules().values() for x in module.state_dict().values())


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_policy_of_a_checkpoint_acts_as_the_learner_did(kind: str, task: str, tmp_path: Path) -> None:
    seen: list[Any] = []
    env = TASKS[task](64)
    steps = 64 * ALGORITHMS[kind]["rollout_steps"]

    def evaluate(act: Any) -> dict[str, float]:
        seen.append(act(env.observation["actor"]))
        return {"return": 0.0, "success": 0.0}

    outcome = train(settings(kind, total_steps=steps), env, tmp_path, evaluate=evaluate, console=QUIET)
    again = load_policy(outcome.checkpoint).acting()(env.observation["actor"])
    assert torch.equal(again, seen[-1])


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "actor_critic"])
def test_learns_from_a_history(kind: str) -> None:
    env = DoubleIntegrator(8)
    changed: dict[str, Any] = {"memory": {"kind": "history", "steps": 3}, "rollout_steps": 6}
    learner = make_learner(settings(kind, **changed).algorithm, env, 0)
    learner.observe(env.observation)
    before = {name: x.clone() for name, x in learner.modules()["actor"].state_dict().items()}
    learner.improve(env)
    learner.improve(env)
    after = learner.modules()["actor"].state_dict()
    assert any(not torch.equal(before[name], x) for name, x in after.items())


@pytest.mark.parametrize(
    ("kind", "changed", "fault"),
    [
        ("a2c", {"memory": {"kind": "gru"}}, "allowed: none or history; ppo learns recurrent actors"),
        ("actor_critic", {"memory": {"kind": "history", "steps": 2}}, "allowed: none, for actor_critic learns step"),
        ("a2c", {"memory": {"kind": "history", "steps": 2}, "shared": True}, "allowed: none, or shared: false"),
        ("reinforce", {"gae_lambda": 0.9}, "gae_lambda"),
    ],
)
def test_settings_that_mean_nothing_are_refused(kind: str, changed: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        settings(kind, **changed)


@pytest.mark.parametrize(
    ("target", "shared"),
    [("monte_carlo", False), ("td0", False), ("n_step", False), ("n_step", True), ("gae", True)],
)
def test_a2c_learns_by_every_target_with_one_network_or_two(target: str, shared: bool, tmp_path: Path) -> None:
    env, evaluate = DoubleIntegrator(64), evaluation(DoubleIntegrator)
    changed: dict[str, Any] = {"target": target, "shared": shared, "n_step": 4}
    outcome = train(settings("a2c", **changed), env, tmp_path, evaluate=evaluate, console=QUIET)
    assert outcome.evaluation is not None and outcome.evaluation["return"] > GOAL


def test_a_shared_trunk_is_the_actors_alone() -> None:
    env = DoubleIntegrator(4)
    learner = A2C(A2CSettings(kind="a2c", shared=True, actor_hidden=(8, 8)), env, 0)
    assert isinstance(learner.critic, TrunkCritic)
    assert [list(x.shape) for x in learner.critic.parameters()] == [[1, 8], [1]]
    value = learner.critic(env.observation["actor"]).sum()
    first = learner.actor.layers()[0]
    assert isinstance(first, torch.nn.Linear)
    assert torch.autograd.grad(value, first.weight)[0].abs().sum() > 0


def test_the_gradient_of_ppo_at_ratio_1_is_that_of_a2c() -> None:
    shape: dict[str, Any] = {"rollout_steps": 8, "actor_hidden": (8,), "critic_hidden": (8,), "max_grad_norm": 1e9}
    ppo = PPO(PPOSettings(**shape, epochs=1, minibatch_size=10**6, value_coefficient=0.5), DoubleIntegrator(8), 0)
    a2c = A2C(A2CSettings(kind="a2c", **shape), DoubleIntegrator(8), 0)
    for learner in (ppo, a2c):
        env = DoubleIntegrator(8)
        learner.observe(env.observation)
        learner.improve(env)
    for name in ("actor", "critic"):
        pairs = zip(getattr(ppo, name).parameters(), getattr(a2c, name).parameters(), strict=True)
        for one, other in pairs:
            torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-6)
