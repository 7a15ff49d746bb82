"""The trust region: products with the Fisher matrix, the solution of its equations, and the step that is taken."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from ashore.policies.networks import Actor, CategoricalActor, GaussianActor
from ashore.policies.on_policy.trpo import TRPO, conjugate_gradient, fisher_product
from tests.policies.choices import Choices
from tests.policies.double_integrator import DoubleIntegrator
from tests.policies.ladder import settings

Kind = type[GaussianActor] | type[CategoricalActor]
SEEN = torch.linspace(-1, 1, 10).view(5, 2).double()


def actor_of(kind: Kind) -> Actor:
    actor = kind(2, 3, (4,), "tanh").double()
    with torch.no_grad():
        for x in actor.parameters():
            x.copy_(0.5 * torch.randn(x.shape, generator=torch.Generator().manual_seed(x.numel())))
    return actor


def explicit_fisher(actor: Actor) -> Tensor:
    """E[grad log pi grad log pi^T] over the states, and over actions: summed, or by the Gaussian's own formula."""
    parameters = list(actor.parameters())

    def rows(outputs: Tensor) -> Tensor:
        found = []
        for y in outputs:
            grads = torch.autograd.grad(y, parameters, retain_graph=True, allow_unused=True)
            pairs = zip(grads, parameters, strict=True)
            found.append(parameters_to_vector([torch.zeros_like(p) if g is None else g for g, p in pairs]))
        return torch.stack(found)

    total = torch.zeros(sum(p.numel() for p in parameters), sum(p.numel() for p in parameters)).double()
    for seen in SEEN:
        head = actor(seen)
        if isinstance(actor, GaussianActor):  # J^T J / std^2 of the mean, and 2 for each log_std
            mean, log_std = rows(head), rows(actor.log_std)
            total += mean.T @ torch.diag((-2 * actor.log_std.detach()).exp()) @ mean + 2 * log_std.T @ log_std
        else:
            scores, p = rows(head.log_softmax(-1)), head.detach().softmax(-1)
            total += scores.T @ torch.diag(p) @ scores
    return total / len(SEEN)


@pytest.mark.parametrize("kind", [GaussianActor, CategoricalActor])
def test_fisher_products_agree_with_the_explicit_matrix(kind: Kind) -> None:
    actor = actor_of(kind)
    now = actor.distribution(actor(SEEN))
    spread = actor.log_std.detach() if isinstance(actor, GaussianActor) else None
    kl = actor.distribution(actor(SEEN).detach(), spread).kl_to(now).mean()
    product = fisher_product(kl, list(actor.parameters()))
    fisher = explicit_fisher(actor)
    built = torch.stack([product(v) for v in torch.eye(len(fisher)).double()])
    torch.testing.assert_close(built, fisher, rtol=1e-9, atol=1e-12)
    damped = fisher_product(
        actor.distribution(actor(SEEN).detach(), spread).kl_to(now).mean(), [*actor.parameters()], 0.1
    )
    v = torch.ones(len(fisher)).double()
    torch.testing.assert_close(damped(v), fisher @ v + 0.1 * v)


def test_conjugate_gradient_solves_in_as_many_steps_as_there_are_unknowns() -> None:
    random = torch.randn(6, 6, generator=torch.Generator().manual_seed(0)).double()
    matrix, b = random @ random.T + 0.1 * torch.eye(6), torch.arange(6.0).double()
    torch.testing.assert_close(
        conjugate_gradient(lambda v: matrix @ v, b, 6), torch.linalg.solve(matrix, b), rtol=1e-6, atol=1e-8
    )


@pytest.mark.parametrize("task", [DoubleIntegrator, Choices])
@pytest.mark.parametrize("max_kl", [0.001, 0.05])
def test_a_step_stays_within_delta_and_goes_most_of_the_way(task: type[DoubleIntegrator], max_kl: float) -> None:
    env = task(16)
    learner = TRPO(settings("trpo", max_kl=max_kl, damping=0.0).algorithm, env, 0)  # type: ignore[arg-type]
    learner.observe(env.observation)
    for _ in range(3):
        learner.collect(env)
        batch, spread = learner.batch(learner.rollout, env.observation), learner.spread()
        told = learner.improve_actor(batch)
        now = learner.actor.distribution(learner.actor(batch["actor"]))
        kl = learner.actor.distribution(batch["head"], spread).kl_to(now).mean().item()
        assert 0.1 * max_kl < kl <= max_kl
        assert told["kl"] == pytest.approx(kl, rel=1e-4)
        learner.observe({"actor": learner.rollout.actor.flatten(0, 1), "critic": learner.rollout.critic.flatten(0, 1)})


def test_where_no_step_is_better_none_is_taken() -> None:
    env = DoubleIntegrator(16)
    learner = TRPO(settings("trpo").algorithm, env, 0)  # type: ignore[arg-type]
    learner.collect(env)
    batch = learner.batch(learner.rollout, env.observation) | {"advantage": torch.zeros(16 * 16)}
    before = parameters_to_vector(learner.actor.parameters()).clone()
    assert learner.improve_actor(batch)["step"] == 0
    assert torch.equal(parameters_to_vector(learner.actor.parameters()), before)
