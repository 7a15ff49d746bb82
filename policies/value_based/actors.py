"""Actors whose head is what each choice is worth: the best guess is the choice that is worth most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ashore.configs.algorithms import DQNSettings, GradientBanditSettings, TabularSettings
from ashore.configs.errors import UsageError
from ashore.policies.distributions import Distribution
from ashore.policies.layout import Layout
from ashore.policies.networks import ACTIVATIONS, Actor, mlp
from ashore.policies.value_based.features import Features

MOST_STATES = 2**24


class ChoiceActor(Actor):
    """Head: what each of `action_size` choices is worth, [..., A]."""

    discrete = True

    def __init__(self, observation_size: int, action_size: int) -> None:
        super().__init__(observation_size, None, None)
        self.action_size = action_size

    def mode(self, head: Tensor) -> Tensor:
        return head.argmax(-1)

    def distribution(self, head: Tensor, log_std: Tensor | None = None) -> Distribution:
        raise NotImplementedError("an actor of values draws nothing; its learner explores")


class TableActor(ChoiceActor):
    """A value for every state and choice; a state is the number that its one-hot parts spell."""

    table: Tensor  # [S, A] float64

    def __init__(self, layout: Layout, action_size: int, initial_value: float = 0.0) -> None:
        if not layout.choices:
            raise UsageError(
                "a table of values needs observations that are numbers of states; allowed: an environment that shows Discrete "
                "or MultiDiscrete, as gymnasium:FrozenLake-v1"
            )
        states = math.prod(layout.choices)
        if states > MOST_STATES:
            raise UsageError(f"a table of values for {states:,} states; allowed: at most {MOST_STATES:,}; try dqn")
        super().__init__(sum(layout.choices), action_size)
        self.sizes = layout.choices
        self.register_buffer("table", torch.full((states, action_size), initial_value, dtype=torch.float64))

    def state_of(self, seen: Tensor) -> Tensor:
        """[N, n] one-hot parts -> [N] int64."""
        number = torch.zeros(seen.shape[:-1], dtype=torch.int64)
        for part in torch.split(seen, list(self.sizes), -1):
            number = number * part.shape[-1] + part.argmax(-1)
        return number

    def forward(self, features: Tensor) -> Tensor:
        return self.table[self.state_of(features)]


class PreferenceActor(ChoiceActor):
    """The same preferences whatever is seen: theta [A] float64."""

    theta: Tensor

    def __init__(self, observation_size: int, action_size: int, initial: float = 0.0) -> None:
        super().__init__(observation_size, action_size)
        self.register_buffer("theta", torch.full((action_size,), initial, dtype=torch.float64))

    def forward(self, features: Tensor) -> Tensor:
        return self.theta.expand(*features.shape[:-1], -1)


class LinearActor(ChoiceActor):
    """Values are linear in features of the observation: weights [F, A] float64."""

    weights: Tensor

    def __init__(self, features: Features, action_size: int) -> None:
        super().__init__(features.inputs, action_size)
        self.features = features
        self.register_buffer("weights", torch.zeros(features.size, action_size, dtype=torch.float64))

    def forward(self, features: Tensor) -> Tensor:
        index, value = self.features(features)
        return torch.einsum("...ka,...k->...a", self.weights[index], value)


class NetworkActor(ChoiceActor):
    """Values by layers over what is seen; an image goes through convolutions first."""

    def __init__(
        self,
        settings: DQNSettings,
        layout: Layout,
        size: int,
        action_size: int,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(size, action_size)
        self.image = layout.image
        self.convolutions, features = nn.Sequential(), size
        if layout.image is not None:
            self.clip = 255.0  # bytes go in as they are
            self.convolutions, features = convolutions(layout.image, settings.channels, settings.activation, generator)
        self.trunk = mlp((features, *settings.hidden, action_size), settings.activation, 1.0, generator)

    def forward(self, features: Tensor) -> Tensor:
        if self.image is not None:
            pixels = features.unflatten(-1, self.image).movedim(-1, -3).float() / 255
            features = self.convolutions(pixels)
        return self.trunk(features)


def convolutions(
    image: tuple[int, int, int], channels: Sequence[int], activation: str, generator: torch.Generator | None
) -> tuple[nn.Sequential, int]:
    """Layers of 3 x 3 with stride 2 for an image (height, width, channels), flat at the end; and how many values they give."""
    height, width, depth = image
    layers: list[nn.Module] = []
    for out in channels:
        layer = nn.Conv2d(depth, out, 3, stride=2, padding=1)
        nn.init.orthogonal_(layer.weight, math.sqrt(2), generator=generator)
        assert layer.bias is not None
        nn.init.zeros_(layer.bias)
        layers += [layer, ACTIVATIONS[activation]()]
        depth, height, width = out, -(-height // 2), -(-width // 2)
    return nn.Sequential(*layers, nn.Flatten()), depth * height * width


def make_choice_actor(
    settings: Any, size: int, actions: int, layout: Layout, generator: torch.Generator | None = None
) -> Actor:
    """The actor of a value-based algorithm."""
    if isinstance(settings, DQNSettings):
        return NetworkActor(settings, layout, size, actions, generator)
    if isinstance(settings, TabularSettings):
        return TableActor(layout, actions, settings.initial_value)
    if isinstance(settings, GradientBanditSettings):
        return PreferenceActor(size, actions, settings.initial_preference)
    return LinearActor(Features(settings.features, size, layout), actions)
