"""Hands for tests of manipulation: tools of all worlds follow poses by damped least squares on the true state."""

from __future__ import annotations

import mujoco
import torch
from torch import Tensor

from ashore.sim.env import Env
from tests.sim.worlds import cpu_world

DOWN = torch.tensor([0.0, 0.0, -1.0], dtype=torch.float64)


class Hand:
    """Joint targets that move each world's tool site a little towards a pose."""

    def __init__(self, env: Env) -> None:
        self.env, model = env, env.world.model
        self._site = model.site(env.settings.robot.tool_site or "").id
        self._body = int(model.site_bodyid[self._site])
        self._home = torch.tensor(env.settings.robot.home, dtype=torch.float64).unsqueeze(1)
        self._place, self._axes = (cpu_world(env).batch.bind(name) for name in ("site_xpos", "site_xmat"))

    @property
    def position(self) -> Tensor:
        """[N, 3] m."""
        return torch.tensor(self._place[:, self._site])

    def frame(self) -> Tensor:
        """[N, 3, 3], its columns the tool's axes."""
        return torch.tensor(self._axes[:, self._site]).reshape(-1, 3, 3)

    def towards(self, position: Tensor, heading: Tensor, fastest: float = 0.25) -> Tensor:
        """position [N, 3] m, heading [N] rad of the tool's x axis, z down -> joint targets [N, joints]; fastest: m/s."""
        env, dt = self.env, self.env.settings.control_dt
        cpu_world(env).batch.forward(None, int(mujoco.mjtStage.mjSTAGE_VEL))
        error = position - self.position
        error = error * (fastest * dt / error.norm(dim=1, keepdim=True).clip(min=1e-9)).clip(max=0.08)
        frame = self.frame()
        x = torch.stack((heading.cos(), heading.sin(), torch.zeros_like(heading)), 1).double()
        turn = torch.linalg.cross(frame[:, :, 2], DOWN.expand_as(x)) + torch.linalg.cross(frame[:, :, 0], x)
        turn = turn * (0.04 / turn.norm(dim=1, keepdim=True).clip(min=1e-9)).clip(max=0.08)
        jacobian = torch.cat(
            [torch.from_numpy(j) for j in cpu_world(env).batch.jac(self._body, self.position.numpy())], 1
        )[:, :, env.task.dof_of]  # fmt: skip
        wanted = torch.cat((error, turn), 1).unsqueeze(2)
        square = jacobian @ jacobian.mT + 1e-5 * torch.eye(6, dtype=torch.float64)
        # What the pose leaves free goes home, away from the arm's singular postures.
        free = 0.03 * (self._home - env.task.joint_position().double().unsqueeze(2))
        step = (free + jacobian.mT @ torch.linalg.solve(square, wanted - jacobian @ free)).squeeze(2)
        # What blocks the arm must not let the target run away from it.
        ahead = env.command.target + step.float() - env.task.joint_position()  # type: ignore[attr-defined]
        return env.task.joint_position() + ahead.clip(-0.2, 0.2)
