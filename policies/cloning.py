"""Behaviour cloning: an actor that does what recorded episodes did, by maximum likelihood (Pomerleau 1991).

The mean is fitted by least squares, with early stopping on held-out episodes; then the spread of a Gaussian actor is the
held-out residual's, which maximizes the likelihood for that mean. Choices are fitted by their log-probability.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ashore.configs.cloning import CloneSettings
from ashore.configs.errors import UsageError
from ashore.policies.networks import Actor, GaussianActor
from ashore.policies.normalize import Normalizer
from ashore.policies.recording import Recording

NORMALIZER_ROWS = (
    1e6  # that the statistics count for: the network is fitted to them, and what learns on would move them
)
SMALLEST_STD = 0.01  # of actions in [-1, 1]: below, the first gradient steps of what learns on would be wild


@dataclass(frozen=True)
class Cloned:
    """How a fit went."""

    epochs: tuple[dict[str, float], ...]  # "loss" and "held_out_loss", of one epoch each
    best: int  # the epoch whose network was kept
    held_out_loss: float  # mean squared error of an action, or nats of a choice


def fit(
    recording: Recording,
    actor: Actor,
    normalizer: Normalizer,
    settings: CloneSettings,
    seed: int,
    heard: Callable[[int, dict[str, float]], None] | None = None,
) -> Cloned:
    """Fit `actor` in place, and the statistics of `normalizer`; heard: called with each epoch's number and losses."""
    if actor.memory.recurrent:
        raise UsageError("a recurrent actor is not cloned; allowed: memory.kind none or history")
    random = torch.Generator().manual_seed(seed)
    held_out = _held_out(recording, settings.held_out, random)
    normalizer.update(recording.actor[~held_out])
    normalizer.weigh(NORMALIZER_ROWS)
    train, test = (_rows(recording, actor, normalizer, mask) for mask in (~held_out, held_out))
    optimizer = torch.optim.Adam(actor.parameters(), lr=settings.learning_rate)
    best, kept, epochs = 0, copy.deepcopy(actor.state_dict()), []
    for epoch in range(settings.epochs):
        order = torch.randperm(len(train[0]), generator=random)
        total = 0.0
        for rows in order.split(settings.batch_size):
            loss = _loss(actor, train[0][rows], train[1][rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        with torch.no_grad():
            held = float(_loss(actor, *test))
        epochs.append({"loss": total / len(order), "held_out_loss": held})
        if heard is not None:
            heard(epoch, epochs[-1])
        if held <= epochs[best]["held_out_loss"]:
            best, kept = epoch, copy.deepcopy(actor.state_dict())
        elif epoch - best >= settings.patience:
            break
    actor.load_state_dict(kept)
    if isinstance(actor, GaussianActor):
        _fit_spread(actor, *test)
    return Cloned(tuple(epochs), best, epochs[best]["held_out_loss"])


def _held_out(recording: Recording, fraction: float, random: torch.Generator) -> Tensor:
    """Mask [S] of the steps of held-out episodes: whole ones, for neighbouring steps are nearly the same."""
    episodes = recording.num_episodes
    if episodes < 2:
        raise UsageError(f"{episodes} episode to clone; allowed: at least 2, one of them held out")
    count = min(episodes - 1, max(1, round(fraction * episodes)))
    chosen = torch.randperm(episodes, generator=random)[:count]
    return torch.isin(recording.episode, chosen)


@torch.no_grad()
def _rows(recording: Recording, actor: Actor, normalizer: Normalizer, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Features [k, features] and actions of the masked steps, remembering what the actor would have seen before each."""
    seen, size = recording.actor, recording.actor.shape[1]
    back = actor.memory.size // size
    steps = torch.arange(len(seen))
    start = torch.where(recording.began, steps, 0).cummax(0).values
    before = torch.stack([torch.maximum(steps - k, start) for k in range(back, 0, -1)], 1) if back else None
    state = seen[before].flatten(1) if before is not None else seen.new_zeros(len(seen), 0)
    features, _ = actor.memory(normalizer, seen[mask], state[mask])
    return features, recording.action[mask]


def _loss(actor: Actor, features: Tensor, action: Tensor) -> Tensor:
    head: Any = actor(features)
    if actor.discrete:
        return -actor.distribution(head).log_prob(action).mean()
    return (actor.mode(head) - action).square().mean()


@torch.no_grad()
def _fit_spread(actor: GaussianActor, features: Tensor, action: Tensor) -> None:
    """Standard deviations [a] of the residual."""
    residual = (actor(features) - action).square().mean(0).sqrt()
    actor.log_std.copy_(residual.clip(SMALLEST_STD, 1.0).log())
