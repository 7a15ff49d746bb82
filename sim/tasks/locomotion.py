"""What tasks on legs share: their scene, the sensors they are judged by, and what such a robot measures.

A robot with legs has a floating base, sites `base` and `imu`, and a site and a geom `*_foot` for each foot. Its IMU's sensors
are `gyro` and `up`, the world's z axis as the IMU sees it.
"""

from __future__ import annotations

from itertools import pairwise

import mujoco
import torch
from torch import Tensor

from ashore.configs.contract import SignalSpec
from ashore.configs.schema import TaskSettings
from ashore.sim.robots.robot import ModelError
from ashore.sim.scene.scene import add_lighting
from ashore.sim.tasks.task import Task, sensor_columns

LOWER, UPPER = 1, 2  # collision bits: what walks, and the upper legs, for tasks that lie on the ground


def add_ground(spec: mujoco.MjSpec, touches: int = LOWER) -> None:
    """Light, a camera that follows the robot, and a floor that meets the bits `touches`."""
    add_lighting(spec)
    base = root(spec)
    for light in spec.lights:
        spec.delete(light)  # they shine on the origin alone
    base.add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        mode=mujoco.mjtCamLight.mjCAMLIGHT_TRACKCOM,
        pos=[0.5, -1.0, 3.0],
        dir=[-0.15, 0.3, -1],
        diffuse=[0.6, 0.6, 0.6],
        castshadow=True,
    )
    spec.stat.extent = 2.0  # m: sharp shadows around the robot
    base.add_camera(
        name="overview",
        mode=mujoco.mjtCamLight.mjCAMLIGHT_TRACKCOM,
        pos=[1.15, -1.6, 0.75],
        xyaxes=[0.81, 0.58, 0, -0.2, 0.28, 0.94],
        fovy=36,
    )
    checker = spec.add_texture(
        name="checker",
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        width=256,
        height=256,
    )
    checker.rgb1, checker.rgb2 = [0.58, 0.62, 0.66], [0.66, 0.7, 0.74]
    material = spec.add_material(name="checker", texrepeat=[2, 2], texuniform=True)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "checker"
    spec.worldbody.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[0, 0, 1],
        contype=0,
        conaffinity=touches,
        material="checker",
    )


def add_sensors(spec: mujoco.MjSpec, settings: TaskSettings) -> None:
    """What a task on legs is judged by, beside the robot's own sensors. An accelerometer, which costs 4 % of the speed and is
    read by none of these tasks, is left out."""
    for name in ("base", "imu"):
        if name not in [s.name for s in spec.sites]:
            raise ModelError(
                f"robot {settings.robot.name} has no site {name!r}, which task {settings.name} needs; "
                f"it has {[s.name for s in spec.sites]}"
            )
    kinds, objects = mujoco.mjtSensor, mujoco.mjtObj
    for accelerometer in [s for s in spec.sensors if s.type == kinds.mjSENS_ACCELEROMETER]:
        spec.delete(accelerometer)
    has = {sensor.name for sensor in spec.sensors}  # none, where the robot is not ours
    if "gyro" not in has:
        spec.add_sensor(name="gyro", type=kinds.mjSENS_GYRO, objtype=objects.mjOBJ_SITE, objname="imu")
    if "up" not in has:
        spec.add_sensor(
            name="up", type=kinds.mjSENS_FRAMEZAXIS, objtype=objects.mjOBJ_BODY, objname="world",
            reftype=objects.mjOBJ_SITE, refname="imu",
        )  # fmt: skip
    spec.add_sensor(name="velocity", type=kinds.mjSENS_VELOCIMETER, objtype=objects.mjOBJ_SITE, objname="base")
    for joint in settings.robot.joints:
        spec.add_sensor(
            name=f"torque_{joint}", type=kinds.mjSENS_JOINTACTFRC, objtype=objects.mjOBJ_JOINT, objname=joint
        )
    names = feet(spec, settings)
    for kind, of in (("position", kinds.mjSENS_FRAMEPOS), ("velocity", kinds.mjSENS_FRAMELINVEL)):
        for foot in names:
            spec.add_sensor(name=f"{foot}_{kind}", type=of, objtype=objects.mjOBJ_SITE, objname=foot)
    touching = [(objects.mjOBJ_GEOM, foot, foot) for foot in names] + [(objects.mjOBJ_BODY, root(spec).name, "base")]
    for kind_of, name, label in touching:
        spec.add_sensor(
            name=f"{label}_contact", type=kinds.mjSENS_CONTACT, objtype=kind_of, objname=name, intprm=[1, 0, 1]
        )


def root(spec: mujoco.MjSpec) -> mujoco.MjsBody:
    """The body that floats."""
    return spec.worldbody.first_body()


