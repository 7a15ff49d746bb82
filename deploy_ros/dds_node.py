"""A policy drives a robot over ROS 2's DDS topics, from a pip installation alone: a thin shell over the controller."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from os import PathLike
from typing import Any

from ashore.configs.errors import AshoreError
from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros import ros_messages as ros
from ashore.deploy_ros.bundle import Policy, load_policy
from ashore.deploy_ros.dds import Participant, Writer, domain_id
from ashore.deploy_ros.diagnostics import diagnose
from ashore.deploy_ros.explanations import holding
from ashore.deploy_ros.gripper_goals import GripperTarget
from ashore.deploy_ros.groups import require_topics
from ashore.deploy_ros.interrupts import stop_on_signals
from ashore.deploy_ros.loop import ControlLoop
from ashore.deploy_ros.messages import Content
from ashore.deploy_ros.profile import Profile
from ashore.deploy_ros.profile_files import with_profile
from ashore.deploy_ros.recording import Tape, tape_of
from ashore.deploy_ros.refusals import Announcer
from ashore.deploy_ros.resets import Resets
from ashore.deploy_ros.run_report import require_report, write_report
from ashore.deploy_ros.settings import (
    DIAGNOSTICS_TOPIC,
    EPISODE_TOPIC,
    NODE_NAME,
    RESET_TOPIC,
    STATUS_TOPIC,
    STOP_TOPIC,
    NodeSettings,
)
from ashore.deploy_ros.states import EXIT_FAILED, EXIT_NOT_STARTED, EXIT_OK, EXIT_UNUSABLE
from ashore.deploy_ros.takers import takers

DELIVERY_TIME = 1.0  # s at most to see the last command delivered
# s that others get to be discovered before commands may be sent, and s at most for those who listen to discover who sends them.
DISCOVERY, UNHEARD = 0.5, 1.0

Say = Callable[[str], None]


def _print(text: str) -> None:
    print(f"{NODE_NAME}: {text}", flush=True)


def run_node(
    policy_path: str | PathLike[str],
    settings: NodeSettings | None = None,
    *,
    stop: threading.Event | None = None,
    say: Say = _print,
) -> int:
    """Drive the robot with a policy file until interrupted or done; gives the process's exit code.

    0: stopped as asked, at rest; 1: no fresh joint state, no goal or no reset of a stop within `wait`, or somebody else
    commands the robot; 2: the policy file, its settings or the environment cannot be used; 3: it failed under way, or somebody
    else began to command the robot, and it braked. Publishing true to /ashore/stop is an emergency stop; publishing it to
    /ashore/reset lets a node that holds go on.
    """
    settings, stop = settings or NodeSettings(), stop or threading.Event()
    try:
        settings, profile = with_profile(settings)
        require_report(settings)
        policy = load_policy(policy_path)
        with (
            stop_on_signals(stop),
            Participant() as participant,
            closing(tape_of(policy, settings, profile, say)) as tape,
        ):
            return _Node(policy, settings, profile, participant, stop, say, tape).run()
    except AshoreError as error:
        say(str(error))
        return EXIT_UNUSABLE


class _Node:
    """Main thread: receives and reports. The control loop's thread: steps and sends."""

    def __init__(
        self,
        policy: Policy,
        settings: NodeSettings,
        profile: Profile | None,
        dds: Participant,
        stop: threading.Event,
        say: Say,
        tape: Tape,
    ) -> None:
        self._settings, self._dds, self._stop, self._say, self._tape = settings, dds, stop, say, tape
        self._controller = tape.controller(settings, profile)
        self._controller.configure(policy)
        require_topics(self._controller.groups)
        self._lock = threading.Lock()
        self._loop: ControlLoop | None = None
        self._episodes, self._resets = 0, Resets()
        self._waiting, self._holding, self._refused, self._unread = (Announcer(say) for _ in range(4))
        self._commands: dict[str, Writer] = {}  # by topic, once all else is ready
        self._began = self._opened = time.monotonic()
        self._rival = False  # somebody else commands the robot
        self._status = dds.writer(STATUS_TOPIC, types.String)
        self._diagnostics = dds.writer(DIAGNOSTICS_TOPIC, types.DiagnosticArray)
        for s, take in takers(self._controller, self._lock, tape, self._refused):
            depth = 100 if s.kind == "TFMessage" else 10  # many publish there
            dds.reader(s.topic, getattr(types, s.kind), take, depth, s.latched, s.latched)
        # These may come once: from a reliable writer they are sent until acknowledged, but a reliable reader matches no
        # best-effort writer, hence both. The reliable one is announced first: who publishes once waits for one reader alone.
        # Hearing a stop twice does no harm; for resets see `resets`.
        for reliable in (True, False):
            dds.reader(STOP_TOPIC, types.Bool, self._on_stop, reliable=reliable)
            dds.reader(RESET_TOPIC, types.Bool, self._on_reset, reliable=reliable)
        dds.reader(EPISODE_TOPIC, types.String, self._on_episode, reliable=True)

    def run(self) -> int:
        interface, settings = self._controller.interface, self._settings
        slower = f" at {settings.speed:g} of its speed" if settings.speed < 1 else ""
        self._say(
            f"{interface.task} for {interface.robot}{slower}, {len(interface.joints)} joints at {1 / interface.control_dt:.0f} "
            f"Hz to {', '.join(g.topic for g in self._controller.groups)}, ROS domain {domain_id()}"
        )
        if not self._activate():
            return EXIT_OK if self._stop.is_set() else EXIT_NOT_STARTED
        self._say("active")
        loop = self._loop = ControlLoop(self._controller, self._lock, self._send, self._report, self._say)
        failure: Exception | None = None
        try:
            self._watch(loop)
        except Exception as error:
            failure = error
            self._say(f"failed: {error!r}; braking, then ending")
        finally:  # whatever happens here, the robot is brought to rest
            loop.finish()
            loop.join(lambda: self._receive(0.0))
            for writer in self._commands.values():
                writer.flush(DELIVERY_TIME)
        write_report(self._controller, self._say)
        if loop.failure is not None:
            self._say(f"the control loop failed: {loop.failure!r}")
        if failure or loop.failure or self._rival:
            return EXIT_FAILED
        self._diagnose()
        if self._settings.home:
            self._say(self._controller.at_home)
        self._say(f"stopped and holding after {self._controller.steps} steps")
        return EXIT_OK

    def _activate(self) -> bool:
        """Wait for what the controller misses, say what that is, and activate."""
        until = time.monotonic() + self._settings.wait
        while not self._stop.is_set():
            now = time.monotonic()
            why = self._controller.missing(now)
            if not why and (rivals := self._rivals()):
                self._say(f"refused: {rivals}")
                return False
            if not why and self._open(now):
                why = self._controller.activate(now)
                if not why:
                    return True
            if why and now > until:
                self._say(f"gave up after {self._settings.wait:g} s: {why}")
                return False
            if why:
                self._waiting(f"waiting: {why}", now)
            self._receive(0.1 if why else 0.02)
        return False

    def _rivals(self) -> str:
        """Who else commands the robot; empty where nobody does, or where a shadow would not disturb them."""
        if self._settings.shadow or self._settings.beside_others:
            return ""
        others = self._dds.publications.others(group.topic for group in self._controller.groups)
        return f"somebody else commands the robot: {'; '.join(others)}" if others else ""

    def _open(self, now: float) -> bool:
        """Announce the commands; whether those who take them know by now, or have had the time."""
        if now - self._began < DISCOVERY:
            return False
        if not self._commands:
            self._opened = now
            self._commands = {
                g.topic: self._dds.writer(g.topic, getattr(types, g.kind)) for g in self._controller.groups
            }
        return now - self._opened > UNHEARD or all(writer.heard for writer in self._commands.values())

    def _watch(self, loop: ControlLoop) -> None:
        """Receive until there is a reason to end and the robot is at rest; say what changes, diagnose once a second."""
        began = diagnosed = time.monotonic()
        while loop.running:
            self._receive(0.05)
            now = time.monotonic()
            if not self._rival and (rivals := self._rivals()):
                self._rival = True
                self._say(f"{rivals}; braking, then ending")
            if why := holding(loop.last, self._controller.state, RESET_TOPIC):
                self._holding(why, now)
            elif self._holding.over():
                self._say("following the policy again")
            if now - diagnosed >= 1.0:
                diagnosed = now
                self._diagnose()
            over = self._settings.ends(now - began, self._episodes)
            if over or self._rival or self._controller.arrived or self._stop.is_set():
                loop.finish()

    def _receive(self, seconds: float) -> None:
        """Hear what comes, for at most so long, and say what could not be read."""
        before = self._dds.unreadable
        self._dds.spin(seconds)
        if self._dds.unreadable > before:
            self._unread(f"ignored: {self._dds.last_unreadable}", time.monotonic())

    def _send(self, topic: str, content: Content) -> None:
        assert not isinstance(content, GripperTarget)  # no actions here: `require_topics`
        message = ros.command(types, content)
        self._commands[topic].write(message)
        self._tape.sent(topic, type(message).__name__, message)

    def _report(self, status: str) -> None:
        message = types.String(data=status)
        self._status.write(message)
        self._tape.sent(STATUS_TOPIC, "String", message)

    def _diagnose(self) -> None:
        last = self._loop.last if self._loop is not None else None
        diagnose(types, self._controller, self._lock, last, self._diagnostics.write, self._tape)

    def _on_stop(self, message: Any) -> None:
        if message.data:
            self._resets.stop(message.sample_info.source_timestamp)
            with self._lock:
                self._controller.stop()

    def _on_reset(self, message: Any) -> None:
        if message.data and not self._resets.heard(sent := message.sample_info.source_timestamp):
            with self._lock:
                why = self._resets.refused(sent) or self._controller.reset(time.monotonic())
            self._say(f"no reset: {why}" if why else "reset")

    def _on_episode(self, _message: Any) -> None:
        self._episodes += 1
