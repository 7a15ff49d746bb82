"""A robot: its model file read into an MjSpec, names checked, limits resolved, servos added."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

from configs.contract import JointSpec
from configs.errors import AshoreError
from configs.schema import RobotSettings

ROBOTS = Path(__file__).parent / "robots"


class ModelError(AshoreError, ValueError):
    """A model file that cannot be used as asked; the text lists what exists."""


def load(settings: RobotSettings) -> mujoco.MjSpec:
    """Read the robot's MJCF or URDF and check that every name the settings use is in it."""
    given = Path(settings.model).expanduser()
    ours = ROBOTS / given.name
    path = ours if given.parent == Path(".") and ours.is_file() else given
    if not path.is_file():
        known = sorted(p.name for p in ROBOTS.glob("*.xml"))
        raise ModelError(f"robot.model = {settings.model!r} is no file; allowed: a path, or one of {known}")
    try:
        spec = mujoco.MjSpec.from_file(str(path))
    except ValueError as error:
        raise ModelError(f"robot.model = {settings.model!r} does not load: {error}") from None
    joints = [j.name for j in spec.joints]
    fingers = settings.gripper.joints if settings.gripper is not None else ()
    for name in (*settings.joints, *fingers):
        if name not in joints:
            raise ModelError(f"robot {settings.name} has no joint {name!r}; it has {joints}")
    sites = [s.name for s in spec.sites]
    if settings.tool_site is not None and settings.tool_site not in sites:
        raise ModelError(f"robot {settings.name} has no site {settings.tool_site!r}; it has {sites}")
    bodies = [b.name for b in spec.bodies]
    if settings.payload_body is not None and settings.payload_body not in bodies:
        raise ModelError(f"robot {settings.name} has no body {settings.payload_body!r}; it has {bodies}")
    return spec


def add_servos(spec: mujoco.MjSpec, settings: RobotSettings, longest_delay: float) -> None:
    """A position servo a driven joint, behind a delay buffer that covers `longest_delay` seconds.

    The actuator integrates a velocity command into its position setpoint, so that a constant command over a control step
    is the linear interpolation of setpoints that a trajectory controller performs, and a zero-filled delay buffer means
    "stay". Existing actuators of these joints are replaced.
    """
    for actuator in [a for a in spec.actuators if a.target in settings.joints]:
        spec.delete(actuator)
    samples = int(np.ceil(longest_delay / spec.option.timestep - 1e-9)) + 1
    for name, kp, kd, v_max in zip(settings.joints, settings.kp, settings.kd, settings.velocity_limit, strict=True):
        servo = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        servo.set_to_intvelocity(kp=kp, kv=kd)
        servo.nsample = samples if longest_delay > 0 else 0
        servo.ctrllimited = mujoco.mjtLimited.mjLIMITED_TRUE
        servo.ctrlrange = [-4 * v_max, 4 * v_max]  # a late command is caught up within the next step
        servo.actlimited = mujoco.mjtLimited.mjLIMITED_FALSE


def weld_gripper(spec: mujoco.MjSpec, settings: RobotSettings) -> None:
    """Fix the fingers where they are: a task that does not use them need not simulate them."""
    if settings.gripper is not None:
        for name in settings.gripper.joints:
            spec.delete(spec.joint(name))


def couple_gripper(spec: mujoco.MjSpec, settings: RobotSettings) -> None:
    """Make the other fingers follow the driven one, where the model does not do so already."""
    if settings.gripper is None:
        raise ModelError(f"robot {settings.name} has no gripper; its settings name one under `gripper`")
    first, *others = settings.gripper.joints
    coupled = {e.name1 for e in spec.equalities if e.type == mujoco.mjtEq.mjEQ_JOINT and e.name2 == first}
    for name in others:
        if name not in coupled:
            spec.add_equality(
                type=mujoco.mjtEq.mjEQ_JOINT, objtype=mujoco.mjtObj.mjOBJ_JOINT, name1=name, name2=first,
                data=[0, 1, *[0] * 10], solref=[0.01, 1],
            )  # fmt: skip


def joint_specs(model: mujoco.MjModel, settings: RobotSettings) -> tuple[JointSpec, ...]:
    """The driven joints with the limits that targets keep: the model's ranges less the margin."""
    out = []
    for i, name in enumerate(settings.joints):
        joint = model.joint(name)
        low, high = joint.range if model.jnt_limited[joint.id] else (-1e3, 1e3)
        grips = settings.gripper is not None and name in settings.gripper.joints
        margin = 0.0 if grips else settings.position_margin  # fingers are meant to close on something
        low, high = float(low + margin), float(high - margin)
        if not low <= settings.home[i] <= high:
            raise ModelError(f"robot.home of {name} = {settings.home[i]}; allowed: [{low:.6g}, {high:.6g}]")
        out.append(
            JointSpec(
                name=name,
                low=low,
                high=high,
                velocity=settings.velocity_limit[i],
                acceleration=settings.acceleration_limit[i],
                home=settings.home[i],
            )
        )
    return tuple(out)


def joint_addresses(model: mujoco.MjModel, names: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Addresses of one-degree-of-freedom joints in qpos and in qvel: [n], [n]."""
    ids = [model.joint(name).id for name in names]
    return model.jnt_qposadr[ids].astype(np.int64), model.jnt_dofadr[ids].astype(np.int64)
