"""Position limits of driven joints: the model's, the settings' own, and a rule for joints that turn without end."""

from __future__ import annotations

import math
from pathlib import Path

import mujoco
import numpy as np

from ashore.configs.schema import RobotSettings
from ashore.sim.robots import urdf
from ashore.sim.robots.robot import ModelError

TURN = 2 * math.pi  # rad to either side of home, for a joint without limits
SIX_DIGITS = 1e-5  # rad or m, relative above 1: what a model's text keeps of a number


def bound_joints(spec: mujoco.MjSpec, settings: RobotSettings, path: Path) -> list[str]:
    """Give every driven joint a range. `settings.home` is known. Gives a sentence for each joint that had none.

    A hinge that turns without end (URDF `continuous`, MJCF without `range`) may go one turn to either side of home.
    """
    revolute, said = urdf.unlimited_joints(path), []
    for name, home in zip(settings.joints, settings.home, strict=True):
        joint = spec.joint(name)
        low, high, limited = _range(spec, joint)
        where = f"robot {settings.name}: joint {name!r}"
        if name in settings.position_limits:
            asked = settings.position_limits[name]
            if limited and (asked[0] < low - _slack(low) or asked[1] > high + _slack(high)):
                raise ModelError(
                    f"robot.position_limits.{name} = [{asked[0]:g}, {asked[1]:g}]; "
                    f"allowed: within the model's range [{low:.6g}, {high:.6g}]"
                )
            _bound(spec, joint, *asked)
        elif limited:
            continue
        elif joint.type == mujoco.mjtJoint.mjJNT_SLIDE or name in revolute:
            kind = "a slide" if joint.type == mujoco.mjtJoint.mjJNT_SLIDE else "revolute"
            raise ModelError(f"{where} is {kind} without limits; give robot.position_limits: {{{name}: [low, high]}}")
        else:
            _bound(spec, joint, home - TURN, home + TURN)
            said.append(
                f"joint {name!r} has no limits: targets stay within one turn of home, "
                f"[{home - TURN:.4g}, {home + TURN:.4g}] rad; robot.position_limits sets others"
            )
    return said


def endless_joints(spec: mujoco.MjSpec, settings: RobotSettings, path: Path) -> tuple[str, ...]:
    """Driven hinges that the model's file gives no limits, before `bound_joints`, and those that the settings name."""
    revolute = urdf.unlimited_joints(path)

    def endless(name: str) -> bool:
        joint = spec.joint(name)
        hinge = joint.type == mujoco.mjtJoint.mjJNT_HINGE
        return name in settings.endless_joints or (hinge and name not in revolute and not _range(spec, joint)[2])

    return tuple(name for name in settings.joints if endless(name))


def _range(spec: mujoco.MjSpec, joint: mujoco.MjsJoint) -> tuple[float, float, bool]:
    """Its range in rad or m, and whether the model limits it to that."""
    low, high = (float(x) for x in joint.range)
    if spec.compiler.degree and joint.type == mujoco.mjtJoint.mjJNT_HINGE:
        low, high = math.radians(low), math.radians(high)
    auto = spec.compiler.autolimits and joint.limited == mujoco.mjtLimited.mjLIMITED_AUTO
    return low, high, joint.limited == mujoco.mjtLimited.mjLIMITED_TRUE or (auto and low < high)


def _bound(spec: mujoco.MjSpec, joint: mujoco.MjsJoint, low: float, high: float) -> None:
    in_degrees = spec.compiler.degree and joint.type == mujoco.mjtJoint.mjJNT_HINGE
    joint.range = np.degrees([low, high]) if in_degrees else [low, high]
    joint.limited = mujoco.mjtLimited.mjLIMITED_TRUE


def home_within(settings: RobotSettings, model: mujoco.MjModel) -> tuple[float, ...]:
    """Home, put onto a limit that it passes by no more than a model's text rounds: 3 pi / 4 is 2.35619 there."""
    home = []
    for name, value in zip(settings.joints, settings.home, strict=True):
        low, high = (float(x) for x in model.joint(name).range)
        nearest = min(max(value, low), high)
        home.append(nearest if abs(value - nearest) <= _slack(value) else value)
    return tuple(home)


def _slack(value: float) -> float:
    return SIX_DIGITS * max(1.0, abs(value))
