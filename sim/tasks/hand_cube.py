"""The cube of the hand's tasks: its body, its sensors, its coloured faces, and states in which it lies at rest."""

from __future__ import annotations

import functools
from typing import Any, cast

import mujoco
import numpy as np
import torch
from mujoco.batch import Batch
from torch import Tensor

from ashore.configs.schema import TaskSettings
from ashore.sim import rotations
from ashore.sim.engine.world import free_joint_start
from ashore.sim.robots.robot import ModelError, joint_addresses
from ashore.sim.scene.scene import compile_scene
from ashore.sim.tasks.task import Marker, Task, sensor_columns

STARTS = 192  # hands that get a cube; those that hold it make the pool of start states
SETTLE_SECONDS = 1.0
FACES = (  # outward direction, colour
    ((1, 0, 0), (0.84, 0.19, 0.15, 1.0)),
    ((-1, 0, 0), (0.98, 0.62, 0.13, 1.0)),
    ((0, 1, 0), (0.16, 0.55, 0.27, 1.0)),
    ((0, -1, 0), (0.15, 0.36, 0.75, 1.0)),
    ((0, 0, 1), (0.97, 0.97, 0.95, 1.0)),
    ((0, 0, -1), (0.98, 0.86, 0.2, 1.0)),
)


def add_cube(spec: mujoco.MjSpec, edge: float, mass: float) -> None:
    """A free cube that meets the hand's geoms (collision bit 2), its faces coloured for viewers."""
    half = edge / 2
    cube = spec.worldbody.add_body(name="cube", pos=[0, 0, 1])
    cube.add_freejoint(name="cube")
    cube.add_geom(
        name="cube", type=mujoco.mjtGeom.mjGEOM_BOX, size=[half] * 3, mass=mass, contype=1, conaffinity=2, group=3,
        friction=[0.3, 0.005, 0.0001], condim=3,
    )  # fmt: skip
    for direction, rgba in FACES:
        centre, size = _plate(direction, half)
        cube.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX, pos=centre, size=size, rgba=rgba, mass=0, contype=0, conaffinity=0, group=2
        )
    cube.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX, size=[half * 0.97] * 3, rgba=[0.1, 0.1, 0.1, 1], mass=0, contype=0,
        conaffinity=0, group=2,
    )  # fmt: skip


def add_cube_sensors(spec: mujoco.MjSpec, base: str) -> None:
    """In this order: the cube's position, the columns of its orientation and its velocities, in the frame of the hand's base;
    where the fingertips (sites *_tip) are in the cube's frame; whether they touch it (geoms of the same names)."""
    kinds = mujoco.mjtSensor
    frames = {
        "cube_position": kinds.mjSENS_FRAMEPOS,
        "cube_x": kinds.mjSENS_FRAMEXAXIS,
        "cube_y": kinds.mjSENS_FRAMEYAXIS,
        "cube_z": kinds.mjSENS_FRAMEZAXIS,
        "cube_velocity": kinds.mjSENS_FRAMELINVEL,
        "cube_spin": kinds.mjSENS_FRAMEANGVEL,
    }
    body, site, geom = mujoco.mjtObj.mjOBJ_XBODY, mujoco.mjtObj.mjOBJ_SITE, mujoco.mjtObj.mjOBJ_GEOM
    for name, kind in frames.items():
        spec.add_sensor(name=name, type=kind, objtype=body, objname="cube", reftype=body, refname=base)
    tips = [s.name for s in spec.sites if s.name.endswith("_tip")]
    if not tips:
        raise ModelError(f"the hand has no site whose name ends in _tip; it has {[s.name for s in spec.sites]}")
    for tip in tips:
        spec.add_sensor(
            name=f"{tip}_position", type=kinds.mjSENS_FRAMEPOS, objtype=site, objname=tip, reftype=body, refname="cube"
        )
    for tip in tips:
        spec.add_sensor(
            name=f"{tip}_contact", type=kinds.mjSENS_CONTACT, objtype=geom, objname=tip, reftype=geom, refname="cube",
            intprm=[1, 0, 1],
        )  # fmt: skip


