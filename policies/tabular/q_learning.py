"""Q-learning: Q(s, a) += rate * (r + discount * max_a' Q(s', a') - Q(s, a)). Sutton and Barto 2018, eq. 6.8."""

from __future__ import annotations

import torch

from ashore.policies.tabular.learner import TabularLearner
from ashore.policies.value_based.learner import Transition


class QLearning(TabularLearner):
    """Learns of the best choice while it does others."""

    def learn(self, step: Transition) -> dict[str, float]:
        following = self.states(step.arrived)
        return self.move(step, torch.stack((following, torch.full_like(following, -1)), 1))
