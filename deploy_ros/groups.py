"""Which controller drives which joints: an arm and its gripper have one each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ashore.configs.contract import Interface
from ashore.deploy_ros.following import Measured
from ashore.deploy_ros.joint_states import JointStates
from ashore.deploy_ros.messages import MessageError, Point, Published, RoutingError, Trajectory
from ashore.deploy_ros.settings import ACTION_OUTPUTS, NodeSettings
from ashore.deploy_ros.unitree import MOTORS, MotorTargets

# Messages and actions, by output.
KINDS = {
    "trajectory": "JointTrajectory",
    "forward": "Float64MultiArray",
    "low_cmd": "LowCmd",
    "gripper_command": "GripperCommand",
    "parallel_gripper_command": "ParallelGripperCommand",
}

OF_GRIPPERS = ("gripper_output", "gripper_controller")  # settings of any gripper's controller
OF_ACTIONS = ("gripper_action", "gripper_effort", "gripper_step")  # of one that is driven by an action


class Group(NamedTuple):
    """Joints that one controller drives."""

    topic: str
    output: str  # a key of KINDS
    joints: tuple[int, ...]  # which of the policy's
    drives: MotorTargets | None = None  # of a LowCmd: its motors and their gains, without positions

    @property
    def forward(self) -> bool:
        """Whether it goes where it is told at once; else along a trajectory."""
        return self.output != "trajectory"

    @property
    def kind(self) -> str:
        """The message that it takes, or the action."""
        return KINDS[self.output]

    @property
    def is_action(self) -> bool:
        """Whether `topic` is the name of an action."""
        return self.output in ACTION_OUTPUTS

    def content(self, position: Sequence[float]) -> Published:
        """What one that goes there at once is sent: position of all joints, [n] rad."""
        own = [position[joint] for joint in self.joints]
        return own if self.drives is None else self.drives._replace(position=tuple(own))

    def told(self, message: Any) -> list[float]:
        """The positions in such a message, rad, of its own joints."""
        if self.drives is None:
            return list(message.data)
        return [message.motor_cmd[motor].q for motor in self.drives.motors]

    def as_told(self, position: Sequence[float]) -> list[float]:
        """As a message has positions of all joints, [n] rad: those of its own, and of a LowCmd rounded to float32."""
        own = np.array([position[joint] for joint in self.joints])
        return list((own if self.drives is None else own.astype(np.float32).astype(np.float64)).tolist())

    @property
    def state_topic(self) -> str:
        """Where a trajectory controller says where it stands."""
        return f"{self.topic.rsplit('/', 1)[0]}/controller_state"


def groups_of(interface: Interface, settings: NodeSettings) -> list[Group]:
    """The groups of a policy's joints; those of a gripper are one of their own, unless the arm's controller has them too."""
    apart = settings.gripper_topic != settings.command_topic
    joints = range(len(interface.joints))
    gripper = tuple(k for k in joints if interface.joints[k].group == "gripper" and apart)
    main = Group(settings.command_topic, settings.output, tuple(k for k in joints if k not in gripper))
    if settings.output == "low_cmd":
        main = main._replace(drives=_motors(interface, main.joints))
    if not gripper:
        return [main]
    if settings.gripper_output == "gripper_command" and len(gripper) > 1:
        names = [interface.joints[k].name for k in gripper]
        raise RoutingError(f"GripperCommand has one position, and the gripper has joints {names}; see gripper_output")
    return [main, Group(settings.gripper_topic, settings.gripper_output, gripper)]


def require_gripper(interface: Interface, settings: NodeSettings, known: Mapping[str, Any]) -> None:
    """RoutingError where a setting of a gripper would do nothing.

    known: what the robot's profile sets, for policies with a gripper and without one.
    """
    defaults = {name: NodeSettings.model_fields[name].default for name in (*OF_GRIPPERS, *OF_ACTIONS)}
    idle: tuple[str, ...]
    if not any(joint.group == "gripper" for joint in interface.joints):
        idle, why = (*OF_GRIPPERS, *OF_ACTIONS), "this policy drives no gripper"
    elif settings.gripper_topic == settings.command_topic:
        idle, why = ("gripper_output", *OF_ACTIONS), "the gripper's controller is the arm's, see gripper_controller"
    elif settings.gripper_output not in ACTION_OUTPUTS:
        idle, why = OF_ACTIONS, f"gripper_output = {settings.gripper_output!r} is no action"
    else:
        return
    for name in idle:
        if (value := getattr(settings, name)) not in (defaults[name], known.get(name), settings.output):
            raise RoutingError(f"{name} = {value!r}: {why}; allowed: {defaults[name]!r}, as where it is not set")


def require_topics(groups: list[Group]) -> None:
    """RoutingError where a group is an action, which plain DDS does not carry."""
    for group in groups:
        if group.is_action:
            raise RoutingError(
                f"gripper_output = {group.output!r} is an action, which needs rclpy: --via rclpy where ROS 2 is sourced; "
                "allowed over plain DDS: trajectory, forward"
            )


def _motors(interface: Interface, joints: tuple[int, ...]) -> MotorTargets:
    """The motors of these joints, found by name, with the contract's gains; RoutingError where there are none."""
    specs = [interface.joints[joint] for joint in joints]
    if strangers := [spec.name for spec in specs if spec.name not in MOTORS]:
        raise RoutingError(
            f"LowCmd has no motors {strangers}; allowed: {list(MOTORS)} (see joint_prefix and joint_map)"
        )
    if soft := [spec.name for spec in specs if not spec.kp]:
        raise RoutingError(f"LowCmd needs kp and kd of {soft}, which this policy file lacks; export the policy again")
    motors = tuple(MOTORS.index(spec.name) for spec in specs)
    return MotorTargets(motors, (), tuple(spec.kp for spec in specs), tuple(spec.kd for spec in specs))


