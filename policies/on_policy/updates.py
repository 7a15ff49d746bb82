"""Losses and gradient steps that several algorithms share."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ashore.policies.on_policy.learner import Batch


def policy_gradient_loss(log_prob: Tensor, advantage: Tensor) -> Tensor:
    """Its gradient is that of -J, by the policy gradient theorem: -mean(A grad log pi). Both [B]."""
    return -(log_prob * advantage).mean()


def fit_critic(
    critic: nn.Module, optimizer: torch.optim.Optimizer, minibatches: Iterable[Batch], max_grad_norm: float
) -> float:
    """Regression of the critic on its targets; gives the mean loss."""
    losses = []
    for rows in minibatches:
        loss = (critic(rows["critic"]) - rows["return"]).square().mean()
        step(optimizer, loss, critic.parameters(), max_grad_norm)
        losses.append(loss.detach())
    return float(torch.stack(losses).mean())


def step(
    optimizer: torch.optim.Optimizer, loss: Tensor, parameters: Iterable[nn.Parameter], max_grad_norm: float
) -> None:
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, max_grad_norm)
    optimizer.step()
