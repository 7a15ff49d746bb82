"""`ashore bench variance`: how much the policy gradient scatters, by what actions are credited with, at equal samples.

A task's preset is trained for a quarter of its steps. Then the policy stays, its critic is fitted to rewards to go, and
whole episodes are played. Each gives one gradient, sum_t grad log pi(a_t | s_t) A_t, for every way to credit: the same
episodes for all. Told are the trace of its covariance, relative to that of whole returns, and the cosine between its mean and
that of rewards to go less the baseline, which has no bias but the critic's beyond the time limit. Figures are means over
seeds with the least and the largest.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ashore.benchmarks.svg import EDGE, Chart, coloured
from ashore.configs.algorithms import OnPolicySettings, ReinforceSettings
from ashore.configs.errors import UsageError
from ashore.configs.loader import load_run
from ashore.configs.schema import RunSettings
from ashore.environments import make_env
from ashore.files import commit, write_atomically
from ashore.policies.advantages import estimate_advantages, n_step_return, reward_to_go, whole_return
from ashore.policies.algorithms import make_learner
from ashore.policies.on_policy.learner import OnPolicy
from ashore.policies.on_policy.reinforce import Reinforce
from ashore.policies.on_policy.updates import fit_critic
from ashore.policies.rollout import Rollout
from ashore.sim.env import Env

TASKS = ("cartpole_swingup", "arm_reach")
RESULT = "variance.json"
SHARE = 4  # a quarter of the preset's steps
WORLDS, FITS, ROUNDS = 128, 3, 4  # episodes in a round; rounds for the critic; rounds that are measured
REFERENCE = "to go - V"


class Steps(NamedTuple):
    """Of whole episodes, [T, N] each."""

    reward: Tensor
    value: Tensor
    next_value: Tensor
    terminated: Tensor
    truncated: Tensor
    discount: float

    def targets(self) -> tuple[Tensor, Tensor, Tensor, Tensor, float]:
        return self.reward, self.next_value, self.terminated, self.truncated, self.discount


CREDITS: dict[str, Callable[[Steps], Tensor]] = {
    "whole return": lambda s: whole_return(*s.targets()),
    "to go": lambda s: reward_to_go(*s.targets()),
    "whole return - V": lambda s: whole_return(*s.targets()) - s.value,
    REFERENCE: lambda s: reward_to_go(*s.targets()) - s.value,
    "20 steps": lambda s: n_step_return(*s.targets(), 20) - s.value,
    "5 steps": lambda s: n_step_return(*s.targets(), 5) - s.value,
    "TD(0)": lambda s: n_step_return(*s.targets(), 1) - s.value,
    "GAE(0.99)": lambda s: estimate_advantages(*s, 0.99)[0],
    "GAE(0.95)": lambda s: estimate_advantages(*s, 0.95)[0],
    "GAE(0.8)": lambda s: estimate_advantages(*s, 0.8)[0],
}


def bench_variance(
    tasks: list[str], seeds: int, folder: Path, *, command: str, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Measure every task with `seeds` policies; writes JSON and SVG into `folder`."""
    rows = []
    for task in tasks:
        for seed in range(seeds):
            say(f"{task}, seed {seed}")
            rows += [{"task": task, "seed": seed, **row} for row in measured(load_run(task, [f"train.seed={seed}"]))]
    result = {
        "commit": commit(),
        "command": command,
        "episodes": WORLDS * ROUNDS,
        "seeds": seeds,
        "summary": [_summary(rows, task, name) for task in tasks for name in CREDITS],
        "rows": rows,
    }
    write_atomically(folder / RESULT, json.dumps(result, indent=1) + "\n")
    write_atomically((folder / RESULT).with_suffix(".svg"), picture(result))
    return result


def measured(run: RunSettings) -> list[dict[str, Any]]:
    """Variance and cosine by credit, for the policy that a quarter of the run's training gives."""
    algorithm = run.train.algorithm
    if not isinstance(algorithm, OnPolicySettings) or algorithm.memory.kind != "none":
        raise UsageError(
            f"bench variance of train.algorithm = {algorithm.kind}; allowed: of the ladder, without memory"
        )
    env = make_env(run.task, WORLDS, seed=run.train.seed)
    env.reset()
    learner = _frozen(run, env)
    for _ in range(FITS):
        _play(learner, env)
        batch = learner.batch(learner.rollout, env.observation)
        rows = learner.minibatches(batch, 4, 1536)
        fit_critic(learner.critic, learner.critic_optimizer, rows, learner.settings.max_grad_norm)
    scatter = Scatter()
    for _ in range(ROUNDS):
        _play(learner, env)
        steps = _steps(learner, env)
        credited = torch.stack([credit(steps) for credit in CREDITS.values()])
        for each in gradients(learner, learner.rollout, credited):
            scatter.add(each)
    variances, right = scatter.variances(), scatter.mean[list(CREDITS).index(REFERENCE)]
    return [
        {
            "credit": name,
            "variance": float(variances[k] / variances[0]),
            "cosine": float(torch.cosine_similarity(scatter.mean[k], right, 0)),
        }
        for k, name in enumerate(CREDITS)
    ]


