"""What Q-learning and SARSA share: a table of values, and a step towards what was found."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ashore.configs.algorithms import TabularSettings
from ashore.policies.value_based.actors import TableActor
from ashore.policies.value_based.learner import Transition, ValueLearner
from ashore.policies.vector import VectorEnv


class TabularLearner(ValueLearner):
    """Worlds take turns: each of their steps moves the table before the next one does."""

    settings: TabularSettings

    def __init__(
        self, settings: TabularSettings, env: VectorEnv, seed: int, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(settings, env, seed, device)
        assert isinstance(self.actor, TableActor)
        self.table = self.actor.table.numpy()  # [S, A], the actor's own
        self.visits = torch.zeros(self.actor.table.shape, dtype=torch.int64)

    def states(self, seen: Tensor) -> Tensor:
        """[N, n] -> [N] int64"""
        assert isinstance(self.actor, TableActor)
        return self.actor.state_of(seen)

    def move(self, step: Transition, targets_after: Tensor) -> dict[str, float]:
        """Towards reward + discount * what follows is worth.

        targets_after [N, 2]: the state that follows, and the choice made there, or -1 for the best one.
        """
        s, visits, errors = self.settings, self.visits.numpy(), 0.0
        rows = zip(
            self.states(step.seen).tolist(),
            step.action.tolist(),
            step.reward.double().tolist(),
            targets_after.tolist(),
            step.terminated.tolist(),
            strict=True,
        )
        for state, action, reward, (following, choice), ended in rows:
            after = 0.0 if ended else self.table[following].max() if choice < 0 else self.table[following, choice]
            visits[state, action] += 1
            rate = s.learning_rate / float(visits[state, action]) ** s.learning_rate_power
            error = reward + s.discount * after - self.table[state, action]
            self.table[state, action] += rate * error
            errors += abs(error)
        return {"td_error": errors / len(step.reward)}

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"visits": self.visits}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.visits.copy_(state["visits"])
