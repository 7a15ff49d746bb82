"""The ROS 2 shell, on stand-ins for the parts of rclpy that it uses: it starts, drives, holds and ends as it should."""

from __future__ import annotations

import json
import py_compile
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.deploy_ros.fake_rclpy import (
    ACTIVATE,
    ACTIVE_SHUTDOWN,
    CLEANUP,
    CONFIGURE,
    DEACTIVATE,
    INACTIVE_SHUTDOWN,
    NODES,
    Executor,
    FakeNode,
    Message,
    Return,
    stand_ins,
)
from tests.deploy_ros.policies import JOINTS

PACKAGE = Path(__file__).parents[2] / "deploy_ros" / "ros2_package"


@pytest.fixture
def module() -> Iterator[Any]:
    """`ashore.deploy_ros.rclpy_spin`, imported with stand-ins."""
    with stand_ins() as module:
        yield module


def joint_state(position: Sequence[float] = (0.0, 0.0, 0.0), velocity: Sequence[float] = (0.0, 0.0, 0.0)) -> Message:
    seconds = time.time()
    stamp = Message(sec=int(seconds), nanosec=int(seconds % 1 * 1e9))
    return Message(header=Message(stamp=stamp), name=list(JOINTS), position=list(position), velocity=list(velocity))


def goal(x: float = 0.5) -> Message:
    position = Message(x=x, y=-0.4, z=0.3)
    return Message(header=Message(frame_id="base"), pose=Message(position=position))


def feed(node: Any, until: Any) -> None:
    deadline = time.monotonic() + 20
    while not until():
        assert time.monotonic() < deadline, node.log
        Arm(node).sense()


def test_it_waits_activates_drives_holds_and_ends(module: Any, patient_file: Path) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    node.tick()
    node.tick()
    assert [line for line in node.log if "waiting" in line] == ["waiting: no joint state on /joint_states"]
    assert node.trigger_activate() is Return.FAILURE and "not activated" in node.log[-1]
    node.listeners["/ashore/goal_pose"](goal())
    node.listeners["/joint_states"](joint_state())
    node.tick()
    commands = node.sent["/joint_trajectory_controller/joint_trajectory"]
    feed(node, lambda: len(commands) > 5)
    (point,) = commands[-1].points
    assert (
        commands[-1].joint_names == list(JOINTS)
        and len(point.positions) == 3
        and point.time_from_start.nanosec == 40_000_000
    )
    node.listeners["/ashore/stop"](Message(data=True))
    feed(node, lambda: json.loads(node.sent["/ashore/status"][-1].data)["reason"] == "stopped on request")
    node.tick()
    assert "holding: stopped on request" in node.log[-1] and node.sent["/diagnostics"][-1].status[0].level == b"\x02"
    feed(node, lambda: commands[-1].points[0].velocities == [0.0, 0.0, 0.0])
    node.listeners["/ashore/reset"](Message(data=True))
    assert node.log[-1] == "reset"
    assert node.trigger_deactivate() is Return.SUCCESS and commands[-1].points[0].velocities == [0.0, 0.0, 0.0]
    assert node.trigger_cleanup() is Return.SUCCESS and node.trigger_shutdown() is Return.SUCCESS and node.finalized


def test_a_stop_given_while_it_waits_holds_until_reset(module: Any, patient_file: Path) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    node.tick()
    wanted = "stopped on request; publish true to /ashore/reset"
    node.listeners["/ashore/stop"](Message(data=True))
    node.listeners["/ashore/goal_pose"](goal())
    node.listeners["/joint_states"](joint_state())
    node.tick()
    assert node.log[-1] == f"waiting: {wanted}"
    assert node.trigger_activate() is Return.FAILURE and node.log[-1] == f"not activated: {wanted}"
    assert node.trigger_cleanup() is Return.SUCCESS and node.trigger_configure() is Return.SUCCESS
    node.listeners["/ashore/goal_pose"](goal())
    node.listeners["/joint_states"](joint_state())
    assert node.trigger_activate() is Return.FAILURE and node.log[-1] == f"not activated: {wanted}"
    node.listeners["/ashore/reset"](Message(data=True))
    node.listeners["/joint_states"](joint_state())
    node.tick()
    commands = node.sent["/joint_trajectory_controller/joint_trajectory"]
    feed(node, lambda: len(commands) > 5)
    assert node.trigger_shutdown() is Return.SUCCESS


def test_a_stop_is_heard_reliably_and_from_best_effort_publishers(module: Any, patient_file: Path) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    assert node.trigger_configure() is Return.SUCCESS
    best_effort, reliable = 1, 2  # as in the stand-ins
    assert sorted(node.reliabilities["/ashore/stop"]) == [best_effort, reliable]
    assert node.reliabilities["/ashore/reset"] == [best_effort]


