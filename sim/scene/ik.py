"""Postures of an arm, found by inverse kinematics for a whole batch at once: where episodes of its tasks start."""

from __future__ import annotations

import mujoco
import numpy as np
from mujoco.batch import Batch
from numpy.typing import NDArray

from ashore.configs.schema import RobotSettings, Workspace
from ashore.sim.robots.loops import Loops
from ashore.sim.robots.robot import ModelError, joint_addresses
from ashore.sim.scene.computed_once import computed_once
from ashore.sim.tasks.task import sensor_columns

CANDIDATES = 1024
FEWEST = 64  # of the candidates, below which a task has too few starts
SPREAD = 0.5  # rad around home, for robots that do not say
ITERATIONS = 40
DAMPING = 0.05  # of the least squares, m or rad
LONGEST_STEP = 0.3  # rad in an iteration
POINTS, TRIES = 128, 4  # of a workspace, and postures that each is tried from
NEAR = 0.01  # m, which counts as there

Array = NDArray[np.float64]


def tool_postures(
    model: mujoco.MjModel,
    robot: RobotSettings,
    box: Workspace,
    *,
    down: bool,
    variety: float = 1.0,
) -> tuple[Array, Array]:
    """Rows of qpos [m, nq] whose tool lies in the box (m, world) and that touch nothing, and where the tool is: [m, 3].

    They begin around home, at most `variety` times `robot.start_spread` away, and go to a random point of the box by
    damped least squares (Wampler 1986); with `down` the tool's z axis then points down within 15 degrees.
    Raises ModelError where loops cannot be closed, or too few of the postures are free.
    """
    depends_on = f"tool_postures {CANDIDATES} {robot.model_dump_json()} {box.model_dump_json()} {down} {variety!r}"
    qpos, tool = computed_once(model, depends_on, lambda: _tool_postures(model, robot, box, down, variety))
    return qpos, tool


def _tool_postures(
    model: mujoco.MjModel, robot: RobotSettings, box: Workspace, down: bool, variety: float
) -> tuple[Array, Array]:
    random = np.random.Generator(np.random.Philox(0))
    moved = _moved(robot)
    home, low, high = np.array(robot.home), np.array(box.low), np.array(box.high)
    spread = np.array(robot.start_spread) if robot.start_spread is not None else SPREAD * moved
    spread = variety * spread
    start = home + random.uniform(-spread, spread, (CANDIDATES, len(home)))
    goal = random.uniform(low, high, (CANDIDATES, 3))
    batch = _reach(model, robot, start, goal, down=down)
    site = model.site(robot.tool_site or "").id
    qpos, place, axes = batch.bind("qpos"), batch.bind("site_xpos"), batch.bind("site_xmat")
    loops = Loops(model, joint_addresses(model, robot.joints)[1])
    closed = loops.close(qpos) if loops else np.ones(CANDIDATES, dtype=bool)
    if not closed.any():
        raise ModelError(
            f"robot {robot.name} has a loop of `connect` or `weld` equalities that its joints cannot close around home; "
            "drive fewer of the loop's joints, mend robot.home, or take the equality out of the model"
        )
    touches = [sensor_columns(model, name).start for name in ("contact", "self_contact")]
    seen = batch.bind("sensordata")
    batch.forward()
    contact = seen[:, touches].any(1)
    inside = ((place[:, site] >= low) & (place[:, site] <= high)).all(1)
    upright = axes[:, site].reshape(-1, 3, 3)[:, 2, 2] < -np.cos(np.radians(15.0))
    good = inside & (upright | (not down)) & ~contact & closed
    if good.sum() < FEWEST:
        raise ModelError(
            f"robot {robot.name} gets its tool into {list(box.low)} to {list(box.high)} m without touching anything in only "
            f"{int(good.sum())} of {CANDIDATES} tries; mend robot.home, robot.workspace"
        )
    return qpos[good].copy(), place[good, site].copy()


