"""Messages for the lifecycle node on stand-ins for rclpy, an arm that follows it, and a driver that breaks it under way."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.deploy_ros.fake_rclpy import (
    NODES,
    Executor,
    FakeNode,
    Message,
)
from tests.deploy_ros.policies import JOINTS
from tests.deploy_ros.steady_clock import STEADY


def joint_state(position: Sequence[float] = (0.0, 0.0, 0.0), velocity: Sequence[float] = (0.0, 0.0, 0.0)) -> Message:
    seconds = STEADY.time()
    stamp = Message(sec=int(seconds), nanosec=int(seconds % 1 * 1e9))
    return Message(header=Message(stamp=stamp), name=list(JOINTS), position=list(position), velocity=list(velocity))


def goal(x: float = 0.5) -> Message:
    position = Message(x=x, y=-0.4, z=0.3)
    return Message(
        header=Message(frame_id="base"),
        pose=Message(position=position, orientation=Message(x=0.0, y=0.0, z=0.0, w=1.0)),
    )


def feed(node: Any, until: Any) -> None:
    deadline = time.monotonic() + 20
    while not until():
        assert time.monotonic() < deadline, node.log
        Arm(node).sense()


class Arm:
    """A robot that is where it was last told to be, and a client that asks for transitions; see `Executor.script`."""

    def __init__(self, node: FakeNode) -> None:
        self.node = node
        self.commands = node.sent.setdefault("/joint_trajectory_controller/joint_trajectory", [])

    def sense(self) -> None:
        q = self.commands[-1].points[0].positions if self.commands else [0.0, 0.0, 0.0]
        if "/joint_states" in self.node.listeners:
            self.node.listeners["/joint_states"](joint_state(tuple(q)))
            self.node.listeners["/ashore/goal_pose"](goal())
        time.sleep(0.002)

    @property
    def moves(self) -> bool:
        return len(self.commands) > 5 and any(self.commands[-1].points[0].velocities)

    @property
    def holds(self) -> bool:
        return not any(self.commands[-1].points[0].velocities)


def until_it_moves(then: Any) -> Iterator[Any]:
    """What comes in: timers and joint states until the arm moves, then what `then` gives for it, then nothing but these."""
    deadline = time.monotonic() + 20

    def turn(node: FakeNode) -> None:
        assert time.monotonic() < deadline, node.log
        node.tick()
        Arm(node).sense()

    while not (NODES and Arm(NODES[0]).moves):
        yield turn
    yield from then(turn)
    while True:
        yield turn


def run(module: Any, file: Path, then: Any, **settings: Any) -> tuple[int, FakeNode]:
    Executor.script = until_it_moves(then)
    code = module.spin([], {"policy": str(file), "tracking_lag": 10.0, "tracking_time": 10.0} | settings)
    return code, NODES[0]


FAR, FAST = 1.8, 1.6  # rad, rad/s: a goal of the first joint, and a speed on the way from which it brakes over 0.16 rad


class Driver:
    """An arm's driver, beside the node: it sends joint states, in which the arm is blocked once the node brakes."""

    def __init__(self, node: FakeNode, poison: bool = False) -> None:
        self.node, self.poison, self.over = node, poison, threading.Event()
        self.stands: list[float] = []  # rad, where the arm is blocked
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while not self.over.wait(0.002):
            (point,) = Arm(self.node).commands[-1].points
            if not self.stands and json.loads(self.node.sent["/ashore/status"][-1].data)["state"] != "active":
                self.stands = list(point.positions)
            velocity = [0.0] * len(JOINTS) if self.stands else point.velocities
            if self.stands and self.poison:
                self.node.receive("/ashore/goal_pose", Message())  # no pose in it: an AttributeError
            else:
                self.node.receive("/ashore/goal_pose", goal(FAR))
            self.node.receive("/joint_states", joint_state(self.stands or point.positions, velocity))
