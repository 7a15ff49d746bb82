"""Drawer: hook the handle of a drawer with closed fingers and pull it open.

The fingers stay closed: they go down behind the bar, as into any bar handle, and pull by its inner side. That takes no
friction and no grasp, so it works with every gripper, and its one degree of freedom need not be learned.
"""

from __future__ import annotations

from typing import Any, ClassVar

import mujoco
import torch
from pydantic import model_validator
from torch import Tensor

from ashore.configs.contract import SignalSpec
from ashore.configs.schema import Positive, RobotSettings, Settings, TaskSettings, Workspace
from ashore.sim.engine.world import World
from ashore.sim.scene.fixtures import Fixture, FixtureOptions, add_box, add_geom, over
from ashore.sim.scene.table import add_frame_sensor, position_signal, workspace
from ashore.sim.tasks.manipulation import ArmTask
from ashore.sim.tasks.rewards import RewardWeights, cost, reward
from ashore.sim.tasks.task import Marker, StepOutcome

# The cabinet, m. Its origin is the middle of its front's lower edge; the drawer comes out along -x.
DEEP, WIDE, HIGH = 0.24, 0.28, 0.16
BOARD = 0.012  # thickness of its boards
TRAVEL = 0.18  # m, what the slide lets the drawer out
HANDLE_HEIGHT, HANDLE_HALF_WIDTH, HANDLE_RADIUS = 0.15, 0.06, 0.005
GAP = 0.045  # m, between front and bar
# m: where the tool site hooks, behind the bar's axis and below it; fingertips reach about 1 cm beyond the site.
BEHIND, DROP = 0.5 * GAP + HANDLE_RADIUS, 0.005
WOOD, METAL = [0.72, 0.56, 0.38, 1], [0.25, 0.27, 0.3, 1]


class DrawerOptions(FixtureOptions):
    """How far open is open, and what the drawer resists with."""

    opening: Positive = 0.12  # m
    mass: Positive = 1.5  # kg, of the drawer and what is in it
    damping: Positive = 8.0  # N*s/m
    friction: Positive = 4.0  # N, of the slide

    @model_validator(mode="after")
    def _within_reach(self) -> DrawerOptions:
        if self.opening >= TRAVEL:
            raise ValueError(f"opening = {self.opening} m; allowed: below the drawer's travel of {TRAVEL} m")
        return self


class DrawerRewards(RewardWeights):
    """What the reward is made of."""

    approach: float = reward(1.0, "the tool comes near where it hooks the handle")
    hook: float = reward(1.0, "the tool is behind the bar")
    alignment: float = reward(0.5, "the tool points down with its flat side to the bar")
    opening: float = reward(3.0, "the drawer is open, in full at `opening`")
    action_rate: float = reward(0.5, "the velocities asked for change little from step to step")
    collision: float = cost(-5.0, "the arm touches the table or itself")


