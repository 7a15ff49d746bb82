"""A node's controller and a twin's robot with its controllers, joined by messages in simulated time, without a transport."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import numpy as np

from ashore.configs.contract import TARGET, TARGET_VELOCITY, Interface
from ashore.configs.laws.limits import JointLimits, limit_target
from ashore.configs.loader import load_run
from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros import ros_messages as ros
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.groups import groups_of, part_of
from ashore.deploy_ros.messages import trajectory_of
from ashore.deploy_ros.safety import limits_of
from ashore.deploy_ros.settings import NodeSettings
from ashore.deploy_ros.states import Output
from ashore.deploy_ros.twin import PUBLISH_DT
from ashore.deploy_ros.twin_controllers import Controllers
from ashore.deploy_ros.twin_topics import Topics
from ashore.environments import make_randomizer
from ashore.sim.robot_simulator import RobotSimulator


def plant(preset: str, *overrides: str, seed: int = 3) -> RobotSimulator:
    task = load_run(preset, list(overrides)).task
    return RobotSimulator(task, make_randomizer(task), seed=seed, publish_dt=PUBLISH_DT)


class Towards:
    """As a policy's graph: `goal`, given the time in s, says where the joints shall be, [n] rad; it keeps the limits."""

    def __init__(self, interface: Interface, goal: Any) -> None:
        self.contract = SimpleNamespace(interface=interface, settings={}, trained_on=())
        self.seen: list[dict[str, np.ndarray]] = []
        self._goal, self._dt = goal, interface.control_dt
        # Rounded inwards to float32, as a graph has them.
        low, *others = (x.astype(np.float32) for x in limits_of(interface))
        ends = (np.nextafter(low, np.float32(np.inf)), *(np.nextafter(x, np.float32(-np.inf)) for x in others))
        self._limits = JointLimits(*(x.astype(np.float64) for x in ends))

    def initial_memory(self, signals: dict[str, Any]) -> dict[str, np.ndarray]:
        q = np.asarray(signals["joint_position"], np.float32)
        return {TARGET: q, TARGET_VELOCITY: np.zeros_like(q)}

    def step(
        self, signals: dict[str, np.ndarray], memory: dict[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        goal = self._goal(len(self.seen) * self._dt)
        self.seen.append(signals)
        p, v = (memory[name].astype(np.float64) for name in (TARGET, TARGET_VELOCITY))
        p, v = limit_target(p + 0.4 * (goal - p), p, v, self._limits, self._dt)
        p, v = p.astype(np.float32), v.astype(np.float32)
        return p, v, {TARGET: p, TARGET_VELOCITY: v}


class TwinCell:
    """Times are s since the beginning of the episode. What is written on a topic goes to who takes it, at once, but for
    `lost` topics."""

    def __init__(self, robot: RobotSimulator, policy: Any = None, **settings: Any) -> None:
        """Without a policy, messages alone are carried."""
        self.settings, self.now, self.robot = NodeSettings(**settings), 100.0, robot
        self.topics_heard: set[str] = set()
        self.lost: set[str] = set()
        self.rejected: list[str] = []
        self.told: Any = None  # the last LowCmd
        self.node = Controller(self.settings)
        self.node.configure(policy or Towards(robot.interface, None))  # type: ignore[arg-type]
        self._takes = {s.topic: s.take for s in ros.subscriptions(self.node)}
        self.topics = Topics(robot.interface, self.settings, self)  # type: ignore[arg-type]
        self._groups = groups_of(robot.interface, self.settings)
        self.controllers = Controllers(robot.interface, self.settings, robot.home)

    def writer(self, topic: str, _kind: Any, **_: Any) -> Any:
        """In the place of a participant's."""

        def write(message: Any) -> None:
            self.topics_heard.add(topic)
            if topic not in self.lost:
                assert self._takes[topic](self.node, message, self.now) == ""

        return SimpleNamespace(write=write)

    def carry(self, signals: Any) -> dict[str, np.ndarray]:
        """What the node makes of signals that are published."""
        time.sleep(0.001)  # the stamps of joint states increase
        self.topics.publish(signals)
        assert self.node._measured is not None
        return self.node.inputs.signals(self.node._measured, self.now)

    def begin(self) -> None:
        """An episode, from where it puts the robot."""
        self.robot.begin_episode()
        self.controllers.start(self.robot.home, self.now)
        self.carry(self.robot.measure())
        assert self.node.activate(self.now) == ""

    def run(self, seconds: float) -> list[Output]:
        """Control periods for so long."""
        face, outputs = self.robot.interface, []
        ticks, every = (
            round(face.control_dt / self.robot.physics_dt),
            round(self.robot.publish_dt / self.robot.physics_dt),
        )
        for k in range(round(seconds / face.control_dt)):
            output = self.node.step(self.now)
            assert output is not None
            outputs.append(output)
            trajectory = trajectory_of(output.command, face)
            for group in self._groups:
                values = [output.position[joint] for joint in group.joints]
                content = values if group.forward else part_of(trajectory, group)
                if group.drives is not None:
                    self.told = ros.command(types, group.content(output.position.tolist()))
                    why = self.controllers.accept_low_cmd(group.topic, self.told, self.now)
                else:
                    why = self.controllers.accept(group.topic, content, self.now)
                if why:
                    self.rejected.append(why)
            for tick in range(ticks):
                self.now += self.robot.physics_dt
                self.robot.step(self.controllers.setpoint(self.now))
                if (k * ticks + tick) % every == 0:
                    self.carry(self.robot.measure())
                    for _, names, (position, velocity) in self.controllers.states(self.now):
                        assert (
                            self.node.on_controller_state(names, position.tolist(), velocity.tolist(), self.now) == ""
                        )
        return outputs
