"""The two transports of the fault matrix: real DDS, and rclpy by stand-ins; each node runs as its process would run it."""

from __future__ import annotations

import importlib
import itertools
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ashore.deploy_ros import dds_node
from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros.dds import Participant, Writer
from tests.deploy_ros.fake_rclpy import NODES, Executor, FakeNode
from tests.deploy_ros.fault_rig import STATUS, Run
from tests.deploy_ros.stand_ins import stand_ins

# That no other test of this folder opens, for a process opens each in one way alone; a new one a run, for a participant
# that was left may still be announced for a while.
DOMAINS = itertools.cycle(range(102, 233))


class DdsRun(Run):
    """Over real DDS, in a domain of its own: the world is another participant."""

    def __init__(self, patch: pytest.MonkeyPatch, robot: str, **settings: Any) -> None:
        patch.setenv("ROS_DOMAIN_ID", str(next(DOMAINS)))
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")  # all are in this process, and nobody else shall be heard
        super().__init__(patch, robot, **settings)
        self._dds, self._writers = Participant(), dict[str, Writer]()
        self._own: Any = None  # the node's participant
        for group in self.groups:
            kind: type = types.Float64MultiArray if group.forward else types.JointTrajectory
            self._dds.reader(group.topic, kind, self._heard(group.topic), reliable=True, depth=100)
        self._dds.reader(STATUS, types.String, self._heard(STATUS), reliable=True, depth=100)
        self._failures = 0

    def main(self) -> int:
        run = self

        class Waiting(Participant):
            """It waits in the test's time."""

            def __enter__(self) -> Participant:
                run._own = self
                return super().__enter__()

            def spin(self, seconds: float) -> None:
                before = sum(run.taken.values())
                super().spin(0.0)
                if sum(run.taken.values()) == before:
                    run.clock.sleep(seconds)
                    super().spin(0.0)

        class Failing(Writer):
            def write(self, message: Any) -> None:
                if run._failures and isinstance(message, (types.JointTrajectory, types.Float64MultiArray)):
                    run._failures -= 1
                    raise OSError("the publisher is gone")
                super().write(message)

        self.patch.setattr(dds_node, "Participant", Waiting)
        self.patch.setattr("ashore.deploy_ros.dds.Writer", Failing)
        self.patch.setattr(dds_node, "load_policy", lambda _path: self.policy)
        real = dds_node.stop_on_signals
        self.patch.setattr(dds_node, "stop_on_signals", lambda stop: self.heard_signals(real, stop))
        return dds_node.run_node("policy.onnx", self.settings, stop=self.stop, say=self.said.append)

    def deliver(self, topic: str, message: Any) -> bool:
        if topic not in self._writers:
            self._writers[topic] = self._dds.writer(topic, type(message), depth=10)
            self.clock.until(lambda: self.over or self._writers[topic].heard, f"the node to listen on {topic}")
        self._writers[topic].write(message)
        return True

    def collect(self) -> None:
        before = -1
        while len(self.commands) + len(self.statuses) > before:
            before = len(self.commands) + len(self.statuses)
            self._dds.spin(0.0)

    def leave(self) -> None:
        """The domain, which others may open again."""
        self._writers.clear()
        self._own = None
        with self._dds:  # which closes it
            pass
        del self._dds

    def publisher_fails(self, times: int) -> None:
        self._failures = times

    def another_commands(self) -> None:
        topic = self.groups[0].topic
        self._writers[topic] = self._dds.writer(topic, types.JointTrajectory)
        self.clock.until(lambda: self._own.publications.others([topic]), "the other to be discovered")

    def _heard(self, topic: str) -> Any:
        def heard(message: Any) -> None:
            if topic == STATUS:
                self.statuses.append((self.ticks, json.loads(message.data)))
            else:
                self.commands.append((self.ticks, topic, message))

        return heard


class RclpyRun(Run):
    """The lifecycle node in an executor, on stand-ins for rclpy whose timers and waits are in the test's time."""

    def main(self) -> int:
        modules = ("lifecycle_node", "rclpy_commands", "autostart")
        for name in modules:
            self.patch.setattr(importlib.import_module(f"ashore.deploy_ros.{name}"), "time", self.clock)
        node, spin = (sys.modules[f"ashore.deploy_ros.{name}"] for name in ("lifecycle_node", "rclpy_spin"))
        self.patch.setattr(node, "load_policy", lambda _path: self.policy)
        real = spin.stop_on_signals
        self.patch.setattr(spin, "stop_on_signals", lambda stop: self.heard_signals(real, stop))
        self.patch.setattr(Executor, "spin_once", self._spin_once)
        self._due: dict[int, float] = {}
        self._calls: list[Any] = []
        self._seen: dict[str, int] = {}
        parameters = self.settings.model_dump(exclude_defaults=True) | {"policy": "policy.onnx"}
        try:
            return int(spin.spin([], parameters))
        finally:
            self.said = list(self.node.log)

    @property
    def node(self) -> FakeNode:
        return NODES[0]

    def deliver(self, topic: str, message: Any) -> bool:
        self.node.receive(topic, message)
        return any(s.topic == topic for s in self.node.subscriptions)

    def collect(self) -> None:
        for topic in (*(group.topic for group in self.groups), STATUS):
            sent = self.node.sent.get(topic, []) if NODES else []
            new = sent[self._seen.get(topic, 0) :]
            self._seen[topic] = len(sent)
            if topic == STATUS:
                self.statuses += [(self.ticks, json.loads(message.data)) for message in new]
            else:
                self.commands += [(self.ticks, topic, message) for message in new]

    def publisher_fails(self, times: int) -> None:
        left = [times]

        def broken(topic: str) -> None:
            if left[0] and topic in [group.topic for group in self.groups]:
                left[0] -= 1
                raise OSError("the publisher is gone")

        self.node.broken = broken

    def another_commands(self) -> None:
        self.node.strangers[self.groups[0].topic] = ["ashore"]

    def ask(self, transition: int) -> list[bool]:
        """A manager asks for it, in the executor; what it is answered is put in there."""
        answers: list[bool] = []
        self._calls.append(lambda: answers.append(self.node.change_state(transition)))
        self.clock.until(lambda: self.clock.free or answers, "the transition to begin")
        return answers

    def _spin_once(self, timeout_sec: float) -> None:
        """As an executor does: one callback that is ready, or wait for one."""
        until = self.clock.monotonic() + timeout_sec
        while not self._one_callback() and (now := self.clock.monotonic()) < until:
            timers = [self._due[id(t)] for t in self.node.timers if not t.cancelled]
            self.clock.sleep(min([until, *timers]) - now)
            if self.stop.is_set():
                return

    def _one_callback(self) -> bool:
        now = self.clock.monotonic()
        if self._calls:
            self._calls.pop(0)()
            return True
        for timer in self.node.timers:
            if not timer.cancelled and now >= self._due.setdefault(id(timer), now + timer.period):
                self._due[id(timer)] = now + timer.period
                timer.callback()
                return True
        for subscription in list(self.node.subscriptions):
            if (taken := subscription.handle.take_message(subscription.msg_type, subscription.raw)) is not None:
                subscription.call(*taken)
                return True
        return False


@contextmanager
def a_run(transport: str, patch: pytest.MonkeyPatch, robot: str, **settings: Any) -> Iterator[Run]:
    """A node that is not running yet."""
    if transport == "DDS":
        run = DdsRun(patch, robot, **settings)
        try:
            yield run
        finally:
            run.leave()
        return
    with stand_ins():
        yield RclpyRun(patch, robot, **settings)
