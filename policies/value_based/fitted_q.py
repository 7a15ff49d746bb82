"""Fitted Q iteration: regress r + discount * max_a' Q(s', a') on (s, a), over and over. Ernst et al., JMLR 6, 2005, fig. 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ashore.configs.algorithms import FittedQSettings
from ashore.configs.errors import UsageError
from ashore.policies.learner import Report
from ashore.policies.value_based.actors import LinearActor
from ashore.policies.value_based.data import Transitions, load_transitions, no_transitions
from ashore.policies.value_based.learner import Transition, ValueLearner
from ashore.policies.vector import VectorEnv

MOST_FEATURES = 4096  # whose normal equations are solved


class FittedQ(ValueLearner):
    """Gathers transitions epsilon-greedily and fits all of them after each iteration; or fits a data set and never acts."""

    settings: FittedQSettings

    def __init__(
        self, settings: FittedQSettings, env: VectorEnv, seed: int, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(settings, env, seed, device)
        assert isinstance(self.actor, LinearActor)
        self.features, self.weights = self.actor.features, self.actor.weights
        if self.features.size > MOST_FEATURES:
            raise UsageError(f"fitted_q with {self.features.size:,} features; allowed: at most {MOST_FEATURES:,}")
        size = env.observation_sizes["actor"]
        self.data = no_transitions(size)
        self.new: list[Transitions] = []
        self.offline = settings.data is not None
        if settings.data is not None:
            self.data = load_transitions(Path(settings.data), size, env.action_size)

    @property
    def epsilon(self) -> float:
        return 1.0 if self.steps < self.settings.learning_starts else super().epsilon

    def improve(self, env: VectorEnv) -> Report:
        """One iteration: gather, then fit. A pass over a data set counts as its number of steps."""
        if not self.offline:
            return super().improve(env)
        self.steps += len(self.data.reward)
        return Report(self.fit(), {})

    def learn(self, step: Transition) -> dict[str, float]:
        self.new.append(Transitions(step.seen.float(), step.action, step.reward, step.arrived.float(), step.terminated))
        return {}

    @torch.no_grad()
    def fit(self) -> dict[str, float]:
        """Ridge regression for each choice, whose matrix stays through the iterations; only the targets move."""
        if self.new:
            whole = self.data
            for part in self.new:
                whole = whole.join(part)
            self.data, self.new = whole.newest(self.settings.data_size), []
        if self.steps < self.settings.learning_starts:
            return {}
        data, s = self.data, self.settings
        self.features.measure(data.observation)
        now, after = self.features.dense(data.observation), self.features.dense(data.next_observation)
        rows = [(data.action == choice).nonzero().squeeze(1) for choice in range(self.num_choices)]
        solvers = [_normal_matrix(now[r], s.ridge) for r in rows]
        lowest, highest = _possible(data.reward.double(), s.discount)
        reward, goes_on = data.reward.double(), (~data.terminated).double()
        weights = torch.zeros_like(self.weights)
        change = 0.0
        for _ in range(s.iterations):
            following = (after @ weights).max(1).values.clip(lowest, highest)
            target = reward + s.discount * goes_on * following
            fitted = [
                torch.cholesky_solve((now[r].T @ target[r]).unsqueeze(1), c) for r, c in zip(rows, solvers, strict=True)
            ]
            before, weights = weights, torch.cat(fitted, 1)
            change = float((weights - before).abs().max())
        self.weights.copy_(weights)
        return {"last_change": change, "transitions": float(len(data.reward))}

    def state_dict(self) -> dict[str, Any]:
        kept = no_transitions(self.data.observation.shape[1]) if self.offline else self.data
        return super().state_dict() | {"data": kept._asdict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        if not self.offline:
            self.data = Transitions(**state["data"])


def _normal_matrix(features: torch.Tensor, ridge: float) -> torch.Tensor:
    """The Cholesky factor of F^T F + ridge * max(K, 1) I for features F [K, f]."""
    size = features.shape[1]
    penalty = max(ridge, 1e-9) * max(len(features), 1)
    return torch.linalg.cholesky(features.T @ features + penalty * torch.eye(size, dtype=torch.float64))


def _possible(reward: torch.Tensor, discount: float) -> tuple[float, float]:
    """Between which values any sum of discounted rewards lies: what keeps the regression from running away."""
    reach = 1 / max(1 - discount, 1e-6)
    return min(0.0, float(reward.min())) * reach, max(0.0, float(reward.max())) * reach
