"""Actions that move an arm's tool, turned into joint velocities: one law for the trained environment and the exported graph."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from ashore.configs.contract import Interface, ToolChain
from ashore.configs.laws.tool_pose import Tool

DAMPING = 0.03  # m or rad, of the least squares: near a singular posture the tool lags instead of the joints racing
POINTING = 4.0  # 1/s, how fast a tilt of the tool is undone
POSTURE = 1.0  # 1/s, how fast what the tool leaves free goes home


class Chain(nn.Module):
    """Joint positions [arm, N] rad -> frames in the base's, [3, 4, N] each: of every joint, and last of the tool.

    Worlds come last: an operation on long rows is several times faster than one on many small matrices.
    """

    turn_cos: Tensor
    turn_sin: Tensor
    still: Tensor
    tool: Tensor

    def __init__(self, chain: ToolChain, dtype: torch.dtype) -> None:
        super().__init__()
        frames = torch.zeros(len(chain.frames), 4, 4, 1, dtype=torch.float64)
        frames[:, :3] = torch.tensor(chain.frames, dtype=torch.float64).view(-1, 3, 4, 1)
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
        }
        for name, value in constants.items():
            self.register_buffer(name, value.to(dtype))

    def forward(self, q: Tensor) -> list[Tensor]:
        angle = q[:, None, None]
        # onnxruntime has no cosine in float64.
        turned = torch.addcmul(self.still, self.turn_cos, (angle + 0.5 * math.pi).sin())
        first, *others = torch.addcmul(turned, self.turn_sin, angle.sin()).unbind()
        frames = [first[:3]]
        for frame in (*others, self.tool):
            frames.append(_product(frames[-1], frame))
        return frames


class ToolSignals(nn.Module):
    """Joint positions [N, n] rad -> `tool_position` [N, 3] m and `tool_turn` [N, 1] rad, as `Tool` on the robot has them."""

    def __init__(self, interface: Interface, dtype: torch.dtype) -> None:
        super().__init__()
        if interface.tool is None:
            raise ValueError("an interface without the arm's chain; allowed: one that has it")
        self.chain = Chain(interface.tool, dtype)
        self._upright = Tool(interface.tool, np.array([j.home for j in interface.joints])).upright

    def forward(self, position: Tensor) -> dict[str, Tensor]:
        tool = self.chain(position.T[: self.chain.arm].contiguous())[-1]
        angle = torch.atan2(tool[1, 0], tool[0, 0]) - self._upright
        turn = torch.remainder(angle + math.pi, 2 * math.pi) - math.pi
        return {"tool_position": tool[:, 3].T, "tool_turn": turn.unsqueeze(1)}


class ToolMotion(nn.Module):
    """Action [N, a] in [-1, 1] and joint positions [N, n] -> joint velocities [N, n] rad/s.

    The action asks for the tool's velocity along x, y and z of the base and its turn about z; then, one value each, for the
    velocity of the joints behind the arm's, a gripper. The tool's own z axis is kept pointing down. Damped least squares
    (Wampler, "Manipulator inverse kinematic solutions", 1986) with the arm's own posture in what the tool leaves free.
    """

    home: Tensor
    scale: Tensor
    damping: Tensor
    right: Tensor
    units: Tensor

    def __init__(self, interface: Interface, dtype: torch.dtype) -> None:
        super().__init__()
        if interface.tool is None:
            raise ValueError(f"action = {interface.action}; allowed: tool, whose interface has the arm's chain")
        self.chain = Chain(interface.tool, dtype)
        self.arm = self.chain.arm
        constants = {
            "home": torch.tensor([[j.home] for j in interface.joints[: self.arm]], dtype=torch.float64),
            "scale": torch.tensor([[x] for x in interface.action_scale], dtype=torch.float64),
            "damping": DAMPING**2 * torch.eye(6, 7, dtype=torch.float64).unsqueeze(-1),
            "right": torch.eye(7, dtype=torch.float64)[:, 6:],  # the system's last column
            "units": torch.eye(6, dtype=torch.float64).unsqueeze(-1),
        }
        for name, value in constants.items():
            self.register_buffer(name, value.to(dtype))

    def forward(self, action: Tensor, position: Tensor) -> Tensor:
        # Worlds come last in here. Sums over joints are taken one by one: torch's own would add in an order that depends on
        # the number of worlds.
        asked, q = (self.scale * action.T).contiguous(), position.T[: self.arm].contiguous()
        axis, way, pointing = self._geometry(q)
        columns = torch.cat((_cross(axis, way), axis), 1)  # of the Jacobian: [arm, 6, N]
        tilt_x, tilt_y = -POINTING * pointing[1:2], POINTING * pointing[:1]
        wanted = torch.cat((asked[:3], tilt_x, tilt_y, asked[3:4]))
        rest = POSTURE * (self.home - q)
        # The normal equations of what is wanted beside `rest`: J J' + damping | wanted - J rest, [6, 7, N].
        system = torch.addcmul(self.damping, self.right, wanted.unsqueeze(1))
        others = torch.cat((columns, -rest.unsqueeze(1)), 1).unsqueeze(1)
        for column, row in zip(columns.unsqueeze(2).unbind(), others.unbind(), strict=True):
            system = torch.addcmul(system, column, row)
        velocity = rest
        for part, moves in zip(self._solve(system).unbind(), columns.unbind(1), strict=True):
            velocity = torch.addcmul(velocity, part, moves)
        return torch.cat((velocity, asked[4:])).T

    def _geometry(self, q: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """q [arm, N] -> axes [arm, 3, N] of the joints, ways [arm, 3, N] m from each to the tool, the tool's z axis [3, N]."""
        *_, axes, places = torch.stack(self.chain(q)).unbind(2)  # [arm + 1, 3, N] each
        return axes[: self.arm], places[self.arm :] - places[: self.arm], axes[self.arm :].squeeze(0)

    def _solve(self, rows: Tensor) -> Tensor:
        """[6, 7, N]: a matrix and, last, a right side -> [6, N], by Gauss and Jordan; the matrix is symmetric and positive."""
        # The first column is the k-th of the matrix; those before are done.
        for k, unit in enumerate(self.units.unbind(1)):
            first, others = rows[:, :1], rows[:, 1:]
            row = others[k : k + 1] / first[k : k + 1]
            rows = torch.addcmul(others, first - unit.unsqueeze(1), row, value=-1)
        return rows.squeeze(1)


def _product(frame: Tensor, other: Tensor) -> Tensor:
    """Frames [3, 4, N] times transformations [4, 4, N or 1]. A sum of four has one order, whatever N is."""
    return (frame.unsqueeze(2) * other).sum(1)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    """a x b over the second axis: [arm, 3, N] each."""
    (ax, ay, az), (bx, by, bz) = a.unbind(1), b.unbind(1)
    return torch.stack((ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx), 1)