def unreachable_share(model: mujoco.MjModel, robot: RobotSettings, box: Workspace) -> float:
    """Share of points of the box (m, world) that the tool comes within `NEAR` of from none of `TRIES` postures; contacts do
    not count."""
    random = np.random.Generator(np.random.Philox(1))
    ids = [model.joint(name).id for name in robot.joints]
    home = np.array(robot.home)
    limits = np.where(model.jnt_limited[ids, None], model.jnt_range[ids], [-np.pi, np.pi])
    goal = np.repeat(random.uniform(np.array(box.low), np.array(box.high), (POINTS, 3)), TRIES, 0)
    anywhere = random.uniform(limits[:, 0], limits[:, 1], (len(goal), len(home)))
    far = np.arange(len(goal)) % TRIES / (TRIES - 1)  # of each point's tries the first starts at home
    start = home + far[:, None] * _moved(robot) * (anywhere - home)
    batch = _reach(model, robot, start, goal, down=False)
    batch.forward(None, int(mujoco.mjtStage.mjSTAGE_POS))
    tool = batch.bind("site_xpos")[:, model.site(robot.tool_site or "").id]
    missed = np.linalg.norm(tool - goal, axis=1) > NEAR
    return float(missed.reshape(POINTS, TRIES).all(1).mean())


def _moved(robot: RobotSettings) -> NDArray[np.bool_]:
    """Which driven joints move the tool: not the gripper's."""
    return np.array([not robot.gripper or name not in robot.gripper.joints for name in robot.joints])


def _reach(model: mujoco.MjModel, robot: RobotSettings, start: Array, goal: Array, *, down: bool) -> Batch:
    """Worlds whose arm went from a start posture (rad or m) towards a goal of the tool (m, world): [m, joints], [m, 3]."""
    batch = Batch(model, len(goal), 0)
    qpos_of, dof_of = joint_addresses(model, robot.joints)
    ids = [model.joint(name).id for name in robot.joints]
    limits = np.where(model.jnt_limited[ids, None], model.jnt_range[ids], [-np.pi, np.pi])
    margin = min(robot.position_margin, 0.2 * float((limits[:, 1] - limits[:, 0]).min()))
    site, moved = model.site(robot.tool_site or "").id, _moved(robot)
    qpos, place, axes = batch.bind("qpos"), batch.bind("site_xpos"), batch.bind("site_xmat")
    qpos[:, qpos_of] = start.clip(limits[:, 0] + margin, limits[:, 1] - margin)
    loops = Loops(model, dof_of)
    if loops:
        loops.close(qpos)
    for _ in range(ITERATIONS):
        batch.forward(None, int(mujoco.mjtStage.mjSTAGE_POS))
        error = goal - place[:, site]
        jacobian, turning = batch.jac(model.site_bodyid[site], place[:, site])
        if down:
            # The axis turns towards straight down about their cross product.
            pointing = axes[:, site].reshape(-1, 3, 3)[:, :, 2]
            error = np.concatenate((error, np.cross(pointing, [0.0, 0.0, -1.0])), 1)
            jacobian = np.concatenate((jacobian, turning), 1)
        jacobian = (loops.reduced(qpos, jacobian) if loops else jacobian[:, :, dof_of]) * moved
        squared = jacobian @ jacobian.transpose(0, 2, 1) + DAMPING**2 * np.eye(error.shape[1])
        step = (jacobian.transpose(0, 2, 1) @ np.linalg.solve(squared, error[..., None]))[..., 0]
        step *= np.minimum(1.0, LONGEST_STEP / np.maximum(np.abs(step).max(1, keepdims=True), 1e-9))
        qpos[:, qpos_of] = (qpos[:, qpos_of] + step).clip(limits[:, 0] + margin, limits[:, 1] - margin)
        if loops:
            loops.close(qpos, iterations=2)
    return batch
