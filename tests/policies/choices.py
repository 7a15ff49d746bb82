"""The double integrator with three choices in place of a force: left, none, right."""

from __future__ import annotations

from torch import Tensor

from ashore.policies.vector import Step
from tests.policies.double_integrator import DoubleIntegrator


class Choices(DoubleIntegrator):
    def __init__(self, num_envs: int, break_at: int | None = None) -> None:
        super().__init__(num_envs, break_at)
        self.action_size, self.discrete = 3, True

    def step(self, action: Tensor) -> Step:
        return super().step((action.float() - 1).unsqueeze(-1))
