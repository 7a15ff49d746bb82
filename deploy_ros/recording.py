"""What a node heard, decided and sent, on file as it happens: an MCAP file in rosbag2's layout, which `replay` runs again.

Each message is there once, on its own topic. What replay needs besides stands on `EVENTS`, as JSON in std_msgs/String: one
event for each call of the controller that is no message, with its time, the messages that were taken since the event
before (subscription, sequence, time), and what came of it. These times are the node's, monotonic; log times are the wall's.
"""

from __future__ import annotations

import json
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

from ashore.deploy_ros import cdr
from ashore.deploy_ros.bundle import Policy
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.mcap import RecordingError, Writer
from ashore.deploy_ros.message_definitions import HASHES, full_text, named, ros_name
from ashore.deploy_ros.profile import Profile
from ashore.deploy_ros.safety import Command
from ashore.deploy_ros.settings import NODE_NAME, RESET_TOPIC, STOP_TOPIC, NodeSettings
from ashore.deploy_ros.states import Output

EVENTS = f"/{NODE_NAME}/record"
ABOUT, END = "ashore", "ashore_end"  # metadata: what was recorded; what of it did not fit
FORMAT = "1"
MOST_WAITING = 4096  # messages for the thread that writes: some seconds, should the disk stand still
MOST_TAKEN = 100  # messages without an event
LARGEST_MESSAGE = 2**20  # bytes
LOOKING_PERIOD = (
    0.02  # s: nobody wakes the thread, for on a busy machine the kernel lets the woken run in the waker's place
)
CHUNK_BYTES, CHUNK_SECONDS = 2**18, 1.0  # what a crash may cost
CLOSING_TIME = 10.0  # s at most for what still waits


class Tape:
    """Takes what a node hears, decides and sends. This one keeps nothing: the node does not record."""

    def controller(self, settings: NodeSettings | None, profile: Profile | None = None) -> Controller:
        """The controller whose calls are recorded."""
        return Controller(settings, profile)

    def took(self, subscription: int, topic: str, kind: str, message: Any, now: float) -> None:
        """A message that the controller takes now; subscription: which of `ros_messages.subscriptions`."""

    def sent(self, topic: str, kind: str, message: Any) -> None:
        """A message that the node sends."""

    def event(self, name: str, now: float | None, **outcome: Any) -> None:
        """A call of the controller."""

    def close(self) -> None:
        """Nothing comes any more."""


class Recording(Tape):
    """Writes in a thread of its own, so that no disk holds up a control loop; what finds it too slow is counted and said.

    took and event are called with the controller locked, so that the file has their order.
    """

    def __init__(
        self,
        path: Path,
        policy: Policy,
        settings: NodeSettings,
        say: Callable[[str], None],
        profile: Profile | None = None,
    ) -> None:
        """Begins a new file. Raises RecordingError where there can be none."""
        self.path, file = _opened(path)
        self._file, self._say = file, say
        self._writer = Writer(file, f"{NODE_NAME} {policy.contract.ashore_version}")
        interface = policy.contract.interface
        about = {"format": FORMAT, "policy_sha256": policy.sha256, "settings": settings.model_dump_json()}
        about |= {"task": interface.task, "robot": interface.robot, "monotonic": repr(time.monotonic())}
        about |= {"profile": profile.model_dump_json() if profile is not None else ""}
        self._writer.metadata(ABOUT, about)
        self._waiting: deque[tuple[str, str, Any, int, int]] = deque()
        self._counts: Counter[str] = Counter()  # messages by topic
        self._channels: dict[str, int] = {}
        self._taken: list[tuple[int, int, float]] = []
        self._lost: Counter[str] = Counter()  # of them, those that did not fit
        self._over = threading.Event()
        self.failure = ""
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()
        say(f"recording to {self.path}")

    def controller(self, settings: NodeSettings | None, profile: Profile | None = None) -> Controller:
        return RecordedController(settings, profile, self)

    def took(self, subscription: int, topic: str, kind: str, message: Any, now: float) -> None:
        self._taken.append((subscription, self._put(topic, kind, message), now))
        if len(self._taken) >= MOST_TAKEN:
            self.event("took", None)

    def sent(self, topic: str, kind: str, message: Any) -> None:
        self._put(topic, kind, message)

    def event(self, name: str, now: float | None, **outcome: Any) -> None:
        taken, self._taken = self._taken, []
        self._put(EVENTS, "String", {"event": name, "now": now, "took": taken, **outcome})

    @property
    def dropped(self) -> int:
        """Messages that are not in the file."""
        return self._lost.total()

    def close(self) -> None:
        """Wait for what is on its way, and write the end."""
        if self._over.is_set():
            return
        self._over.set()
        self._thread.join(CLOSING_TIME)
        if self._thread.is_alive():
            self.failure = self.failure or f"the disk took longer than {CLOSING_TIME:g} s"
        lost = f", {self.dropped} that did not fit are not in it" if self.dropped else ""
        failed = f"; it is cut off: {self.failure}" if self.failure else ""
        self._say(f"recorded {self._counts.total()} messages to {self.path}{lost}{failed}")

    def _put(self, topic: str, kind: str, message: Any) -> int:
        """Hand it to the thread; gives its number on its topic, which a message that does not fit has too."""
        self._counts[topic] += 1  # of each topic, one thread sends, or the lock is held
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append((topic, kind, message, self._counts[topic], time.time_ns()))
        else:
            self._lost[topic] += 1
        return self._counts[topic]

    def _run(self) -> None:
        try:
            with self._file:
                self._write_all()
                self._writer.flush()
                self._writer.metadata(END, {"dropped": str(self.dropped)})
                self._writer.finish()
        except OSError as error:  # a full disk: the node goes on without
            self.failure = error.strerror or repr(error)
            self._say(f"the recording ends here: {self.failure}")
            self._over.wait()

    def _write_all(self) -> None:
        flushed = time.monotonic()
        while self._waiting or not self._over.is_set():
            if self._waiting:
                self._write(*self._waiting.popleft())
            else:
                self._over.wait(LOOKING_PERIOD)
            if self._writer.pending > CHUNK_BYTES or time.monotonic() - flushed > CHUNK_SECONDS:
                flushed = time.monotonic()
                self._writer.flush()

    def _write(self, topic: str, kind: str, message: Any, number: int, log_time: int) -> None:
        name = named(kind)
        if topic == EVENTS:
            message = SimpleNamespace(data=json.dumps(message))
        try:
            data = cdr.encode(name, message)
        except (AttributeError, TypeError, ValueError, OverflowError, struct.error):
            data = None  # a message with something else in its fields
        if data is None or len(data) > LARGEST_MESSAGE:
            self._lost[topic] += 1
            return
        if topic not in self._channels:
            about = {"topic_type_hash": HASHES[ros_name(name)], "offered_qos_profiles": ""}
            self._channels[topic] = self._writer.channel(topic, ros_name(name), full_text(name), about)
        self._writer.message(self._channels[topic], number, log_time, data)


