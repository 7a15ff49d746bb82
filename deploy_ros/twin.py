"""A simulated robot in a process of its own, behind the topics of a real one: it plays the robot for a policy's node."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros import ros_messages as ros
from ashore.deploy_ros.dds import Participant, domain_id
from ashore.deploy_ros.interrupts import stop_on_signals
from ashore.deploy_ros.jtc import JointTrajectoryController
from ashore.deploy_ros.settings import EPISODE_TOPIC, NodeSettings

PUBLISH_DT = (
    0.008  # s between joint states, as near as physics steps allow: 125 Hz, the rate of Universal Robots' CB3 arms
)
GOAL_DT = 0.2  # s between repeats of the goal, for nodes that come late
SILENCE = 0.5  # s without a command: the node is gone
LAG = 0.1  # s that the simulation may be behind the clock before it gives the time up as lost


class Episode(Protocol):
    """What a plant draws for an episode."""

    @property
    def index(self) -> int: ...
    @property
    def goal_position(self) -> np.ndarray: ...  # [3] m, in the robot's base frame
    @property
    def world(self) -> Mapping[str, float]: ...  # lambda by name


class ProgressReport(Protocol):
    """How an episode goes."""

    @property
    def success(self) -> bool: ...  # latched within the episode
    @property
    def failed(self) -> str: ...  # a reason, or empty
    @property
    def elapsed(self) -> float: ...  # s of simulated time
    @property
    def time_limit(self) -> float: ...  # s


class RobotSimulator(Protocol):
    """A simulated arm with its servos and encoders, one world after another."""

    @property
    def physics_dt(self) -> float: ...  # s
    @property
    def publish_dt(self) -> float: ...  # s between joint states, whole physics steps
    @property
    def joint_names(self) -> tuple[str, ...]: ...
    @property
    def home(self) -> np.ndarray: ...  # [n] rad, where the arm stands at first

    def begin_episode(self) -> Episode:
        """Draw the next world and goal; the arm keeps its state."""

    def step(self, setpoint: np.ndarray) -> None:
        """One physics step. setpoint: [n] rad, the controller's at the end of this step."""

    def measure(self) -> tuple[np.ndarray, np.ndarray]:
        """Position and velocity as the encoders report them, [n] rad and rad/s; called once a joint state."""

    def progress(self) -> ProgressReport: ...


@dataclass(frozen=True)
class EpisodeResult:
    """How an episode through the twin ended."""

    index: int
    success: bool
    failed: str  # a reason, or empty
    elapsed: float  # s of simulated time
    goal_position: tuple[float, ...]  # [3] m, in the robot's base frame
    world: dict[str, float]
    real_time_factor: float  # simulated time over the clock's; below 1 the twin could not keep up
    commands: int
    rejected: int
    note: str


def run_twin(
    plant: RobotSimulator,
    episodes: int,
    *,
    settings: NodeSettings | None = None,
    stop: threading.Event | None = None,
    say: Callable[[str], None] = lambda text: print(text, flush=True),
) -> list[EpisodeResult]:
    """Play the robot for so many episodes; gives the results of those that were played.

    An episode ends with success, failure or its time limit. No episode starts while no node commands: the world stands
    still until one does. Ends early when interrupted or when no command comes within `settings.wait`, whose other fields
    name the topics and the frame of goals.
    """
    stop = stop or threading.Event()
    with stop_on_signals(stop), Participant() as participant:
        return _Twin(plant, settings or NodeSettings(), participant, stop, say).run(episodes)


def summarize(results: list[EpisodeResult], asked: int) -> dict[str, Any]:
    """Results as JSON: whether all episodes were played, means over those that were (0 without any), and each of them."""
    count = max(len(results), 1)
    return {
        "finished": len(results) == asked,
        "success": sum(r.success for r in results) / count,
        "real_time_factor": sum(r.real_time_factor for r in results) / count,
        "episodes": [asdict(r) for r in results],
    }


