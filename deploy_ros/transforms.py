"""The TF tree as its messages tell it: where a frame is, seen from another, through however many others lie between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ashore.deploy_ros import quaternions

MOST_FRAMES = 4096  # that are kept: a publisher of ever new names must not fill the memory
LONGEST_CHAIN = 64  # frames from one to its root: more is a circle


class Transform(NamedTuple):
    """Where a child frame is in its parent's."""

    parent: str
    child: str
    position: Sequence[float]  # [3] m
    rotation: Sequence[float]  # wxyz
    stamp: float = 0.0  # s of its header, 0 where it has none


class Transforms:
    """The last transform of each frame. Times are those of receipt, s; what is static does not age."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[str, np.ndarray, np.ndarray, float | None]] = {}
        self._stamps: dict[str, float] = {}

    def take(self, transforms: Sequence[Transform], static: bool, now: float, *, running: bool = False) -> None:
        """Keep what can be used: finite, and turned by a unit quaternion.

        One with the stamp of the last is that one again, and none is earlier than it while the robot is driven (`running`);
        else a sensor's clock may have been set back. Stamps of what is static say nothing.
        """
        for t in transforms:
            position, rotation = np.array(t.position, np.float64), np.array(t.rotation, np.float64)
            length = float(np.linalg.norm(rotation))
            child, parent = t.child.lstrip("/"), t.parent.lstrip("/")
            if not np.isfinite(position).all() or not abs(length - 1.0) < 0.01 or child == parent:
                continue
            before = self._stamps.get(child, 0.0)
            if not static and t.stamp and (t.stamp == before or (running and t.stamp < before)):
                continue
            if child in self._of or len(self._of) < MOST_FRAMES:
                self._stamps[child] = 0.0 if static else t.stamp
                self._of[child] = (parent, position, rotation / length, None if static else now)

    def look_up(self, base: str, frame: str, now: float) -> tuple[np.ndarray, float] | None:
        """Pose of `frame` in `base`, [7] m and wxyz, and when the oldest part of the way was received; None: no way."""
        ups = self._chain(frame.lstrip("/")), self._chain(base.lstrip("/"))
        if ups[0] is None or ups[1] is None:
            return None
        downs = [name for name, *_ in ups[1]]
        met = next((k for k, (name, *_) in enumerate(ups[0]) if name in downs), None)
        if met is None:
            return None
        name, position, rotation, time = ups[0][met]
        _, other, turned, since = ups[1][downs.index(name)]
        back = quaternions.inverse(turned)
        pose = np.concatenate((quaternions.rotate(back, position - other), quaternions.multiply(back, rotation)))
        return pose, min(time, since, now)

    def _chain(self, frame: str) -> list[tuple[str, np.ndarray, np.ndarray, float]] | None:
        """The frame and what it hangs from, to the root: each with the frame's pose in it and the oldest time on the way."""
        position, rotation, time = np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]), np.inf
        chain = [(frame, position, rotation, time)]
        while (up := self._of.get(frame)) is not None:
            frame, offset, turn, received = up
            position, rotation = offset + quaternions.rotate(turn, position), quaternions.multiply(turn, rotation)
            time = time if received is None else min(time, received)
            chain.append((frame, position, rotation, time))
            if len(chain) > LONGEST_CHAIN:
                return None
        return chain
