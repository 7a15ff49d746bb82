"""One node on one of the two transports, in the test's time, beside its world: what goes out, control period by period."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from ashore.deploy_ros import dds_node, loop, ros_messages, takers, twin_topics
from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.groups import groups_of
from ashore.deploy_ros.settings import NodeSettings
from tests.deploy_ros.fault_clock import Clock
from tests.deploy_ros.fault_world import Swinging, World
from tests.deploy_ros.processes import PATIENCE

FAST = 0.6  # rad/s
STATUS, STOP, RESET = "/ashore/status", "/ashore/stop", "/ashore/reset"


class Run:
    """A node and its world. Its threads are the test's main one, which signals come to, and the control loop's; `drive` runs
    a script of events beside them. One control period is a `tick`."""

    def __init__(self, patch: pytest.MonkeyPatch, robot: str, **settings: Any) -> None:
        self.patch, self.clock, self.settings = patch, Clock(), NodeSettings(**settings)
        self.world = World(robot, self.clock, self.send, self.settings)
        self.policy = Swinging(self.world.interface)
        self.dt = self.world.interface.control_dt
        self.ticks, self.over, self.code = 0, False, -1
        self.said: list[str] = []
        self.commands: list[tuple[int, str, Any]] = []  # tick, topic, message
        self.statuses: list[tuple[int, dict[str, Any]]] = []
        self.controller: Controller | None = None  # the node's
        self.stop = threading.Event()  # what signals set
        self.taken, self.given = Counter[str](), Counter[str]()  # messages, by topic
        self.groups = groups_of(self.world.interface, self.settings)
        self._patch_all()

    # What differs between the transports.

    def main(self) -> int:
        """Run the node; gives its exit code."""
        raise NotImplementedError

    def deliver(self, topic: str, message: Any) -> bool:
        """To the node; whether it listens."""
        raise NotImplementedError

    def collect(self) -> None:
        """What the node has sent since."""
        raise NotImplementedError

    def publisher_fails(self, times: int) -> None:
        """The next so many commands cannot be published."""
        raise NotImplementedError

    def another_commands(self) -> None:
        """Another node announces commands to the same controllers."""
        raise NotImplementedError

    # What does not.

    def drive(self, script: Callable[[], None]) -> None:
        """Run the node in this thread, and the script beside it; then the node is stopped, unless it has ended."""
        failures: list[BaseException] = []

        def beside() -> None:
            try:
                self.clock.settle()
                script()
            except BaseException as error:
                failures.append(error)
            finally:
                self.stop.set()
                while not self.over:
                    self.tick()

        driver = threading.Thread(target=beside, name="driver")
        self.clock.begin()
        driver.start()
        try:
            self.code = self.main()
        finally:
            self.over = True
            self.clock.end()
            driver.join(PATIENCE)
            self.collect()
        if failures:
            raise failures[0]

    def tick(self) -> None:
        """A control period: all that is sent arrives, the node steps, its world goes on."""
        began = self.clock.monotonic()
        self.world.publish()
        self.clock.advance(self.dt)
        self.ticks += 1
        self.world.move(began, self.clock.monotonic())
        first = len(self.commands)
        self.collect()
        for _, topic, message in self.commands[first:]:
            self.world.take(topic, message)

    def tick_until(self, condition: Callable[[], Any], what: str, ticks: int = 400) -> None:
        for _ in range(ticks):
            if condition():
                return
            self.tick()
        raise AssertionError(f"not {what} in {ticks} control periods; {self.statuses[-1:]} {self.said[-3:]}")

    def send(self, topic: str, message: Any) -> None:
        """A message comes, and is handled."""
        if self.over or not self.deliver(topic, message):
            return
        self.given[topic] += 1
        self.clock.until(lambda: self.over or self.taken[topic] >= self.given[topic], f"{topic} to be taken")

    def press(self, topic: str) -> None:
        """True on a topic of the node's own."""
        asked = "stop" if topic == STOP else "reset"
        before = self.taken[asked]
        self.deliver(topic, types.Bool(data=True))
        self.clock.until(lambda: self.over or self.taken[asked] > before, f"{topic} to be taken")

    def kill(self, number: signal.Signals) -> None:
        """As `kill` does."""
        os.kill(os.getpid(), number)
        self.clock.until(self.stop.is_set, f"{number.name} to be handled")

    @property
    def moves(self) -> bool:
        """Whether a joint is in full swing."""
        return max((self.speed(message) for message in self.last.values()), default=0.0) > FAST

    @property
    def rests(self) -> bool:
        """Whether the last command of each group is at rest."""
        return all(self.speed(message) == 0.0 for message in self.last.values())

    @property
    def last(self) -> dict[str, Any]:
        """The last command of each group, by topic."""
        return {topic: message for _, topic, message in self.commands}

    def speed(self, message: Any) -> float:
        """The greatest of a trajectory's end, rad/s."""
        return float(np.abs(message.points[-1].velocities).max())

    @property
    def reason(self) -> str:
        return str(self.statuses[-1][1]["reason"]) if self.statuses else ""

    def _patch_all(self) -> None:
        """Time, and what is counted."""
        for module in (dds_node, loop, takers, twin_topics):
            self.patch.setattr(module, "time", self.clock)
        join, subscriptions = loop.ControlLoop.join, ros_messages.subscriptions

        def joined(of: loop.ControlLoop, listen: Callable[[], None]) -> None:
            self.clock.free = True
            try:
                join(of, listen)
            finally:
                self.clock.free = False

        def counted(controller: Controller) -> list[Any]:
            self.controller = controller
            return [s._replace(take=self._counting(s.topic, s.take)) for s in subscriptions(controller)]

        self.patch.setattr(loop.ControlLoop, "join", joined)
        self.patch.setattr(ros_messages, "subscriptions", counted)
        for name in ("stop", "reset"):
            self.patch.setattr(Controller, name, self._counting(name, getattr(Controller, name)))

    def _counting(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            try:
                return call(*arguments)
            finally:
                self.taken[name] += 1

        return counted

    @contextmanager
    def heard_signals(self, real: Any, stop: threading.Event) -> Iterator[None]:
        """In the place of `stop_on_signals`: the event that they set is known here."""
        self.stop = stop
        with real(stop):
            yield
