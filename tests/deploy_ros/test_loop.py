"""The control thread on a clock of its own: how it ends; and the signals that make it."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ashore.deploy_ros import loop
from ashore.deploy_ros.bundle import load_policy
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.interrupts import stop_on_signals
from ashore.deploy_ros.loop import ControlLoop
from ashore.deploy_ros.messages import Trajectory
from tests.deploy_ros.policies import JOINTS, interface, make_policy

SLOW = 0.1  # rad/s^2: from 0.6 rad/s, the fastest on the way of 4 rad, it takes 6 s to brake


class Clock:
    """Goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("fails", [False, True])
def test_a_stop_takes_as_long_as_the_limits_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    joints = tuple(
        joint.model_copy(update={"low": -3.0, "high": 3.0, "acceleration": SLOW}) for joint in interface().joints
    )
    policy = load_policy(make_policy(tmp_path / "policy.onnx", interface(joints=joints)))
    clock, controller, lock = Clock(), Controller(), threading.Lock()
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep))
    velocities: list[np.ndarray] = []
    asked: list[float] = []

    def sense(position: Any, velocity: Any) -> None:
        with lock:
            controller.on_joint_state(JOINTS, position, velocity, clock.now, clock.now)

    def send(content: Trajectory | list[float]) -> None:
        assert isinstance(content, Trajectory)
        (point,) = content.points
        velocities.append(np.array(point.velocity))
        sense(point.position, point.velocity)

    def report(_status: str) -> None:
        if velocities[-1][0] > 0.55 and not asked:
            asked.append(clock.now)
            control.finish()
            if fails:
                raise OSError("no memory")

    controller.configure(policy)
    sense([-2.0, 0.0, 0.0], [0.0, 0.0, 0.0])
    controller.on_goal([2.0, 0.0, 0.0], "base")
    assert controller.activate(clock.now) == ""
    with lock:  # the thread waits for it before its first step
        control = ControlLoop(controller, lock, send, report, print)
    control.join(lambda: None)
    assert asked, control.failure
    assert clock.now - asked[0] > loop.BRAKING_TIME and not velocities[-1].any()
    assert bool(control.failure) is fails


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
