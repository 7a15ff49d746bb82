"""Joints that nobody drives: held where they rest, unless the settings say that they move freely."""

from __future__ import annotations

import mujoco

from ashore.configs.schema import RobotSettings
from ashore.sim.robots import robot

_ONE_DEGREE = (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE)


def hold_undriven_joints(spec: mujoco.MjSpec, settings: RobotSettings) -> list[str]:
    """Weld hinges and slides that are neither driven nor follow a driven one; gives a sentence that names them, if any.

    A joint follows another where an equality couples them, as a URDF's `mimic` does. A welded joint stays at its reference
    position, or at the nearest end of its range. `free_joints` of the settings stay, and so do balls and free bases.
    """
    fingers = settings.gripper.joints if settings.gripper is not None else ()
    moving = {*settings.joints, *fingers, *settings.free_joints}
    couplings = [{e.name1, e.name2} for e in spec.equalities if e.type == mujoco.mjtEq.mjEQ_JOINT and e.name2]
    while joined := [pair for pair in couplings if pair & moving and not pair <= moving]:
        moving.update(*joined)
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
