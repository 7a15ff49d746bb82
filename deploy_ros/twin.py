"""A simulated robot in a process of its own, behind the topics of a real one: it plays the robot for a policy's node."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros import ros_messages as ros
from ashore.deploy_ros.dds import Participant, domain_id
from ashore.deploy_ros.interrupts import stop_on_signals
from ashore.deploy_ros.messages import robots_own
from ashore.deploy_ros.node_remote import NodeRemote
from ashore.deploy_ros.settings import EPISODE_TOPIC, RESET_TOPIC, STOP_TOPIC, NodeSettings
from ashore.deploy_ros.twin_controllers import Controllers
from ashore.deploy_ros.twin_faults import Faults, MotionWatch
from ashore.deploy_ros.twin_plant import Episode, RobotSimulator
from ashore.deploy_ros.twin_results import EpisodeResult
from ashore.deploy_ros.twin_topics import Topics

# s between joint states, as near as physics steps allow: 125 Hz, the rate of Universal Robots' CB3 arms.
PUBLISH_DT = 0.008
SILENCE = 0.5  # s without a command: the node is gone
ASK_DT = 0.5  # s after which a node is asked again
STANDING_STILL = 0.2  # s that a robot is seen where it was put, before the node is reset: every signal is of there
LAG = 0.1  # s that the simulation may be behind the clock before it gives the time up as lost


def run_twin(
    plant: RobotSimulator,
    episodes: int,
    *,
    settings: NodeSettings | None = None,
    faults: Faults | None = None,
    stop: threading.Event | None = None,
    say: Callable[[str], None] = lambda text: print(text, flush=True),
) -> list[EpisodeResult]:
    """Play the robot for so many episodes; gives the results of those that were played.

    Where episodes start anew, a node that is active is stopped first, through its own topic, and reset once all is in place.
    An episode ends with success, failure or its time limit. No episode starts while no node commands: the world stands
    still until one does. Ends early when interrupted or when no command comes within `settings.wait`, whose other fields
    name the topics and the frame of goals. faults: what goes wrong; a node that holds because of one is reset once the
    episode is over.
    """
    stop = stop or threading.Event()
    with stop_on_signals(stop), Participant() as participant:
        return _Twin(plant, settings or NodeSettings(), faults, participant, stop, say).run(episodes)


class _Twin:
    def __init__(
        self,
        plant: RobotSimulator,
        settings: NodeSettings,
        faults: Faults | None,
        dds: Participant,
        stop: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        self._plant, self._settings, self._dds, self._stop, self._say = plant, settings, dds, stop, say
        self._publish_every = max(1, round(plant.publish_dt / plant.physics_dt))
        interface = robots_own(plant.interface, settings)
        self._controllers = Controllers(interface, settings, plant.home)
        self._steps = 0  # physics steps so far
        self._due = time.monotonic()  # of the next physics step
        self._commands = self._rejected = 0  # in this episode
        self._heard = -np.inf  # s, monotonic, of the last command taken
        self._goal: tuple[float, ...] = ()
        self._faults, self._watch = faults, MotionWatch(interface)
        self._topics = Topics(interface, settings, dds, faults)
        states = self._controllers.states(0.0)
        self._setpoints = {topic: dds.writer(topic, types.JointTrajectoryControllerState) for topic, *_ in states}
        self._results = dds.writer(EPISODE_TOPIC, types.String, depth=100, latched=True)
        self._node = NodeRemote(dds)
        self._halted = False  # the node was stopped by this twin, and by nobody else
        for topic, kind in self._controllers.topics:
            # Reliable, as the real controller's reader: it takes nothing from a best-effort publisher.
            dds.reader(topic, getattr(types, kind), partial(self._on_command, topic), reliable=True)

    def run(self, episodes: int) -> list[EpisodeResult]:
        results: list[EpisodeResult] = []
        self._say(f"twin: {len(self._plant.interface.joints)} joints on ROS domain {domain_id()}, {episodes} episodes")
        while len(results) < episodes:
            if not (self._halt() if self._plant.starts_anew else self._recover()):
                break
            episode = self._plant.begin_episode()
            if self._plant.starts_anew:
                self._controllers.start(self._plant.home, self._now)
            self._commands = self._rejected = 0
            self._publish()
            if self._plant.starts_anew and not self._release():
                break
            if time.monotonic() - self._heard > SILENCE and not self._wait_for_command():
                break
            result = self._play(episode)
            if self._stop.is_set():
                break
            results.append(result)
            self._results.write(types.String(data=json.dumps(asdict(result))))
            self._say(f"twin: {result.line}")
        self._results.flush(1.0)
        return results

    def _halt(self) -> bool:
        """Stop a node that drives, before everything is put in its place; False where it does not obey."""
        self._halted = self._node.drives and not self._node.stopped
        if self._halted:
            self._node.others_stop = False
        return not self._node.drives or self._persist(self._node.stop, lambda: self._node.stopped, STOP_TOPIC)

    def _recover(self) -> bool:
        """Reset a node that holds because of a fault, as whoever stands beside the robot would; False where it still holds."""
        if self._faults is None or not self._node.holds or self._node.stopped:
            return True
        return self._persist(self._node.reset, lambda: not self._node.holds, RESET_TOPIC, STANDING_STILL)

    def _release(self) -> bool:
        """Let a node that was stopped go on; False where it does not. A stop by somebody else is theirs to undo."""
        if not self._node.stopped:
            return True
        self._persist(lambda: None, lambda: True, "", STANDING_STILL)
        if self._halted and not self._node.others_stop:
            going = self._persist(self._node.reset, lambda: not self._node.holds, RESET_TOPIC)
        else:
            self._say(f"twin: somebody else has stopped the node; waiting for true on {RESET_TOPIC}")
            going = self._persist(lambda: None, lambda: not self._node.holds, RESET_TOPIC)
        self._commands = 0  # a hold is none
        return going

    def _persist(self, ask: Callable[[], None], done: Callable[[], bool], topic: str, least: float = 0.0) -> bool:
        """Ask a node again and again, the world standing still, until that is done; False where it is not in time."""
        began = asked = time.monotonic()
        ask()
        while not self._stop.is_set():
            now = time.monotonic()
            if now - began >= least and done():
                self._due = now
                return True
            if now - began > self._settings.wait:
                self._say(f"twin: gave up: the node does not follow {topic}: {self._node.reason}")
                return False
            if now - asked > ASK_DT:
                ask()
                asked = now
            self._publish()
            self._spin_until(now + self._publish_every * self._plant.physics_dt)
        return False

    def _wait_for_command(self) -> bool:
        """The world stands still until a node commands; False where none did in time or the twin was interrupted."""
        until, silent_since, said = time.monotonic() + self._settings.wait, time.monotonic(), False
        while self._commands == 0 and not self._stop.is_set():
            now = time.monotonic()
            if now > until:
                self._say(f"twin: gave up: no command on {self._topic_names} for {self._settings.wait:g} s")
                return False
            if not said and now - silent_since > SILENCE:
                said = True
                self._say(f"twin: waiting for commands on {self._topic_names}")
            self._publish()
            self._spin_until(now + self._publish_every * self._plant.physics_dt)
        self._due = time.monotonic()
        return not self._stop.is_set()

    def _play(self, episode: Episode) -> EpisodeResult:
        """Physics in step with the clock until the episode is over."""
        began, first_step, note = time.monotonic(), self._steps, ""
        progress = self._plant.progress()
        self._watch.begin()
        if self._faults is not None:
            joints = [j.name for j in robots_own(self._plant.interface, self._settings).joints]
            self._faults.begin(episode.index, progress.time_limit, joints, self._topics.sensors)
        while not (
            self._stop.is_set() or progress.success or progress.failed or progress.elapsed >= progress.time_limit
        ):
            if not note and time.monotonic() - self._heard > SILENCE:
                note = f"no command from {progress.elapsed - SILENCE:.1f} s on"
            if not note and self._node.holds:
                note = f"the node holds from {progress.elapsed:.1f} s on: {self._node.reason}"
            self._spin_until(self._due)
            self._step()
            progress = self._plant.progress()
            if self._faults is not None and self._faults.at(progress.elapsed):
                self._watch.look(*self._plant.joints())
        simulated = (self._steps - first_step) * self._plant.physics_dt
        return EpisodeResult(
            index=int(episode.index),
            success=bool(progress.success),
            failed=progress.failed or ("" if progress.success else "time limit"),
            elapsed=float(progress.elapsed),
            goal_position=self._goal,
            world={name: float(value) for name, value in episode.world.items()},
            real_time_factor=round(simulated / max(time.monotonic() - began, 1e-9), 3),
            commands=self._commands,
            rejected=self._rejected,
            note=note,
            metrics={name: round(float(value), 6) for name, value in progress.metrics.items()},
            faults=tuple(fault.to_json() for fault in self._faults.end()) if self._faults is not None else (),
            fastest=round(self._watch.fastest, 4),
            beyond=round(self._watch.beyond, 6),
        )

    def _step(self) -> None:
        """One physics step; where the clock has run away, the time is lost, not caught up in a burst."""
        self._steps += 1
        self._plant.step(self._controllers.setpoint(self._now))
        self._due = max(self._due + self._plant.physics_dt, time.monotonic() - LAG)
        if self._steps % self._publish_every == 0:
            self._publish()

    @property
    def _now(self) -> float:
        """Simulated time, s: the trajectory controller's clock."""
        return self._steps * self._plant.physics_dt

    def _publish(self) -> None:
        """All that the robot, its sensors and whoever commands it tell."""
        signals = self._plant.measure()
        self._goal = tuple(signals.get("goal_position", np.zeros(0)).tolist())
        self._topics.publish(signals)
        for topic, names, setpoint in self._controllers.states(self._now):
            self._setpoints[topic].write(ros.controller_state(types, names, setpoint, time.time()))

    @property
    def _topic_names(self) -> str:
        return " or ".join(topic for topic, _ in self._controllers.topics)

    def _spin_until(self, due: float) -> None:
        """Take commands until it is time to go on."""
        while True:
            left = due - time.monotonic()
            self._dds.spin(left)
            if left <= 0.0:
                return

    def _on_command(self, topic: str, message: Any) -> None:
        if isinstance(message, types.JointTrajectory):
            trajectory = ros.read_trajectory(message)
            if trajectory.start:
                trajectory = trajectory._replace(start=self._now + trajectory.start - time.time())
            why = self._controllers.accept(topic, trajectory, self._now)
        elif isinstance(message, types.LowCmd):
            why = self._controllers.accept_low_cmd(topic, message, self._now)
        else:
            why = self._controllers.accept(topic, list(message.data), self._now)
        if why:
            self._rejected += 1
            self._say(
                f"twin: {'trajectory' if isinstance(message, types.JointTrajectory) else 'command'} rejected: {why}"
            )
            return
        self._commands += 1
        self._heard = time.monotonic()
