"""Q-learning with values that are linear in features. Sutton and Barto 2018, sec. 10.1 with the target of eq. 6.8."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ashore.configs.algorithms import LinearQSettings
from ashore.policies.value_based.actors import LinearActor
from ashore.policies.value_based.learner import Transition, ValueLearner
from ashore.policies.vector import VectorEnv


class LinearQ(ValueLearner):
    """Moves the weights of the features that were active, so that a rate of 1 takes the value all the way to its target.

    The first steps are random ones, which show over what range the observations go that have no bounds.
    """

    settings: LinearQSettings

    def __init__(
        self, settings: LinearQSettings, env: VectorEnv, seed: int, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(settings, env, seed, device)
        assert isinstance(self.actor, LinearActor)
        self.features = self.actor.features
        self.weights = self.actor.weights.numpy()  # [F, A], the actor's own
        self.first: list[Tensor] = []  # observations [N, n] before learning starts

    @property
    def epsilon(self) -> float:
        return 1.0 if self.steps < self.settings.learning_starts else super().epsilon

    @torch.no_grad()
    def learn(self, step: Transition) -> dict[str, float]:
        if self.steps < self.settings.learning_starts:
            self.first.append(step.seen)
            return {}
        if self.first:
            self.features.measure(torch.cat(self.first))
            self.first = []
        return {"td_error": self.move(step)}

    def move(self, step: Transition) -> float:
        """One semi-gradient step a world; the mean absolute error."""
        after = self.values(step.arrived).max(-1).values
        target = (step.reward.double() + self.settings.discount * after * ~step.terminated).tolist()
        index, value = self.features(step.seen)
        step_size = self.features.step_sizes[index] * value
        share = step_size / (step_size * value).sum(-1, keepdim=True)
        errors = 0.0
        rows = zip(index.numpy(), value.numpy(), share.numpy(), step.action.tolist(), target, strict=True)
        for active, values, shares, action, wanted in rows:
            error = wanted - float(self.weights[active, action] @ values)
            self.weights[active, action] += self.settings.learning_rate * error * shares
            errors += abs(error)
        return errors / len(target)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"first": list(self.first)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.first = list(state["first"])
