"""Insert: push a square peg into a square hole that is a little wider. Any arm that can point its tool down can do it."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import mujoco
import torch
from pydantic import model_validator
from torch import Tensor

from ashore.configs.base import Fraction, NonNegative, Positive, Settings
from ashore.configs.contract import SignalSpec
from ashore.configs.schema import RobotSettings, TaskSettings, Workspace
from ashore.sim.engine.world import World
from ashore.sim.scene.fixtures import STIFF, Fixture, FixtureOptions, add_box, over
from ashore.sim.scene.table import add_frame_sensor, position_signal, workspace
from ashore.sim.tasks.manipulation import ArmTask
from ashore.sim.tasks.rewards import RewardWeights, cost, reward
from ashore.sim.tasks.task import Marker, StepOutcome

WIDTH = 0.02  # m, of the peg
LENGTH = 0.05  # m, of the peg beyond the tool site
MOUTH = 0.05  # m, height of the straight hole's upper end over the table
FLOOR = 0.01  # m
WALL = 0.03  # m
CHAMFER = 0.003  # m, wide and high
# The peg is part of the hand, which it must not meet, but what stands on the table must.
HELD_BITS = {"contype": 2, "conaffinity": 4}
SLIDING = [0.3, 0.005, 0.0001]  # dry machined metal, of the order of handbook values


class InsertOptions(FixtureOptions):
    """How tight it is, how deep is deep enough, and how far apart the holes of different episodes are."""

    clearance: Positive = 0.002  # m, hole less peg
    depth: Positive = 0.02  # m, of the peg's tip below the hole's mouth
    spread: Fraction = 0.5  # of the workspace's extent in x and y
    grip: NonNegative = 0.01  # rad or m, of the gripper's joints while they hold the peg

    @model_validator(mode="after")
    def _within_reach(self) -> InsertOptions:
        if self.depth >= MOUTH - FLOOR:
            raise ValueError(f"depth = {self.depth} m; allowed: below the hole's {MOUTH - FLOOR:g} m")
        return self


class InsertRewards(RewardWeights):
    """What the reward is made of."""

    approach: float = reward(1.0, "the peg's tip comes near where it shall be")
    centre: float = reward(1.0, "the tip is over the hole's centre")
    alignment: float = reward(1.0, "the peg is upright and turned as the hole is")
    depth: float = reward(3.0, "the tip is in the hole, in full at `depth`")
    gentle: float = reward(0.3, "the peg presses little on the block")
    action_rate: float = reward(0.5, "the velocities asked for change little from step to step")
    collision: float = cost(-5.0, "the arm touches the table or itself")


class ArmInsert(ArmTask):
    """Success: the peg's tip is `depth` deep in the hole for `hold_seconds`. The peg may touch the block, at a price that
    grows with the force; a touch of the table or of the arm itself ends the episode."""

    Options: ClassVar[type[Settings]] = InsertOptions
    Rewards = InsertRewards
    num_uniforms = 1 + Fixture.num_uniforms
    starts_down = True
    start_variety = 0.3
    goal_size = 0
    sees_tool = True
    differences = (("hole_position", "tool_position"), ("hole_yaw", "tool_turn"))

    def __init__(self, settings: TaskSettings, world: World) -> None:
        super().__init__(settings, world)
        options = self.options
        low, high = middle_of(workspace(settings.robot), options.spread)
        self.hole = Fixture(world, "block", low, high, options.turn)
        self._tip, self._axis, self._edge, self._force = (
            self.sensor(name) for name in ("peg_tip", "tool_axis", "peg_edge", "block_force")
        )
        # Of the four turns that fit, the one nearest to home is asked for: the others are as good, but one is easier to learn.
        quarter = 0.5 * math.pi
        self._turn = round(self.tool_turn_at_home() / quarter) * quarter

    @classmethod
    def grip(cls, settings: TaskSettings) -> float:
        return float(cls.read_options(settings).grip)

    @classmethod
    def start_box(cls, robot: RobotSettings) -> Workspace:
        low, high = middle_of(workspace(robot), 0.7)
        height = MOUTH + LENGTH + 0.03
        return Workspace(low=(*low, height), high=(*high, height + 0.1))

    @classmethod
    def build(cls, spec: mujoco.MjSpec, settings: TaskSettings) -> None:
        super().build(spec, settings)
        robot, options = settings.robot, cls.read_options(settings)
        add_peg(spec, robot.tool_site or "")
        add_block(spec, middle_of(workspace(robot), 0.0)[0], WIDTH + options.clearance)
        site, kinds = mujoco.mjtObj.mjOBJ_SITE, mujoco.mjtSensor
        add_frame_sensor(spec, "peg_tip", kinds.mjSENS_FRAMEPOS, site, "peg_tip")
        add_frame_sensor(spec, "peg_edge", kinds.mjSENS_FRAMEXAXIS, site, "peg_tip")
        spec.add_sensor(
            name="block_force", type=kinds.mjSENS_CONTACT, objtype=mujoco.mjtObj.mjOBJ_BODY, objname="block",
            reftype=mujoco.mjtObj.mjOBJ_XBODY, refname=spec.worldbody.first_body().name,
            intprm=[2, 3, 1],  # the force that all contacts sum up to
        )  # fmt: skip

    @property
    def estimates(self) -> tuple[SignalSpec, ...]:
        stale = 5 * self.settings.control_dt
        angle: dict[str, Any] = {"size": 1, "unit": "rad", "frame": "b", "max_age": stale}
        turned = "turn of the peg about the vertical, by the arm's forward kinematics; 0 with the hole's at 0"
        return (
            SignalSpec(name="tool_turn", kind="measurement", description=turned, **angle),
            position_signal("hole_position", "estimate", stale, "centre of the hole's mouth"),
            SignalSpec(name="hole_yaw", kind="estimate", description="turn of the hole about the vertical", **angle),
        )

    @property
    def privileged_size(self) -> int:
        return 2 * len(self.settings.robot.joints) + 12

    def estimated(self) -> tuple[Tensor, ...]:
        return self._peg_turn(), self.hole.position, self.hole.yaw

    def privileged(self) -> Tensor:
        error, lateral, tilt, turn = self._errors()
        held = (self.held / self._hold_steps).unsqueeze(1)
        parts = [error, 20 * error, lateral, torch.exp(lateral / -0.005), tilt, turn, self._pressing(), held]
        return torch.cat((self.joint_position(), self.joint_velocity(), *parts), 1)

    def judge(self, requested_velocity: Tensor, previous_velocity: Tensor) -> StepOutcome:
        options, contact = self.options, self.collided()
        error, lateral, tilt, turn = self._errors()
        # Below the mouth's height beside the block is not in the hole.
        depth = error[:, 2:].add(options.depth + 0.005) * (lateral < 0.5 * WIDTH)
        distance = torch.linalg.vector_norm(over(error, 0.001, options.depth + 0.015), dim=1, keepdim=True)
        alignment = torch.exp(tilt / -0.1) + 0.5 * torch.exp(turn / -0.1) + (0.5 - turn / (2 * math.pi))
        terms = [
            1.0 - torch.tanh(distance / 0.1),
            torch.exp(lateral / -0.01),
            0.5 * alignment,
            (depth / options.depth).clip(0.0, 1.0),
            1.0 - torch.tanh(self._pressing()),
            self.action_rate(requested_velocity, previous_velocity).unsqueeze(1),
            contact.float().unsqueeze(1),
        ]
        self.hold((depth >= options.depth).squeeze(1))
        return StepOutcome(torch.cat(terms, 1).mul_(self.weights), contact, self.success)

    def place(self, ids: Tensor, u: Tensor) -> None:
        self.place_arm(ids, u)
        self.hole.place(ids, u[:, 1:])

    def draw_goal(self, ids: Tensor, u: Tensor) -> Tensor:
        below = torch.tensor([0.0, 0.0, self.options.depth + 0.005])
        return self.hole.position.index_select(0, ids) - below

    def markers(self, world: int) -> list[Marker]:
        return [Marker(self.hole.position[world].tolist(), 0.25 * WIDTH, (0.1, 0.75, 0.35, 0.55))]

    def _errors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """From the peg's tip to where it shall be, [N, 3] m; the horizontal distance m, the peg's tilt from the vertical
        and its turn from the hole's, rad, each [N, 1]."""
        error = self.goal - self._tip
        lateral = torch.linalg.vector_norm(error[:, :2], dim=1, keepdim=True)
        tilt = self._axis[:, 2:].neg().clip(-1.0, 1.0).acos()
        return error, lateral, tilt, wrapped(self._peg_turn() - self.hole.yaw).abs()

    def _peg_turn(self) -> Tensor:
        """Of the peg about the vertical, in (-pi, pi], 0 where it fits a hole whose turn is 0: float32 [N, 1] rad."""
        return wrapped(torch.atan2(self._edge[:, 1:2], self._edge[:, :1]) - self._turn)

    def _pressing(self) -> Tensor:
        """Force between arm and block in units of 50 N, [N, 1]."""
        return torch.linalg.vector_norm(self._force, dim=1, keepdim=True) / 50.0


