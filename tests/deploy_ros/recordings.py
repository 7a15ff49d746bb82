"""A recorded run without a transport: a controller and a robot that is where it was told to be, on a clock moved by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros import ros_messages as ros
from ashore.deploy_ros.bundle import load_policy
from ashore.deploy_ros.cdr import decode, encode
from ashore.deploy_ros.mcap import Message, Metadata, Reader, Writer
from ashore.deploy_ros.message_definitions import full_text
from ashore.deploy_ros.messages import trajectory_of
from ashore.deploy_ros.profile import Profile
from ashore.deploy_ros.recording import Recording, Tape
from ashore.deploy_ros.replay import replay
from ashore.deploy_ros.settings import NodeSettings
from tests.deploy_ros.policies import DT, JOINTS

TOPIC = "/joint_trajectory_controller/joint_trajectory"


class RecordedRun:
    """Steps of a recorded controller, with what a node hears and sends."""

    def __init__(
        self,
        path: Path,
        policy_file: Path,
        say: Callable[[str], None] = lambda _: None,
        profile: Profile | None = None,
        begin: Callable[[RecordedRun], object] = lambda _: None,
        **own: Any,
    ) -> None:
        settings = NodeSettings(**own)
        policy = load_policy(policy_file)
        self.tape: Tape = Recording(path, policy, settings, say, profile)
        self.controller = self.tape.controller(settings, profile)
        self.controller.configure(policy)
        self.subscriptions = ros.subscriptions(self.controller)
        self.now, self.q = 100.0, np.zeros(3)
        self.sense()
        self.hear(1, ros.goal_pose(types, np.array([0.5, -0.4, 0.3]), "base", 12.5))
        begin(self)
        assert self.controller.activate(self.now) == ""

    def hear(self, k: int, message: Any) -> str:
        k %= len(self.subscriptions)
        subscription = self.subscriptions[k]
        self.tape.took(k, subscription.topic, subscription.kind, message, self.now)
        return subscription.take(self.controller, message, self.now)

    def sense(self) -> None:
        self.hear(0, ros.joint_state(types, JOINTS, self.q, np.zeros(3), self.now))

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.now += DT
            self.sense()
            output = self.controller.step(self.now)
            assert output is not None
            self.q = output.position
            message = ros.joint_trajectory(types, trajectory_of(output.command, self.controller.interface))
            self.tape.sent(self.controller.groups[0].topic, "JointTrajectory", message)


def recorded(path: Path, policy_file: Path, steps: int = 50) -> Path:
    """A whole recording with a refused goal, a stop and a reset in it."""
    run = RecordedRun(path, policy_file)
    run.steps(steps)
    assert run.hear(1, ros.goal_pose(types, np.array([0.1, 0.1, 0.1]), "elsewhere", 12.5))
    run.controller.stop()
    run.steps(steps)
    assert run.controller.reset(run.now) == ""
    run.steps(steps)
    run.tape.close()
    return path


def rewritten(path: Path, to: Path, change: Callable[[Message], Message | None]) -> Path:
    """The recording with its messages changed, or left out, and its checksums right."""
    with to.open("wb") as file:
        writer = Writer(file, "test")
        channels: dict[str, int] = {}
        for record in Reader(path):
            if isinstance(record, Metadata):
                writer.metadata(record.name, record.values)
            elif (message := change(record)) is not None:
                if message.topic not in channels:
                    text = full_text(message.schema.replace("/msg", ""))
                    channels[message.topic] = writer.channel(message.topic, message.schema, text, {})
                writer.message(channels[message.topic], message.sequence, message.log_time, message.data)
        writer.finish()
    return to


def changed(message: Message, change: Callable[[SimpleNamespace], None]) -> Message:
    """A message whose content is changed."""
    name = message.schema.replace("/msg", "")
    content = decode(name, message.data)
    change(content)
    return message._replace(data=encode(name, content))


def replayed(path: Path, policy_file: Path, policy_changed: bool = False) -> tuple[int, list[str]]:
    """The exit code, and what is said."""
    said: list[str] = []
    return replay(path, policy_file, policy_changed, said.append), said
