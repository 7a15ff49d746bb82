"""The ROS 2 shell, on stand-ins for the parts of rclpy that it uses: it starts, drives, holds and ends as it should."""

from __future__ import annotations

import json
import py_compile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy_ros.fake_rclpy import (
    ACTIVATE,
    CLEANUP,
    CONFIGURE,
    DEACTIVATE,
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


def joint_state(position: tuple[float, ...] = (0.0, 0.0, 0.0)) -> Message:
    seconds = time.time()
    stamp = Message(sec=int(seconds), nanosec=int(seconds % 1 * 1e9))
    return Message(header=Message(stamp=stamp), name=list(JOINTS), position=list(position), velocity=[0.0, 0.0, 0.0])


def goal() -> Message:
    position = Message(x=0.5, y=-0.4, z=0.3)
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


def run(module: Any, file: Path, then: Any) -> tuple[int, FakeNode]:
    Executor.script = until_it_moves(then)
    code = module.spin([], {"policy": str(file), "tracking_lag": 10.0, "tracking_time": 10.0})
    return code, NODES[0]


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


def test_joint_states_are_taken_in_while_it_brakes_before_it_ends(module: Any, patient_file: Path) -> None:
    import signal

    ages: list[float] = []

    def then(turn: Any) -> Iterator[Any]:
        yield lambda node: signal.raise_signal(signal.SIGTERM)
        while True:
            turns.append(len(NODES[0].sent["/ashore/status"]))
            yield turn

    turns: list[int] = []
    code, node = run(module, patient_file, then)
    statuses = [json.loads(message.data) for message in node.sent["/ashore/status"]]
    ages += [status["state_age"] for status in statuses[turns[0] :]]
    assert code == 0 and Arm(node).holds and node.finalized
    assert len(turns) > 3, "callbacks ran while it braked"
    assert max(ages) < 0.2 and not any("stale" in status["reason"] for status in statuses)


@pytest.mark.parametrize("times", [1, 10])
def test_a_command_that_cannot_be_published_is_followed_by_a_hold(module: Any, patient_file: Path, times: int) -> None:
    left = [times]

    def broken(topic: str) -> None:
        if "trajectory" in topic and left[0]:
            left[0] -= 1
            raise OSError("the publisher is gone")

    def then(turn: Any) -> Iterator[Any]:
        yield lambda node: setattr(node, "broken", broken)
        while NODES[0].label != "inactive":
            yield turn
        yield lambda node: node.trigger_shutdown()

    code, node = run(module, patient_file, then)
    assert code == 0 and Arm(node).holds and not left[0]
    assert any("the control thread failed: OSError('the publisher is gone')" in line for line in node.log)


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