def wrapped(angle: Tensor) -> Tensor:
    """The same angle within a half turn of 0, rad."""
    return torch.remainder(angle + math.pi, 2 * math.pi) - math.pi


def middle_of(box: Workspace, fraction: float) -> tuple[list[float], list[float]]:
    """Corners x, y, m, of the middle part of a box that has this fraction of its extent."""
    ends = list(zip(box.low[:2], box.high[:2], strict=True))
    middle, half = [0.5 * (a + b) for a, b in ends], [0.5 * fraction * (b - a) for a, b in ends]
    return [m - h for m, h in zip(middle, half, strict=True)], [m + h for m, h in zip(middle, half, strict=True)]


def add_peg(spec: mujoco.MjSpec, tool_site: str) -> None:
    """A square peg of aluminium in the hand, along the tool's axis. The arm's gravity compensation knows it."""
    tool = spec.site(tool_site)
    peg = tool.parent.add_body(name="peg", pos=tool.pos, quat=tool.quat, gravcomp=1)
    top, half = -0.008, 0.5 * WIDTH
    peg.add_geom(
        name="peg_collision", type=mujoco.mjtGeom.mjGEOM_BOX, pos=[0, 0, 0.5 * (LENGTH + top)],
        size=[half, half, 0.5 * (LENGTH - top)], density=2700, friction=SLIDING, rgba=[0.85, 0.45, 0.12, 1], group=1,
        **HELD_BITS, **STIFF,
    )  # fmt: skip
    peg.add_site(name="peg_tip", pos=[0, 0, LENGTH], size=[0.002] * 3, group=4)


