"""The control thread on a clock of its own: how it ends; and the signals that make it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ashore.deploy_ros import loop
from ashore.deploy_ros.bundle import load_policy
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.interrupts import stop_on_signals
from ashore.deploy_ros.loop import ControlLoop
from ashore.deploy_ros.messages import Content, Trajectory
from ashore.deploy_ros.safety import Gate
from tests.deploy_ros.policies import JOINTS, interface, make_policy
from tests.deploy_ros.test_schedule import Clock

SLOW = 0.1  # rad/s^2: from 0.6 rad/s, the fastest on the way of 4 rad, it takes 6 s to brake


class Arm:
    """An arm that is where it was last told to be, driven from -2 to 2 rad; at 0.55 rad/s, `then` is called once."""

    def __init__(self, file: Path, monkeypatch: pytest.MonkeyPatch, then: Callable[[Arm], None]) -> None:
        changes = {"low": -3.0, "high": 3.0, "acceleration": SLOW}
        joints = tuple(joint.model_copy(update=changes) for joint in interface().joints)
        self.clock, self.controller, self.lock, self.then = Clock(), Controller(), threading.Lock(), then
        self.velocities: list[np.ndarray] = []  # [n] rad/s, of the points sent
        self.fast_at = 0.0  # s
        monkeypatch.setattr(loop, "time", self.clock)
        self.controller.configure(load_policy(make_policy(file, interface(joints=joints))))
        self.sense([-2.0, 0.0, 0.0], [0.0, 0.0, 0.0])
        self.controller.on_goal([2.0, 0.0, 0.0], "base")
        assert self.controller.activate(self.clock.now) == ""

    def sense(self, position: Any, velocity: Any) -> None:
        with self.lock:
            self.controller.on_joint_state(JOINTS, position, velocity, self.clock.now, self.clock.now)

    def send(self, _topic: str, content: Content) -> None:
        assert isinstance(content, Trajectory)
        (point,) = content.points
        self.velocities.append(np.array(point.velocity))
        self.sense(point.position, point.velocity)

    def report(self, _status: str) -> None:
        if self.velocities[-1][0] > 0.55 and not self.fast_at:
            self.fast_at = self.clock.now
            self.then(self)

    def drive(self) -> ControlLoop:
        """To the loop's end."""
        with self.lock:  # the thread waits for it before its first step
            self.loop = ControlLoop(self.controller, self.lock, self.send, self.report, print)
        self.loop.join(lambda: None)
        assert self.fast_at, self.loop.failure
        return self.loop


@pytest.mark.parametrize("fails", [False, True])
def test_a_stop_takes_as_long_as_the_limits_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    def then(arm: Arm) -> None:
        arm.loop.finish()
        if fails:
            raise OSError("no memory")

    arm = Arm(tmp_path / "policy.onnx", monkeypatch, then)
    failure = arm.drive().failure
    assert bool(failure) is fails and not arm.velocities[-1].any()
    assert arm.clock.now - arm.fast_at > loop.BRAKING_TIME


def test_where_even_the_gate_fails_the_last_command_is_a_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise FloatingPointError("in the gate")

    arm = Arm(tmp_path / "policy.onnx", monkeypatch, lambda _arm: monkeypatch.setattr(Gate, "__call__", fail))
    assert isinstance(arm.drive().failure, FloatingPointError)
    assert arm.velocities[-2].any() and not arm.velocities[-1].any()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP"])
def test_what_a_terminal_ends_a_process_with_is_a_stop(name: str) -> None:
    number, stop = signal.Signals[name], threading.Event()
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with stop_on_signals(stop):
            assert signal.getsignal(number) is not signal.SIG_DFL, "it would end or suspend this process"
            signal.raise_signal(number)
        assert stop.is_set() and signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_a_closed_terminal_that_is_ignored_stays_ignored() -> None:
    stop, before = threading.Event(), signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals(stop):
            signal.raise_signal(signal.SIGHUP)
        assert not stop.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)
