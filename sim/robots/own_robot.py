"""Anyone's robot: an MJCF or URDF file, or a robot of the MuJoCo Menagerie, made into settings that stand on their own.

`adopt` fills what the settings leave open from the model, takes away what no task needs, and puts the model's text into
the settings, so that a run's `config.yaml` and an exported policy hold all that the task needs, on any machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from ashore.configs.schema import RobotSettings
from ashore.sim.robots import mesh_files, robot, urdf
from ashore.sim.robots.file_model import keep_robot, name_bodies, neutral_defaults, plain_compiler, task_world
from ashore.sim.robots.mesh_hulls import (
    compiled,
    drop_pictures,
    embed_meshes,
    limit_hulls,
    standing,
    state_inertias,
    write_out_fitted_shapes,
)
from ashore.sim.robots.model_check import compare, say
from ashore.sim.robots.position_limits import bound_joints, endless_joints, home_within
from ashore.sim.robots.robot import ModelError, is_text
from ashore.sim.robots.undriven import hold_undriven_joints, name_joints

MENAGERIE = "menagerie:"
TOOL = "tool"
RAMP = 0.25  # s from rest to the velocity limit, where no acceleration limit is given
BANDWIDTH = 50.0  # rad/s of a critically damped servo, where neither settings nor model give gains


def adopt(settings: RobotSettings) -> RobotSettings:
    """The same robot with nothing left open and its model as text. A robot of ours that is complete is left as it is."""
    if is_text(settings.model) or (robot.is_ours(settings.model) and not (_open(settings) or _changed(settings))):
        return settings
    given, path = settings, find(settings.model)
    spec = robot.read(path)
    spec.compiler.fusestatic = False  # a URDF's base and tool shall stay bodies of their own
    robot.check_names(spec, settings)
    neutral_defaults(spec)
    notes = task_world(spec)
    name_bodies(spec)
    name_joints(spec)
    drop_pictures(spec)
    mesh_files.resolve(spec, path, settings.packages)
    mesh_files.convert(spec, path)
    velocities = {} if settings.velocity_limit else urdf.velocity_limits(path)
    model = compiled(spec, path)
    settings = _filled(settings, model, velocities)
    notes += keep_robot(spec, settings)
    notes += _strip(spec, settings, model)
    endless = endless_joints(spec, settings, path)
    notes += bound_joints(spec, settings, path)
    model = compiled(spec, path)
    write_out_fitted_shapes(spec, model)
    state_inertias(spec, model)
    plain_compiler(spec)
    limit_hulls(spec)
    embed_meshes(spec, compiled(spec, path))
    for first, second in sorted(_touching_at_home(spec, settings)):
        spec.add_exclude(bodyname1=first, bodyname2=second)
    spec.compile()
    text = standing(spec.to_xml())
    changes: dict[str, Any] = {"model": text, "tool_body": None, "fixed_joints": (), "compensates_gravity": False}
    changes |= {"packages": {}, "free_joints": (), "position_limits": {}, "endless_joints": endless} | (
        {"tool_site": TOOL} if settings.tool_body else {}
    )
    adopted = settings.model_copy(update=changes)
    adopted = adopted.model_copy(update={"home": home_within(adopted, robot.load(adopted).compile())})
    say(settings.name, notes + compare(given, adopted))
    return adopted


def _open(settings: RobotSettings) -> list[str]:
    """The fields that are left to the model."""
    return [n for n in ("home", "velocity_limit", "acceleration_limit", "kp", "kd") if not getattr(settings, n)]


def _changed(settings: RobotSettings) -> bool:
    """Whether the settings ask for another model than the file's."""
    return bool(settings.tool_body or settings.fixed_joints or settings.compensates_gravity or settings.position_limits)


def find(model: str) -> Path:
    if not model.startswith(MENAGERIE):
        return robot.find(model)
    name, _, entry = model.removeprefix(MENAGERIE).partition("/")
    import mujoco_menagerie  # the extra `menagerie`; offline it reads the checkout that MENAGERIE_ROOT names

    try:
        found = mujoco_menagerie.get(name)
        path = Path(found.xml(entry or found.default_model))
    except mujoco_menagerie.UnknownRobotError as error:
        raise ModelError(f"robot.model = {model!r}: {error} allowed: {mujoco_menagerie.names()}") from None
    except mujoco_menagerie.MenagerieError as error:
        raise ModelError(f"robot.model = {model!r}: {error}") from None
    return robot.find(str(path))


def _filled(settings: RobotSettings, model: mujoco.MjModel, velocities: dict[str, float]) -> RobotSettings:
    """Home, limits and gains from the model where the settings leave them open; ModelError where it has none either."""
    ids = [model.joint(name).id for name in settings.joints]
    odd = [n for n, i in zip(settings.joints, ids, strict=True) if model.jnt_type[i] < int(mujoco.mjtJoint.mjJNT_SLIDE)]
    if odd:
        raise ModelError(
            f"robot.joints: {odd} of robot {settings.name} are ball or free joints; allowed: hinges, slides"
        )
    home = settings.home
    if not home:
        keys = [model.key(i) for i in range(model.nkey)]
        if not keys:
            raise ModelError(f"robot {settings.name} has no home and its model no keyframe; give one value a joint")
        key = next((k for k in keys if k.name == "home"), keys[0])
        home = tuple(float(key.qpos[model.jnt_qposadr[i]]) for i in ids)
    velocity = settings.velocity_limit
    if not velocity:
        missing = [name for name in settings.joints if name not in velocities]
        if missing:
            raise ModelError(
                f"robot {settings.name} has no velocity_limit and its model none of {missing}; "
                "give one value a joint, rad/s or m/s: the maker's data sheet has them"
            )
        velocity = tuple(velocities[name] for name in settings.joints)
    stiffness, damping = _gains(settings, model, ids, home)
    return settings.model_copy(
        update={
            "home": home,
            "velocity_limit": velocity,
            "acceleration_limit": settings.acceleration_limit or tuple(v / RAMP for v in velocity),
            "kp": settings.kp or stiffness,
            "kd": settings.kd or damping,
        }
    )