def part_of(trajectory: Trajectory, group: Group) -> Trajectory:
    """A trajectory of all joints, for those of a group."""

    def pick(values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(values[joint] for joint in group.joints) if values else ()

    points = tuple(Point(pick(p.position), pick(p.velocity), p.time) for p in trajectory.points)
    return Trajectory(tuple(trajectory.joint_names[joint] for joint in group.joints), points, trajectory.start)


class Setpoints:
    """What trajectory controllers say where they stand: of each group, what came last."""

    def __init__(self, interface: Interface, groups: list[Group]) -> None:
        self._groups = [group for group in groups if not group.forward]
        self._joints = [[interface.joints[joint] for joint in group.joints] for group in self._groups]
        self._maps = [JointStates(joints, False) for joints in self._joints]
        self._last: list[Measured | None] = [None] * len(self._groups)

    def take(
        self,
        names: Sequence[str],
        position: Sequence[float],
        velocity: Sequence[float],
        now: float,
        near: np.ndarray | None = None,
    ) -> str:
        """Of one group's joints, found by their names, [n] rad and rad/s, received at `now`; gives why it cannot be used.

        near: [n] rad of all joints, whose turn those without end are in.
        """
        why = "controller state: no trajectory controller is driven"
        for k, joints in enumerate(self._maps):
            try:
                own = None if near is None else near[list(self._groups[k].joints)]
                setpoint = joints.read(names, position, velocity, now, near=own)
            except (MessageError, TypeError, ValueError, OverflowError) as error:
                why = f"controller state: {error}"
                continue
            if not (np.isfinite(setpoint.position).all() and np.isfinite(setpoint.velocity).all()):
                return "controller state: a value is not finite"
            if why := self._far(k, setpoint.position):
                return f"controller state: {why}"
            self._last[k] = setpoint
            return ""
        return why

    def _far(self, k: int, position: np.ndarray) -> str:
        """Which joint of a group is where no controller sends it; empty where none. The way back would take for ever."""
        for joint, q in zip(self._joints[k], position.tolist(), strict=True):
            width = joint.high - joint.low
            if not joint.low - width <= q <= joint.high + width:
                return f"{joint.name} is at {q:.6g}, far outside its limits [{joint.low:.3f}, {joint.high:.3f}]"
        return ""

    def of_all(self, position: np.ndarray, velocity: np.ndarray) -> Measured | None:
        """Of all joints, as old as the oldest; None where a controller has said nothing, or none is asked.

        position, velocity: [n] rad and rad/s, of joints that no trajectory controller drives.
        """
        q, v, times = position.copy(), velocity.copy(), []
        for group, last in zip(self._groups, self._last, strict=True):
            if last is None:
                return None
            q[list(group.joints)], v[list(group.joints)] = last.position, last.velocity
            times.append(last.time)
        return Measured(q, v, min(times)) if times else None
