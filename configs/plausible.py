"""What is plausible in a policy file's contract: bounds wide enough for any real robot, so that a file beyond them lies.

A checksum shows that a file is whole, not that it is true. What the gate relies on (limits, ages) and what people are shown
(names, units) is held to these bounds. Each function raises ValueError with what it found and what is allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # the contract asks this module
    from ashore.configs.contract import Contract, Interface, JointSpec, SignalSpec, ToolChain

MOST = 2**16  # values of all signals, or of a robot's memory
LONGEST_NAME, LONGEST_UNIT, LONGEST_TEXT = 100, 32, 1000  # characters
MOST_ENTRIES, DEEPEST = 4096, 8  # of one list or table; of lists and tables within each other
LARGEST = 2**53  # of any number: beyond, a double cannot count


class Range(NamedTuple):
    """Allowed values, ends included."""

    low: float
    high: float
    unit: str

    def require(self, what: str, value: float) -> None:
        if not self.low <= value <= self.high:
            raise ValueError(f"{what} = {value:g} {self.unit}; allowed: {self.low:g} to {self.high:g} {self.unit}")


CONTROL_DT = Range(5e-4, 1.0, "s")
POSITION = Range(-1e4, 1e4, "rad or m")  # a joint without ends has some 1000 rad; gantries have 100 m
WAY = Range(1e-4, 2e4, "rad or m")  # between a joint's limits
VELOCITY = Range(1e-4, 1e3, "rad/s or m/s")  # a servo of 10,000 turns a minute
ACCELERATION = Range(1e-3, 1e5, "rad/s^2 or m/s^2")  # the legs of small robots reach 2000
ACTION_SCALE = Range(1e-6, 1e4, "in SI units")
LINK = Range(-100.0, 100.0, "m")
# A signal that is older than this says nothing of where a robot is, at whatever rate; see `_check_signal`.
MAX_AGE, MAX_AGE_PERIODS = 1.0, 20
COMMAND_AGE = 3600.0  # s; commands do not go stale: nothing is decided by it
ORTHONORMAL = 1e-6  # how far the rows of a rotation may be from it


def check_interface(face: Interface) -> None:
    """Every field of an interface that a policy file carries."""
    _check_name("task", face.task)
    _check_name("robot", face.robot)
    CONTROL_DT.require("control_dt", face.control_dt)
    for signal in face.signals:
        _check_signal(signal, face.control_dt)
    if (values := sum(signal.size for signal in face.signals)) > MOST:
        raise ValueError(f"signals have {values} values; allowed: at most {MOST}")
    for memory in face.memory:
        _check_name("a memory's name", memory.name)
        _check_text(f"memory {memory.name}: unit", memory.unit, LONGEST_UNIT)
    for joint in face.joints:
        _check_joint(joint)
    names = [joint.name for joint in face.joints]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"joints has {twice} twice; allowed: each joint once")
    for scale in face.action_scale:
        ACTION_SCALE.require("action_scale", scale)
    if face.tool is not None:
        _check_tool(face.tool)
    if face.workspace is not None:
        for corner in (*face.workspace.low, *face.workspace.high):
            LINK.require("a corner of workspace", corner)


def check_memory(face: Interface, first: Sequence[str]) -> None:
    """The targets are remembered first, and the first of them starts where the joints are measured to be."""
    measured = {s.name: s.size for s in face.signals if s.kind == "measurement"}
    if not measured:
        raise ValueError("no signal is a measurement; allowed: at least one, of the joints' positions")
    joints, found = len(face.joints), face.memory[: len(first)]
    if [m.name for m in found] != list(first) or any(m.size != joints for m in found):
        raise ValueError(
            f"memory = {[(m.name, m.size) for m in found]}; allowed: first {list(first)} of {joints} values"
        )
    position, *others = found
    if measured.get(position.starts_as or "") != joints or any(m.starts_as is not None for m in others):
        raise ValueError(
            f"memory starts as {[m.starts_as for m in found]}; allowed: {position.name} as a measurement of {joints} values, "
            f"of {measured}, and then zeros"
        )


def check_contract(contract: Contract) -> None:
    """Every number and text that stands in the contract, but those of the run's settings, which no robot reads."""
    for d in contract.trained_on:
        if not d.low <= d.high or not d.widest[0] <= d.widest[1]:
            raise ValueError(f"trained_on {d.name!a}: {d.low:g} to {d.high:g} of {d.widest}; allowed: low ends first")
    for field, value in contract.model_dump(exclude={"settings"}).items():
        _check_value(field, value, 0)


def _check_signal(signal: SignalSpec, dt: float) -> None:
    _check_name("a signal's name", signal.name)
    _check_text(f"signal {signal.name}: unit", signal.unit, LONGEST_UNIT)
    _check_text(f"signal {signal.name}: frame", signal.frame, LONGEST_UNIT, least=0)
    oldest = COMMAND_AGE if signal.kind == "command" else max(MAX_AGE, MAX_AGE_PERIODS * dt)
    Range(dt, oldest, "s").require(f"signal {signal.name}: max_age", signal.max_age)


def _check_joint(joint: JointSpec) -> None:
    _check_name("a joint's name", joint.name)
    what = f"joint {joint.name}: "
    POSITION.require(f"{what}low", joint.low)
    POSITION.require(f"{what}high", joint.high)
    WAY.require(f"{what}high - low", joint.high - joint.low)
    VELOCITY.require(f"{what}velocity", joint.velocity)
    ACCELERATION.require(f"{what}acceleration", joint.acceleration)
    Range(joint.low, joint.high, "rad or m").require(f"{what}home", joint.home)
    # The gate does not count what a load takes: more than all of a joint's way would blind it.
    Range(0.0, joint.high - joint.low, "rad or m").require(f"{what}give", joint.give)


def _check_tool(tool: ToolChain) -> None:
    for frame in tool.frames:
        rows = [frame[:3], frame[4:7], frame[8:11]]
        products = [sum(p * q for p, q in zip(a, b, strict=True)) - (a is b) for a in rows for b in rows]
        if not max(map(abs, products)) <= ORTHONORMAL:
            raise ValueError(f"a frame of tool has the rotation {rows}; allowed: rows of length 1, at right angles")
        for position in frame[3::4]:
            LINK.require("a position in a frame of tool", position)


def _check_name(what: str, name: str) -> None:
    _check_text(what, name, LONGEST_NAME)
    if name != name.strip():
        raise ValueError(f"{what} = {name!a}; allowed: without blanks around it")


def _check_text(what: str, text: str, most: int, least: int = 1) -> None:
    if not (least <= len(text) <= most and text.isprintable()):
        raise ValueError(f"{what} = {text[:40]!a} of {len(text)} characters; allowed: {least} to {most}, all printable")


def _check_value(field: str, value: Any, depth: int) -> None:
    """A value as JSON has them, with all in it."""
    if isinstance(value, str):
        _check_text(field, value, LONGEST_TEXT, least=0)
    elif isinstance(value, int | float):
        if not abs(value) <= LARGEST:  # NaN neither
            raise ValueError(f"{field} has a number that is not finite or too large; allowed: within +-{LARGEST:g}")
    elif isinstance(value, dict | list | tuple):
        if len(value) > MOST_ENTRIES or depth > DEEPEST:
            raise ValueError(f"{field} has {len(value)} entries, {depth} deep; allowed: {MOST_ENTRIES}, {DEEPEST} deep")
        for entry in value.items() if isinstance(value, dict) else value:
            _check_value(field, entry, depth + 1)
