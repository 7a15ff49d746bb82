"""What a policy file promises: the signals it takes, the targets it gives, the limits it keeps, the worlds it was trained on.

A policy is one `.onnx`. Inputs: one `[n, size]` float32 tensor a signal, named after it, and one a memory, named
`memory.<name>`. Outputs: `joint_position_target` [n, joints], `joint_velocity_target` [n, joints], `next.<name>` a memory.
This contract travels as JSON in the file's metadata, beside golden vectors and a checksum of the whole file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ashore.configs.base import Fraction, NonNegative, Vector
from ashore.configs.card import Card
from ashore.configs.plausible import MOST, MOST_ENTRIES, check_contract, check_interface, check_memory
from ashore.configs.robot_settings import Workspace
from ashore.configs.schema import Count, Positive, Settings
from ashore.configs.space import Dimension

FORMAT: Literal["ashore-policy/1"] = "ashore-policy/1"
METADATA_CONTRACT = "ashore.contract"
METADATA_GOLDEN = "ashore.golden"
# The checksum is SHA-256 of the file's bytes with these 64 hexadecimal digits replaced by zeros.
METADATA_SHA256 = "ashore.sha256"
POSITION_TARGET = "joint_position_target"
VELOCITY_TARGET = "joint_velocity_target"
TARGET, TARGET_VELOCITY = "target", "target_velocity"  # memories of every policy
MOST_JOINTS = MOST_SIGNALS = 128


class SignalSpec(Settings):
    """A quantity that a robot can measure, estimate or be told."""

    name: str
    size: Count
    unit: str
    kind: Literal["measurement", "estimate", "command"]
    frame: str = Field(default="", description="'b' robot base, 'w' world; empty where none applies")
    max_age: Positive = Field(description="s; older values are stale. A command does not go stale")
    description: str


class MemorySpec(Settings):
    """State the graph hands back to its caller from step to step. Starts as a signal's first value, or as zeros.

    A history has room for several values of a signal, oldest first, and starts as the first value again and again.
    """

    name: str
    size: Count
    unit: str
    starts_as: str | None = Field(description="the signal whose first value fills it; none: zeros")


class JointSpec(Settings):
    """A driven joint and the limits its targets keep."""

    name: str
    low: float = Field(description="rad")
    high: float = Field(description="rad")
    velocity: Positive = Field(description="rad/s")
    acceleration: Positive = Field(description="rad/s^2")
    home: float = Field(description="rad")
    continuous: bool = Field(
        default=False, strict=True, description="turns without end, so that drivers may report it within one turn"
    )
    group: Literal["", "gripper"] = Field(default="", description="what it belongs to, beside the arm or the legs")
    kp: NonNegative = Field(default=0.0, description="N*m/rad, stiffness of its servo in training; 0: not known")
    kd: NonNegative = Field(default=0.0, description="N*m*s/rad, damping of its servo in training")
    give: NonNegative = Field(
        default=0.0,
        description="rad that what it presses on holds it off its target, at most: the servo's greatest torque over kp",
    )

    @model_validator(mode="after")
    def _ordered(self) -> JointSpec:
        if not self.low < self.high:
            raise ValueError(f"joint {self.name}: low = {self.low} rad; allowed: below high = {self.high} rad")
        return self


class ToolChain(Settings):
    """An arm of hinges from its base to its tool, for actions that move the tool, signals that say where it is, and bounds.

    With the joints at q the tool is at F_1 R(q_1) F_2 R(q_2) ... F_n R(q_n) F_tool in the base's frame, R turning about z.
    """

    frames: tuple[Vector, ...] = Field(min_length=2, description="F: 3 x 4 row by row, rotation and position in m")

    @model_validator(mode="after")
    def _sizes(self) -> ToolChain:
        for frame in self.frames:
            if len(frame) != 12:
                raise ValueError(f"a frame of {len(frame)} values; allowed: 12")
        return self


class Interface(Settings):
    """How a policy meets the world: everything but what it learned. An environment has one; an export carries it on.

    The actor sees, side by side and in this order: every signal, the target and the velocity that led to it, and the
    `differences`, which follow from the signals: the way from a tool to an object is a few centimetres, which a network
    finds hard to tell from two places that lie anywhere on a table. What an
    actor remembers beyond these is in `memory` of an exported policy alone, after them: an environment knows nothing of it.
    The action a in [-1, 1] asks for a target: velocity, the target before + a * action_scale * control_dt; position,
    home + a * action_scale; tool, what moves the tool with a * action_scale, see
    `ashore.configs.laws.kinematics`. With a `heading` the
    tool's x and y, and those of differences, are counted in a task frame that turns with it, and that slows the tool where the
    way is shorter than a few centimetres, see `ashore.configs.laws.task_frame`. `ashore.configs.laws.limits` has the last word.
    """

    task: str
    robot: str
    control_dt: Positive = Field(description="s")
    signals: tuple[SignalSpec, ...] = Field(min_length=1, max_length=MOST_SIGNALS)
    memory: tuple[MemorySpec, ...] = Field(max_length=2 * MOST_SIGNALS)
    joints: tuple[JointSpec, ...] = Field(
        max_length=MOST_JOINTS, description="none where actions go straight to a model's own actuators"
    )
    action: Literal["velocity", "position", "tool"] = "velocity"
    action_scale: Vector = Field(
        description="at action 1: rad/s or rad, one a joint; tool: m/s three times, rad/s, and of each joint behind the arm"
    )
    tool: ToolChain | None = Field(
        default=None,
        description="the arm, the first of the joints, which says where the tool is",
    )
    differences: tuple[tuple[str, str], ...] = Field(
        default=(),
        max_length=MOST_SIGNALS,
        description="pairs of signals: the first less the second, as many values as both have",
    )
    heading: tuple[str, str] | None = Field(
        default=None, description="with action tool: the difference that x of the task frame follows, a way in m"
    )
    workspace: Workspace | None = Field(
        default=None, description="where training drew the goal's position from; files of before it have none"
    )

    @model_validator(mode="after")
    def _known_differences(self) -> Interface:
        units = {s.name: (s.unit, s.frame) for s in self.signals}
        for first, second in self.differences:
            if first not in units or second not in units or units[first] != units[second]:
                raise ValueError(
                    f"differences = [{first}, {second}]; allowed: two signals of one unit and frame, of {units}"
                )
        if len(set(self.differences)) < len(self.differences) or any(a == b for a, b in self.differences):
            raise ValueError(f"differences = {list(self.differences)}; allowed: each pair once, of two signals")
        return self

    @model_validator(mode="after")
    def _known_heading(self) -> Interface:
        ways = [pair for pair in self.differences if self._is_way(pair)]
        if self.heading and (self.action != "tool" or self.heading not in ways):
            raise ValueError(
                f"heading = {list(self.heading)} with action = {self.action}; allowed: with action tool, one of the "
                f"differences in m in the base's frame, {ways}"
            )
        if self.heading and len(set(self.action_scale[:2])) > 1:
            raise ValueError(f"action_scale = {list(self.action_scale)}; allowed with a heading: one value for x and y")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Interface:
        if self.action == "tool" and self.tool is None:
            raise ValueError("action = tool without tool; allowed: with the arm's chain")
        arm = len(self.tool.frames) - 1 if self.tool else 0
        if arm > len(self.joints):
            raise ValueError(f"tool has {arm} joints; allowed: at most the {len(self.joints)} that are driven")
        size = len(self.joints) - arm + 4 if self.action == "tool" else len(self.joints)
        if len(self.action_scale) != size:
            raise ValueError(f"action_scale has {len(self.action_scale)} values; allowed: {size}")
        names = [s.name for s in self.signals] + [m.name for m in self.memory]
        if len(set(names)) != len(names):
            raise ValueError(f"names = {names}; allowed: each name once")
        sizes = {s.name: s.size for s in self.signals}
        for m in self.memory:
            if m.starts_as is not None and (m.starts_as not in sizes or m.size % sizes[m.starts_as]):
                raise ValueError(
                    f"memory {m.name} of {m.size} values starts as {m.starts_as!r}; "
                    f"allowed: a signal that fills it, of {sizes}"
                )
        if (values := sum(m.size for m in self.memory)) > MOST:
            raise ValueError(f"memory has {values} values; allowed: at most {MOST}")
        return self

    @property
    def actor_size(self) -> int:
        """Number of values the actor sees."""
        return sum(size for _, size in self.seen) + sum(self.sizes_of_differences)

    @property
    def seen(self) -> tuple[tuple[str, int], ...]:
        """What the actor sees first, in order: name and size."""
        targets = [(m.name, m.size) for m in self.memory if m.name in (TARGET, TARGET_VELOCITY)]
        return (*((s.name, s.size) for s in self.signals), *targets)

    @property
    def parts(self) -> tuple[tuple[int, int, int], ...]:
        """Of each difference: which signal, less which one, and how many values."""
        place = {s.name: i for i, s in enumerate(self.signals)}
        pairs = [(place[first], place[second]) for first, second in self.differences]
        return tuple((i, j, min(self.signals[i].size, self.signals[j].size)) for i, j in pairs)

    @property
    def turns(self) -> tuple[bool, ...]:
        """Of each difference: whether it is a way that the heading turns."""
        return tuple(self.heading is not None and self._is_way(pair) for pair in self.differences)

    @property
    def sizes_of_differences(self) -> tuple[int, ...]:
        """How many values the actor sees of each: all but y of the heading, which in its own frame is 0."""
        sizes = (size for _, _, size in self.parts)
        return tuple(n - (p == self.heading) for p, n in zip(self.differences, sizes, strict=True))

    def _is_way(self, pair: tuple[str, str]) -> bool:
        first, second = (next(s for s in self.signals if s.name == name) for name in pair)
        return first.unit == "m" and first.frame == "b" and min(first.size, second.size) >= 2


# The two memories of every policy: the last target and the velocity that led to it, which the limits start from.
def target_memory(num_joints: int, position_signal: str) -> tuple[MemorySpec, MemorySpec]:
    return (
        MemorySpec(name=TARGET, size=num_joints, unit="rad", starts_as=position_signal),
        MemorySpec(name=TARGET_VELOCITY, size=num_joints, unit="rad/s", starts_as=None),
    )


class Contract(Settings):
    """The whole promise of a policy file: what an interface says, within what is plausible of a robot."""

    format: Literal["ashore-policy/1"] = FORMAT
    interface: Interface
    trained_on: tuple[Dimension, ...] = Field(
        max_length=MOST_ENTRIES, description="lambda and its ranges at the end of training"
    )
    settings: dict = Field(description="the run's task settings, so that the task can be built again")  # type: ignore[type-arg]
    settings_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    ashore_version: str = Field(min_length=1, max_length=100)
    trained_steps: Annotated[int, Field(ge=0, le=2**53)]
    success: Fraction | None = Field(default=None, description="success rate of the last evaluation, 0 to 1")
    card: Card | None = Field(default=None, description="the randomization card; files of before it have none")

    @model_validator(mode="after")
    def _drives(self) -> Contract:
        if not self.interface.joints:
            raise ValueError(
                f"task {self.interface.task} drives no joint targets; allowed: a policy for a robot's joints"
            )
        return self

    @model_validator(mode="after")
    def _plausible(self) -> Contract:
        check_interface(self.interface)
        check_memory(self.interface, (TARGET, TARGET_VELOCITY))
        check_contract(self)
        return self