def _gains(
    settings: RobotSettings, model: mujoco.MjModel, ids: list[int], home: tuple[float, ...]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Stiffness and damping of each joint's position actuator, or of a servo of `BANDWIDTH` about the inertia at home."""
    data = mujoco.MjData(model)
    data.qpos[model.jnt_qposadr[ids]] = home
    mujoco.mj_forward(model, data)
    inertia = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, inertia)
    stiffness, damping = [], []
    for n, i in enumerate(ids):
        moved = float(inertia[model.jnt_dofadr[i], model.jnt_dofadr[i]])
        kp, kd = _position_actuator(model, i)
        kp = settings.kp[n] if settings.kp else kp or moved * BANDWIDTH**2
        critical = 2 * float(np.sqrt(kp * moved)) - float(model.dof_damping[model.jnt_dofadr[i]].flat[0])
        stiffness.append(float(f"{kp:.4g}"))
        damping.append(float(f"{kd or max(critical, 1e-3 * kp):.4g}"))
    return tuple(stiffness), tuple(damping)


def _position_actuator(model: mujoco.MjModel, joint: int) -> tuple[float, float]:
    """Gains about the joint of the position actuator that drives it; zeros where there is none."""
    for a in range(model.nu):
        kp, bias = float(model.actuator_gainprm[a, 0]), model.actuator_biasprm[a]
        drives = model.actuator_trntype[a] == mujoco.mjtTrn.mjTRN_JOINT and model.actuator_trnid[a, 0] == joint
        if drives and kp > 0 and np.isclose(bias[1], -kp):
            gear = float(model.actuator_gear[a, 0])
            return kp * gear**2, -float(bias[2]) * gear**2
    return 0.0, 0.0


def _strip(spec: mujoco.MjSpec, settings: RobotSettings, model: mujoco.MjModel) -> list[str]:
    """Take away sensors, keyframes, tendons and actuators, whose force limits go to their joints; fix joints; add the tool.

    Gives what a user should know of it."""
    for actuator in spec.actuators:
        joint = spec.joint(actuator.target) if actuator.trntype == mujoco.mjtTrn.mjTRN_JOINT else None
        low, high = _force_range(actuator)
        if joint is not None and low < high and not joint.actfrcrange.any():
            joint.actfrcrange = sorted((low * actuator.gear[0], high * actuator.gear[0]))
    tendons = {tendon.name for tendon in spec.tendons}
    bound = [e for e in spec.equalities if e.type == mujoco.mjtEq.mjEQ_TENDON and {e.name1, e.name2} & tendons]
    for thing in (*spec.sensors, *spec.keys, *spec.actuators, *bound, *spec.tendons):
        spec.delete(thing)
    robot.fix_joints(spec, settings.fixed_joints)
    held = hold_undriven_joints(spec, settings, model)
    if settings.compensates_gravity:
        for body in spec.bodies[1:]:
            body.gravcomp = 1.0
    if settings.tool_body is not None:
        for site in [s for s in spec.sites if s.name == TOOL]:
            spec.delete(site)  # the settings' own takes its place
        spec.body(settings.tool_body).add_site(
            name=TOOL, pos=settings.tool_offset, quat=settings.tool_orientation, group=4
        )
    return held


def _force_range(actuator: mujoco.MjsActuator) -> tuple[float, float]:
    """Force of an actuator before its gear, N*m or N, by its force range and a motor's control range; zeros without either."""
    unlimited = mujoco.mjtLimited.mjLIMITED_FALSE
    ranges = [tuple(actuator.forcerange)] if actuator.forcelimited != unlimited else []
    dynamics = mujoco.mjtDyn
    follows = actuator.dyntype in (dynamics.mjDYN_NONE, dynamics.mjDYN_FILTER, dynamics.mjDYN_FILTEREXACT)
    fixed = actuator.gaintype == mujoco.mjtGain.mjGAIN_FIXED and actuator.biastype == mujoco.mjtBias.mjBIAS_NONE
    if follows and fixed and actuator.ctrllimited != unlimited:  # its control is a force, not a position
        low, high = sorted(float(c * actuator.gainprm[0]) for c in actuator.ctrlrange)
        ranges.append((low, high))
    ranges = [(low, high) for low, high in ranges if low < high]
    return (max(r[0] for r in ranges), min(r[1] for r in ranges)) if ranges else (0.0, 0.0)


def _touching_at_home(spec: mujoco.MjSpec, settings: RobotSettings) -> set[tuple[str, str]]:
    """Pairs of bodies that touch at home, the table among them as `world`: coarse shapes do, and so they always would.

    A floating base may stand on its feet there, and those shall go on touching the ground.
    """
    probe = spec.copy()
    if all(joint.type != mujoco.mjtJoint.mjJNT_FREE for joint in probe.worldbody.first_body().joints):
        probe.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 1], contype=1, conaffinity=1)
    model = probe.compile()
    data = mujoco.MjData(model)
    for name, value in zip(settings.joints, settings.home, strict=True):
        data.joint(name).qpos = value
    if settings.gripper is not None:
        for name in settings.gripper.joints:
            data.joint(name).qpos = settings.gripper.open
    mujoco.mj_forward(model, data)
    bodies = [sorted(model.geom_bodyid[contact.geom]) for contact in data.contact]
    return {(model.body(a).name, model.body(b).name) for a, b in bodies}
