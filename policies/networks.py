"""Actors and critics: small networks that go from what is seen to what is done and what it is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ashore.configs.actor_memory import MemorySettings
from ashore.configs.algorithms import OnPolicySettings, ReplaySettings, SACSettings
from ashore.configs.base import Settings
from ashore.policies.distributions import Categorical, Distribution, Gaussian, SquashedGaussian
from ashore.policies.layout import Layout
from ashore.policies.linear import Linear, linear
from ashore.policies.memory import make_memory

ACTIVATIONS: dict[str, type[nn.Module]] = {"elu": nn.ELU, "relu": nn.ReLU, "tanh": nn.Tanh, "silu": nn.SiLU}


def mlp(
    sizes: Sequence[int], activation: str, last_gain: float, generator: torch.Generator | None = None
) -> nn.Sequential:
    """Linear layers of `sizes` with an activation between them; orthogonal weights, zero biases.

    Gains sqrt(2) and `last_gain` as in Andrychowicz et al., "What matters in on-policy RL", arXiv 2006.05990.
    """
    layers: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        last = i == len(sizes) - 2
        layer = Linear(inputs, outputs)
        nn.init.orthogonal_(layer.weight, last_gain if last else math.sqrt(2), generator=generator)
        nn.init.zeros_(layer.bias)
        layers += [layer] if last else [layer, ACTIVATIONS[activation]()]
    return nn.Sequential(*layers)


class Actor(nn.Module):
    """What its memory makes of observations [..., features] -> its head: [..., action_size], or twice as wide.

    Without memory, features are the normalized observation. `distribution` says what actions are drawn from, `mode` which one
    is the best guess; `layers` compute that from features, before the environment clips it to [-1, 1].
    """

    discrete = False
    action_size: int
    clip = 10.0  # of normalized observations

    def __init__(self, observation_size: int, memory: MemorySettings | None, generator: torch.Generator | None) -> None:
        super().__init__()
        self.memory = make_memory(observation_size, memory or MemorySettings(), generator)

    def distribution(self, head: Tensor, log_std: Tensor | None = None) -> Distribution:
        """log_std [a]: of another time, where it does not depend on the state."""
        raise NotImplementedError

    def mode(self, head: Tensor) -> Tensor:
        raise NotImplementedError

    def layers(self) -> list[nn.Module]:
        raise NotImplementedError


class GaussianActor(Actor):
    """The head is the mean; the spread is the same in every state. Actions leave it unclipped."""

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        hidden: Sequence[int],
        activation: str = "elu",
        initial_std: float = 0.7,
        generator: torch.Generator | None = None,
        memory: MemorySettings | None = None,
    ) -> None:
        super().__init__(observation_size, memory, generator)
        self.action_size = action_size
        self.mean = mlp((self.memory.features, *hidden, action_size), activation, 0.01, generator)
        self.log_std = nn.Parameter(torch.full((action_size,), math.log(initial_std)))

    def forward(self, features: Tensor) -> Tensor:
        return self.mean(features)

    def distribution(self, head: Tensor, log_std: Tensor | None = None) -> Gaussian:
        return Gaussian(head, self.log_std if log_std is None else log_std)

    def mode(self, head: Tensor) -> Tensor:
        return head

    def layers(self) -> list[nn.Module]:
        return list(self.mean)


class CategoricalActor(Actor):
    """The head is the logits of `action_size` choices."""

    discrete = True

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        hidden: Sequence[int],
        activation: str = "elu",
        generator: torch.Generator | None = None,
        memory: MemorySettings | None = None,
    ) -> None:
        super().__init__(observation_size, memory, generator)
        self.action_size = action_size
        self.logits = mlp((self.memory.features, *hidden, action_size), activation, 0.01, generator)

    def forward(self, features: Tensor) -> Tensor:
        return self.logits(features)

    def distribution(self, head: Tensor, log_std: Tensor | None = None) -> Categorical:
        return Categorical(head)

    def mode(self, head: Tensor) -> Tensor:
        return head.argmax(-1)

    def layers(self) -> list[nn.Module]:
        return list(self.logits)


class TanhActor(Actor):
    """The head is the action before a tanh: what DDPG and TD3 learn, who add the noise of their exploration themselves."""

    heads = 1  # values of the head an action

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        hidden: Sequence[int],
        activation: str = "relu",
        generator: torch.Generator | None = None,
        memory: MemorySettings | None = None,
    ) -> None:
        super().__init__(observation_size, memory, generator)
        self.action_size = action_size
        sizes = (self.memory.features, *hidden, self.heads * action_size)
        self.trunk = mlp(sizes, activation, 0.01, generator)

    def forward(self, features: Tensor) -> Tensor:
        return self.trunk(features)

    def mode(self, head: Tensor) -> Tensor:
        return head[..., : self.action_size].tanh()

    def layers(self) -> list[nn.Module]:
        """The trunk, of whose last layer only the action is kept, and the tanh."""
        *before, last = self.trunk
        assert isinstance(last, nn.Linear)
        mean = nn.Linear(last.in_features, self.action_size)
        mean.weight = nn.Parameter(last.weight[: self.action_size].detach().clone())
        mean.bias = nn.Parameter(last.bias[: self.action_size].detach().clone())
        return [*before, mean, nn.Tanh()]


class SquashedActor(TanhActor):
    """The head is mean and log_std before a tanh, side by side; the spread depends on the state, within `LOG_STD`."""

    heads = 2
    LOG_STD = (-5.0, 2.0)

    def distribution(self, head: Tensor, log_std: Tensor | None = None) -> SquashedGaussian:
        mean, spread = head.chunk(2, -1)
        low, high = self.LOG_STD
        return SquashedGaussian(mean, low + 0.5 * (high - low) * (spread.tanh() + 1))


def make_actor(
    settings: Settings,
    observation_size: int,
    action_size: int,
    generator: torch.Generator | None = None,
    *,
    discrete: bool = False,
    layout: Layout = Layout(),  # noqa: B008, it is immutable
) -> Actor:
    """The actor that an algorithm's settings ask for; `discrete`: its actions are one of `action_size` choices."""
    s, sizes = settings, (observation_size, action_size)
    if not isinstance(s, OnPolicySettings | ReplaySettings):
        from ashore.policies.value_based.actors import make_choice_actor  # which are actors as those here

        return make_choice_actor(s, *sizes, layout, generator)
    if isinstance(s, ReplaySettings):
        kind = SquashedActor if isinstance(s, SACSettings) else TanhActor
        return kind(*sizes, s.hidden, s.activation, generator, s.memory)
    if discrete:
        return CategoricalActor(*sizes, s.actor_hidden, s.activation, generator, s.memory)
    return GaussianActor(*sizes, s.actor_hidden, s.activation, s.initial_std, generator, s.memory)


