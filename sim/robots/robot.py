"""A robot: its model file read into an MjSpec, names checked, limits resolved, servos added."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import mujoco
import numpy as np
from numpy.typing import NDArray

from ashore.configs.contract import JointSpec
from ashore.configs.errors import AshoreError
from ashore.configs.paths import expand
from ashore.configs.schema import RobotSettings
from ashore.sim.robots.file_model import neutral_defaults, task_world

ROBOTS = Path(__file__).parent
KINDS = (".xml", ".mjcf", ".urdf")
GYMNASIUM = "gymnasium:"  # before the name of a model file that gymnasium ships
LONGEST_TEXT, MOST_ELEMENTS = 4_000_000, 20_000  # characters, elements of a model that stands in the settings
MOST = {
    "joint": 128,
    "body": 256,
    "geom": 2048,
}  # of these elements: what a thousand postures can be checked with in seconds
MOST_OF_SIZE = 10_000  # in a <size>
# What reads files, loads code or grows as it compiles. `self_contained` writes none of it.
FOREIGN = frozenset({"include", "extension", "plugin", "replicate", "composite", "flexcomp", "attach"})


class ModelError(AshoreError, ValueError):
    """A model file that cannot be used as asked; the text lists what exists."""


def load(settings: RobotSettings) -> mujoco.MjSpec:
    """The robot's model, its names checked. Settings of a robot that is not ours must be adopted first."""
    if is_text(settings.model):
        try:
            spec = mujoco.MjSpec.from_string(_vetted(settings))
        except ValueError as error:
            raise ModelError(f"the model of robot {settings.name} does not load: {error}") from None
        neutral_defaults(spec)
        task_world(spec)
    else:
        spec = read(find(settings.model))
    check_names(spec, settings)
    return spec


def is_text(model: str) -> bool:
    """Whether `robot.model` is the model itself, not a name or path of one."""
    return model.lstrip().startswith("<")


def is_portable(model: str) -> bool:
    """Whether `robot.model` means the same everywhere and opens nothing but models of ours and of gymnasium."""
    return is_text(model) or is_ours(model) or model.startswith(GYMNASIUM)


def _vetted(settings: RobotSettings) -> str:
    """The model's text as MuJoCo may read it: it may come with a stranger's policy, so it shall open and load nothing."""
    text, who = settings.model, f"the model of robot {settings.name}"
    if len(text) > LONGEST_TEXT:
        raise ModelError(f"{who} has {len(text)} characters; allowed: {LONGEST_TEXT}")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ModelError(f"{who} declares a DOCTYPE or entities; allowed: elements and attributes alone")
    try:
        root = ET.fromstring(text)
        elements = list(root.iter())
        text = ET.tostring(root, encoding="unicode")  # what was looked at is what MuJoCo gets
    except (ET.ParseError, RecursionError) as error:
        raise ModelError(f"{who} does not load: {error}") from None
    if len(elements) > MOST_ELEMENTS:
        raise ModelError(f"{who} has {len(elements)} elements; allowed: {MOST_ELEMENTS}")
    for tag, most in MOST.items():
        if (count := sum(element.tag == tag for element in elements)) > most:
            raise ModelError(f"{who} has {count} of <{tag}>; allowed: {most}")
    for element in elements:
        for name, value in element.attrib.items() if element.tag == "size" else ():
            if name.startswith("n") and (not value.strip().lstrip("-").isdecimal() or int(value) > MOST_OF_SIZE):
                raise ModelError(f"{who} has <size {name}={value!r:.40}>; allowed: at most {MOST_OF_SIZE}")
        if element.tag in FOREIGN or element.tag.startswith("{"):
            raise ModelError(f"{who} has <{element.tag}>; allowed in a text: none of {sorted(FOREIGN)}, no namespaces")
        if files := [name for name in element.attrib if name.startswith("file")]:
            raise ModelError(f"{who} names the {files[0]} {element.get(files[0])!r}; allowed in a text: no files")
    return text


def is_ours(model: str) -> bool:
    """Whether `robot.model` names a file of `sim/robots`."""
    return Path(model).parent == Path(".") and (ROBOTS / model).is_file()


def find(model: str) -> Path:
    """The file that `robot.model` names."""
    if model.startswith(GYMNASIUM):
        return _shipped_with_gymnasium(model)
    path = ROBOTS / model if is_ours(model) else expand(model)
    if path.is_file():
        return path
    known = sorted(p.name for p in ROBOTS.glob("*.xml"))
    near = [p.name for p in path.parent.iterdir() if p.suffix in KINDS] if path.parent.is_dir() else []
    beside = f" ({path.parent} has {sorted(near)})" if near else ""
    raise ModelError(f"robot.model = {model!r} is no file{beside}; allowed: a path, menagerie:NAME, or one of {known}")


