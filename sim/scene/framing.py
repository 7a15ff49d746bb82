"""Framing: a camera is moved, without being turned, until everything it shall show is in its picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from ashore.configs.schema import RobotSettings

ASPECT = 4 / 3  # width by height of the pictures that are drawn
# Of the picture's half, what is left around: what a sampled camera turns by (0.05 rad and some), and a moving arm's elbow.
MARGIN = 0.12
POSTURES = 48  # at least, that are looked at

Array = NDArray[np.float64]
CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)


def frame_arm(model: mujoco.MjModel, camera: str, robot: RobotSettings, postures: Array) -> None:
    """Move a camera to where it shows the whole arm, in postures qpos [m, nq] that it starts in, and its workspace."""
    tool = int(model.site(robot.tool_site or "").bodyid[0])
    points = tree_corners(model, tool, postures[:: max(1, len(postures) // POSTURES)])
    if robot.workspace is not None:
        points = np.concatenate((points, box_corners(robot.workspace.low, robot.workspace.high)))
    frame_points(model, camera, points)


def frame_points(model: mujoco.MjModel, camera: str, points: Array) -> None:
    """Move a camera that is fixed to the world as near to these points [n, 3] m as shows all of them.

    In the camera's axes a point a to the right, b up and c ahead is in a picture taken from (x, y, d) where
    |a - x| <= h (c - d) and |b - y| <= v (c - d), with the tangents h and v of half the angles of view. The largest d
    that leaves an interval for x and one for y is the nearest place; their middles centre the picture.
    """
    i = model.camera(camera).id
    axes = np.zeros(9)
    mujoco.mju_quat2Mat(axes, model.cam_quat[i])
    right, up, back = axes.reshape(3, 3).T
    ahead = -points @ back
    vertical = (1 - MARGIN) * math.tan(math.radians(model.cam_fovy[i]) / 2)
    nearest, places = math.inf, []
    for axis, tangent in ((right, ASPECT * vertical), (up, vertical)):
        along = points @ axis
        low, high = float((along - tangent * ahead).max()), float((along + tangent * ahead).min())
        nearest = min(nearest, (high - low) / (2 * tangent))
        places.append((low + high) / 2)
    model.cam_pos[i] = places[0] * right + places[1] * up - nearest * back


def tree_corners(model: mujoco.MjModel, body: int, postures: Iterable[Array]) -> Array:
    """Corners of the boxes around all geoms of the kinematic tree that a body is part of, in each posture qpos [nq]:
    [n, 3] m, world."""
    data = mujoco.MjData(model)
    geoms = np.flatnonzero(model.body_rootid[model.geom_bodyid] == model.body_rootid[body])
    centres, sizes = np.split(model.geom_aabb[geoms], 2, axis=1)
    local = centres[:, None] + CORNERS * sizes[:, None]  # [geom, corner, 3]
    rows = []
    for posture in postures:
        data.qpos[:] = posture
        mujoco.mj_kinematics(model, data)
        turns = data.geom_xmat[geoms].reshape(-1, 3, 3)
        rows.append(np.einsum("gij,gkj->gki", turns, local) + data.geom_xpos[geoms][:, None])
    return np.concatenate(rows).reshape(-1, 3)


def box_corners(low: Sequence[float], high: Sequence[float]) -> Array:
    """Corners of a box: [8, 3]."""
    middle, half = (np.array(high) + low) / 2, (np.array(high) - low) / 2
    return np.asarray(middle + CORNERS * half, float)
