"""Trust region policy optimization (Schulman et al., arXiv 1502.05477): the best step that changes the policy by delta.

    maximize  g . x   subject to   x . F x / 2 <= delta,   so that   x = sqrt(2 delta / (g . F^-1 g)) F^-1 g

g is the gradient of E[ratio * A]. F, the Fisher matrix, is the Hessian of the mean divergence KL(policy that acted || policy)
in the actor's weights; it is never built: conjugate gradients need only its products with vectors. Since both are
approximations, the step is halved until the divergence itself is within delta and E[ratio * A] has grown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ashore.configs.algorithms import TRPOSettings
from ashore.policies.advantages import estimate_advantages
from ashore.policies.on_policy.learner import Batch, OnPolicy
from ashore.policies.on_policy.updates import fit_critic
from ashore.policies.rollout import Rollout
from ashore.policies.vector import Observation

Product = Callable[[Tensor], Tensor]  # of a matrix with a vector: [p] -> [p]


class TRPO(OnPolicy):
    """One step of the actor over each rollout, within the trust region; the critic is fitted beside it."""

    settings: TRPOSettings

    def make_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The actor needs none: its step has no learning rate."""
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=self.settings.learning_rate, fused=True)
        return {"critic": self.critic_optimizer}

    def credit(self, rollout: Rollout, value: Tensor, next_value: Tensor) -> tuple[Tensor, Tensor]:
        s, ends = self.settings, (rollout.terminated, rollout.truncated)
        return estimate_advantages(rollout.reward, value, next_value, *ends, s.discount, s.gae_lambda)

    def learn(self, rollout: Rollout, last: Observation) -> dict[str, float]:
        s, batch = self.settings, self.batch(rollout, last)
        losses = self.improve_actor(batch)
        rows = self.minibatches(batch, s.critic_epochs, s.minibatch_size)
        return self.told(losses | {"value_loss": fit_critic(self.critic, self.critic_optimizer, rows, s.max_grad_norm)})

    def improve_actor(self, batch: Batch) -> dict[str, float]:
        s, parameters = self.settings, list(self.actor.parameters())
        spread = self.spread()

        def measure() -> tuple[Tensor, Tensor]:
            """E[ratio * A], with the bonus for entropy, and the mean divergence from the policy that acted; both []."""
            now = self.actor.distribution(self.actor(batch["actor"]))
            ratio = (now.log_prob(batch["action"]) - batch["log_prob"]).exp()
            objective = (ratio * batch["advantage"]).mean() + s.entropy_coefficient * now.entropy().mean()
            return objective, self.actor.distribution(batch["head"], spread).kl_to(now).mean()

        objective, kl = measure()
        gradient = parameters_to_vector(torch.autograd.grad(objective, parameters, retain_graph=True))
        product = fisher_product(kl, parameters, s.damping)
        direction = conjugate_gradient(product, gradient, s.cg_steps)
        curvature = direction @ product(direction)
        if not curvature > 0:  # the gradient is zero, or not finite
            return {"policy_loss": -objective.item(), "kl": 0.0, "step": 0.0 if curvature == 0 else float(curvature)}
        whole = direction * (2 * s.max_kl / curvature).sqrt()
        return line_search(parameters, whole, measure, s.max_kl, s.backtracks)


def fisher_product(kl: Tensor, parameters: Sequence[nn.Parameter], damping: float = 0.0) -> Product:
    """v -> (F + damping) v, where F is the Hessian of a mean divergence that is 0 at the present parameters."""
    slope = parameters_to_vector(torch.autograd.grad(kl, parameters, create_graph=True))

    def product(v: Tensor) -> Tensor:
        second = torch.autograd.grad(slope @ v, parameters, retain_graph=True)
        return parameters_to_vector([x.contiguous() for x in second]) + damping * v

    return product


@torch.no_grad()
def conjugate_gradient(product: Product, b: Tensor, steps: int, tolerance: float = 1e-10) -> Tensor:
    """x with A x = b, [p], for a symmetric positive A. Nocedal and Wright, Numerical Optimization, algorithm 5.2."""
    x, residual = torch.zeros_like(b), b.clone()
    along, squared = b.clone(), b @ b
    for _ in range(steps):
        if squared < tolerance:
            break
        with torch.enable_grad():
            image = product(along)
        far = squared / (along @ image)
        x += far * along
        residual -= far * image
        before, squared = squared, residual @ residual
        along = residual + (squared / before) * along
    return x


@torch.no_grad()
def line_search(
    parameters: Sequence[nn.Parameter],
    step: Tensor,
    measure: Callable[[], tuple[Tensor, Tensor]],
    max_kl: float,
    backtracks: int,
) -> dict[str, float]:
    """Take the longest of step, step / 2, step / 4, ... that is within `max_kl` and better than none; else none at all."""
    start, before = parameters_to_vector(parameters), measure()[0]
    for k in range(backtracks):
        vector_to_parameters(start + 0.5**k * step, parameters)
        objective, kl = measure()
        if kl <= max_kl and objective > before:
            return {"policy_loss": -objective.item(), "kl": kl.item(), "step": 0.5**k}
    vector_to_parameters(start, parameters)
    return {"policy_loss": -before.item(), "kl": 0.0, "step": 0.0}
