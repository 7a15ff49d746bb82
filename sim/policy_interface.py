"""What a policy for a task takes and gives, and the kinematics that actions of the tool need."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from ashore.configs.contract import Interface, ToolChain, target_memory
from ashore.configs.schema import RobotSettings
from ashore.sim.robots.robot import ModelError, joint_specs
from ashore.sim.tasks.task import Task


def interface_of(task: Task) -> Interface:
    """Of the task on its robot; without joints where it is direct."""
    settings, robot, model = task.settings, task.settings.robot, task.world.model
    joints = () if task.raw_actuators else joint_specs(model, robot)
    scale, tool = settings.action_scale, _chain_of_an_arm(task)
    if settings.action == "tool":
        tool = tool_chain(model, robot)
        behind = robot.velocity_limit[len(tool.frames) - 1 :]  # joints that are not the arm's: a gripper
        scales = (scale, scale, scale, settings.turn_scale, *behind)
    elif settings.action == "velocity":
        scales = tuple(scale * v for v in robot.velocity_limit)
    else:
        scales = (scale,) * len(joints)
    return Interface(
        task=settings.name,
        robot=robot.name,
        control_dt=settings.control_dt,
        signals=task.signals,
        memory=target_memory(len(joints), "joint_position") if joints else (),
        joints=joints,
        action=settings.action,
        action_scale=scales if joints else (),
        tool=tool,
        differences=task.differences,
        heading=task.heading if settings.action == "tool" else None,
        workspace=task.goal_box,
    )


def _chain_of_an_arm(task: Task) -> ToolChain | None:
    """The arm's chain, by which the robot side knows where the tool is; None where there is no tool or no chain of hinges."""
    if task.raw_actuators or task.settings.robot.tool_site is None:
        return None
    try:
        return tool_chain(task.world.model, task.settings.robot)
    except ModelError:
        return None


def tool_chain(model: mujoco.MjModel, robot: RobotSettings) -> ToolChain:
    """The driven joints from the base to the tool. ModelError where they are no chain of hinges."""
    if robot.tool_site is None:
        raise ModelError(f"robot {robot.name} has no tool_site, which action = tool needs")
    data = mujoco.MjData(model)
    arm = [name for name in robot.joints if robot.gripper is None or name not in robot.gripper.joints]
    for name in arm:
        joint = model.joint(name)
        if joint.type[0] != mujoco.mjtJoint.mjJNT_HINGE:
            raise ModelError(f"joint {name} is no hinge; allowed with action = tool: an arm of hinges")
        data.qpos[joint.qposadr[0]] = 0.0
    mujoco.mj_forward(model, data)
    site = model.site(robot.tool_site)
    base = int(model.body_rootid[site.bodyid[0]])
    before = _pose(data.xpos[base], data.xmat[base].reshape(3, 3))
    frames = []
    for name in arm:
        joint = model.joint(name).id
        here = _pose(data.xanchor[joint], _with_z(data.xaxis[joint]))
        frames.append(np.linalg.solve(before, here))
        before = here
    tool = _pose(data.site_xpos[site.id], data.site_xmat[site.id].reshape(3, 3))
    frames.append(np.linalg.solve(before, tool))
    chain = ToolChain(frames=tuple(tuple(f[:3].ravel().tolist()) for f in frames))
    _check_chain(model, arm, robot.tool_site)
    return chain


def _check_chain(model: mujoco.MjModel, arm: list[str], tool_site: str) -> None:
    """Each joint must carry the next one, and the last the tool."""
    body = int(model.site(tool_site).bodyid[0])
    carriers = []
    while body:
        carriers += [model.joint(int(model.body_jntadr[body]) + k).name for k in range(model.body_jntnum[body])][::-1]
        body = int(model.body_parentid[body])
    if carriers[::-1] != arm:
        raise ModelError(
            f"the tool is carried by the joints {carriers[::-1]}; allowed with action = tool: the robot's arm joints {arm}"
        )


def _pose(position: NDArray[np.float64], rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """[4, 4]."""
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, position
    return pose


def _with_z(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """A rotation [3, 3] whose z is a unit vector."""
    x = np.cross(np.eye(3)[np.argmin(np.abs(axis))], axis)
    x /= np.linalg.norm(x)
    return np.stack((x, np.cross(axis, x), axis), 1)
