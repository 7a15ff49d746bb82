"""Joints that nobody drives: held where they rest, unless the settings say that they move freely."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from ashore.configs.schema import RobotSettings
from ashore.sim.robots import robot

_ONE_DEGREE = (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE)


def rest_posture(model: mujoco.MjModel) -> NDArray[np.float64]:
    """Where joints rest, qpos [nq]: at their reference, or the nearest end of the range; followers where led.

    An equality between joints says q1 - ref1 = c0 + c1 (q2 - ref2) + ... + c4 (q2 - ref2)^4 (MuJoCo, XML reference).
    """
    qpos: NDArray[np.float64] = model.qpos0.copy()
    for i in range(model.njnt):
        at = model.jnt_qposadr[i]
        if model.jnt_limited[i] and model.jnt_type[i] in map(int, _ONE_DEGREE):
            qpos[at] = qpos[at].clip(*model.jnt_range[i])
    for i in range(model.neq):
        leader = int(model.eq_obj2id[i])
        if model.eq_type[i] == mujoco.mjtEq.mjEQ_JOINT and leader >= 0:
            own, other = model.jnt_qposadr[model.eq_obj1id[i]], model.jnt_qposadr[leader]
            qpos[own] = model.qpos0[own] + np.polyval(model.eq_data[i, 4::-1], qpos[other] - model.qpos0[other])
    return qpos


def name_joints(spec: mujoco.MjSpec) -> None:
    """Give joints without a name one."""
    for number, joint in enumerate(spec.joints):
        joint.name = joint.name or f"joint_{number}_of_{joint.parent.name or 'body'}"


def hold_undriven_joints(spec: mujoco.MjSpec, settings: RobotSettings, model: mujoco.MjModel) -> list[str]:
    """Weld hinges and slides that are neither driven nor follow a driven one; gives a sentence that names them, if any.

    model: `spec` as it compiles. A joint follows another where an equality couples them, as a URDF's `mimic` does. A welded
    joint stays as in `rest_posture`. Joints that close a loop stay, `free_joints` of the settings do, and so do balls and
    free bases.
    """
    fingers = settings.gripper.joints if settings.gripper is not None else ()
    moving = {*settings.joints, *fingers, *settings.free_joints}
    couplings = [{e.name1, e.name2} for e in spec.equalities if e.type == mujoco.mjtEq.mjEQ_JOINT and e.name2]
    while joined := [pair for pair in couplings if pair & moving and not pair <= moving]:
        moving.update(*joined)
    moving |= _closing(spec)
    held = [joint for joint in spec.joints if joint.name not in moving and joint.type in _ONE_DEGREE]
    away = rest_posture(model) - model.qpos0
    for joint in held:
        rest = float(away[model.jnt_qposadr[model.joint(joint.name).id]])
        if rest and len(joint.parent.joints) == 1:
            robot.move_joint(joint, rest)
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
                    names.update(joint.name for joint in body.joints)
                    body = body.parent
    return names