class ArmDrawer(ArmTask):
    """Success: the drawer is `opening` wide open for `hold_seconds`. The arm may touch cabinet and drawer; a touch of the
    table or of the arm itself ends the episode."""

    Options: ClassVar[type[Settings]] = DrawerOptions
    Rewards = DrawerRewards
    num_uniforms = 1 + Fixture.num_uniforms
    starts_down = True
    start_variety = 0.3
    goal_size = 0
    sees_tool = True
    differences = (("handle_position", "tool_position"),)

    def __init__(self, settings: TaskSettings, world: World) -> None:
        super().__init__(settings, world)
        options = self.options
        low, high = handle_region(settings.robot)
        self.cabinet = Fixture(world, "cabinet", low, high, options.turn)
        self._handle, self._across, self._axis = (
            self.sensor(name) for name in ("handle_position", "tool_across", "tool_axis")
        )
        slide = world.model.joint("drawer_slide")
        self._drawer, self._drawer_dof = int(slide.qposadr[0]), int(slide.dofadr[0])

    @classmethod
    def start_box(cls, robot: RobotSettings) -> Workspace:
        box = workspace(robot)
        low = HANDLE_HEIGHT + 0.06
        return Workspace(low=(*box.low[:2], low), high=(*box.high[:2], low + 0.12))

    @classmethod
    def build(cls, spec: mujoco.MjSpec, settings: TaskSettings) -> None:
        super().build(spec, settings)
        robot = settings.robot
        low, high = handle_region(robot)
        add_cabinet(spec, [0.5 * (a + b) for a, b in zip(low, high, strict=True)], cls.read_options(settings))
        site, kinds = mujoco.mjtObj.mjOBJ_SITE, mujoco.mjtSensor
        add_frame_sensor(spec, "handle_position", kinds.mjSENS_FRAMEPOS, site, "handle")
        add_frame_sensor(spec, "tool_across", kinds.mjSENS_FRAMEYAXIS, site, robot.tool_site or "")

    @property
    def estimates(self) -> tuple[SignalSpec, ...]:
        rest: dict[str, Any] = {"size": 1, "kind": "estimate", "max_age": 5 * self.settings.control_dt}
        return (
            position_signal("handle_position", "estimate", rest["max_age"], "middle of the handle's bar"),
            SignalSpec(name="cabinet_yaw", unit="rad", frame="b", description="its turn about the vertical", **rest),
            SignalSpec(name="drawer_opening", unit="m", description="how far the drawer is out", **rest),
        )

    @property
    def privileged_size(self) -> int:
        return 2 * len(self.settings.robot.joints) + 9

    def estimated(self) -> tuple[Tensor, ...]:
        return self._handle, self.cabinet.yaw, self._opening()

    def privileged(self) -> Tensor:
        error, align = self._errors()
        distance = torch.linalg.vector_norm(over(error, 0.01, 0.06), dim=1, keepdim=True)
        held = (self.held / self._hold_steps).unsqueeze(1)
        parts = [error, distance, torch.exp(distance / -0.03), align, 10 * self._opening(), held]
        speed = self.world.qvel[:, self._drawer_dof].unsqueeze(1).float()
        return torch.cat((self.joint_position(), self.joint_velocity(), *parts, speed), 1)

    def judge(self, requested_velocity: Tensor, previous_velocity: Tensor) -> StepOutcome:
        contact, opening = self.collided(), self._opening()
        error, align = self._errors()
        distance = torch.linalg.vector_norm(over(error, 0.01, 0.06), dim=1, keepdim=True)
        terms = [
            1.0 - torch.tanh(distance / 0.1),
            torch.exp(distance / -0.03),
            align,
            (opening / self.options.opening).clip(0.0, 1.0),
            self.action_rate(requested_velocity, previous_velocity).unsqueeze(1),
            contact.float().unsqueeze(1),
        ]
        self.hold((opening >= self.options.opening).squeeze(1))
        return StepOutcome(torch.cat(terms, 1).mul_(self.weights), contact, self.success)

    def place(self, ids: Tensor, u: Tensor) -> None:
        self.place_arm(ids, u)
        self.cabinet.place(ids, u[:, 1:])

    def draw_goal(self, ids: Tensor, u: Tensor) -> Tensor:
        """Where the handle shall be."""
        yaw = self.cabinet.yaw.index_select(0, ids)
        out = torch.cat((yaw.cos(), yaw.sin(), torch.zeros_like(yaw)), 1)
        return self._handle.index_select(0, ids) - self.options.opening * out

    def markers(self, world: int) -> list[Marker]:
        return [Marker(self.goal[world].tolist(), 0.012, (0.1, 0.75, 0.35, 0.55))]

    def _opening(self) -> Tensor:
        """How far the drawer is out: float32 [N, 1] m."""
        return self.world.qpos[:, self._drawer : self._drawer + 1].float()

    def _errors(self) -> tuple[Tensor, Tensor]:
        """From the tool to where it hooks, [N, 3] m; how well it points down with its flat side to the bar, [N, 1]."""
        yaw = self.cabinet.yaw
        cos, sin = yaw.cos(), yaw.sin()
        hook = torch.cat((BEHIND * cos, BEHIND * sin, torch.full_like(cos, -DROP)), 1)
        along = (self._across[:, 1:2] * cos - self._across[:, :1] * sin).abs()
        down = self._axis[:, 2:].neg().clip(min=0.0)
        return self._handle - self._tool + hook, down * along


