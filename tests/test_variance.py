"""The variance bench: gradients of single worlds, and a small table from beginning to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch.nn.utils import parameters_to_vector

from ashore.benchmarks import variance
from ashore.configs.algorithms import ReinforceSettings
from ashore.configs.errors import UsageError
from ashore.configs.loader import load_run
from ashore.policies.on_policy.reinforce import Reinforce
from ashore.policies.on_policy.updates import policy_gradient_loss
from tests.policies.double_integrator import DoubleIntegrator


def test_gradients_of_single_worlds_add_up_to_the_losses() -> None:
    env = DoubleIntegrator(6)
    learner = Reinforce(ReinforceSettings(kind="reinforce", rollout_steps=5, actor_hidden=(8,)), env, 0)
    learner.collect(env)
    credit = torch.arange(30.0).view(5, 6)
    each = torch.stack([*variance.gradients(learner, learner.rollout, torch.stack([0 * credit, credit]))])
    assert each[:, 0].abs().max() == 0
    batch = learner.batch(learner.rollout, env.observation)
    log_prob = learner.actor.distribution(learner.actor(batch["actor"])).log_prob(batch["action"])
    loss = 30 * policy_gradient_loss(log_prob, credit.flatten())
    whole = parameters_to_vector(torch.autograd.grad(-loss, list(learner.actor.parameters())))
    torch.testing.assert_close(each[:, 1].sum(0), whole, rtol=1e-4, atol=1e-3)


def test_scatter_is_the_trace_of_the_covariance() -> None:
    samples = torch.randn(7, 2, 5, generator=torch.Generator().manual_seed(0)).double()
    scatter = variance.Scatter()
    for sample in samples:
        scatter.add(sample)
    torch.testing.assert_close(scatter.mean, samples.mean(0))
    torch.testing.assert_close(scatter.variances(), samples.var(0).sum(1))


@pytest.mark.slow
def test_a_small_table_from_beginning_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SHARE", 200), ("WORLDS", 8), ("FITS", 1), ("ROUNDS", 1)):
        monkeypatch.setattr(variance, name, value)
    result = variance.bench_variance(["cartpole_swingup"], 1, tmp_path, command="test", say=lambda text: None)
    assert [row["credit"] for row in result["rows"]] == list(variance.CREDITS)
    found = {row["credit"]: row for row in result["summary"]}
    assert found["whole return"]["variance"] == 1 and found[variance.REFERENCE]["cosine"] == 1
    assert found["to go"]["variance"] < found["whole return"]["variance"]
    assert json.loads((tmp_path / variance.RESULT).read_text()) == result
    assert (tmp_path / "variance.svg").read_text().count("<rect") == 1 + len(variance.CREDITS)
    assert len(variance.table(result).splitlines()) == 2 + len(variance.CREDITS)


def test_only_an_actor_without_memory_is_measured() -> None:
    run = load_run("cartpole_swingup", ["train.algorithm.memory.kind=gru"])
    with pytest.raises(UsageError, match=r"memory\.kind = 'gru'; allowed: none"):
        variance.measured(run)