def read(path: Path) -> mujoco.MjSpec:
    """An MJCF or URDF file, read and not yet compiled."""
    if path.suffix == ".xacro":
        expanded = path.with_suffix("") if path.name.endswith(".urdf.xacro") else path.with_suffix(".urdf")
        raise ModelError(
            f"robot.model = {str(path)!r} is a xacro, which ROS expands: `xacro {path.name} > {expanded.name}`, then name that"
        )
    try:
        return mujoco.MjSpec.from_file(str(path))
    except ValueError as error:
        raise ModelError(f"robot.model = {str(path)!r} does not load: {error}") from None


def check_names(spec: mujoco.MjSpec, settings: RobotSettings) -> None:
    """Every name that the settings use is in the model, or an error that lists what is."""
    fingers = settings.gripper.joints if settings.gripper is not None else ()
    wanted = {
        "joint": (*settings.joints, *fingers, *settings.fixed_joints, *settings.free_joints),
        "site": (settings.tool_site,),
        "body": (settings.payload_body, settings.tool_body),
    }
    existing = {"joint": spec.joints, "site": spec.sites, "body": spec.bodies}
    for kind, names in wanted.items():
        has = [thing.name for thing in existing[kind]]
        for name in names:
            if name is not None and name not in has:
                raise ModelError(f"robot {settings.name} has no {kind} {name!r}; it has {has}")


def _shipped_with_gymnasium(model: str) -> Path:
    import gymnasium

    folder = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"
    name = model.removeprefix(GYMNASIUM)
    path = folder / name
    if Path(name).name != name or not path.is_file():
        raise ModelError(
            f"robot.model = {model!r} is no file; allowed: {sorted(GYMNASIUM + p.name for p in folder.iterdir())}"
        )
    return path


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


def weld_gripper(spec: mujoco.MjSpec, settings: RobotSettings, grip: float = 0.0) -> None:
    """Fix the fingers where their joints stand at `grip`, rad or m: a task that does not use them need not simulate them."""
    if settings.gripper is not None:
        if grip:
            for name in settings.gripper.joints:
                move_joint(spec.joint(name), grip)
        fix_joints(spec, settings.gripper.joints)


def fix_joints(spec: mujoco.MjSpec, names: tuple[str, ...]) -> None:
    """Take these joints away, which fixes their bodies where the model has them, and what couples them."""
    coupled = [e for e in spec.equalities if e.type == mujoco.mjtEq.mjEQ_JOINT and {e.name1, e.name2} & set(names)]
    for thing in (*coupled, *(spec.joint(name) for name in names)):
        spec.delete(thing)


def move_joint(joint: mujoco.MjsJoint, value: float) -> None:
    """Put a body where its only joint has this value, rad or m."""
    body = joint.parent
    axis = np.array(joint.axis) / np.linalg.norm(joint.axis)
    rest = np.array(body.quat) / np.linalg.norm(body.quat)
    turn, shift, ahead = np.array([1.0, 0.0, 0.0, 0.0]), value * axis, np.zeros(3)
    if joint.type == mujoco.mjtJoint.mjJNT_HINGE:
        mujoco.mju_axisAngle2Quat(turn, axis, value)
        mujoco.mju_rotVecQuat(ahead, np.array(joint.pos), turn)
        shift = np.array(joint.pos) - ahead
    mujoco.mju_rotVecQuat(ahead, shift, rest)
    body.pos = np.array(body.pos) + ahead
    turned = np.zeros(4)
    mujoco.mju_mulQuat(turned, rest, turn)
    body.quat = turned


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
        hinge = joint.type[0] == mujoco.mjtJoint.mjJNT_HINGE
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
                continuous=name in settings.endless_joints or (hinge and not model.jnt_limited[joint.id]),
                group="gripper" if grips else "",
                kp=settings.kp[i],
                kd=settings.kd[i],
                give=high - low if grips else give(model, name, settings.kp[i]),
            )
        )
    return tuple(out)


def give(model: mujoco.MjModel, joint: str, kp: float) -> float:
    """How far what a joint presses on holds it off its servo's target, rad or m, at the model's greatest force; 0 where the
    model has no such limit."""
    here = model.joint(joint).id
    return float(model.jnt_actfrcrange[here, 1] / kp) if model.jnt_actfrclimited[here] else 0.0


def joint_units(model: mujoco.MjModel, settings: RobotSettings) -> dict[str, str]:
    """Each driven joint and the unit of its position."""
    slides = {name: model.joint(name).type[0] == mujoco.mjtJoint.mjJNT_SLIDE for name in settings.joints}
    return {name: "m" if slide else "rad" for name, slide in slides.items()}


def joint_addresses(model: mujoco.MjModel, names: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Addresses of one-degree-of-freedom joints in qpos and in qvel: [n], [n]."""
    ids = [model.joint(name).id for name in names]
    return model.jnt_qposadr[ids].astype(np.int64), model.jnt_dofadr[ids].astype(np.int64)