def feet(spec: mujoco.MjSpec, settings: TaskSettings) -> list[str]:
    """Names of the feet, sites and geoms alike, in the model's order."""
    names = [s.name for s in spec.sites if s.name.endswith("_foot")]
    missing = [name for name in names if name not in [g.name for g in spec.geoms]]
    if not names or missing:
        raise ModelError(
            f"robot {settings.robot.name} has foot sites {names}, and no geoms {missing}; "
            f"task {settings.name} needs sites and geoms whose names end in '_foot'"
        )
    return names


class Reading:
    """The worlds' true state after a step, in float32. Feet are in the model's order and in the world's frame."""

    base: Tensor  # [N, 7] m and quaternion wxyz: pose of the floating base
    joints: Tensor  # [N, 2 J] rad, rad/s: positions of the driven joints, then their velocities
    gyro: Tensor  # [N, 3] rad/s, frame b
    up: Tensor  # [N, 3] the world's z axis, frame b
    velocity: Tensor  # [N, 3] m/s, of the base, frame b
    torque: Tensor  # [N, J] N*m
    foot_position: Tensor  # [N, feet, 3] m
    foot_velocity: Tensor  # [N, feet, 3] m/s
    foot_contact: Tensor  # [N, feet] above 0 where it touches something
    base_contact: Tensor  # [N] likewise

    def __init__(self, task: Task) -> None:
        self._task, model = task, task.world.model
        feet = [model.site(i).name for i in range(model.nsite) if model.site(i).name.endswith("_foot")]
        self.num_feet = len(feet)
        self._columns = {name: sensor_columns(model, name) for name in ("gyro", "up", "velocity")}
        for kind in ("position", "velocity", "contact"):
            self._columns[f"foot_{kind}"] = _span(model, [f"{name}_{kind}" for name in feet])
        self._columns["torque"] = _span(model, [f"torque_{joint}" for joint in task.settings.robot.joints])
        self._base_contact = sensor_columns(model, "base_contact").start
        self.update()

    def update(self) -> None:
        task, world = self._task, self._task.world
        values = world.readings
        self.base = world.qpos[:, :7].float()
        self.joints = torch.cat((world.qpos[:, task.qpos_of], world.qvel[:, task.dof_of]), 1).float()
        for name, columns in self._columns.items():
            setattr(self, name, values[:, columns])
        self.foot_position = self.foot_position.unflatten(1, (self.num_feet, 3))
        self.foot_velocity = self.foot_velocity.unflatten(1, (self.num_feet, 3))
        self.base_contact = values[:, self._base_contact]


def _span(model: mujoco.MjModel, names: list[str]) -> slice:
    """Columns of sensors that stand side by side."""
    columns = [sensor_columns(model, name) for name in names]
    assert all(a.stop == b.start for a, b in pairwise(columns))
    return slice(columns[0].start, columns[-1].stop)


def proprioception(settings: TaskSettings) -> tuple[SignalSpec, ...]:
    """What such a robot measures: its joints, its gyroscope, and which way is down."""
    n, stale = len(settings.robot.joints), 5 * settings.control_dt
    rows = (
        ("joint_position", n, "rad", "", "encoders of the driven joints"),
        ("joint_velocity", n, "rad/s", "", "velocities of the driven joints"),
        ("angular_velocity", 3, "rad/s", "b", "gyroscope of the IMU"),
        (
            "projected_gravity",
            3,
            "1",
            "b",
            "direction of gravity by the IMU's attitude estimate, [0, 0, -1] when level",
        ),
    )
    return tuple(
        SignalSpec(name=name, size=size, unit=unit, kind="measurement", frame=frame, max_age=stale, description=text)
        for name, size, unit, frame, text in rows
    )


def home_height(model: mujoco.MjModel, settings: TaskSettings) -> float:
    """Height of the base in m where the robot stands level in its home posture, feet just touching flat ground."""
    data = mujoco.MjData(model)
    for name, angle in zip(settings.robot.joints, settings.robot.home, strict=True):
        data.joint(name).qpos[0] = angle
    mujoco.mj_kinematics(model, data)
    soles = [
        float(data.geom(i).xpos[2] - model.geom(i).size[0])
        for i in range(model.ngeom)
        if model.geom(i).name.endswith("_foot")
    ]
    return float(data.qpos[2] - min(soles))


def level_pose(height: Tensor, yaw: Tensor) -> Tensor:
    """Pose of a level base above the origin: [k] m, [k] rad -> qpos of its free joint, [k, 7]."""
    zero, half = torch.zeros_like(yaw), yaw / 2
    return torch.stack((zero, zero, height, half.cos(), zero, zero, half.sin()), 1)