class Scatter:
    """Mean [C, P] of gradients and the trace of their covariance [C], one sample after the other (Welford 1962)."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, torch.zeros(()), torch.zeros(())

    def add(self, sample: Tensor) -> None:
        self.count += 1
        difference = sample.double() - self.mean
        self.mean = self.mean + difference / self.count
        self.squares = self.squares + (difference * (sample - self.mean)).sum(1)

    def variances(self) -> Tensor:
        return self.squares / (self.count - 1)


def _frozen(run: RunSettings, env: Env) -> Reinforce:
    """A learner with the networks and statistics of the run's training, which only the critic will leave."""
    train, algorithm = run.train, run.train.algorithm
    there = make_env(run.task, train.num_envs, seed=train.seed, stagger=True)
    trained = make_learner(algorithm, there, train.seed)
    assert isinstance(trained, OnPolicy)
    trained.observe(there.reset(train.seed))
    while trained.steps < train.total_steps // SHARE:
        trained.improve(there)
    shape = ("discount", "actor_hidden", "critic_hidden", "activation")
    settings = {name: getattr(algorithm, name) for name in shape}
    learner = Reinforce(
        ReinforceSettings(kind="reinforce", rollout_steps=run.task.episode_steps, **settings), env, train.seed
    )
    for name, module in learner.modules().items():
        module.load_state_dict(trained.modules()[name].state_dict())
    return learner


def _play(learner: Reinforce, env: Env) -> None:
    """A new episode in every world."""
    env.restart()
    learner.began.fill_(True)
    learner.collect(env)


@torch.no_grad()
def _steps(learner: Reinforce, env: Env) -> Steps:
    rollout = learner.rollout
    seen = learner.critic_normalizer(rollout.critic)
    value, next_value = learner.values(seen, rollout.final, env.observation["critic"])
    ends = (rollout.terminated, rollout.truncated)
    return Steps(rollout.reward, value, next_value, *ends, learner.settings.discount)


def gradients(learner: OnPolicy, rollout: Rollout, credited: Tensor) -> Iterator[Tensor]:
    """The policy gradient of each world's steps by itself, [C, parameters], for C credits [C, T, N]; world by world."""
    features = learner.features(rollout.actor, rollout.past.get("state"))
    parameters = list(learner.actor.parameters())
    for n in range(credited.shape[2]):
        log_prob = learner.actor.distribution(learner.actor(features[:, n])).log_prob(rollout.action[:, n])
        found = torch.autograd.grad(log_prob, parameters, credited[:, :, n], is_grads_batched=True)
        yield torch.cat([x.flatten(1) for x in found], 1)


def _summary(rows: list[dict[str, Any]], task: str, name: str) -> dict[str, Any]:
    """Geometric mean of the relative variances over seeds, the least and the largest; mean cosine."""
    mine = [row for row in rows if (row["task"], row["credit"]) == (task, name)]
    variances, cosines = [row["variance"] for row in mine], [row["cosine"] for row in mine]
    middle = math.exp(sum(map(math.log, variances)) / len(mine))
    spread = {"variance": middle, "low": min(variances), "high": max(variances)}
    rounded = {key: float(f"{x:.3g}") for key, x in spread.items()}
    return {"task": task, "credit": name} | rounded | {"cosine": round(sum(cosines) / len(mine), 3)}


def table(result: dict[str, Any]) -> str:
    """The summary in Markdown."""
    tasks = list(dict.fromkeys(row["task"] for row in result["summary"]))
    head = ["credit", *(f"{task}: {what}" for task in tasks for what in ("variance", "cosine"))]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name in CREDITS:
        cells = []
        for row in result["summary"]:
            if row["credit"] == name:
                cells += [f"{row['variance']:.3g} [{row['low']:.3g}, {row['high']:.3g}]", f"{row['cosine']:.2f}"]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines)


def picture(result: dict[str, Any]) -> str:
    """Relative variance as SVG, on a logarithmic scale: a bar for the mean, a line from the least seed to the largest."""
    least = min(row["low"] for row in result["summary"])
    decades = max(1, math.ceil(-math.log10(least)))
    marks = [(k / decades, f"1e{k - decades}") for k in range(decades)] + [(1.0, "1")]
    title = f"variance of the policy gradient, whole returns = 1; {result['seeds']} seeds"
    chart = Chart(820, 300, title, marks)
    tasks = list(dict.fromkeys(row["task"] for row in result["summary"]))
    group = (chart.right - EDGE) / len(CREDITS)
    wide = group / (len(tasks) + 1)

    def y(variance: float) -> float:
        return float(chart.y(max(0.0, min(1.1, 1 + math.log10(variance) / decades))))

    for g, name in enumerate(CREDITS):
        chart.text(EDGE + group * (g + 0.5), chart.bottom + 16, name, 'text-anchor="middle"')
        for k, (task, colour) in enumerate(coloured(tasks)):
            row = next(r for r in result["summary"] if (r["task"], r["credit"]) == (task, name))
            left, top = EDGE + group * g + wide * (k + 0.5), y(row["variance"])
            middle = left + wide / 2
            bar = f'x="{left:.1f}" width="{wide * 0.9:.1f}" y="{top:.1f}" height="{chart.bottom - top:.1f}"'
            ends = f'y1="{y(row["low"]):.1f}" y2="{y(row["high"]):.1f}"'
            chart.out.append(f'<rect {bar} fill="{colour}" fill-opacity="0.35"/>')
            chart.out.append(f'<line x1="{middle:.1f}" x2="{middle:.1f}" {ends} stroke="{colour}" stroke-width="2"/>')
    for k, (task, colour) in enumerate(coloured(tasks)):
        chart.text(EDGE + 160 * k, chart.height - 8, task, f'style="fill:{colour}"')
    return chart.done()
