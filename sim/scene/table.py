"""The table that arms work on, the box above it, and what is measured in the frame of the robot's base."""

from __future__ import annotations

from typing import Any

import mujoco

from ashore.configs.contract import SignalSpec
from ashore.configs.schema import RobotSettings, Workspace
from ashore.sim.robots.robot import ModelError

# Collision bits of robot models: 1 proximal links, 2 distal links and hand, 4 the scene; objects meet hand and scene.
# A model with MuJoCo's own bits, 1 and 1, meets all.
TABLE_BITS = {"contype": 5, "conaffinity": 2}
OBJECT_BITS = {"contype": 5, "conaffinity": 6}


def workspace(robot: RobotSettings) -> Workspace:
    """The box that the robot's tasks take place in, in front of it and above the table."""
    if robot.workspace is None:
        raise ModelError(
            f"robot {robot.name} has no workspace, which tasks of an arm need: two corners in m, base frame"
        )
    return robot.workspace


def inner_area(robot: RobotSettings) -> Workspace:
    """The part of the workspace for objects: a margin is left for the arm to reach around them."""
    box = workspace(robot)
    margin = 0.15 * min(box.high[0] - box.low[0], box.high[1] - box.low[1])
    return Workspace(
        low=(box.low[0] + margin, box.low[1] + margin, box.low[2]),
        high=(box.high[0] - margin, box.high[1] - margin, box.high[2]),
    )


def add_table(spec: mujoco.MjSpec, robot: RobotSettings) -> None:
    """A table whose top is at the base's height, endless for contacts, and a camera that looks at it."""
    size = max(workspace(robot).high)
    spec.worldbody.add_geom(
        name="table",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[0, 0, 1],
        group=3,
        friction=[0.4, 0.005, 0.0001],
        **TABLE_BITS,
    )
    spec.worldbody.add_geom(
        name="table_top",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[size, 1.1 * size, 0.02],
        pos=[0.6 * size, 0, -0.0201],
        rgba=[0.68, 0.55, 0.42, 1],
        contype=0,
        conaffinity=0,
        group=1,
    )
    # `ArmTask.frame` moves it to where it shows the arm.
    spec.worldbody.add_camera(name="overview", xyaxes=[0.64, 0.77, 0, -0.34, 0.28, 0.9], fovy=42)


def add_frame_sensor(
    spec: mujoco.MjSpec, name: str, kind: mujoco.mjtSensor, of: mujoco.mjtObj, object_name: str
) -> None:
    """A sensor of something's frame in the frame of the robot's base."""
    spec.add_sensor(
        name=name,
        type=kind,
        objtype=of,
        objname=object_name,
        reftype=mujoco.mjtObj.mjOBJ_XBODY,
        refname=spec.worldbody.first_body().name,
    )


def position_signal(name: str, kind: Any, max_age: float, description: str, size: int = 3) -> SignalSpec:
    """A point in the frame of the robot's base; on the table, where size is 2."""
    return SignalSpec(name=name, size=size, unit="m", kind=kind, frame="b", max_age=max_age, description=description)
