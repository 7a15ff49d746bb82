"""Objects that stand about and mean nothing: drawn into a picture's scene alone, where physics knows nothing of them."""

from __future__ import annotations

import math

import mujoco
import numpy as np
from numpy.typing import NDArray

CHANCES = 10  # uniforms an object: shape, place, turn, three sizes, colour
_SHAPES = (
    mujoco.mjtGeom.mjGEOM_BOX,
    mujoco.mjtGeom.mjGEOM_SPHERE,
    mujoco.mjtGeom.mjGEOM_CYLINDER,
    mujoco.mjtGeom.mjGEOM_CAPSULE,
    mujoco.mjtGeom.mjGEOM_ELLIPSOID,
)
SMALLEST, LARGEST = 0.015, 0.05  # m, of what is half a box's edge: 3 to 10 cm things, as lie on a table
NEAREST, FARTHEST = 0.35, 1.0  # m from the robot's base; half the width of the square that they stand in
GROUNDS = ("table_top", "floor")  # the geom that they stand on, of those that a scene has; without any, at height 0


def place(scene: mujoco.MjvScene, model: mujoco.MjModel, data: mujoco.MjData, u: NDArray[np.float32]) -> None:
    """Add an object for each row of uniforms, [n, CHANCES]."""
    base = data.xpos[1][:2]
    spots, ground = _spots(model, base, u[:, 1:3].astype(float))
    for row, spot in zip(u.astype(float), spots, strict=True):
        if scene.ngeom < scene.maxgeom:
            _add(scene, spot, ground, row)


def _spots(
    model: mujoco.MjModel, base: NDArray[np.float64], u: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Where objects stand, [n, 2] m, and at what height: anywhere on the table, or about the robot."""
    ids = [mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, name) for name in GROUNDS]
    ground = next((i for i in ids if i >= 0), -1)
    half, centre, height = np.zeros(2), np.zeros(2), 0.0  # zero: without end, as of planes
    if ground >= 0:
        size, box = model.geom_size[ground], model.geom_type[ground] == mujoco.mjtGeom.mjGEOM_BOX
        half, centre = size[:2], model.geom_pos[ground][:2]
        height = float(model.geom_pos[ground][2] + size[2] * box)
    if half.all() and half.min() < FARTHEST:
        return _apart(centre + (2 * u - 1) * (np.minimum(half, FARTHEST) - LARGEST), base), height
    # A robot that walks finds the same objects on every tile of floor that it comes to; they stand still.
    tile = 2 * FARTHEST
    spots = _apart((u - 0.5) * tile, np.zeros(2))
    return spots + tile * np.round((base - spots) / tile), height


def _apart(spots: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Those too near to where the robot stands at first, moved out."""
    away = spots - centre
    distance = np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
    return centre + away * np.maximum(NEAREST / distance, 1.0)


def _add(scene: mujoco.MjvScene, spot: NDArray[np.float64], ground: float, u: NDArray[np.float64]) -> None:
    shape = _SHAPES[int(u[0] * len(_SHAPES))]
    a, b, c = SMALLEST + (LARGEST - SMALLEST) * u[4:7]
    size, height = {
        mujoco.mjtGeom.mjGEOM_BOX: ([a, b, c], c),
        mujoco.mjtGeom.mjGEOM_SPHERE: ([a, 0, 0], a),
        mujoco.mjtGeom.mjGEOM_CYLINDER: ([a, c, 0], c),
        mujoco.mjtGeom.mjGEOM_CAPSULE: ([a, c, 0], a),
        mujoco.mjtGeom.mjGEOM_ELLIPSOID: ([a, b, c], c),
    }[shape]
    turn = 2 * math.pi * u[3]
    cos, sin = math.cos(turn), math.sin(turn)
    rotation = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    if shape == mujoco.mjtGeom.mjGEOM_CAPSULE:  # it lies
        rotation = rotation @ np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    geom = scene.geoms[scene.ngeom]
    colour = np.array([*u[7:10], 1.0], np.float32)
    at = np.array([*spot, ground + height])
    mujoco.mjv_initGeom(geom, shape, np.array(size), at, rotation.flatten(), colour)
    geom.category = int(mujoco.mjtCatBit.mjCAT_STATIC)  # decoration would cast no shadow
    scene.ngeom += 1
