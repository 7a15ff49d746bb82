"""What a robot's file may say of the world and of later elements, and what a task takes from it: the robot alone.

A file's main default class, its world options and its other objects would otherwise reach everything that a task adds.
"""

from __future__ import annotations

import mujoco
import numpy as np

from ashore.configs.schema import RobotSettings

_ELEMENTS = (
    "actuator", "camera", "equality", "flex", "geom", "joint", "light", "material", "mesh", "pair", "site", "tendon", "texture",
)  # fmt: skip
_IDENTITY = frozenset(
    {"classname", "compiler", "frame", "id", "info", "name", "parent", "path", "plugin", "signature"}
)  # not values of a default, or read-only
INERTIA_FALSE, INERTIA_TRUE, INERTIA_AUTO = 0, 1, 2  # of `<compiler inertiafromgeom>`
# Flags that change the world or switch off a part of the robot; the others, as `filterparent`, choose an algorithm.
_DISABLE, _ENABLE = mujoco.mjtDisableBit, mujoco.mjtEnableBit
WORLD_FLAGS = {
    _DISABLE.mjDSBL_CONSTRAINT: "constraint",
    _DISABLE.mjDSBL_EQUALITY: "equality",
    _DISABLE.mjDSBL_FRICTIONLOSS: "frictionloss",
    _DISABLE.mjDSBL_LIMIT: "limit",
    _DISABLE.mjDSBL_CONTACT: "contact",
    _DISABLE.mjDSBL_SPRING: "spring",
    _DISABLE.mjDSBL_DAMPER: "damper",
    _DISABLE.mjDSBL_GRAVITY: "gravity",
    _DISABLE.mjDSBL_CLAMPCTRL: "clampctrl",
    _DISABLE.mjDSBL_ACTUATION: "actuation",
    _DISABLE.mjDSBL_SENSOR: "sensor",
}
# Fields of `<option>` that describe the world. Those of the solver (cone, impratio, iterations, ...) stay the file's;
# timestep and integrator are the task's.
WORLD_OPTIONS = ("gravity", "wind", "magnetic", "density", "viscosity", "disableactuator")


def neutral_defaults(spec: mujoco.MjSpec) -> None:
    """Reset the main default class to MuJoCo's own. Elements that exist keep their values; those added later get none of
    the file's: a motor's gear of 50 would become a servo's."""
    fresh = mujoco.MjSpec().default
    for kind in _ELEMENTS:
        ours, theirs = getattr(fresh, kind), getattr(spec.default, kind)
        for field in dir(ours):
            if field.startswith("_") or field in _IDENTITY:
                continue
            value = getattr(ours, field)
            if not callable(value):
                setattr(theirs, field, value)


def task_world(spec: mujoco.MjSpec) -> list[str]:
    """Set the options that describe the world to MuJoCo's own; gives one sentence for each that the file had otherwise."""
    fresh, said = mujoco.MjSpec().option, []
    for name in WORLD_OPTIONS:
        theirs, ours = getattr(spec.option, name), getattr(fresh, name)
        if not np.array_equal(theirs, ours):
            said.append(f"<option {name}>: the file says {_text(theirs)}, a task's world has {_text(ours)}")
            setattr(spec.option, name, ours)
    for bit, name in WORLD_FLAGS.items():
        if spec.option.disableflags & int(bit):
            said.append(f"<flag {name}>: the file disables it, a task's world enables it")
            spec.option.disableflags &= ~int(bit)
    if spec.option.enableflags & int(_ENABLE.mjENBL_OVERRIDE):
        said.append("<flag override>: the file enables it, a task's world disables it")
        spec.option.enableflags &= ~int(_ENABLE.mjENBL_OVERRIDE)
    return said


def _text(value: object) -> str:
    return " ".join(f"{x:g}" for x in np.ravel(np.asarray(value, dtype=float)))


def free_name(name: str, taken: set[str]) -> str:
    """The name, or the name with underscores behind it where it is taken."""
    while name in taken:
        name += "_"
    return name


def name_bodies(spec: mujoco.MjSpec) -> None:
    """Give every unnamed body a name: contact exclusions and sensors refer to bodies by name."""
    taken = {body.name for body in spec.bodies}
    for number, body in enumerate(spec.bodies):
        if not body.name:
            body.name = free_name(f"body{number}", taken)
            taken.add(body.name)


def keep_robot(spec: mujoco.MjSpec, settings: RobotSettings) -> list[str]:
    """Take away what the file has beside the robot and that is no fixed scenery: free objects and mocap markers, with the
    equalities that bind them. A mocap base of the robot becomes a fixed one. Gives one sentence for each thing removed."""
    fingers = settings.gripper.joints if settings.gripper is not None else ()
    driven, said = {*settings.joints, *fingers}, []
    for root in [body for body in spec.bodies[1:] if body.parent.name == "world"]:
        if any(joint.name in driven for joint in root.find_all("joint")):
            root.mocap = False
        elif root.mocap or any(joint.type == mujoco.mjtJoint.mjJNT_FREE for joint in root.joints):
            kind = "mocap" if root.mocap else "free"
            said.append(f"the {kind} body {root.name!r} of the file is no part of the robot and is left out")
            _remove(spec, root)
    return said


def _remove(spec: mujoco.MjSpec, root: mujoco.MjsBody) -> None:
    """Delete a tree of bodies and whatever refers to them."""
    names = {kind: {e.name for e in root.find_all(kind) if e.name} for kind in ("body", "geom", "joint", "site")}
    names["body"].add(root.name)
    every = set().union(*names.values())
    objects = mujoco.mjtObj
    kind_of = {objects.mjOBJ_BODY: "body", objects.mjOBJ_JOINT: "joint", objects.mjOBJ_SITE: "site"}
    for equality in list(spec.equalities):
        bound = names[kind_of[equality.objtype]] if equality.objtype in kind_of else every
        if {equality.name1, equality.name2} & bound:
            spec.delete(equality)
    for exclude in list(spec.excludes):
        if {exclude.bodyname1, exclude.bodyname2} & names["body"]:
            spec.delete(exclude)
    for pair in list(spec.pairs):
        if {pair.geomname1, pair.geomname2} & names["geom"]:
            spec.delete(pair)
    for watcher in (*spec.cameras, *spec.lights):
        if watcher.targetbody in names["body"]:
            spec.delete(watcher)
    spec.delete(root)


def plain_compiler(spec: mujoco.MjSpec) -> None:
    """Compiler settings that would change masses again, now that every body states its own."""
    compiler = spec.compiler
    compiler.inertiafromgeom = INERTIA_AUTO
    compiler.inertiagrouprange = [0, 5]
    compiler.balanceinertia = False
    compiler.boundmass = compiler.boundinertia = 0.0
    compiler.settotalmass = -1.0
    compiler.autolimits = True


def other_bodies(model: mujoco.MjModel, settings: RobotSettings) -> list[int]:
    """Ids of the bodies that `keep_robot` takes away, in a compiled model of the file."""
    roots = {int(model.body_rootid[model.joint(name).bodyid[0]]) for name in settings.joints}
    free = {
        int(b)
        for b, t in zip(model.jnt_bodyid, model.jnt_type, strict=True)
        if int(t) == int(mujoco.mjtJoint.mjJNT_FREE)
    }
    loose = (free | {int(b) for b in np.flatnonzero(model.body_mocapid >= 0)}) - roots
    return [body for body in range(1, model.nbody) if int(model.body_rootid[body]) in loose]