def cube_faces(centre: list[float], rotation: Tensor, edge: float) -> list[Marker]:
    """A cube for viewers, turned by `rotation` [9]."""
    matrix = rotation.view(3, 3).T.numpy()
    markers = []
    for direction, rgba in FACES:
        offset, size = _plate(direction, edge / 2)
        position = (np.array(centre) + matrix @ np.array(offset)).tolist()
        markers.append(Marker(position, 0.0, rgba, half_size=size, rotation=matrix.flatten().tolist()))
    return markers


def _plate(direction: tuple[int, int, int], half: float) -> tuple[list[float], list[float]]:
    """Centre and half sizes of a thin plate on a face."""
    thickness = 0.02 * half
    centre = [x * (half - thickness) for x in direction]
    return centre, [thickness if x else 0.9 * half for x in direction]


@functools.lru_cache(maxsize=8)
def settled_states(task: type[Task], settings_json: str) -> Tensor:
    """States of hands around home that hold a cube at rest: [m, nq] float64. Drawn with a seed of their own.

    The cube is let go just above where it is held: flat on the palm for goals about its normal, any way up otherwise.
    Environments with the same settings, given as JSON, share the states: do not write to them.
    """
    settings = TaskSettings.model_validate_json(settings_json)
    model, options = compile_scene(task, settings), cast(Any, task.read_options(settings))
    grasp, normal = palm(model, settings)
    joints = joint_addresses(model, settings.robot.joints)[0]
    draw = torch.Generator().manual_seed(0)
    spread = (2 * torch.rand(STARTS, len(settings.robot.home), generator=draw, dtype=torch.float64) - 1).mul_(
        options.start_spread
    )
    batch = Batch(model, STARTS, 0)
    qpos, qvel = torch.from_numpy(batch.bind("qpos")), torch.from_numpy(batch.bind("qvel"))
    qpos[:, joints] = torch.tensor(settings.robot.home, dtype=torch.float64) + spread
    cube = free_joint_start(model, "cube")
    side = 0.01 * (2 * torch.rand(STARTS, 3, generator=draw, dtype=torch.float64) - 1)
    u = torch.rand(STARTS, 3, generator=draw, dtype=torch.float64)
    qpos[:, cube : cube + 3] = grasp + side + 0.015 * normal
    if options.goal_axis == "palm":
        qpos[:, cube + 3 : cube + 7] = rotations.multiply(
            rotations.about(normal, u[:, 0] * 2 * torch.pi), rotations.upright(normal).expand(STARTS, 4)
        )
    else:
        qpos[:, cube + 3 : cube + 7] = rotations.uniform(u)
    torch.from_numpy(batch.bind("act"))[:] = qpos[:, joints]
    sensed = batch.bind("sensordata")
    batch.step(None, round(SETTLE_SECONDS / settings.physics_dt), int(mujoco.mjtStage.mjSTAGE_VEL))
    away = torch.linalg.vector_norm(torch.tensor(sensed[:, sensor_columns(model, "cube_position")]) - grasp, dim=1)
    held = (away < 0.6 * options.drop_distance) & (qvel.abs().amax(1) < 0.5)
    if held.sum() < 16:
        raise ModelError(
            f"only {int(held.sum())} of {STARTS} hands of robot {settings.robot.name} hold the cube; "
            "mend robot.home or robot.tool_site, or widen task.options.drop_distance"
        )
    return qpos[held].clone()


def palm(model: mujoco.MjModel, settings: TaskSettings) -> tuple[Tensor, Tensor]:
    """Where the hand holds and its palm's normal, the z of the tool site, in the frame of its base: [3] m, [3]."""
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    site = data.site(settings.robot.tool_site)
    base = data.body(int(model.body_rootid[model.site_bodyid[site.id]]))
    rotation = base.xmat.reshape(3, 3).T
    return torch.from_numpy(rotation @ (site.xpos - base.xpos)), torch.from_numpy(
        rotation @ site.xmat.reshape(3, 3)[:, 2]
    )
