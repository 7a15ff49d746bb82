"""A reward fitted to preferences whose law is known, the penalty by hand arithmetic, and a policy improved by both."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ashore.configs.algorithms import PPOSettings
from ashore.configs.errors import AshoreError
from ashore.configs.preferences import RewardModelSettings
from ashore.policies.acting import Acting
from ashore.policies.networks import GaussianActor
from ashore.policies.normalize import Normalizer
from ashore.policies.on_policy.ppo import PPO
from ashore.policies.preferences.answers import Answers, read
from ashore.policies.preferences.clips import Clips, joined, load, save
from ashore.policies.preferences.preferred_env import PreferredEnv
from ashore.policies.preferences.reward_model import RewardModel, answers_loss, fit
from ashore.policies.vector import Step
from tests.policies.linear_quadratic import COST, LinearQuadratic

QUICK = RewardModelSettings(hidden=(32, 32), learning_rate=3e-3, epochs=60)


def hidden_reward(x: Tensor, u: Tensor) -> Tensor:
    return 1 - x.square() - COST * u.square()


def some_clips(pairs: int, length: int = 10, seed: int = 0) -> Clips:
    """States in [-2, 2], actions in [-1, 1]."""
    random = torch.Generator().manual_seed(seed)
    x = torch.rand(pairs, 2, length, 1, generator=random) * 4 - 2
    u = torch.rand(pairs, 2, length, 1, generator=random) * 2 - 1
    terms = hidden_reward(x, u)
    return Clips(x, x.clone(), u, terms, torch.ones(pairs, 2, length, dtype=torch.bool))


def answers_to(clips: Clips) -> Tensor:
    sums = (clips.terms.squeeze(-1) * clips.valid).sum(-1)
    return (sums[:, 0] > sums[:, 1]).float()


def fitted(clips: Clips, seed: int = 0, answers: Tensor | None = None) -> tuple[RewardModel, Any]:
    random = torch.Generator().manual_seed(seed)
    model = RewardModel(clips.critic.shape[-1], clips.action.shape[-1], QUICK, random)
    return model, fit(model, clips, answers_to(clips) if answers is None else answers, QUICK, random)


def test_the_reward_behind_the_answers_is_found_up_to_scale() -> None:
    model, done = fitted(some_clips(200))
    fresh = some_clips(100, seed=1)
    with torch.no_grad():
        reward = model(fresh.critic, fresh.action)
    both = torch.stack([reward.flatten(), fresh.terms.flatten()])
    assert float(torch.corrcoef(both)[0, 1]) > 0.95
    assert done.accuracy > 0.8 and done.pairs == 200
    assert float(reward.mean()) == pytest.approx(0, abs=0.15) and float(reward.std()) == pytest.approx(1, abs=0.2)


def test_an_answer_by_chance_bounds_what_a_wrong_answer_costs_and_leaves_a_sure_one_its_difference() -> None:
    """With a tenth by chance, p = 0.9 sigmoid(x) + 0.05: -log 0.5 at x = 0, -log 0.05 and -log 0.95 in the limits."""
    losses = [float(answers_loss(torch.tensor([x]), torch.ones(1), 0.1)) for x in (0.0, -40.0, 40.0)]
    assert losses == pytest.approx([-math.log(0.5), -math.log(0.05), -math.log(0.95)], abs=1e-6)
    surer, wrong = (torch.tensor([x], requires_grad=True) for x in (4.0, -200.0))
    answers_loss(surer, torch.ones(1), 0.1).backward()
    answers_loss(wrong, torch.ones(1), 0.0).backward()
    assert surer.grad is not None and float(surer.grad) < 0, "no difference is too large for the right answer"
    assert wrong.grad is not None and float(wrong.grad) == -1, (
        "nobody answers by chance: every wrong answer counts in full"
    )


def test_equal_answers_prefer_nothing_and_count_for_no_accuracy() -> None:
    clips = some_clips(40)
    _, done = fitted(clips, answers=torch.full((40,), 0.5))
    assert math.isnan(done.accuracy) and done.loss == pytest.approx(math.log(2), abs=0.02)


def test_steps_after_an_episodes_end_tell_nothing() -> None:
    clips = some_clips(60)
    valid = clips.valid.clone()
    valid[:, :, 6:] = False
    whole, other = clips._replace(valid=valid), clips._replace(valid=valid, critic=clips.critic.clone())
    other.critic[:, :, 6:] = 7.0
    a, b = (fitted(x, answers=answers_to(whole))[0] for x in (whole, other))
    assert all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_clips_come_back_from_their_file(tmp_path: Path) -> None:
    clips = some_clips(4)
    save(clips, tmp_path / "clips")
    again = load(tmp_path / "clips")
    assert all(torch.equal(a, b) for a, b in zip(clips, again, strict=True))
    assert len(joined([clips, again]).valid) == 8
    (tmp_path / "clips").write_bytes(b"nothing of the kind")
    with pytest.raises(AshoreError, match="holds no clips"):
        load(tmp_path / "clips")


class Constant(RewardModel):
    """A reward of 2 everywhere."""

    def __init__(self) -> None:
        super().__init__(1, 1, QUICK)

    def forward(self, critic: Tensor, action: Tensor) -> Tensor:
        return torch.full((len(critic),), 2.0)


def actor_at(mean: float, std: float) -> GaussianActor:
    actor = GaussianActor(1, 1, (4,), initial_std=std)
    with torch.no_grad():
        for parameter in actor.mean.parameters():
            parameter.zero_()
        actor.get_parameter("mean.2.bias").fill_(mean)
    return actor


def test_the_penalty_is_the_ratio_of_the_two_policies_densities() -> None:
    """log N(u; 0.3, 0.5) - log N(u; 0, 0.5) = (u^2 - (u - 0.3)^2) / (2 * 0.25); at u = 0.5, (0.25 - 0.04) / 0.5 = 0.42."""
    env, normalizer = LinearQuadratic(3), Normalizer(1)
    first, moved = (Acting(actor_at(mean, 0.5), normalizer) for mean in (0.0, 0.3))
    same = PreferredEnv(env, Constant(), Acting(first.actor, normalizer), first, 0.1)
    same.reset(0)
    assert same.step(torch.full((3, 1), 0.5))[1].tolist() == [2.0, 2.0, 2.0]
    apart = PreferredEnv(env, Constant(), moved, Acting(first.actor, normalizer), 0.1)
    apart.reset(0)
    assert apart.step(torch.full((3, 1), 0.5))[1].tolist() == pytest.approx([2 - 0.042] * 3)
    assert apart.means() == pytest.approx({"preferences/reward": 2.0, "preferences/kl": 0.42})
    assert apart.means()["preferences/kl"] == 0.0, "a mean is of the steps since the last"


PPO_SETTINGS = PPOSettings(
    rollout_steps=20, minibatch_size=320, actor_hidden=(16,), critic_hidden=(16,), initial_std=0.4, final_std=0.4
)
ITERATIONS = 30


class Hidden(LinearQuadratic):
    """The problem, whose mean reward is counted."""

    total, count = 0.0, 0

    def step(self, action: Tensor) -> Step:
        result = super().step(action)
        self.total, self.count = self.total + float(result[1].mean()), self.count + 1
        return result


def learner_of(env: LinearQuadratic) -> PPO:
    """A fresh one that pushes away from the goal at first, so that there is something to learn."""
    learner = PPO(PPO_SETTINGS, env, seed=0)
    learner.observe(env.reset(0))
    return learner


def worth(learner: PPO) -> float:
    """Mean hidden reward of the policy without exploration."""
    env = Hidden(256)
    act = learner.acting()
    observation = env.reset(7)
    for _ in range(20):
        observation = env.step(act(observation["actor"]))[0]
    return env.total / env.count


def test_a_policy_learns_from_comparisons_what_it_learns_from_the_reward_itself() -> None:
    torch.manual_seed(0)
    env = LinearQuadratic(32)
    direct, by_answers = learner_of(env), learner_of(env)
    before = worth(direct)
    for _ in range(ITERATIONS):
        direct.improve(env)
    model, _ = fitted(some_clips(150))
    reference = learner_of(env).acting()
    preferred = PreferredEnv(LinearQuadratic(32), model, by_answers.acting(), reference, 0.001)
    by_answers.observe(preferred.reset(0))
    for _ in range(ITERATIONS):
        by_answers.improve(preferred)
    gain = (worth(by_answers) - before) / (worth(direct) - before)
    assert worth(direct) > before + 0.02
    assert gain > 0.8


def test_a_strong_penalty_keeps_the_policy_where_it_was() -> None:
    model, _ = fitted(some_clips(150))
    kl = {}
    for coefficient in (0.0, 10.0):
        env = LinearQuadratic(32)
        learner, reference = learner_of(env), learner_of(env).acting()
        preferred = PreferredEnv(env, model, learner.acting(), reference, coefficient)
        preferred.reset(0)
        for _ in range(10):
            learner.improve(preferred)
            kl[coefficient] = preferred.means()["preferences/kl"]
    assert kl[10.0] < 0.2 * kl[0.0]


def test_answers_are_on_disk_at_once_and_the_last_one_holds(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "answers.jsonl"
    answers = Answers(path)
    answers.add("0-0", "left")
    assert read(path) == {"0-0": "left"}
    answers.add("0-0", "equal")
    answers.add("0-1", "skip")
    assert Answers(path).known == answers.known == {"0-0": "equal", "0-1": "skip"}


@pytest.mark.parametrize(
    ("tail", "known"),
    [
        ('{"pair": "0-1", "ans', {"0-0": "left"}),
        ('{"pair": "0-1", "answer": "right"}', {"0-0": "left", "0-1": "right"}),
    ],
)
def test_half_a_line_is_no_answer_and_a_whole_one_is_kept(tmp_path: Path, tail: str, known: dict[str, str]) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"pair": "0-0", "answer": "left"}\n' + tail)
    answers = Answers(path)
    assert answers.known == known
    answers.add("0-2", "equal")
    assert read(path) == known | {"0-2": "equal"}


@pytest.mark.parametrize(
    "line", ["x", "[]", '"left"', json.dumps({"pair": 1, "answer": "left"}), '{"pair": "0-0", "answer": "up"}']
)
def test_a_line_that_is_no_answer_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"pair": "0-0", "answer": "left"}\n' + line + "\n")
    with pytest.raises(AshoreError, match="line 2"):
        read(path)