class Critic(nn.Module):
    """Normalized observation [..., m] -> value [...]."""

    def __init__(
        self, observation_size: int, hidden: Sequence[int], activation: str, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.value = mlp((observation_size, *hidden, 1), activation, 1.0, generator)

    def forward(self, observation: Tensor) -> Tensor:
        return self.value(observation).squeeze(-1)


class TrunkCritic(nn.Module):
    """A value from the last hidden layer of an actor without memory: features [..., n] -> value [...].

    The trunk is the actor's: its weights are among the actor's parameters, not among this critic's.
    """

    def __init__(self, actor: Actor, generator: torch.Generator | None = None) -> None:
        super().__init__()
        *trunk, last = actor.layers()
        assert isinstance(last, nn.Linear)
        self._trunk = tuple(trunk)  # in a tuple, torch does not register them again
        self.value = mlp((last.in_features, 1), "elu", 1.0, generator)

    def forward(self, features: Tensor) -> Tensor:
        for layer in self._trunk:
            features = layer(features)
        return self.value(features).squeeze(-1)


class Critics(nn.Module):
    """Several critics of actions in one, for they are small: observation [B, m], action [B, a] -> values [critics, B].

    Their layers are matrices [critics, in, out], so that an optimizer steps few tensors. They begin uniform within
    1 / sqrt(inputs), as torch's own layers do. `layer_norm`: each layer's sums are normalized before the activation
    (Ba et al., arXiv 1607.06450).
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        hidden: Sequence[int],
        activation: str,
        generator: torch.Generator | None = None,
        *,
        count: int = 2,
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        self.count, self.layer_norm, self.activation = count, layer_norm, ACTIVATIONS[activation]()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for inputs, outputs in pairwise((observation_size + action_size, *hidden, 1)):
            for parameters, shape in ((self.weights, (count, inputs, outputs)), (self.biases, (count, 1, outputs))):
                uniform = torch.rand(shape, generator=generator) * 2 - 1
                parameters.append(nn.Parameter(uniform / math.sqrt(inputs)))

    def forward(self, observation: Tensor, action: Tensor, *, frozen: bool = False) -> Tensor:
        """frozen: gradients go to the action alone."""
        pairs = zip(self.weights, self.biases, strict=True)
        layers = [tuple((x.detach() if frozen else x).unbind() for x in pair) for pair in pairs]
        seen = torch.cat((observation, action), -1)
        values = []
        for k in range(self.count):
            x = seen
            for i, (weight, bias) in enumerate(layers):
                x = linear(x, weight[k].t(), bias[k][0])
                if i < len(layers) - 1:
                    x = self.activation(functional.layer_norm(x, x.shape[-1:]) if self.layer_norm else x)
            values.append(x.squeeze(-1))
        return torch.stack(values)
