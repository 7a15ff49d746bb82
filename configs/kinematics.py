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
    """Action [N, a] in [-1, 1] and joint positions [N, n] -> joint velocities [N, n] rad/s.

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
        frames = torch.zeros(len(interface.tool.frames), 4, 4, 1, dtype=torch.float64)
        frames[:, :3] = torch.tensor(interface.tool.frames, dtype=torch.float64).view(-1, 3, 4, 1)
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
            "tool": tool,
            "home": torch.tensor([[j.home] for j in interface.joints[: self.arm]], dtype=torch.float64),
            "scale": torch.tensor([[x] for x in interface.action_scale], dtype=torch.float64),
            "damping": DAMPING**2 * torch.eye(6, dtype=torch.float64).unsqueeze(-1),
            "units": torch.eye(6, dtype=torch.float64).unsqueeze(-1),
        }
        for name, value in constants.items():
            self.register_buffer(name, value.to(dtype))

    def forward(self, action: Tensor, position: Tensor) -> Tensor:
        # Worlds come last in here: an operation on long rows is several times faster than one on many small matrices. Sums
        # over joints are taken one by one: torch's own would add in an order that depends on the number of worlds.
        asked, q = self.scale * action.T, position.T[: self.arm].contiguous()
        axis, way, pointing = self._geometry(q)
        columns = torch.cat((_cross(axis, way), axis), 1)  # of the Jacobian: [arm, 6, N]
        x, y, _ = pointing.split(1)
        wanted = torch.cat((asked[:3], -POINTING * y, POINTING * x, asked[3:4]))
        rest = POSTURE * (self.home - q)
        normal = self.damping
        for own, moves in zip(rest.split(1), columns.split(1), strict=True):
            wanted = torch.addcmul(wanted, own, moves.squeeze(0), value=-1)
            normal = torch.addcmul(normal, moves.transpose(0, 1), moves)
        found, velocity = self._solve(normal, wanted), rest
        for part, moves in zip(found.split(1), columns.split(1, 1), strict=True):
            velocity = torch.addcmul(velocity, part, moves.squeeze(1))
        return torch.cat((velocity, asked[4:])).T

    def _geometry(self, q: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """q [arm, N] -> axes [arm, 3, N] of the joints, ways [arm, 3, N] m from each to the tool, the tool's z axis [3, N]."""
        angle = q.unsqueeze(1).unsqueeze(1)
        # onnxruntime has no cosine in float64.
        local = self.turn_cos * (angle + 0.5 * math.pi).sin() + self.turn_sin * angle.sin() + self.still
        first, *others = local.split(1)
        frames = [first[:, :3]]
        for frame in others:
            frames.append(_product(frames[-1], frame))
        frames.append(_product(frames[-1], self.tool.unsqueeze(0)))
        *_, axes, places = (x.squeeze(2) for x in torch.cat(frames).split(1, 2))
        ways = places[self.arm :] - places[: self.arm]
        return axes[: self.arm], ways, axes[self.arm :].squeeze(0)

    def _solve(self, normal: Tensor, wanted: Tensor) -> Tensor:
        """normal [6, 6, N] y = wanted [6, N] by Gauss and Jordan's elimination; the matrix is symmetric and positive."""
        rows = torch.cat((normal, wanted.unsqueeze(1)), 1)
        for k in range(6):  # its first column is the k-th of the matrix; those before are done
            first, others = rows[:, :1], rows[:, 1:]
            row = others[k : k + 1] / first[k : k + 1]
            rows = torch.addcmul(others, first - self.units[:, k : k + 1], row, value=-1)
        return rows.squeeze(1)


def _product(frames: Tensor, others: Tensor) -> Tensor:
    """Frames [1, 3, 4, N] times transformations [1, 4, 4, N or 1]. A sum of four has one order, whatever N is."""
    return (frames.unsqueeze(3) * others.unsqueeze(1)).sum(2)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    """a x b over the second axis: [arm, 3, N] each."""
    (ax, ay, az), (bx, by, bz) = a.split(1, 1), b.split(1, 1)
    return torch.cat((ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx), 1)
