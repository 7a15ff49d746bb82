"""Things on the table: free bodies that an arm may push or grasp, and what a camera tells of them."""

from __future__ import annotations

import mujoco
import torch
from torch import Tensor

from ashore.configs.contract import SignalSpec
from ashore.sim.engine.world import World, free_joint_start
from ashore.sim.scene.table import OBJECT_BITS, add_frame_sensor, position_signal

CAMERA_STALE = 0.2  # s, after which an object's estimate is stale: six frames of a 30 Hz camera


def add_object(
    spec: mujoco.MjSpec,
    name: str,
    kind: mujoco.mjtGeom,
    size: list[float],
    mass: float,
    friction: float,
    rgba: list[float],
) -> None:
    """A free body of one geom standing on the table; sensors `<name>_position`, `_orientation`, `_velocity` in base frame."""
    body = spec.worldbody.add_body(
        name=name, pos=[0, 0, size[1] if kind == mujoco.mjtGeom.mjGEOM_CYLINDER else size[2]]
    )
    body.add_freejoint(name=name)
    body.add_geom(
        name=name, type=kind, size=size, mass=mass, friction=[friction, 0.005, 0.0001], rgba=rgba, **OBJECT_BITS
    )
    for suffix, sensor in (
        ("position", mujoco.mjtSensor.mjSENS_FRAMEPOS),
        ("orientation", mujoco.mjtSensor.mjSENS_FRAMEQUAT),
        ("velocity", mujoco.mjtSensor.mjSENS_FRAMELINVEL),
    ):
        add_frame_sensor(spec, f"{name}_{suffix}", sensor, mujoco.mjtObj.mjOBJ_BODY, name)


def position_estimate(name: str, what: str, size: int = 3) -> SignalSpec:
    return position_signal(f"{name}_position", "estimate", CAMERA_STALE, f"centre of the {what}, from a camera", size)


def orientation_estimate(name: str, what: str) -> SignalSpec:
    return SignalSpec(
        name=f"{name}_orientation",
        size=4,
        unit="1",
        kind="estimate",
        frame="b",
        max_age=CAMERA_STALE,
        description=f"how the {what} is turned, from a camera: unit quaternion wxyz, w >= 0",
    )


def place_object(world: World, name: str, ids: Tensor, xy: Tensor, yaw: Tensor) -> None:
    """Stand the object at xy [k, 2] m of the base frame, turned by yaw [k] rad; its height stays the model's."""
    start = free_joint_start(world.model, name)
    base = torch.tensor(world.model.body_pos[1])
    rows = torch.zeros(len(ids), 7, dtype=torch.float64)
    rows[:, :2] = xy.double() + base[:2]
    rows[:, 2] = float(world.model.qpos0[start + 2])
    rows[:, 3], rows[:, 6] = (yaw / 2).cos(), (yaw / 2).sin()
    world.qpos[:, start : start + 7].index_copy_(0, ids, rows)
