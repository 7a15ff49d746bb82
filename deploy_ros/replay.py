"""A recorded run again, offline: what came in goes through controller and gate; what comes out is compared with what was sent.

To the bit, where policy, settings and machine are the same: another processor may round the graph's sums differently.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sized
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from ashore.configs.errors import AshoreError
from ashore.deploy_ros import cdr
from ashore.deploy_ros.bundle import Policy, load_policy
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.differences import Differences, distance, same
from ashore.deploy_ros.groups import Group, part_of
from ashore.deploy_ros.mcap import Message, Metadata, Reader, RecordingError
from ashore.deploy_ros.message_definitions import named, ros_name
from ashore.deploy_ros.messages import forward_of, trajectory_of
from ashore.deploy_ros.profile import Profile
from ashore.deploy_ros.recording import ABOUT, END, EVENTS, FORMAT, outcome_of
from ashore.deploy_ros.ros_messages import read_trajectory, subscriptions
from ashore.deploy_ros.safety import Command
from ashore.deploy_ros.settings import NodeSettings
from ashore.deploy_ros.states import State

EXIT_EQUAL, EXIT_DIFFERENT = 0, 1
MOST_PENDING = 10_000  # messages between two events
PARTS = ("position", "velocity")


def replay(
    path: str | PathLike[str], policy_path: str | PathLike[str], changed: bool, say: Callable[[str], None]
) -> int:
    """Replay a recording with its policy and say what differs; 0 where nothing does, else 1.

    changed: the policy may be another one; then the figures say how far its commands are from those sent, and the exit code
    is 0. Raises RecordingError where the file cannot be used, PolicyFileError where the policy cannot.
    """
    policy, reader = load_policy(policy_path), Reader(Path(path))
    records = iter(reader)
    settings, profile = _conditions(reader.path, next(records, None), policy, changed)
    run = Replay(reader.path, policy, settings, profile, changed)
    for record in records:
        if run.over:
            continue
        if isinstance(record, Message):
            run.take(record)
        elif record.name == END:
            run.finish(record.values.get("dropped", ""))
    for line in run.report(reader.whole):
        say(line)
    return EXIT_EQUAL if changed or (run.equal and reader.whole and not run.over) else EXIT_DIFFERENT


def _conditions(
    path: Path, about: Message | Metadata | None, policy: Policy, changed: bool
) -> tuple[NodeSettings, Profile | None]:
    """Settings and profile that the run had. RecordingError where this is none of our runs, or one of another policy."""
    if not isinstance(about, Metadata) or about.name != ABOUT or about.values.get("format") != FORMAT:
        raise RecordingError(f"{path}: no recording of `ashore deploy --record`, or one of another version")
    recorded = about.values.get("policy_sha256", "")
    if recorded != policy.sha256 and not changed:
        raise RecordingError(
            f"{path} was recorded with another policy, sha256 {recorded[:16]!r}, not {policy.sha256[:16]!r}; "
            "allowed: that file, or --policy-changed"
        )
    try:
        profile = about.values.get("profile", "")
        settings = NodeSettings.model_validate_json(about.values.get("settings", ""))
        return settings, Profile.model_validate_json(profile) if profile else None
    except ValidationError as error:
        raise RecordingError(
            f"{path}: its settings or its profile are none of this version: {error.errors()[0]['msg']}"
        ) from None


class Replay:
    """A controller that is told what a recording says, in its order."""

    def __init__(
        self, path: Path, policy: Policy, settings: NodeSettings, profile: Profile | None, changed: bool
    ) -> None:
        self._path, self._changed = path, changed
        self._controller = Controller(settings, profile)
        try:
            self._controller.configure(policy)
        except AshoreError as error:  # it was with these settings that the run began
            raise RecordingError(f"{path}: its settings do not fit the policy: {error}") from None
        self._joints = tuple(j.name for j in self._controller.interface.joints)
        self._subscriptions = subscriptions(self._controller)
        self._heard = {s.topic for s in self._subscriptions}
        self._groups = {group.topic: group for group in self._controller.groups}
        self._pending: dict[tuple[str, int], Message] = {}
        self._sent: list[Message] = []  # commands since the last event: no event after them may be missing
        self._events = 0
        self._began: float | None = None
        self._commands: list[Command] = []  # the last two
        self._differences = Differences()
        self._squares, self._worst = np.zeros(len(self._joints)), np.zeros(len(self._joints))
        self.steps = self.sent = 0
        self.over = ""  # why it cannot go on

    @property
    def equal(self) -> bool:
        return self._differences.first is None

    def take(self, message: Message) -> None:
        """The next message of the file. Raises RecordingError where it makes no sense."""
        if message.topic == EVENTS:
            self._on_event(message)
        elif message.topic in self._groups and not self._changed:
            self._sent.append(message)
            self._bound(self._sent)
        elif message.topic in self._heard:
            self._pending[message.topic, message.sequence] = message
            self._bound(self._pending)

    def finish(self, dropped: str) -> None:
        """The recording ends here; of what came in and went out, so many messages did not fit."""
        self._compare_sent()
        self.over = "" if dropped == "0" else f"{dropped} messages did not fit while recording, and are not compared"

    def report(self, whole: bool) -> list[str]:
        """What came of it, for people."""
        if self._changed:
            rms = np.sqrt(self._squares / max(1, self.steps))
            pairs = zip(self._joints, self._worst.tolist(), rms.tolist(), strict=True)
            lines = [f"another policy's positions, over {self.steps} steps, from those sent:"]
            lines += [f"  {joint}: at most {worst:.4g}, rms {mean:.4g}" for joint, worst, mean in pairs]
        else:
            equal = [f"equal to the bit: {self.steps} steps, {self.sent} commands sent"]
            lines = self._differences.report(self.steps) or equal
        lines += [self.over] if self.over else []
        lines += [] if whole else [f"{self._path} is cut off: compared up to its last whole chunk"]
        return lines

    def _compare_sent(self) -> None:
        """Compare what was sent since the last event."""
        for message in self._sent:
            self._on_command(self._groups[message.topic], message)
        self._sent = []

    def _on_event(self, message: Message) -> None:
        event = self._event(message)
        self._events += 1
        if message.sequence != self._events:
            self.over = self._lost("an event")
            return
        self._compare_sent()
        for taken in event["took"]:
            if not self._take(*taken):
                return
        name, now = event["event"], event["now"]
        if name in ("step", "brake"):
            self._on_step(name, now, event)
        elif name in ("activate", "reset"):
            why = self._controller.activate(now) if name == "activate" else self._controller.reset(now)
            if why != event["why"]:
                self._differences.add(
                    self.steps, f"{name} after step {self.steps}: recorded {event['why']!r}, replayed {why!r}"
                )
        elif name == "stop":
            self._controller.stop()
        elif name == "gripper":
            self._controller.on_gripper(event["why"])
        elif name == "deactivate" and self._controller.state is State.ACTIVE:
            self._controller.deactivate()
        elif name == "failed":
            self.over = f"the recorded node failed after step {self.steps}: {event['why']}"

    def _event(self, message: Message) -> dict[str, Any]:
        """An event whose fields are what they should be."""
        n = len(self._joints)
        try:
            event = json.loads(self._decoded("String", message).data)
            name, now = event["event"], event["now"]
            whole = all(
                type(k) is int and 0 <= k < len(self._subscriptions) and type(s) is int and _finite(t)
                for k, s, t in event["took"]
            )
            if name in ("step", "brake") and event["position"] is not None:
                whole &= all(len(event[part]) == n and all(map(_finite, event[part])) for part in PARTS)
            if name in ("activate", "reset", "failed", "gripper"):
                whole &= isinstance(event["why"], str)
            whole &= _finite(now) or name in ("stop", "deactivate", "took", "gripper")
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            whole = False
        if not whole:
            raise self._damaged(f"event {message.sequence} makes no sense")
        return dict(event)

    def _take(self, k: int, sequence: int, now: float) -> bool:
        """Hand over a message that was taken; whether it is there."""
        subscription = self._subscriptions[k]
        message = self._pending.pop((subscription.topic, sequence), None)
        if message is None:
            self.over = self._lost(f"message {sequence} on {subscription.topic}")
            return False
        subscription.take(self._controller, self._decoded(subscription.kind, message), now)
        return True

    def _on_step(self, name: str, now: float, event: dict[str, Any]) -> None:
        output = self._controller.step(now) if name == "step" else None
        command = output.command if output is not None else self._controller.brake(now) if name == "brake" else None
        self.steps += 1
        self._began = now if self._began is None else self._began
        where = f"step {self.steps} ({now - self._began:.3f} s)"
        replayed = outcome_of(command, output.reason.name if output is not None else None)
        if (event["position"] is None) != (command is None):
            self._differences.add(self.steps, f"{where}: recorded {event['position']}, replayed {replayed['position']}")
        if command is None or event["position"] is None:
            return
        self._commands = [*self._commands[-1:], command]
        off = np.abs(command.position - np.array(event["position"], np.float64))
        self._squares, self._worst = self._squares + off**2, np.maximum(self._worst, off)
        for part in PARTS:
            self._differences.compare(self.steps, f"{where}: {part}", self._joints, event[part], replayed[part])
        for part in ("extra", "reason"):
            if event.get(part) != replayed[part]:
                self._differences.add(
                    self.steps, f"{where}: {part} recorded {event.get(part)!r}, replayed {replayed[part]!r}"
                )

    def _on_command(self, group: Group, message: Message) -> None:
        """What was sent after the last step, against what that step leads to."""
        if not self._commands:
            return
        self.sent += 1
        interface = self._controller.interface
        where = f"the command sent after step {self.steps} on {group.topic}"
        joints = [self._joints[joint] for joint in group.joints]
        if group.forward:
            values = group.told(self._decoded(group.kind, message))
            ticks = max(1, round(interface.control_dt * self._controller.settings.rate))
            times = [k * interface.control_dt / ticks for k in range(1, ticks + 1)]
            ways = [forward_of(self._commands[0], self._commands[-1], interface, t) for t in times]
            allowed = [group.as_told(way) for way in ways]
            if not any(same(values, way) for way in allowed):
                nearest = min(allowed, key=lambda way: distance(values, way))
                self._differences.compare(self.steps, f"{where}: position", joints, values, nearest)
            return
        sent = read_trajectory(self._decoded("JointTrajectory", message))
        due = part_of(trajectory_of(self._commands[-1], interface), group)
        if len(sent.points) != len(due.points) or sent.joint_names != due.joint_names:
            self._differences.add(self.steps, f"{where}: {len(sent.points)} points for {list(sent.joint_names)}")
            return
        for one, other in zip(sent.points, due.points, strict=True):
            for part in PARTS:
                values, wanted = getattr(one, part), getattr(other, part)
                self._differences.compare(self.steps, f"{where}: {part}", joints, values, wanted)
            if round(one.time * 1e9) != round(other.time * 1e9):
                self._differences.add(self.steps, f"{where}: time recorded {one.time!r}, replayed {other.time!r}")

    def _decoded(self, kind: str, message: Message) -> Any:
        name = named(kind)
        try:
            if message.schema != ros_name(name):
                raise cdr.CdrError(f"a {message.schema} where {ros_name(name)} is due")
            return cdr.decode(name, message.data)
        except cdr.CdrError as error:
            raise self._damaged(f"message {message.sequence} on {message.topic} is {error}") from None

    def _bound(self, waiting: Sized) -> None:
        if len(waiting) > MOST_PENDING:
            raise self._damaged(f"more than {MOST_PENDING} messages between two events")

    def _lost(self, what: str) -> str:
        return f"{what} is missing, since it did not fit while recording: compared up to step {self.steps}"

    def _damaged(self, why: str) -> RecordingError:
        return RecordingError(f"{self._path}: damaged: {why}")


def _finite(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
