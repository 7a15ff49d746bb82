"""What a policy is told beside its joints: the last reading of each source, how old it is, and the signals that follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ashore.configs.base import LARGEST
from ashore.configs.contract import Interface, JointSpec
from ashore.configs.laws.tool_pose import Tool
from ashore.deploy_ros import quaternions
from ashore.deploy_ros.following import Measured
from ashore.deploy_ros.joint_states import JointStates
from ashore.deploy_ros.messages import MessageError, RoutingError, numbers
from ashore.deploy_ros.routes import GOAL, IMU, JOINTS, POLE, TWIST, Readings, Route, routes_of
from ashore.deploy_ros.settings import TF, NodeSettings
from ashore.deploy_ros.transforms import Transform, Transforms

FAR = 1000.0  # m: a goal further away is a mistake
BEYOND = 1.5  # of the length of an arm stretched out: an object further from its base is not one to handle
FASTEST = 100.0  # m/s and rad/s: faster, no robot turns or is told to go
UNIT = 0.01  # by so much may a unit quaternion's length differ from 1

SIZES = {"pose": 7, "imu": 7, "twist": 6, "scalar": 1}  # position and wxyz; rad/s and wxyz; linear and angular; a value


class Source(NamedTuple):
    """What one topic or TF frame tells."""

    name: str
    kind: str  # pose, imu, twist or scalar
    where: str  # the topic, or tf: and a frame
    ages: tuple[tuple[str, float], ...]  # signals that follow from it and may be stale, each with its max_age s
    patience: float  # s, the longest age of the signals that it commands
    turned: bool  # whether its orientation is used

    @property
    def label(self) -> str:
        return self.name if self.name in (GOAL, IMU, TWIST) or self.kind == "scalar" else f"{self.name} pose"


def sources_of(
    interface: Interface, settings: NodeSettings, routes: dict[str, Route] | None = None
) -> dict[str, Source]:
    """All sources that the interface's signals need beside the joint state, by name."""
    found: dict[str, Source] = {}
    specs = {s.name: s for s in interface.signals}
    for signal, route in (routes or routes_of(interface)).items():
        spec = specs[signal]
        for name in route.sources:
            if name == JOINTS:
                continue
            commands = spec.kind == "command" or name == GOAL
            before = found.get(name) or Source(name, route.kind, where_of(name, route.kind, settings), (), 0.0, False)
            found[name] = before._replace(
                ages=before.ages if commands else (*before.ages, (signal, spec.max_age)),
                patience=max(before.patience, spec.max_age) if commands else before.patience,
                turned=before.turned or route.turned,
            )
    return found


def where_of(source: str, kind: str, settings: NodeSettings) -> str:
    """The topic of a source, or tf: and its frame."""
    imu = settings.low_state if settings.output == "low_cmd" else settings.imu
    own = {JOINTS: settings.state_topic, GOAL: settings.goal, IMU: imu, TWIST: settings.twist}
    default = f"/ashore/{source}" + ("_pose" if kind == "pose" else "")
    return own.get(source) or settings.objects.get(source, default)


