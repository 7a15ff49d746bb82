"""The control thread that both nodes share: step and send on an absolute grid; asked to stop, or failing, brake and hold."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np

from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.gripper_goals import GripperTarget
from ashore.deploy_ros.groups import groups_of, part_of
from ashore.deploy_ros.messages import Content, forward_of, trajectory_of
from ashore.deploy_ros.safety import Command
from ashore.deploy_ros.schedule import become_realtime, next_due
from ashore.deploy_ros.states import Output, State

BRAKING_TIME = 5.0  # s at most that a stop may take beyond what the limits need, some tenths for an arm
LISTENING_PERIOD = 0.002  # s between looks at what the robot sends, while a stop is waited for


class ControlLoop:
    """Drives an active controller in a thread of its own; whoever else uses the controller holds `lock`.

    `send` publishes on a topic what a command says; `report` publishes the status, as JSON.
    """

    def __init__(
        self,
        controller: Controller,
        lock: threading.Lock,
        send: Callable[[str, Content], None],
        report: Callable[[str], None],
        say: Callable[[str], None],
    ) -> None:
        self._controller, self._lock, self._send, self._report, self._say = controller, lock, send, report, say
        self._groups = groups_of(controller.interface, controller.settings)
        self._stop = threading.Event()
        self.last: Output | None = None
        self.failure: Exception | None = None
        self._commanded: Command | None = None  # the last command that was to be sent
        self._thread = threading.Thread(target=self._guarded, name="control", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def finish(self) -> None:
        """Ask for a stop: the loop deactivates the controller, brakes, sends the hold and ends."""
        self._stop.set()

    def join(self, listen: Callable[[], None]) -> None:
        """Wait for that end; `listen` takes in what has come meanwhile, for a stop depends on where the robot is seen."""
        try:
            while self._thread.is_alive():
                try:
                    listen()
                except Exception as error:  # a stop goes on without it
                    self.failure = self.failure or error
                self._thread.join(LISTENING_PERIOD)
        finally:
            self._thread.join()
        if self._controller.state is State.ACTIVE:
            self._controller.deactivate()

    @property
    def _braking_time(self) -> float:
        """s at most for a stop."""
        return BRAKING_TIME + max(joint.velocity / joint.acceleration for joint in self._controller.interface.joints)

    def _guarded(self) -> None:
        try:
            self._run()
        except Exception as error:  # the thread's owner reports it
            self.failure = error
            self._brake()

    def _brake(self) -> None:
        """After a failure: brake and hold, with neither policy nor status; what cannot be sent is tried again."""
        began, holds = time.monotonic(), False
        while time.monotonic() - began < self._braking_time and not holds:
            due = time.monotonic()
            try:
                command, at_rest = self._braking(due)
                if command is None:
                    return
                self._publish(command, due)
                holds = at_rest
            except Exception as error:  # a failure that lasts is reported, the first one or a later one
                self.failure = self.failure or error
            time.sleep(max(0.0, due + self._controller.interface.control_dt - time.monotonic()))

    def _braking(self, now: float) -> tuple[Command | None, bool]:
        """The next command of a stop, and whether it is a hold; where the gate itself fails, to where the last one leads."""
        try:
            with self._lock:
                return self._controller.brake(now), self._controller.at_rest
        except Exception as error:
            self.failure = self.failure or error
        if (last := self._commanded) is None:
            return None, True
        ahead = last.position + last.velocity * self._controller.interface.control_dt
        return Command(ahead, np.zeros_like(ahead), last.extra), True

    def _run(self) -> None:
        if self._controller.settings.realtime and (refused := become_realtime()):
            self._say(f"not in real time: {refused}")
        period = self._controller.interface.control_dt
        due, end = time.monotonic(), float("inf")
        while True:
            time.sleep(max(0.0, due - time.monotonic()))
            with self._lock:
                now = time.monotonic()
                if self._stop.is_set() and self._controller.state is State.ACTIVE:
                    self._controller.deactivate()
                    end = now + self._braking_time
                output = self._controller.step(now)
            assert output is not None  # the controller has been active
            self._publish(output.command, due, output.reason.drives)
            self._controller.published(time.monotonic())
            self._report(output.status.to_json())
            self.last = output
            if self._controller.state is not State.ACTIVE and (self._controller.at_rest or now > end):
                return
            due, skipped = next_due(due, time.monotonic(), period)
            self._controller.overran(skipped)

    def _publish(self, command: Command, due: float, driving: bool = False) -> None:
        interface, settings = self._controller.interface, self._controller.settings
        before, self._commanded = self._commanded or command, command
        for group in self._groups:
            if group.is_action:
                position = tuple(command.position[list(group.joints)].tolist())
                self._send(group.topic, GripperTarget(position, driving))
            elif not group.forward:
                self._send(group.topic, part_of(trajectory_of(command, interface), group))
        forward = [group for group in self._groups if group.forward and not group.is_action]
        if not forward:
            return
        ticks = max(1, round(interface.control_dt * settings.rate))
        for k in range(1, ticks + 1):
            t = k * interface.control_dt / ticks
            # Ticks whose time is over are left out, but for the period's last.
            if time.monotonic() - due < t or k == ticks:
                values = forward_of(before, command, interface, t)
                for group in forward:
                    self._send(group.topic, group.content(values))
            if k < ticks:
                time.sleep(max(0.0, due + t - time.monotonic()))