class RecordedController(Controller):
    """A controller whose calls are events of a tape. What it takes in as messages, the node tells the tape itself."""

    def __init__(self, settings: NodeSettings | None, profile: Profile | None, tape: Tape) -> None:
        super().__init__(settings, profile)
        self._tape = tape

    def activate(self, now: float) -> str:
        why = super().activate(now)
        self._tape.event("activate", now, why=why)
        return why

    def deactivate(self) -> None:
        super().deactivate()
        self._tape.event("deactivate", None)

    def on_gripper(self, why: str) -> None:
        super().on_gripper(why)
        self._tape.event("gripper", None, why=why)

    def stop(self) -> None:
        super().stop()
        self._tape.event("stop", None)
        self._tape.sent(STOP_TOPIC, "Bool", SimpleNamespace(data=True))

    def reset(self, now: float) -> str:
        why = super().reset(now)
        self._tape.event("reset", now, why=why)
        self._tape.sent(RESET_TOPIC, "Bool", SimpleNamespace(data=True))
        return why

    def step(self, now: float) -> Output | None:
        try:
            output = super().step(now)
        except Exception as error:
            self._tape.event("failed", now, why=repr(error))
            raise
        self._tape.event(
            "step", now, **outcome_of(*((output.command, output.reason.name) if output is not None else (None, None)))
        )
        return output

    def brake(self, now: float) -> Command | None:
        command = super().brake(now)
        self._tape.event("brake", now, **outcome_of(command, None))
        return command


def outcome_of(command: Command | None, reason: str | None) -> dict[str, Any]:
    """What a step gave, as an event has it."""
    if command is None:
        return {"position": None, "velocity": None, "extra": None, "reason": reason}
    position, velocity = command.position.tolist(), command.velocity.tolist()
    return {"position": position, "velocity": velocity, "extra": float(command.extra), "reason": reason}


def tape_of(policy: Policy, settings: NodeSettings, profile: Profile | None, say: Callable[[str], None]) -> Tape:
    """What a node with these settings records with. Raises RecordingError where the file cannot be written."""
    return Recording(Path(settings.record), policy, settings, say, profile) if settings.record else Tape()


def _opened(path: Path) -> tuple[Path, BinaryIO]:
    """A new file: where one is already, run_1.mcap, run_2.mcap, ... beside it."""
    for k in range(1000):
        free = path if k == 0 else path.with_name(f"{path.stem}_{k}{path.suffix}")
        try:
            return free, free.open("xb")
        except FileExistsError:
            continue
        except (OSError, ValueError) as error:
            raise RecordingError(f"record = {str(path)!r}: {getattr(error, 'strerror', None) or error}") from None
    raise RecordingError(f"record = {str(path)!r}: there are 1000 of them; allowed: another name")