class Inputs:
    """The sources of one policy, whose routes RoutingError refuses where there is none. Times: s, monotonic, of receipt."""

    def __init__(self, interface: Interface, settings: NodeSettings) -> None:
        self.routes = routes_of(interface)
        self.sources = sources_of(interface, settings, self.routes)
        poses = [s.name for s in self.sources.values() if s.name != GOAL and s.kind in ("pose", "scalar")]
        if strangers := sorted(set(settings.objects) - set(poses)):
            raise RoutingError(f"object = {settings.object!r} names {strangers}; this policy is told of {poses}")
        self._sizes = {s.name: s.size for s in interface.signals}
        self._goals = None if settings.anywhere else interface.workspace
        self._base, self._mount = settings.base_frame, np.array(settings.mount)
        needs = {route.needs for route in self.routes.values()}
        home = np.array([j.home for j in interface.joints])
        self._tool = Tool(interface.tool, home) if interface.tool is not None else None
        self._reach = BEYOND * self._tool.reach if self._tool is not None else FAR
        self._undriven = JointStates([_undriven(settings.renamed(POLE))], True) if POLE in needs else None
        self._passive: Measured | None = None
        self._read: dict[str, tuple[np.ndarray, float]] = {}  # reading and its time
        self._stamps: dict[str, float] = {}  # s, of those that were taken last
        self._refused: dict[str, str] = {}  # why the last message of a source was, where it was
        self.transforms = Transforms() if any(s.where.startswith(TF) for s in self.sources.values()) else None

    def take_joints(
        self, names: Sequence[str], position: Sequence[float], velocity: Sequence[float], now: float
    ) -> None:
        """Take what a joint state tells of a joint that nobody drives, where a signal needs one. Raises MessageError."""
        if self._undriven is None:
            return
        passive = self._undriven.read(names, position, velocity, now)
        if not (np.isfinite(passive.position).all() and np.isfinite(passive.velocity).all()):
            raise MessageError(f"joint {POLE} has a value that is not finite")
        self._passive = passive

    def take(
        self, name: str, values: Sequence[float], frame: str, now: float, stamp: float = 0.0, *, running: bool = False
    ) -> None:
        """Take a source's next reading, see SIZES. Raises MessageError where it cannot be used.

        stamp: s, 0 for none. One that has not changed makes no measurement fresh, nor does an earlier one while the robot is
        driven (`running`); else a sensor's clock may have been set back.
        """
        source, before = self.sources[name], self._stamps.get(name, 0.0)
        try:
            if source.ages and stamp and (stamp == before or (running and stamp < before)):
                raise MessageError(f"its stamp {stamp:.3f} s is not after {before:.3f} s")
            self._read[name] = (self._checked(source, values, frame), now)
        except MessageError as error:
            self._refused[name] = f"; refused: {error}"
            raise
        self._stamps[name] = stamp
        self._refused.pop(name, None)

    def take_transforms(
        self, transforms: Sequence[Transform], static: bool, now: float, *, running: bool = False
    ) -> None:
        if self.transforms is not None:
            self.transforms.take(transforms, static, now, running=running)

    def missing(self, now: float) -> Source | None:
        """The first source that has told nothing yet; a policy can wait for a twist while it stands still."""
        return next((s for s in self.sources.values() if s.kind != "twist" and self._reading(s, now) is None), None)

    def stale(self, now: float) -> str:
        """The first signal that is too old, by its own max_age, or that its TF frame no longer gives; empty where none is."""
        for source in self.sources.values():
            if (read := self._reading(source, now)) is None:
                if source.kind == "twist":
                    continue
                return f"there is no {source.label} on {source.where} any more"
            for signal, max_age in source.ages:
                if (age := now - read[1]) > max_age:
                    why = self._refused.get(source.name, "")
                    return f"{signal} is stale ({age:.2f} s old, on {source.where}{why})"
        return ""

    def ages(self, now: float) -> dict[str, float]:
        """s since each source was last received, by its label; of those alone that have told something and may be stale."""
        reads = ((s.label, self._reading(s, now)) for s in self.sources.values() if s.ages)
        return {label: now - read[1] for label, read in reads if read is not None}

    def signals(self, measured: Measured, now: float) -> dict[str, np.ndarray]:
        """Signals by name, [size] each. A twist that stopped coming is a command to stand still."""
        others = {}
        for source in self.sources.values():
            read = self._reading(source, now)
            if source.kind == "twist" and (read is None or now - read[1] > source.patience):
                read = np.zeros(SIZES["twist"]), now
            if read is None:
                raise MessageError(f"no {source.label} on {source.where}")
            others[source.name] = read[0]
        readings = Readings(measured, others, self._tool, self._passive)
        return {name: route.value(readings, self._sizes[name]) for name, route in self.routes.items()}

    def _reading(self, source: Source, now: float) -> tuple[np.ndarray, float] | None:
        if self.transforms is None or not source.where.startswith(TF):
            return self._read.get(source.name)
        found = self.transforms.look_up(self._base, source.where.removeprefix(TF), now)
        if found is None:
            return None
        try:
            return self._checked(source, found[0].tolist(), ""), found[1]
        except MessageError:
            return None

    def _checked(self, source: Source, values: Sequence[float], frame: str) -> np.ndarray:
        """A reading as floats in the base's frame."""
        if source.kind == "pose" and frame.lstrip("/") not in ("", self._base):
            raise MessageError(f"in frame {frame!r}; allowed: {self._base!r} or none (see base_frame)")
        reading = numbers("reading", values)
        if reading.shape != (SIZES[source.kind],):
            raise MessageError(f"of {reading.size} values; allowed: {SIZES[source.kind]}")
        if source.kind == "pose":
            self._check_position(source, reading[:3])
        elif not (np.abs(reading) < FASTEST).all():
            raise MessageError(f"{reading.tolist()}; allowed: finite values below {FASTEST:.0f}")
        if source.kind == "imu":
            reading[:3] = quaternions.rotate(self._mount, reading[:3])
        if source.kind == "imu" or source.turned:
            length = float(np.linalg.norm(reading[3:7]))
            if not abs(length - 1.0) <= UNIT:
                raise MessageError(f"its orientation is of length {length:.3g}; allowed: a unit quaternion")
            reading[3:7] /= length
        if source.kind == "imu":
            reading[3:7] = quaternions.multiply(reading[3:7], quaternions.inverse(self._mount))
        return reading

    def _check_position(self, source: Source, position: np.ndarray) -> None:
        if source.name == GOAL:
            if not (np.abs(position) < FAR).all():
                raise MessageError(f"{position.tolist()}; allowed: 3 finite values below {FAR:.0f} m")
            used = position[: self._sizes.get("goal_position", 0)].tolist()
            if self._goals is not None and (why := self._goals.outside(used)):
                raise MessageError(f"outside of where training drew goals from: {why} (see anywhere)")
        elif not np.linalg.norm(position) <= self._reach:
            raise MessageError(f"at {position.tolist()}; allowed: within {self._reach:.3g} m of the base")


def _undriven(name: str) -> JointSpec:
    """A joint without limits."""
    return JointSpec(name=name, low=-LARGEST, high=LARGEST, velocity=LARGEST, acceleration=LARGEST, home=0.0)