def test_a_file_or_parameter_that_cannot_be_used_fails_the_configuration(
    module: Any, tmp_path: Path, patient_file: Path
) -> None:
    assert module.PolicyNode({"policy": str(tmp_path / "none.onnx")}).trigger_configure() is Return.FAILURE
    node = module.PolicyNode({"policy": str(patient_file), "wait": -1.0})
    assert node.trigger_configure() is Return.FAILURE and "wait" in node.log[-1]


def test_parameters_say_what_they_are_and_their_range(module: Any) -> None:
    descriptors = module.PolicyNode({}).descriptors
    (interval,) = descriptors["rate"].floating_point_range
    assert (interval.from_value, interval.to_value) == (1.0, 2000.0) and descriptors["rate"].description.startswith(
        "Hz of"
    )
    assert "episodes" not in descriptors and {"policy", "autostart", "joint_states", "goal", "controller"} <= set(
        descriptors
    )


def test_the_ros_packages_files_compile_and_set_parameters_that_exist(module: Any) -> None:
    yaml = pytest.importorskip("yaml")
    for file in (PACKAGE / "setup.py", PACKAGE / "launch" / "policy.launch.py"):
        py_compile.compile(str(file), doraise=True)
    parameters = yaml.safe_load((PACKAGE / "config" / "policy.yaml").read_text())["/ashore"]["ros__parameters"]
    node = module.PolicyNode({})
    for name, value in parameters.items():
        assert node.parameters[name] == value and type(node.parameters[name]) is type(value)


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


@pytest.mark.parametrize("asked", [CONFIGURE, ACTIVATE, CLEANUP, 99])
def test_a_transition_that_does_not_exist_is_refused_and_nothing_else_happens(
    module: Any, patient_file: Path, asked: int
) -> None:
    answers: list[bool] = []

    def then(turn: Any) -> Iterator[Any]:
        yield lambda node: answers.append(node.change_state(asked))
        sent = len(Arm(NODES[0]).commands)
        while len(Arm(NODES[0]).commands) < sent + 5:
            yield turn
        assert NODES[0].label == "active"
        answers.append(Arm(NODES[0]).moves)
        yield lambda node: answers.append(node.change_state(DEACTIVATE))
        answers.append(Arm(NODES[0]).holds)
        yield lambda node: node.trigger_shutdown()

    code, node = run(module, patient_file, then)
    assert code == 0 and answers == [False, True, True, True]
    assert any(f"no transition {asked} while active: refused" in line for line in node.log)


def test_autostart_that_a_manager_overtakes_does_nothing(module: Any, patient_file: Path) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    assert node.change_state(CONFIGURE)
    Arm(node).sense()
    assert node.change_state(ACTIVATE)
    node.tick()
    assert node.label == "active" and node.timers[1].cancelled
    node.end()


@pytest.mark.parametrize("where", ["callback", "rclpy", "timer", "interrupt"])
def test_whatever_is_raised_the_robot_is_braked_and_held_before_the_node_ends(
    module: Any, patient_file: Path, where: str
) -> None:
    def fail(node: FakeNode) -> None:
        if where == "callback":
            node.listeners["/ashore/goal_pose"](Message())  # no pose in it: an AttributeError
        elif where == "timer":
            node.broken = lambda topic: _raise(OSError("no memory")) if topic == "/diagnostics" else None
            node.tick()
        _raise(KeyboardInterrupt() if where == "interrupt" else RuntimeError("from rclpy"))

    def then(_turn: Any) -> Iterator[Any]:
        yield fail

    if where == "interrupt":  # no ordinary exception: it leaves, after the hold
        with pytest.raises(KeyboardInterrupt):
            run(module, patient_file, then)
        node = NODES[0]
    else:
        code, node = run(module, patient_file, then)
        assert code == 3 and any("failed: " in line and "braking, then ending" in line for line in node.log)
    assert Arm(node).holds and node.finalized and node.label == "destroyed"


def test_it_brakes_and_holds_before_it_ends_where_rclpy_refuses_the_shutdown(module: Any, patient_file: Path) -> None:
    def fail(node: FakeNode) -> None:
        node.trigger_shutdown = lambda: _raise(RuntimeError("no state machine"))  # type: ignore[method-assign]
        _raise(RuntimeError("from rclpy"))

    def then(_turn: Any) -> Iterator[Any]:
        yield fail

    code, node = run(module, patient_file, then)
    assert code == 3 and Arm(node).holds and any("no orderly shutdown" in line for line in node.log)


