"""Whether a robot that was adopted is still the robot of its file: mass, kinematics, limits, dynamics compared."""

from __future__ import annotations

import sys
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

from ashore.configs.schema import RobotSettings
from ashore.sim.robots import mesh_files, robot
from ashore.sim.robots.file_model import other_bodies
from ashore.sim.robots.mesh_hulls import drop_pictures
from ashore.sim.robots.undriven import rest_posture

POSTURES = 16
MASS, LENGTH, INERTIA, LIMIT = 1e-4, 1e-4, 1e-3, 1e-4  # relative; m; relative; rad or m
_said: set[str] = set()


def say(name: str, sentences: list[str]) -> None:
    """Warn of each sentence in a line on stderr, once a process."""
    for sentence in sentences:
        line = f"robot {name}: {sentence}"
        if line not in _said:
            _said.add(line)
            print(line, file=sys.stderr)


def compare(given: RobotSettings, adopted: RobotSettings | None = None) -> list[str]:
    """Sentences on where the adopted model differs from the file that `given.model` names; none where they are equal.

    given: the settings as a user wrote them. adopted: what `adopt` made of them, made here if left out.
    Compared: total mass, the tool's place at random postures, inertia about the driven joints, their ranges, damping,
    friction and armature. What the settings themselves change (fixed joints, narrower limits) counts as no difference.
    A file that does not compile without what `adopt` drops (a missing picture mesh) gives one sentence that says so.
    """
    from ashore.sim.robots.own_robot import adopt, find

    adopted = adopt(given) if adopted is None else adopted
    if robot.is_text(given.model):
        return []
    path = find(given.model)
    spec = robot.read(path)
    spec.compiler.fusestatic = False
    try:
        file = spec.compile()
    except ValueError:
        return _without_pictures(path, given, adopted)
    return _differences(file, robot.load(adopted).compile(), given, adopted)


def _without_pictures(path: Path, given: RobotSettings, adopted: RobotSettings) -> list[str]:
    """Compared without what only a camera sees, and with meshes found where `adopt` finds them."""
    spec = robot.read(path)
    spec.compiler.fusestatic = False
    drop_pictures(spec)
    mesh_files.resolve(spec, path, given.packages)
    mesh_files.convert(spec, path)
    try:
        file = spec.compile()
    except ValueError as error:
        return [f"not compared with its file, which does not compile by itself: {str(error).splitlines()[0]}"]
    return _differences(file, robot.load(adopted).compile(), given, adopted)


def _differences(
    file: mujoco.MjModel, model: mujoco.MjModel, given: RobotSettings, adopted: RobotSettings
) -> list[str]:
    out = []
    kept = np.ones(file.nbody, dtype=bool)
    kept[other_bodies(file, given)] = False
    masses = float(file.body_mass[kept].sum()), float(model.body_mass.sum())
    if abs(masses[1] - masses[0]) > MASS * max(masses):
        out.append(f"mass: the file says {masses[0]:.6g} kg, loaded {masses[1]:.6g} kg")
    for name in given.joints:
        out += _joint_differences(file, model, name, given)
    theirs, ours = _postures(file, model, given, adopted)
    if (apart := float(np.abs(theirs[0] - ours[0]).max(initial=0.0))) > LENGTH:
        out.append(f"tool: up to {apart:.3g} m from where the file's kinematics put it")
    scale = max(float(np.abs(theirs[1]).max(initial=0.0)), 1e-9)
    if (apart := float(np.abs(theirs[1] - ours[1]).max(initial=0.0)) / scale) > INERTIA:
        out.append(f"inertia about the driven joints: up to {100 * apart:.3g} % from the file's")
    return out


def _joint_differences(file: mujoco.MjModel, model: mujoco.MjModel, name: str, given: RobotSettings) -> list[str]:
    a, b = file.joint(name), model.joint(name)
    out = []
    if file.jnt_limited[a.id] and name not in given.position_limits and np.abs(a.range - b.range).max() > LIMIT:
        out.append(f"joint {name!r}: range {a.range.round(5).tolist()} in the file, {b.range.round(5).tolist()} loaded")
    for what in ("damping", "frictionloss", "armature", "stiffness"):
        theirs, ours = (float(np.ravel(getattr(j, what))[0]) for j in (a, b))
        if abs(theirs - ours) > MASS * max(abs(theirs), 1e-3):
            out.append(f"joint {name!r}: {what} {theirs:.6g} in the file, {ours:.6g} loaded")
    return out


def _postures(
    file: mujoco.MjModel, model: mujoco.MjModel, given: RobotSettings, adopted: RobotSettings
) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Of both models at the same random postures: the tool's place [n, 3] m and the driven joints' inertia [n, J, J]."""
    random = np.random.Generator(np.random.Philox(0))
    low, high = np.array([model.joint(name).range for name in given.joints]).T
    q = random.uniform(low, high, (POSTURES, len(low)))
    return _at(file, given, q), _at(model, adopted, q)


def _at(
    model: mujoco.MjModel, settings: RobotSettings, q: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    data, full = mujoco.MjData(model), np.zeros((model.nv, model.nv))
    places, inertias = [], []
    qpos_of, dof_of = robot.joint_addresses(model, settings.joints)
    data.qpos[:] = rest_posture(model)
    for row in q:
        data.qpos[qpos_of] = row
        mujoco.mj_forward(model, data)
        if settings.tool_body is not None:
            body, at = data.body(settings.tool_body), np.array(settings.tool_offset)
            places.append(body.xpos + body.xmat.reshape(3, 3) @ at)
        elif settings.tool_site is not None:
            places.append(data.site(settings.tool_site).xpos.copy())
        mujoco.mj_fullM(model, data, full)
        inertias.append(full[np.ix_(dof_of, dof_of)].copy())
    return np.array(places), np.array(inertias)