def handle_region(robot: RobotSettings) -> tuple[list[float], list[float]]:
    """Corners x, y, m, of where the cabinet's origin may be: its closed handle is in the far half of the workspace."""
    low, high = workspace(robot).low, workspace(robot).high
    x, y = high[0] - low[0], high[1] - low[1]
    out = GAP + HANDLE_RADIUS
    return [low[0] + 0.6 * x + out, low[1] + 0.3 * y], [low[0] + 0.85 * x + out, high[1] - 0.3 * y]


def add_cabinet(spec: mujoco.MjSpec, at: list[float], options: DrawerOptions) -> None:
    """A cabinet with a drawer under its top and a bar handle at the drawer's front."""
    cabinet = spec.worldbody.add_body(name="cabinet", mocap=True, pos=[*at, 0.0])
    look: dict[str, Any] = {"rgba": WOOD, "friction": [0.5, 0.005, 0.0001]}
    half, b = 0.5 * WIDE, 0.5 * BOARD
    deep, high = 0.5 * DEEP, 0.5 * HIGH
    for side, y in (("left", half - b), ("right", b - half)):
        add_box(cabinet, f"cabinet_{side}", [deep, y, high], [deep, b, high], **look)
    inside = half - BOARD
    add_box(cabinet, "cabinet_top", [deep, 0, HIGH - b], [deep, inside, b], **look)
    add_box(cabinet, "cabinet_bottom", [deep, 0, b], [deep, inside, b], **look)
    add_box(cabinet, "cabinet_back", [DEEP - b, 0, high], [b, inside, high - BOARD], **look)
    drawer = cabinet.add_body(name="drawer", gravcomp=1)
    drawer.add_joint(
        name="drawer_slide", type=mujoco.mjtJoint.mjJNT_SLIDE, axis=[-1, 0, 0], range=[0, TRAVEL], limited=True,
        damping=options.damping, frictionloss=options.friction, solref_limit=[0.01, 1.0],
    )  # fmt: skip
    low, top, gap = BOARD + 0.003, HIGH - BOARD - 0.003, 0.003
    middle, tall, wide = 0.5 * (low + top), 0.5 * (top - low), inside - gap
    look = {**look, "rgba": [0.82, 0.68, 0.5, 1], "mass": options.mass / 5}
    add_box(drawer, "drawer_front", [b, 0, middle], [b, wide, tall], **look)
    length, wall = 0.5 * (DEEP - 3 * BOARD), 0.35 * tall
    for side, y in (("left", wide - b), ("right", b - wide)):
        add_box(drawer, f"drawer_{side}", [BOARD + length, y, low + wall], [length, b, wall], **look)
    add_box(drawer, "drawer_floor", [BOARD + length, 0, low + b], [length, wide - BOARD, b], **look)
    tray_back = [BOARD + 2 * length - b, 0, low + BOARD + wall]
    add_box(drawer, "drawer_back", tray_back, [b, wide - BOARD, wall - b], **look)
    metal = {"rgba": METAL, "friction": [0.4, 0.005, 0.0001], "mass": 0.02}
    capsule, bar = mujoco.mjtGeom.mjGEOM_CAPSULE, -(GAP + HANDLE_RADIUS)
    ends = [bar, -HANDLE_HALF_WIDTH, HANDLE_HEIGHT, bar, HANDLE_HALF_WIDTH, HANDLE_HEIGHT]
    add_geom(drawer, "handle_bar", capsule, fromto=ends, size=[HANDLE_RADIUS, 0, 0], **metal)
    for side, y in (("left", HANDLE_HALF_WIDTH), ("right", -HANDLE_HALF_WIDTH)):
        post = [0.0, y, HANDLE_HEIGHT, bar, y, HANDLE_HEIGHT]
        add_geom(drawer, f"handle_{side}", capsule, fromto=post, size=[HANDLE_RADIUS, 0, 0], **metal)
    drawer.add_site(name="handle", pos=[bar, 0, HANDLE_HEIGHT], size=[0.003] * 3, group=4)