def test_a_stop_is_heard_before_the_node_is_configured(module: Any, patient_file: Path) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    node.listeners["/ashore/stop"](Message(data=True))
    assert node.change_state(CONFIGURE)
    Arm(node).sense()
    assert not node.change_state(ACTIVATE) and "stopped on request" in node.log[-1]
    node.end()


@pytest.mark.parametrize("end", ["deactivate", "shutdown", "signal", "callback", "poison"])
def test_an_arm_that_is_blocked_while_the_node_brakes_is_not_pressed(module: Any, patient_file: Path, end: str) -> None:
    ends = {
        "deactivate": lambda node: node.change_state(DEACTIVATE),
        "shutdown": lambda node: node.change_state(ACTIVE_SHUTDOWN),
        "signal": lambda node: signal.raise_signal(signal.SIGTERM),
        "callback": lambda node: _raise(RuntimeError("from a callback")),
        "poison": lambda node: node.change_state(DEACTIVATE),  # and goals that cannot be used come while it brakes
    }
    drivers: list[Driver] = []

    def then(turn: Any) -> Iterator[Any]:
        yield lambda node: drivers.append(Driver(node, end == "poison"))
        deadline = time.monotonic() + 20
        while Arm(NODES[0]).commands[-1].points[0].velocities[0] < FAST:
            assert time.monotonic() < deadline, NODES[0].log
            yield lambda _node: time.sleep(0.002)
        yield ends[end]
        if end == "deactivate":
            yield lambda node: node.change_state(INACTIVE_SHUTDOWN)

    try:
        code, node = run(module, patient_file, then, tracking_lag=0.2)
    finally:
        drivers[0].over.set()
    assert code == (3 if end in ("callback", "poison") else 0) and node.finalized and Arm(node).holds
    assert Arm(node).commands[-1].points[0].positions == pytest.approx(drivers[0].stands, abs=0.05)


@pytest.mark.parametrize("asked", [None, DEACTIVATE, ACTIVE_SHUTDOWN])
@pytest.mark.parametrize("topic", ["trajectory", "status"])
@pytest.mark.parametrize("times", [1, 10])
def test_a_failed_control_thread_brakes_holds_and_ends_the_node(
    module: Any, patient_file: Path, times: int, topic: str, asked: int | None
) -> None:
    left = [times]

    def broken(name: str) -> None:
        if topic in name and left[0]:
            left[0] -= 1
            raise OSError("the publisher is gone")

    def then(turn: Any) -> Iterator[Any]:
        yield lambda node: setattr(node, "broken", broken)
        if asked is not None:
            yield lambda node: node.change_state(asked)

    code, node = run(module, patient_file, then)
    assert code == 3 and Arm(node).holds and node.finalized and node.label == "destroyed"
    assert not any("then ending" in line for line in node.log), "the executor raised nothing"
    assert any("the control loop failed: OSError('the publisher is gone')" in line for line in node.log)


def test_the_last_command_is_waited_for_before_its_publisher_goes(module: Any, patient_file: Path) -> None:
    def then(_turn: Any) -> Iterator[Any]:
        yield lambda node: node.change_state(ACTIVE_SHUTDOWN)

    code, node = run(module, patient_file, then)
    assert code == 0 and Arm(node).holds
    assert node.delivered["/joint_trajectory_controller/joint_trajectory"] == len(Arm(node).commands)


def test_an_activation_that_fails_half_way_has_sent_nothing(
    module: Any, patient_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    assert node.change_state(CONFIGURE)
    Arm(node).sense()
    monkeypatch.setattr(FakeNode, "on_activate", lambda *_: _raise(RuntimeError("no event")))
    assert not node.change_state(ACTIVATE) and node.label == "unconfigured" and not Arm(node).commands
    node.end()


def test_an_error_transition_that_fails_ends_the_node(
    module: Any, patient_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeNode, "on_deactivate", lambda *_: _raise(RuntimeError("no event")))
    monkeypatch.setattr(FakeNode, "on_error", lambda *_: _raise(RuntimeError("nor this")))

    def then(_turn: Any) -> Iterator[Any]:
        yield lambda node: node.change_state(DEACTIVATE)

    code, node = run(module, patient_file, then)
    assert code == 3 and Arm(node).holds and node.log[-1] == "on_error: RuntimeError('nor this')"


def test_a_transition_that_fails_half_way_is_said_and_leaves_the_node_unconfigured(
    module: Any, patient_file: Path
) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    node.create_subscription = lambda *_: _raise(RuntimeError("no such type"))
    assert node.trigger_configure() is Return.ERROR and node.label == "unconfigured"
    assert "on_configure: RuntimeError('no such type')" in node.log
    del node.create_subscription
    assert node.trigger_configure() is Return.SUCCESS


def _raise(error: BaseException) -> None:
    raise error
