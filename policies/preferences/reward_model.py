"""A reward fitted to preferences: Christiano et al., "Deep RL from human preferences", arXiv 1706.03741, section 2.2.3.

The probability that a clip is preferred is the softmax of the sums of its rewards (Bradley and Terry 1952). Several networks
are fitted, each to a bootstrap sample of the answers; the reward is the mean of them, each at zero mean and unit deviation.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ashore.configs.preferences import RewardModelSettings
from ashore.policies.networks import mlp
from ashore.policies.normalize import Normalizer
from ashore.policies.preferences.clips import Clips


class RewardModel(nn.Module):
    """critic's observation [..., m], action [..., a] -> reward [...]."""

    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        critic_size: int,
        action_size: int,
        settings: RewardModelSettings,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        sizes = (critic_size + action_size, *settings.hidden, 1)
        self.normalizer = Normalizer(sizes[0], clip=5.0)
        self.members = nn.ModuleList(mlp(sizes, "silu", 0.01, generator) for _ in range(settings.members))
        self.register_buffer("shift", torch.zeros(settings.members))
        self.register_buffer("scale", torch.ones(settings.members))

    def forward(self, critic: Tensor, action: Tensor) -> Tensor:
        features = self.features(critic, action)
        rewards = torch.stack([self.raw(i, features) for i in range(len(self.members))], -1)
        return ((rewards - self.shift) * self.scale).mean(-1)

    def features(self, critic: Tensor, action: Tensor) -> Tensor:
        return self.normalizer(torch.cat((critic, action), -1))

    def raw(self, member: int, features: Tensor) -> Tensor:
        """One member's reward [...] before it is normalized."""
        rewards: Tensor = self.members[member](features)
        return rewards.squeeze(-1)


class Fit(NamedTuple):
    """How well held-out answers are predicted; a pair that was answered "equal" counts in the loss alone."""

    loss: float  # nats an answer
    accuracy: float  # NaN where nobody preferred anything
    pairs: int  # answered, held-out ones among them


def fit(
    model: RewardModel, clips: Clips, left_is_better: Tensor, settings: RewardModelSettings, generator: torch.Generator
) -> Fit:
    """Fit a fresh model to answers: left_is_better [P], 1, 0.5 or 0."""
    count = len(left_is_better)
    model.normalizer.update(torch.cat((clips.critic, clips.action), -1)[clips.valid])
    with torch.no_grad():
        features = model.features(clips.critic, clips.action)
    order = torch.randperm(count, generator=generator)
    held_out = min(count - 1, max(1, round(settings.held_out * count)))
    test, train = order[:held_out], order[held_out:]
    valid = clips.valid.float()
    for member in range(len(model.members)):
        sample = train[torch.randint(len(train), (len(train),), generator=generator)]
        _fit_member(model, member, features, valid, left_is_better, sample, test, settings, generator)
    _normalize(model, features[clips.valid])
    with torch.no_grad():
        logits = torch.stack([_logits(model, i, features[test], valid[test]) for i in range(len(model.members))])
        loss = answers_loss(logits.mean(0), left_is_better[test], settings.random_answers)
    decided = left_is_better[test] != 0.5
    right = (logits.mean(0) > 0) == (left_is_better[test] > 0.5)
    return Fit(float(loss), float(right[decided].float().mean()), count)


def _logits(model: RewardModel, member: int, features: Tensor, valid: Tensor) -> Tensor:
    """Of the left clip's being preferred: the difference of the sums of rewards, [pairs]."""
    sums = (model.raw(member, features) * valid).sum(-1)
    return sums[:, 0] - sums[:, 1]


def answers_loss(logits: Tensor, left_is_better: Tensor, by_chance: float) -> Tensor:
    """Nats an answer, where the judge answers by chance now and then, however unlike the clips are: section 2.2.3.

    logits [P] as of `_logits`, left_is_better [P]. The chance bounds what one answer can cost, and thereby what a wrong one
    can do. Targets moved towards 0.5 instead would ask for the same small difference of all pairs, however unlike.
    """
    meant, chance = torch.tensor(1 - by_chance).log(), torch.tensor(by_chance / 2).log()
    left, right = (torch.logaddexp(meant + functional.logsigmoid(x), chance) for x in (logits, -logits))
    return -(left_is_better * left + (1 - left_is_better) * right).mean()


def _fit_member(
    model: RewardModel,
    member: int,
    features: Tensor,
    valid: Tensor,
    left_is_better: Tensor,
    sample: Tensor,
    test: Tensor,
    settings: RewardModelSettings,
    generator: torch.Generator,
) -> None:
    """Gradient steps on the pairs of `sample`, stopped by the loss on those of `test`."""
    network, by_chance = model.members[member], settings.random_answers
    optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    best, since, kept = torch.inf, 0, copy.deepcopy(network.state_dict())
    for _ in range(settings.epochs):
        for rows in sample[torch.randperm(len(sample), generator=generator)].split(settings.batch_size):
            logits = _logits(model, member, features[rows], valid[rows])
            loss = answers_loss(logits, left_is_better[rows], by_chance)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            logits = _logits(model, member, features[test], valid[test])
            held = float(answers_loss(logits, left_is_better[test], by_chance))
        since += 1
        if held < best:
            best, since, kept = held, 0, copy.deepcopy(network.state_dict())
        elif since >= settings.patience:
            break
    network.load_state_dict(kept)


@torch.no_grad()
def _normalize(model: RewardModel, features: Tensor) -> None:
    """Zero mean and unit deviation of each member over all steps of the clips: preferences fix neither."""
    rewards = torch.stack([model.raw(i, features) for i in range(len(model.members))], -1)
    model.shift.copy_(rewards.mean(0))
    model.scale.copy_(1 / rewards.std(0).clip(min=1e-6))
