"""Actions that move an arm's tool, turned into joint velocities: one law for the trained environment and the exported graph."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from configs.contract import Interface

DAMPING = 0.03  # m or rad, of the least squares: near a singular posture the tool lags instead of the joints racing
POINTING = 4.0  # 1/s, how fast a tilt of the tool is undone
POSTURE = 1.0  # 1/s, how fast what the tool leaves free goes home


class ToolMotion(nn.Module):
    """Action [..., a] in [-1, 1] and joint positions [..., n] -> joint velocities [..., n] rad/s.

    The action asks for the tool's velocity along x, y and z of the base and its turn about z; then, one value each, for the
    velocity of the joints behind the arm's, a gripper. The tool's own z axis is kept pointing down. Damped least squares
    (Wampler, "Manipulator inverse kinematic solutions", 1986) with the arm's own posture in what the tool leaves free.
    """

    turn_cos: Tensor
    turn_sin: Tensor
    still: Tensor
    tool: Tensor
    home: Tensor
    scale: Tensor
    damping: Tensor
    units: Tensor

    def __init__(self, interface: Interface, dtype: torch.dtype) -> None:
        super().__init__()
        if interface.tool is None:
            raise ValueError(f"action = {interface.action}; allowed: tool, whose interface has the arm's chain")
        frames = torch.zeros(len(interface.tool.frames), 4, 4, dtype=torch.float64)
        frames[:, :3] = torch.tensor(interface.tool.frames, dtype=torch.float64).view(-1, 3, 4)
        frames[:, 3, 3] = 1.0
        *_, tool = frames
        joints = frames[:-1]
        self.arm = len(joints)
        x, y = joints[:, :, :1], joints[:, :, 1:2]
        none = torch.zeros_like(x)
        # Joint i's frame, turned by q about its z, is turn_cos cos(q) + turn_sin sin(q) + still.
        constants = {
            "turn_cos": torch.cat((x, y, none, none), 2),
            "turn_sin": torch.cat((y, -x, none, none), 2),
            "still": torch.cat((none, none, joints[:, :, 2:]), 2),
            "tool": tool.unsqueeze(0),
            "home": torch.tensor([j.home for j in interface.joints[: self.arm]], dtype=torch.float64),
            "scale": torch.tensor(interface.action_scale, dtype=torch.float64),
            "damping": DAMPING**2 * torch.eye(6, dtype=torch.float64),
            "units": torch.eye(6, dtype=torch.float64),
        }
        for name, value in constants.items():
            self.register_buffer(name, value.to(dtype))

    def forward(self, action: Tensor, position: Tensor) -> Tensor:
        asked, q = action * self.scale, position[..., : self.arm]
        axis, arm, pointing = self._geometry(q)
        columns = torch.cat((_cross(axis, arm), axis), -2).squeeze(-1)  # of the Jacobian: [..., arm, 6]
        x, y, _ = pointing.squeeze(-1).split(1, -1)
        wanted = torch.cat((asked[..., :3], -POINTING * y, POINTING * x, asked[..., 3:4]), -1)
        rest = POSTURE * (self.home - q)
        wanted = wanted - (rest.unsqueeze(-2) @ columns).squeeze(-2)
        found = self._solve(columns.transpose(-1, -2) @ columns + self.damping, wanted)
        return torch.cat((rest + (columns @ found).squeeze(-1), asked[..., 4:]), -1)

    def _geometry(self, q: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Axes [..., arm, 3, 1] of the joints, ways [..., arm, 3, 1] m from each to the tool, the tool's z axis [..., 3, 1]."""
        angle = q.unsqueeze(-1).unsqueeze(-1)
        # onnxruntime has no cosine in float64.
        local = self.turn_cos * (angle + 0.5 * math.pi).sin() + self.turn_sin * angle.sin() + self.still
        first, *others = local.split(1, -3)
        frames = [first]
        for frame in others:
            frames.append(frames[-1] @ frame)
        tool = frames[-1] @ self.tool
        joints = torch.cat(frames, -3)
        return joints[..., :3, 2:3], tool[..., :3, 3:4] - joints[..., :3, 3:4], tool[..., :3, 2:3].squeeze(-3)

    def _solve(self, normal: Tensor, wanted: Tensor) -> Tensor:
        """normal [..., 6, 6] y = wanted [..., 6] by Gauss and Jordan's elimination; the matrix is symmetric and positive."""
        rows = torch.cat((normal, wanted.unsqueeze(-1)), -1)
        for k in range(6):
            row = rows[..., k : k + 1, :] / rows[..., k : k + 1, k : k + 1]
            rows = rows - (rows[..., :, k : k + 1] - self.units[:, k : k + 1]) * row
        return rows[..., 6:]


def _cross(a: Tensor, b: Tensor) -> Tensor:
    """a x b over the axis before the last: [..., 3, 1] each."""
    (ax, ay, az), (bx, by, bz) = a.split(1, -2), b.split(1, -2)
    return torch.cat((ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx), -2)
