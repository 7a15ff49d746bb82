"""The algorithm: what it learns from, how it goes through it, and that it learns."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ashore.configs.algorithms import PPOSettings
from ashore.policies.on_policy.learner import Batch
from ashore.policies.on_policy.ppo import PPO
from ashore.policies.process import Start
from ashore.policies.trainer import train
from tests.policies.double_integrator import ALGORITHM, SETTINGS, DoubleIntegrator, evaluate


class Recorder(PPO):
    """Keeps the minibatches instead of learning from them."""

    seen: list[Tensor]

    def _step(self, rows: Batch, spread_before: Tensor | None, start: Start) -> dict[str, Any]:
        self.seen.append(rows["action"][:, 0])
        return {"kl": 0.0}


def test_every_epoch_covers_every_row_in_an_order_of_its_own() -> None:
    recorder = Recorder(PPOSettings(epochs=3, minibatch_size=4), DoubleIntegrator(2), 0)
    recorder.seen = []
    recorder.update({"action": torch.arange(10.0)[:, None]})
    assert [len(x) for x in recorder.seen] == [4, 4, 2] * 3
    orders = [torch.cat(recorder.seen[i : i + 3]).tolist() for i in (0, 3, 6)]
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_the_batch_is_from_the_policy_that_acted() -> None:
    torch.manual_seed(0)
    env = DoubleIntegrator(8)
    learner = PPO(ALGORITHM, env, 0)
    learner.observe(env.observation)
    for _ in range(4):
        learner.improve(env)
    learner.rollout.clear()
    for _ in range(ALGORITHM.rollout_steps):
        seen = env.observation
        action, mean = learner.act(seen["actor"])
        learner.rollout.record(seen, action, mean, *env.step(action)[1:])
    batch = learner.batch(learner.rollout, env.observation)
    again = learner.actor.distribution(learner.actor(batch["actor"])).log_prob(batch["action"])
    torch.testing.assert_close(again, batch["log_prob"], rtol=0, atol=1e-4)
    assert batch["advantage"].mean().abs() < 1e-6
    assert batch["advantage"].std().item() == pytest.approx(1, abs=1e-5)


def test_a_truncated_world_is_worth_its_terminal_observation() -> None:
    env = DoubleIntegrator(4)
    env.age[:] = torch.tensor([39, 0, 39, 0])
    learner = PPO(PPOSettings(rollout_steps=2, critic_hidden=(8,)), env, 0)
    terminal: dict[tuple[int, int], Tensor] = {}
    for t in range(2):
        seen = env.observation
        action, mean = learner.act(seen["actor"])
        after = env.step(action)
        learner.rollout.record(seen, action, mean, *after[1:])
        if "final_ids" in after[4]:
            ids, final = after[4]["final_ids"].tolist(), after[4]["final_obs"]["critic"]
            terminal |= {(t, i): x for i, x in zip(ids, final, strict=True)}
    assert set(terminal) == {(0, 0), (0, 2)}
    with torch.no_grad():
        _, next_value = learner.values(learner.rollout.critic, learner.rollout.final, env.observation["critic"])
        for n in range(4):
            led_to = terminal[0, n] if (0, n) in terminal else learner.rollout.critic[1, n]
            torch.testing.assert_close(next_value[0, n], learner.critic(led_to))
        torch.testing.assert_close(next_value[1], learner.critic(env.observation["critic"]))


@pytest.mark.parametrize(("kl", "factor"), [(0.03, 1 / 1.5), (0.004, 1.5), (0.01, 1.0), (0.0, 1.0)])
def test_learning_rate_follows_the_divergence(kl: float, factor: float) -> None:
    learner = PPO(PPOSettings(learning_rate=1e-3, desired_kl=0.01), DoubleIntegrator(1), 0)
    learner._follow(kl)
    assert learner.learning_rate == pytest.approx(1e-3 * factor)
    assert learner.optimizer.param_groups[0]["lr"] == learner.learning_rate
    for _ in range(100):
        learner._follow(kl)
    assert 1e-5 <= learner.learning_rate <= 1e-2


def test_solves_the_double_integrator(tmp_path: Path) -> None:
    untrained = evaluate(lambda seen: torch.zeros(len(seen), 1))
    outcome = train(SETTINGS, DoubleIntegrator(64), tmp_path, evaluate=evaluate)
    assert untrained["success"] < 0.2
    assert outcome.evaluation is not None and outcome.evaluation["success"] > 0.95
    assert math.isfinite(outcome.evaluation["return"]) and outcome.steps == SETTINGS.total_steps
