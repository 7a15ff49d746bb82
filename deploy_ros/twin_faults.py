"""What a faulty robot publishes in place of what its sensors say: a pipeline between a twin's messages and its writers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ashore.configs.contract import Interface
from ashore.configs.errors import AshoreError
from ashore.deploy_ros.safety import limits_of

JOINT_STATE = "joint_state"  # the name of joint states among sources
RATE = 0.2  # 1/s, how often a fault begins where nothing else is asked for
OF_JOINTS, OF_SENSORS = "joints", "sensors"


class FaultError(AshoreError, ValueError):
    """Faults that a twin cannot have; says which it can."""


class Kind(NamedTuple):
    """A kind of fault."""

    of: str  # what it befalls: joint states; or what cameras, TF and the IMU tell
    lasts: tuple[float, float]  # s, at least and at most
    amount: tuple[float, float]  # from and to, in what the text says
    text: str


KINDS: Mapping[str, Kind] = {
    "late": Kind(OF_JOINTS, (0.2, 1.0), (0.05, 0.5), "joint states come 0.05 to 0.5 s late, and then those on time among them"),
    "drop": Kind(OF_JOINTS, (0.02, 0.5), (0.0, 0.0), "joint states are lost, for 0.02 to 0.5 s"),
    "freeze": Kind(OF_JOINTS, (0.1, 1.0), (0.0, 0.0), "joint states stay as they were, with new stamps, for 0.1 to 1 s"),
    "repeat": Kind(OF_JOINTS, (0.1, 1.0), (0.0, 0.0), "one joint state is sent again and again, stamp and all, for 0.1 to 1 s"),
    "nan": Kind(OF_JOINTS, (0.0, 0.1), (0.0, 0.0), "the position of one joint is not a number, once or for up to 0.1 s"),
    "wrap": Kind(OF_JOINTS, (math.inf, math.inf), (math.tau, math.tau), "one encoder is a whole turn off, from then on"),
    "jump": Kind(OF_JOINTS, (0.0, 0.3), (0.3, 1.5), "one encoder is 0.3 to 1.5 rad off, once or for up to 0.3 s"),
    "lose": Kind(OF_SENSORS, (0.05, 1.0), (0.0, 0.0), "one object's pose, or the IMU, is not sent, for 0.05 to 1 s"),
    "stick": Kind(OF_SENSORS, (0.1, 1.0), (0.0, 0.0), "the same, but the last one is sent again and again, stamp and all"),
}  # fmt: skip


def read_faults(text: str) -> dict[str, float]:
    """`late,drop:0.5` as how often each begins, 1/s; FaultError where there is no such fault."""
    rates = {}
    for part in filter(None, text.split(",")):
        name, _, rate = part.partition(":")
        try:
            rates[name] = float(rate or RATE)
        except ValueError:
            rates[name] = math.nan
        if name not in KINDS or not 0.0 < rates[name] <= 100.0:
            raise FaultError(
                f"faults: {part!r}; allowed: {', '.join(KINDS)}, alone or each with :RATE, above 0 to 100 times a second"
            )
    return rates


class Fault(NamedTuple):
    """One that happens. Times: s of the episode."""

    kind: str
    begin: float
    end: float
    where: str  # the joint, or the source
    amount: float

    def to_json(self) -> dict[str, Any]:
        """For an episode's result; one that lasts for good has no end."""
        ends = {"end": round(self.end, 3)} if math.isfinite(self.end) else {}
        return {"kind": self.kind, "begin": round(self.begin, 3)} | ends | {"where": self.where}


