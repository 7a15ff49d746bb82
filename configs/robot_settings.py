"""A robot as settings: its model file, joints, tool, limits and servos."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field, model_validator

from ashore.configs.base import NonNegative, Positive, Settings, Vector

ON_ITS_FACE = 1e-6  # m outside a workspace that rounding explains


class GripperSettings(Settings):
    """A gripper of one degree of freedom, for the tasks that grasp: its first joint is driven, the others follow it."""

    joints: tuple[str, ...] = Field(min_length=1)
    open: float = Field(description="rad or m, of the driven joint")
    closed: float = Field(description="rad or m")
    velocity_limit: Positive = Field(description="rad/s or m/s")
    acceleration_limit: Positive = Field(description="rad/s^2 or m/s^2")
    kp: Positive
    kd: Positive


class Workspace(Settings):
    """The box where an arm's tasks happen, in the frame of its base."""

    low: Vector = Field(description="x, y, z, m")
    high: Vector = Field(description="x, y, z, m")

    @model_validator(mode="after")
    def _box(self) -> Workspace:
        if len(self.low) != 3 or len(self.high) != 3:
            raise ValueError(f"low = {list(self.low)}, high = {list(self.high)}; allowed: three values each, m")
        if any(low >= high for low, high in zip(self.low, self.high, strict=True)):
            raise ValueError(f"low = {list(self.low)} m; allowed: below high = {list(self.high)} m, each value")
        return self

    def outside(self, position: Sequence[float]) -> str:
        """Which of x, y (and z, if there) of a position in m lies outside the box, and what is allowed; empty where none."""
        for axis, value, low, high in zip("xyz", position, self.low, self.high, strict=False):
            if not low - ON_ITS_FACE <= value <= high + ON_ITS_FACE:
                return f"{axis} = {value:g} m; allowed: {low:g} to {high:g}"
        return ""


