"""Joints that nobody drives: held where they rest, unless the settings say that they move freely."""

from __future__ import annotations

import mujoco

from ashore.configs.schema import RobotSettings
from ashore.sim.robots import robot

_ONE_DEGREE = (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE)


def hold_undriven_joints(spec: mujoco.MjSpec, settings: RobotSettings) -> list[str]:
    """Weld hinges and slides that are neither driven nor follow a driven one; gives a sentence that names them, if any.

    A joint follows another where an equality couples them, as a URDF's `mimic` does. A welded joint stays at its reference
    position, or at the nearest end of its range. Joints that close a loop stay, `free_joints`
    of the settings do, and so do balls and free bases.
    """
    fingers = settings.gripper.joints if settings.gripper is not None else ()
    moving = {*settings.joints, *fingers, *settings.free_joints}
    couplings = [{e.name1, e.name2} for e in spec.equalities if e.type == mujoco.mjtEq.mjEQ_JOINT and e.name2]
    while joined := [pair for pair in couplings if pair & moving and not pair <= moving]:
        moving.update(*joined)
    moving |= _closing(spec)
    held = [joint for joint in spec.joints if joint.name not in moving and joint.type in _ONE_DEGREE]
    for joint in held:
        if not joint.name:
            joint.name = f"undriven_{joint.parent.name or 'body'}"
        low, high = joint.range
        limited = joint.limited != mujoco.mjtLimited.mjLIMITED_FALSE and low < high
        rest = (min(max(joint.ref, low), high) - joint.ref if limited else 0.0) * robot.unit(spec, joint)
        if rest and len(joint.parent.joints) == 1:
            robot.move_joint(joint, float(rest))
    names = tuple(joint.name for joint in held)
    if not names:
        return []
    robot.fix_joints(spec, names)
    return [f"{len(names)} joints that nobody drives are held at rest: {', '.join(names)} (free_joints lets them move)"]


def _closing(spec: mujoco.MjSpec) -> set[str]:
    """Joints on the way to a body that an active `connect` or `weld` binds: held, they would lock the loop."""
    names: set[str] = set()
    for equality in spec.equalities:
        if equality.type in (mujoco.mjtEq.mjEQ_CONNECT, mujoco.mjtEq.mjEQ_WELD) and equality.active:
            for name in (equality.name1, equality.name2):
                thing = spec.site(name) if equality.objtype == mujoco.mjtObj.mjOBJ_SITE else spec.body(name)
                body = thing.parent if isinstance(thing, mujoco.MjsSite) else thing
                while body is not None and body.name != "world":
                    for joint in body.joints:
                        joint.name = joint.name or f"closing_{body.name or 'body'}"
                        names.add(joint.name)
                    body = body.parent
    return names
