"""SARSA: Q(s, a) += rate * (r + discount * Q(s', a') - Q(s, a)) with the a' that is done. Sutton and Barto 2018, eq. 6.7."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ashore.policies.tabular.learner import TabularLearner
from ashore.policies.value_based.learner import Transition


class Sarsa(TabularLearner):
    """Learns of its own choices, so that near a cliff it keeps away from the edge."""

    decided: Tensor | None = None  # [N] the choices that were learned with, to be done next; -1 where an episode begins

    def choose(self, seen: Tensor) -> Tensor:
        fresh = super().choose(seen)
        return fresh if self.decided is None else torch.where(self.decided < 0, fresh, self.decided)

    def learn(self, step: Transition) -> dict[str, float]:
        choice = super().choose(step.arrived)
        self.decided = torch.where(step.terminated | step.truncated, -1, choice)
        return self.move(step, torch.stack((self.states(step.arrived), choice), 1))

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"decided": self.decided}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.decided = state["decided"]
