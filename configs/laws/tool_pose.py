"""Where an arm's tool is, from its joints: forward kinematics in numpy, for the robot side.

`ashore.configs.laws.kinematics` has the same chain in torch, for the trained environment and the exported graph.
"""

from __future__ import annotations

import numpy as np

from ashore.configs.contract import ToolChain

QUARTER = 0.5 * np.pi


class Tool:
    """The tool of one chain. Poses are [4, 4], in the frame of the arm's base, in m."""

    def __init__(self, chain: ToolChain, home: np.ndarray) -> None:
        """home: [n] rad of the arm's joints."""
        self._frames = np.tile(np.eye(4), (len(chain.frames), 1, 1))
        self._frames[:, :3] = np.array(chain.frames).reshape(-1, 3, 4)
        self.joints = len(chain.frames) - 1
        self.reach = float(
            np.linalg.norm(self._frames[:, :3, 3], axis=1).sum()
        )  # m, no point of the arm is further away
        x, y = self.pose(home)[:2, 0]
        self.upright = round(float(np.arctan2(y, x)) / QUARTER) * QUARTER

    def pose(self, q: np.ndarray) -> np.ndarray:
        """Of the tool with the arm's joints at q [n or more] rad."""
        pose = self._frames[0]
        for angle, following in zip(q, self._frames[1:], strict=False):
            c, s = np.cos(angle), np.sin(angle)
            turn = np.array([[c, -s, 0.0, 0.0], [s, c, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
            pose = pose @ turn @ following
        return np.asarray(pose)

    def turn(self, q: np.ndarray) -> float:
        """Of the tool about the vertical, rad in [-pi, pi), with its axis taken to point straight down: where its x axis
        points, counted from the quarter turn of the base that is nearest to home."""
        x, y = self.pose(q)[:2, 0]
        return float((np.arctan2(y, x) - self.upright + np.pi) % (2 * np.pi) - np.pi)
