"""The tool stays over the table and in its box, also while the robot brakes; by an arm whose tool is found by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ashore.configs.contract import ToolChain
from ashore.deploy_ros.boundary import Boundary, BoundaryError
from ashore.deploy_ros.bundle import Policy, load_policy
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.reasons import Reason
from ashore.deploy_ros.settings import NodeSettings
from tests.deploy_ros.cell import Cell, Servos
from tests.deploy_ros.policies import JOINTS, LIMITS, interface, make_policy

LINKS, HEIGHT = (0.5, 0.4, 0.3), 0.5  # m
DOWN = (-0.9, -0.6, -0.3)  # rad, where the tool would be under the table


def tool(q: np.ndarray) -> np.ndarray:
    """An arm of three parallel joints in the x-z plane, by hand: [..., 3] rad -> x, z [..., 2] m."""
    angles = np.cumsum(q, axis=-1)
    return np.stack(((np.cos(angles) * LINKS).sum(-1), HEIGHT + (np.sin(angles) * LINKS).sum(-1)), -1)


def chain() -> ToolChain:
    def ahead(x: float) -> tuple[float, ...]:
        return (1, 0, 0, x, 0, 1, 0, 0, 0, 0, 1, 0)

    base = (1, 0, 0, 0, 0, 0, -1, 0, 0, 1, 0, HEIGHT)  # the joints' axes lie, and their y points up
    return ToolChain(frames=(base, *map(ahead, LINKS)))


@pytest.fixture(scope="module")
def armed(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    path: Path = tmp_path_factory.mktemp("arm") / "policy.onnx"
    return load_policy(make_policy(path, interface(tool=chain())))


@pytest.mark.parametrize("output", ["trajectory", "forward"])
@pytest.mark.parametrize("height", [0.02, 0.3, 0.45])
def test_the_tool_stays_over_the_table(armed: Policy, height: float, output: str) -> None:
    cell = Cell(armed, Servos(np.zeros(3), lag=0.02), goal=DOWN, keep_above=height, output=output)
    cell.run_until(Reason.OUTSIDE)
    cell.run(1.0)
    lowest = tool(np.array(cell.path))[:, 1].min()
    assert height - 1e-3 < lowest < height + 0.15  # no lower, and not out of caution far above
    last = cell.outputs[-1]
    assert last.status.latched and not last.velocity.any()
    assert last.status.reason.startswith("the tool would leave its workspace: z of the tool is ")
    assert last.status.reason.endswith(f"m; allowed: at least {height:g}")


def test_without_a_table_it_would_be_lower(armed: Policy) -> None:
    cell = Cell(armed, Servos(np.zeros(3), lag=0.02), goal=DOWN)
    cell.run(2.0)
    assert tool(np.array(cell.path))[:, 1].min() < -0.3 and cell.outputs[-1].reason in (Reason.OK, Reason.LIMITED)


def test_the_tool_stays_in_its_box(armed: Policy) -> None:
    cell = Cell(armed, Servos(np.zeros(3), lag=0.02), goal=(1.5, 1.0, 0.5), keep_within="0.6,-1,-1,2,1,2")
    cell.run_until(Reason.OUTSIDE)
    cell.run(1.0)
    nearest = tool(np.array(cell.path))[:, 0].min()
    assert 0.6 - 1e-3 < nearest < 0.8
    assert "x of the tool is" in cell.outputs[-1].status.reason


def test_a_motion_inside_passes_unchanged(armed: Policy) -> None:
    goal = (0.5, -0.4, 0.3)
    plain = Cell(armed, Servos(np.zeros(3), lag=0.02), goal=goal)
    kept = Cell(armed, Servos(np.zeros(3), lag=0.02), goal=goal, keep_above=0.1, keep_within="-2,-2,-2,2,2,2")
    plain.run(1.0)
    kept.run(1.0)
    np.testing.assert_array_equal(plain.path, kept.path)


def test_it_does_not_begin_outside_nor_below(armed: Policy) -> None:
    node = Controller(NodeSettings(keep_above=0.7))
    node.configure(armed)
    node.on_joint_state(JOINTS, [0.0] * 3, [0.0] * 3, 0.0, 1.0)
    node.on_goal((0.5, -0.4, 0.3), "base")
    assert node.activate(1.0) == "z of the tool is 0.500 m; allowed: at least 0.7"


def test_what_ends_outside_is_outside_though_it_begins_inside(armed: Policy) -> None:
    """By hand: stretched out and level, joint a turning down at 1 rad/s brakes at 8 rad/s^2 over 1/16 rad: 1.2 sin(1/16)."""
    boundary = Boundary.of(armed.contract.interface, NodeSettings(keep_above=0.43).box)
    assert boundary is not None
    q, down = np.zeros(3), np.array([-1.0, 0.0, 0.0])
    assert boundary.outside(q, 0 * down, LIMITS, 0.02) == ""
    lowest = HEIGHT - 1.2 * np.sin(1 / 16)
    assert boundary.outside(q, down, LIMITS, 0.02) == f"z of the tool is {lowest:.3f} m; allowed: at least 0.43"


def test_it_needs_the_arms_kinematics(policy: Policy) -> None:
    with pytest.raises(BoundaryError, match="need the arm's kinematics"):
        Controller(NodeSettings(keep_above=0.0)).configure(policy)


@pytest.mark.parametrize("box", ["1,2,3", "0,0,0,0,1,1", "a,0,0,1,1,1", "0,0,0,nan,1,1"])
def test_a_box_that_is_none_is_refused(box: str) -> None:
    with pytest.raises(ValueError, match="xmin,ymin,zmin,xmax,ymax,zmax"):
        NodeSettings(keep_within=box)


@pytest.mark.parametrize("robot", ["panda", "ur5e", "so101"])
def test_the_contract_of_every_arm_says_where_its_tool_is(robot: str) -> None:
    """Also where no signal tells of the tool, as in arm_reach: the same place as the simulator's."""
    mujoco = pytest.importorskip("mujoco")
    from ashore.configs.laws.tool_pose import Tool
    from ashore.configs.loader import load_run
    from ashore.environments import make_env

    env = make_env(load_run("arm_reach", [f"task.robot={robot}", "task.randomization={}"]).task, 1)
    face = env.interface
    assert face.tool is not None and not [s for s in face.signals if s.name.startswith("tool_")]
    model, home = env.task.world.model, np.array([j.home for j in face.joints])
    data = mujoco.MjData(model)
    for joint in face.joints:
        data.qpos[model.joint(joint.name).qposadr[0]] = joint.home
    mujoco.mj_forward(model, data)
    base = data.xpos[model.body_rootid[model.site(env.task.settings.robot.tool_site).bodyid[0]]]
    there = data.site(env.task.settings.robot.tool_site).xpos - base
    np.testing.assert_allclose(Tool(face.tool, home).pose(home)[:3, 3], there, atol=1e-9)