class Faults:
    """The faults of a twin's episodes, from rates and a seed alone: an episode has the same ones whenever it is played."""

    def __init__(self, rates: Mapping[str, float], seed: int) -> None:
        self._rates, self._seed = dict(rates), seed
        self._drawn: list[Fault] = []
        self._now = -1.0  # s of the episode; before it, nothing goes wrong
        self._last: dict[str, Any] = {}  # messages as they were before a fault
        self._on_the_way: list[tuple[float, Any]] = []  # joint states that are late, and when they come

    def begin(self, episode: int, seconds: float, joints: Sequence[str], sensors: Sequence[str]) -> None:
        """Draw those of an episode that lasts so many s, with these joints and these sources beside the joint states."""
        random = np.random.default_rng([self._seed, episode])
        self._drawn, self._now = [], -1.0
        self._last, self._on_the_way = {}, []
        for name in sorted(self._rates):
            kind, begin = KINDS[name], 0.0
            places = joints if kind.of == OF_JOINTS else sensors
            while places and (begin := begin + random.exponential(1.0 / self._rates[name])) < seconds:
                where, sign = places[int(random.integers(len(places)))], (-1.0, 1.0)[random.integers(2)]
                lasts = kind.lasts[0] if math.isinf(kind.lasts[0]) else random.uniform(*kind.lasts)
                self._drawn.append(Fault(name, begin, begin + lasts, where, sign * random.uniform(*kind.amount)))
                begin += lasts

    def at(self, elapsed: float) -> bool:
        """The episode is so old, s; whether a fault has begun."""
        self._now = elapsed
        return any(fault.begin <= elapsed for fault in self._drawn)

    def end(self) -> list[Fault]:
        """Those of this episode that have begun; from now on nothing goes wrong until the next."""
        begun = sorted((f for f in self._drawn if f.begin <= self._now), key=lambda fault: fault.begin)
        self._drawn, self._on_the_way = [], []
        return begun

    def through(self, source: str, message: Any) -> list[Any]:
        """What is published for a source's message: it, another one, several or none."""
        present = [f for f in self._drawn if f.begin <= self._now <= f.end]
        if source != JOINT_STATE:
            return self._sensed(source, message, {f.kind for f in present if f.where == source})
        kinds = {f.kind for f in present}
        told = self._turned(message, present)
        if kinds & {"freeze", "repeat"}:
            told = self._last.setdefault(source, told)
            if "repeat" not in kinds:
                told = replace(told, header=message.header)
        else:
            self._last.pop(source, None)
        if "drop" in kinds:
            return self._arrived()
        if late := [f for f in present if f.kind == "late"]:
            self._on_the_way.append((self._now + max(abs(f.amount) for f in late), told))
            return self._arrived()
        return [*self._arrived(), told]

    def _sensed(self, source: str, message: Any, kinds: set[str]) -> list[Any]:
        if "stick" in kinds:
            message = self._last.setdefault(source, message)
        else:
            self._last.pop(source, None)
        return [] if "lose" in kinds else [message]

    def _turned(self, message: Any, present: list[Fault]) -> Any:
        """A joint state whose encoders are off."""
        position = list(message.position)
        for fault in present:
            if fault.kind in ("nan", "wrap", "jump"):
                joint = list(message.name).index(fault.where)
                position[joint] = math.nan if fault.kind == "nan" else position[joint] + fault.amount
        return replace(message, position=position)

    def _arrived(self) -> list[Any]:
        """Joint states that were late and come now."""
        come = [message for due, message in self._on_the_way if due <= self._now]
        self._on_the_way = [(due, message) for due, message in self._on_the_way if due > self._now]
        return come


class MotionWatch:
    """Whether a robot is moved beyond its limits, from the first fault of an episode on."""

    def __init__(self, interface: Interface) -> None:
        self._limits = limits_of(interface)
        self.begin()

    def begin(self) -> None:
        """A new episode."""
        self.fastest = 0.0  # of the velocity limit
        self.beyond = 0.0  # rad beyond a position limit

    def look(self, position: np.ndarray, velocity: np.ndarray) -> None:
        """Where the joints are and how fast: [n] rad and rad/s."""
        low, high, v_max, _ = self._limits
        self.fastest = max(self.fastest, float((np.abs(velocity) / v_max).max()))
        self.beyond = max(self.beyond, float(np.maximum(low - position, position - high).max()))