class _Twin:
    def __init__(
        self,
        plant: RobotSimulator,
        settings: NodeSettings,
        dds: Participant,
        stop: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        self._plant, self._settings, self._dds, self._stop, self._say = plant, settings, dds, stop, say
        self._command_topic = f"/{settings.controller}/joint_trajectory"
        self._publish_every = max(1, round(plant.publish_dt / plant.physics_dt))
        self._controller = JointTrajectoryController(plant.joint_names, plant.home)
        self._steps = 0  # physics steps so far
        self._due = time.monotonic()  # of the next physics step
        self._commands = self._rejected = 0  # in this episode
        self._heard = -np.inf  # s, monotonic, of the last command taken
        self._goal_due = 0.0
        self._goal = np.zeros(3)
        self._joint_states = dds.writer(settings.joint_states, types.JointState, depth=5)
        self._setpoints = dds.writer(settings.controller_state_topic, types.JointTrajectoryControllerState)
        self._goals = dds.writer(settings.goal, types.PoseStamped, latched=True)
        self._results = dds.writer(EPISODE_TOPIC, types.String, depth=100, latched=True)
        # Reliable, as the real controller's reader: it takes nothing from a best-effort publisher.
        dds.reader(self._command_topic, types.JointTrajectory, self._on_trajectory, reliable=True)

    def run(self, episodes: int) -> list[EpisodeResult]:
        results: list[EpisodeResult] = []
        self._say(f"twin: {len(self._plant.joint_names)} joints on ROS domain {domain_id()}, {episodes} episodes")
        while len(results) < episodes:
            episode = self._plant.begin_episode()
            self._commands = self._rejected = 0
            self._goal = np.asarray(episode.goal_position, dtype=np.float64)
            self._publish_goal()
            if time.monotonic() - self._heard > SILENCE and not self._wait_for_command():
                break
            result = self._play(episode)
            if self._stop.is_set():
                break
            results.append(result)
            self._results.write(types.String(data=json.dumps(asdict(result))))
            self._say(f"twin: {_line(result)}")
        self._results.flush(1.0)
        return results

    def _wait_for_command(self) -> bool:
        """The world stands still until a node commands; False where none did in time or the twin was interrupted."""
        until, silent_since, said = time.monotonic() + self._settings.wait, time.monotonic(), False
        while self._commands == 0 and not self._stop.is_set():
            now = time.monotonic()
            if now > until:
                self._say(f"twin: gave up: no command on {self._command_topic} for {self._settings.wait:g} s")
                return False
            if not said and now - silent_since > SILENCE:
                said = True
                self._say(f"twin: waiting for commands on {self._command_topic}")
            self._publish_state()
            self._spin_until(now + self._publish_every * self._plant.physics_dt)
        self._due = time.monotonic()
        return not self._stop.is_set()

    def _play(self, episode: Episode) -> EpisodeResult:
        """Physics in step with the clock until the episode is over."""
        began, first_step, note = time.monotonic(), self._steps, ""
        progress = self._plant.progress()
        while not (
            self._stop.is_set() or progress.success or progress.failed or progress.elapsed >= progress.time_limit
        ):
            if not note and time.monotonic() - self._heard > SILENCE:
                note = f"no command from {progress.elapsed - SILENCE:.1f} s on"
            self._spin_until(self._due)
            self._step()
            progress = self._plant.progress()
        simulated = (self._steps - first_step) * self._plant.physics_dt
        return EpisodeResult(
            index=int(episode.index),
            success=bool(progress.success),
            failed=progress.failed or ("" if progress.success else "time limit"),
            elapsed=float(progress.elapsed),
            goal_position=tuple(self._goal.tolist()),
            world={name: float(value) for name, value in episode.world.items()},
            real_time_factor=round(simulated / max(time.monotonic() - began, 1e-9), 3),
            commands=self._commands,
            rejected=self._rejected,
            note=note,
        )

    def _step(self) -> None:
        """One physics step; where the clock has run away, the time is lost, not caught up in a burst."""
        self._steps += 1
        setpoint, _ = self._controller.setpoint(self._now)
        self._plant.step(setpoint)
        self._due = max(self._due + self._plant.physics_dt, time.monotonic() - LAG)
        if self._steps % self._publish_every == 0:
            self._publish_state()

    @property
    def _now(self) -> float:
        """Simulated time, s: the trajectory controller's clock."""
        return self._steps * self._plant.physics_dt

    def _publish_state(self) -> None:
        """The joint state; and from time to time the goal again."""
        position, velocity = self._plant.measure()
        names, stamp = self._plant.joint_names, time.time()
        self._joint_states.write(ros.joint_state(types, names, position, velocity, stamp))
        self._setpoints.write(ros.controller_state(types, names, self._controller.setpoint(self._now), stamp))
        if time.monotonic() >= self._goal_due:
            self._publish_goal()

    def _publish_goal(self) -> None:
        self._goal_due = time.monotonic() + GOAL_DT
        self._goals.write(ros.goal_pose(types, self._goal, self._settings.base_frame, time.time()))

    def _spin_until(self, due: float) -> None:
        """Take commands until it is time to go on."""
        while True:
            left = due - time.monotonic()
            self._dds.spin(left)
            if left <= 0.0:
                return

    def _on_trajectory(self, message: Any) -> None:
        trajectory = ros.read_trajectory(message)
        if trajectory.start:
            trajectory = trajectory._replace(start=self._now + trajectory.start - time.time())
        if why := self._controller.accept(trajectory, self._now):
            self._rejected += 1
            self._say(f"twin: trajectory rejected: {why}")
            return
        self._commands += 1
        self._heard = time.monotonic()


def _line(result: EpisodeResult) -> str:
    outcome = "success" if result.success else result.failed
    slow = f", {result.real_time_factor:.2f} of real time" if result.real_time_factor < 0.95 else ""
    note = f" ({result.note})" if result.note else ""
    return f"episode {result.index}: {outcome} after {result.elapsed:.2f} s{slow}{note}"