def add_block(spec: mujoco.MjSpec, middle: list[float], hole: float) -> None:
    """A block with a square, chamfered hole of this width, m; its origin is the centre of the hole's mouth."""
    block = spec.worldbody.add_body(name="block", mocap=True, pos=[*middle, MOUTH])
    look = {"friction": SLIDING, "rgba": [0.36, 0.45, 0.55, 1]}
    half, outer = 0.5 * hole, 0.5 * hole + WALL
    add_box(block, "block_floor", [0, 0, 0.5 * FLOOR - MOUTH], [outer, outer, 0.5 * FLOOR], **look)
    deep = 0.5 * (MOUTH - FLOOR)
    rim = 2 * CHAMFER  # half the thickness of the tilted boxes whose upper faces are the chamfer
    for k in range(4):
        c, s = (1, 0, -1, 0)[k], (0, 1, 0, -1)[k]
        at, turn = half + 0.5 * WALL, 0.5 * math.pi * k
        flat, long = (0.5 * WALL, outer) if c else (half, 0.5 * WALL)
        add_box(block, f"block_wall{k}", [c * at, s * at, -deep], [flat, long, deep], **look)
        # The face runs from the hole's edge outwards and upwards at 45 degrees; its middle is half a chamfer from that edge.
        slope = half + 0.5 * CHAMFER + rim * math.sqrt(0.5)
        around, lean = (math.cos(turn / 2), math.sin(turn / 2)), (math.cos(math.pi / 8), -math.sin(math.pi / 8))
        quat = [around[0] * lean[0], -around[1] * lean[1], around[0] * lean[1], around[1] * lean[0]]
        add_box(
            block, f"block_rim{k}", [c * slope, s * slope, 0.5 * CHAMFER - rim * math.sqrt(0.5)],
            [CHAMFER * math.sqrt(0.5), half + CHAMFER, rim], quat=quat, **look,
        )  # fmt: skip