class RobotSettings(Settings):
    """A robot: which model file, which joints are driven and how. Lengths follow `joints`.

    What a model can tell may be left out, and `ashore.sim.robots.own_robot` fills it in.
    One for `raw_actuators` tasks alone, which drive the
    model's own actuators, leaves out home, limits and gains.
    """

    name: str
    model: str = Field(
        description="MJCF or URDF file, menagerie:NAME or menagerie:NAME/ENTRY, a file of sim/robots, gymnasium:FILE, "
        "or the MJCF itself"
    )
    joints: tuple[str, ...] = Field(min_length=1, description="driven joints, in command order")
    gripper: GripperSettings | None = Field(default=None, description="welded where a task does not use it")
    fixed_joints: tuple[str, ...] = Field(default=(), description="joints of the model to weld where they are")
    free_joints: tuple[str, ...] = Field(
        default=(), description="joints that nobody drives and that move freely; all other such joints are held"
    )
    endless_joints: tuple[str, ...] = Field(
        default=(), description="driven joints that turn without end: their drivers may report them within one turn"
    )
    packages: dict[str, str] = Field(
        default={}, description="folders of ROS packages by name, for package:// paths; relative to the model's folder"
    )
    tool_site: str | None = Field(default=None, description="end-effector site; z points out of the gripper")
    tool_body: str | None = Field(default=None, description="body that gets the site, where the model has none")
    tool_offset: Vector = Field(default=(0.0, 0.0, 0.0), description="of the site from that body, m")
    tool_orientation: Vector = Field(default=(1.0, 0.0, 0.0, 0.0), description="of the site in that body, wxyz")
    payload_body: str | None = None
    home: Vector = Field(default=(), description="rad or m; left out: the model's keyframe `home`, or its first")
    start_spread: Vector | None = Field(default=None, description="rad or m around home: where episodes may start")
    workspace: Workspace | None = Field(default=None, description="where tasks happen, unless they say otherwise")
    velocity_limit: Vector = Field(default=(), description="rad/s or m/s; left out: the URDF's")
    acceleration_limit: Vector = Field(
        default=(), description="rad/s^2 or m/s^2; left out: what reaches the velocity limit in 0.25 s"
    )
    position_margin: NonNegative = Field(
        default=0.0, description="kept from each end of the model's joint range, rad or m"
    )
    position_limits: dict[str, tuple[float, float]] = Field(
        default_factory=dict,
        description="joint: [low, high], rad or m, within the model's own range; for joints whose model has none",
    )
    kp: Vector = Field(
        default=(),
        description="servo stiffness, N*m/rad or N/m; left out: of the model's position actuators, or 50 rad/s",
    )
    kd: Vector = Field(default=(), description="servo damping, N*m*s/rad or N*s/m; left out: as for kp")
    compensates_gravity: bool = Field(
        default=False, description="the robot's controller does; for models that do not say"
    )

    @model_validator(mode="after")
    def _one_tool(self) -> RobotSettings:
        if self.tool_site is not None and self.tool_body is not None:
            raise ValueError(
                f"tool_body = {self.tool_body!r} beside tool_site = {self.tool_site!r}; allowed: one of them"
            )
        for field, size in (("tool_offset", 3), ("tool_orientation", 4)):
            if len(getattr(self, field)) != size:
                raise ValueError(f"{field} has {len(getattr(self, field))} values; allowed: {size}")
        return self

    @model_validator(mode="after")
    def _bounded(self) -> RobotSettings:
        for name, (low, high) in self.position_limits.items():
            if name not in self.joints:
                raise ValueError(f"position_limits names {name!r}; allowed: the driven joints {list(self.joints)}")
            if not low < high:
                raise ValueError(f"position_limits.{name} = [{low:g}, {high:g}]; allowed: the first below the second")
        if unknown := sorted({*self.endless_joints} - {*self.joints}):
            raise ValueError(f"endless_joints names {unknown}; allowed: the driven joints {list(self.joints)}")
        return self

    @model_validator(mode="after")
    def _gripper_apart(self) -> RobotSettings:
        fingers = () if self.gripper is None else self.gripper.joints
        # `with_gripper` puts the first finger last.
        arm = self.joints[:-1] if fingers[:1] == self.joints[-1:] else self.joints
        if both := sorted({*arm} & {*fingers}):
            raise ValueError(f"joints and gripper.joints both name {both}; allowed: each joint in one of them")
        return self

    @model_validator(mode="after")
    def _each_joint_once(self) -> RobotSettings:
        fingers = self.gripper.joints if self.gripper is not None else ()
        for field, names in (("joints", self.joints), ("gripper.joints", fingers), ("fixed_joints", self.fixed_joints)):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{field} has {twice} twice; allowed: each joint once")
        for field, names in (("joints", self.joints), ("gripper.joints", fingers)):
            if both := sorted(set(names) & set(self.fixed_joints)):
                raise ValueError(f"fixed_joints has {both}, which {field} has too; allowed: a joint in one of them")
        return self

    @model_validator(mode="after")
    def _lengths(self) -> RobotSettings:
        for field in ("home", "start_spread", "velocity_limit", "acceleration_limit", "kp", "kd"):
            values = getattr(self, field)
            if not values:
                continue
            if len(values) != len(self.joints):
                raise ValueError(
                    f"{field} has {len(values)} values; allowed: {len(self.joints)}, one a joint of {list(self.joints)}"
                )
            if field == "start_spread" and min(values) < 0:
                raise ValueError(f"start_spread = {list(values)}; allowed: every value at least 0")
            if field not in ("home", "start_spread") and min(values) <= 0:
                raise ValueError(f"{field} = {list(values)}; allowed: every value above 0")
        return self

    def with_gripper(self) -> RobotSettings:
        """The same robot with its gripper as one more driven joint, the last."""
        g = self.gripper
        if g is None or g.joints[0] in self.joints:
            return self
        return self.model_copy(
            update={
                "joints": (*self.joints, g.joints[0]),
                "home": (*self.home, g.open),
                "start_spread": None if self.start_spread is None else (*self.start_spread, 0.0),
                "velocity_limit": (*self.velocity_limit, g.velocity_limit),
                "acceleration_limit": (*self.acceleration_limit, g.acceleration_limit),
                "kp": (*self.kp, g.kp),
                "kd": (*self.kd, g.kd),
            }
        )
