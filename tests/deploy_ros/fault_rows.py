"""The rows of the fault matrix: what happens to a node in full motion, when it can be told, and what it must say of it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any, NamedTuple

from ashore.configs.contract import Interface
from ashore.deploy_ros.control import Controller
from tests.deploy_ros.fake_rclpy import CONFIGURE, DEACTIVATE
from tests.deploy_ros.fault_rig import STOP, Run
from tests.deploy_ros.fault_world import joints_changed, stamped

JOINT_STATES = "/joint_states"
# Of each robot, the estimate or measurement that a policy is told beside its joints.
SENSED = {
    "arm": ("/ashore/puck_pose", "puck_position"),
    "arm and gripper": ("/ashore/cube_pose", "cube_position"),
    "legs": ("/imu/data", "angular_velocity"),
}
LOOKS = 0.2  # s between a ROS node's looks at who else publishes; a DDS node looks whenever something comes


class Row(NamedTuple):
    """What happens, and what follows. after: s from the event until it can be told from a healthy robot."""

    name: str
    happens: Callable[[Run], Any]
    says: str  # a regular expression of a status, or of a line of the node's log
    after: Callable[[Interface], float] = lambda _face: 0.0
    code: int = 0  # of the process
    status: bool = True  # it says in its status that it stops: not where its control loop has failed
    transports: tuple[str, ...] = ("DDS", "rclpy")


def joints_age(face: Interface) -> float:
    return min(s.max_age for s in face.signals if s.kind == "measurement")


def sensed_age(face: Interface) -> float:
    return max(s.max_age for s in face.signals if s.name in dict(SENSED.values()).values())


def sensed(run: Run) -> str:
    """The topic of what is sensed beside the joints."""
    return next(topic for topic, _ in SENSED.values() if topic in run.world.sent)


def joint_states(alter: Callable[[Any], list[Any]]) -> Callable[[Run], None]:
    return lambda run: run.world.alter.__setitem__(JOINT_STATES, alter)


def without_the_last(names: list[str], position: list[float]) -> None:
    names.pop()
    position.pop()


def not_a_number(_names: list[str], position: list[float]) -> None:
    position[0] = float("nan")


def set_back(run: Run) -> None:
    run.world.alter[JOINT_STATES] = lambda message: [stamped(message, -10.0)]


def ahead_once(run: Run) -> None:
    """One stamp is far ahead: none after it counts."""
    left = [1000.0]
    run.world.alter[JOINT_STATES] = lambda message: [stamped(message, left.pop()) if left else message]


def nan_once(run: Run) -> None:
    left = [joints_changed(not_a_number)]
    run.world.alter[JOINT_STATES] = lambda message: left.pop()(message) if left else [message]


def lost(run: Run) -> None:
    run.world.alter[sensed(run)] = lambda _message: []


def frozen(run: Run) -> None:
    """Who tracks it has lost it, and sends again what was seen last."""
    last = run.world.sent[topic := sensed(run)]
    run.world.alter[topic] = lambda _message: [last]


def policy_raises(run: Run) -> None:
    run.policy.fails = "out of memory"


def callback_raises(run: Run) -> None:
    def fail(*_: Any) -> str:
        raise RuntimeError("out of memory")

    run.patch.setattr(Controller, "on_joint_state", fail)


def killed(run: Run) -> None:
    run.world.dead = True


def asked(transition: int) -> Callable[[Run], None]:
    return lambda run: run.ask(transition)  # type: ignore[attr-defined]  # rclpy alone has transitions


STALE = "the joint state is stale"
ROWS = (
    Row("topic stops", joint_states(lambda _: []), rf"{STALE} .*none comes on /joint_states", joints_age),
    Row("joint missing", joint_states(joints_changed(without_the_last)), rf"{STALE} .*no joint \['", joints_age),
    Row("stamps jump back", set_back, rf"{STALE} .*its stamp .* is not after", joints_age),
    Row("stamps jump ahead", ahead_once, rf"{STALE} .*its stamp .* is not after", joints_age),
    Row("NaN", nan_once, "a value that is not finite: the position of .* is nan"),
    Row("pose lost", lost, "(puck_position|cube_position|angular_velocity) is stale", sensed_age),
    Row("pose frozen", frozen, "(puck_position|cube_position|angular_velocity) is stale.*stamp", sensed_age),
    Row("policy raises", policy_raises, "the policy failed: out of memory"),
    Row("callback raises", callback_raises, r"failed: RuntimeError\('out of memory'\); braking, then ending", code=3),
    Row(
        "publisher raises once",
        lambda run: run.publisher_fails(1),
        r"the control loop failed: OSError\('the publisher is gone'\)",
        code=3,
        status=False,
    ),
    Row(
        "publisher raises for a while",
        lambda run: run.publisher_fails(10),
        r"the control loop failed: OSError\('the publisher is gone'\)",
        lambda face: 10 * face.control_dt,
        code=3,
        status=False,
    ),
    Row("twin killed", killed, rf"{STALE} .*none comes on /joint_states", joints_age),
    Row("two nodes", lambda run: run.another_commands(), "somebody else commands the robot", lambda _: LOOKS, code=3),
    Row("e-stop", lambda run: run.press(STOP), "stopped on request"),
    Row("SIGINT", lambda run: run.kill(signal.SIGINT), "no command: braking, then holding"),
    Row("SIGTERM", lambda run: run.kill(signal.SIGTERM), "no command: braking, then holding"),
    Row("deactivated", asked(DEACTIVATE), "no command: braking, then holding", transports=("rclpy",)),
)


def reordered(run: Run) -> None:
    """Each joint state comes before the one that was sent before it."""
    before = [run.world.sent[JOINT_STATES]]

    def alter(message: Any) -> list[Any]:
        late, before[0] = before[0], message
        return [message, late]

    run.world.alter[JOINT_STATES] = alter


# What a node takes note of, and goes on.
HARMLESS = (
    Row("reordered", reordered, ""),
    Row("invalid transition", asked(CONFIGURE), "no transition 1 while active: refused", transports=("rclpy",)),
)
