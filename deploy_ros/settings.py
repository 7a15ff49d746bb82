"""What a user may set of a node: one table for the DDS node's options and the ROS 2 node's parameters."""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from ashore.configs.schema import Settings
from ashore.deploy_ros.boundary import Box
from ashore.deploy_ros.safety import TRACKING_LAG, TRACKING_TIME

NODE_NAME = "ashore"
STATUS_TOPIC = f"/{NODE_NAME}/status"
STOP_TOPIC = f"/{NODE_NAME}/stop"
RESET_TOPIC = f"/{NODE_NAME}/reset"
EPISODE_TOPIC = f"/{NODE_NAME}/episode"
DIAGNOSTICS_TOPIC = "/diagnostics"
SHADOW = f"/{NODE_NAME}/shadow"  # before the topics of commands that nobody shall follow
ANYWHERE = -1000.0  # m, of a table that is not there

TOPIC = r"^/[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*$"
TopicName = Annotated[str, StringConstraints(pattern=TOPIC)]
BareName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*$")]
ACTION_OUTPUTS = ("gripper_command", "parallel_gripper_command")
TF = "tf:"  # before a frame's name, where a topic's could stand
_OBJECT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=(tf:/?[A-Za-z_][A-Za-z0-9_./-]*|/[A-Za-z_][A-Za-z0-9_/]*)")


def _objects(text: str) -> str:
    for part in filter(None, text.split(",")):
        if not _OBJECT.fullmatch(part):
            raise ValueError(f"{part!r}; allowed: NAME=/topic or NAME=tf:FRAME, several with commas between")
    return text


def _floats(text: str) -> list[float]:
    """Numbers with commas between; NaN where there is none."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        return [math.nan]


def _quaternion(text: str) -> str:
    values = _floats(text)
    if len(values) != 4 or not abs(math.hypot(*values) - 1.0) < 0.01:
        raise ValueError("allowed: w,x,y,z of a unit quaternion")
    return text


def _box(text: str) -> str:
    values = _floats(text)
    fits = (
        len(values) == 6
        and all(map(math.isfinite, values))
        and all(a < b for a, b in zip(values, values[3:], strict=False))
    )
    if text and not fits:
        raise ValueError("allowed: xmin,ymin,zmin,xmax,ymax,zmax in m, each minimum below its maximum")
    return text


def relative(topic: str) -> str:
    """One of the node's own topics as the node's namespace has it, those of others as they are: /ashore/stop, ashore/stop."""
    return topic.removeprefix("/") if topic.startswith(f"/{NODE_NAME}/") else topic


class NodeSettings(Settings):
    """Names, limits of patience and the way commands are sent. Units stand in the descriptions."""

    joint_states: TopicName = Field(default="/joint_states", description="topic of the robot's JointState")
    goal: TopicName = Field(default="/ashore/goal_pose", description="topic of the goal, a PoseStamped")
    object: Annotated[str, AfterValidator(_objects)] = Field(
        default="",
        description="where the pose of an object comes from, puck=/camera/puck or puck=tf:puck_frame, several with commas "
        "between; else /ashore/OBJECT_pose, a PoseStamped",
    )
    object_type: Literal["PoseStamped", "PoseWithCovarianceStamped"] = Field(
        default="PoseStamped", description="type of the poses of objects, whose covariances are not used"
    )
    imu: TopicName = Field(default="/imu/data", description="topic of the Imu, for legs")
    imu_rotation: Annotated[str, AfterValidator(_quaternion)] = Field(
        default="1,0,0,0", description="how the IMU's frame is turned in the base's: quaternion w,x,y,z"
    )
    twist: TopicName = Field(default="/cmd_vel", description="topic of the commanded velocities, a Twist, for legs")
    controller: BareName = Field(
        default="joint_trajectory_controller",
        description="controller to drive, on /<controller>/joint_trajectory or /<controller>/commands",
    )
    output: Literal["trajectory", "forward", "low_cmd"] = Field(
        default="trajectory",
        description="trajectory: a JointTrajectoryController; forward: a forward command controller; low_cmd: Unitree's "
        "LowCmd, and joints and IMU from its LowState",
    )
    low_cmd: TopicName = Field(default="/lowcmd", description="topic of Unitree's LowCmd")
    low_state: TopicName = Field(default="/lowstate", description="topic of Unitree's LowState")
    gripper_controller: BareName = Field(
        default="gripper_controller", description="controller of a gripper that the policy drives; may be the arm's own"
    )
    gripper_output: Literal["trajectory", "forward", "gripper_command", "parallel_gripper_command"] = Field(
        default="trajectory",
        description="as output, for the gripper's controller where it is not the arm's; or an action of control_msgs, "
        "GripperCommand or ParallelGripperCommand, which takes rclpy",
    )
    gripper_action: Annotated[str, StringConstraints(pattern=f"^$|{TOPIC}")] = Field(
        default="", description="name of the gripper's action; where there is none, /<gripper_controller>/gripper_cmd"
    )
    gripper_effort: float = Field(
        default=0.0,
        ge=0,
        le=1000,
        description="N that the action may use at most; 0: as much as its server does by itself",
    )
    gripper_step: float = Field(
        default=0.005,
        gt=0,
        le=1,
        description="m further than which a target is from the last goal to be one of its own",
    )
    rate: float = Field(
        default=500.0,
        ge=1,
        le=2000,
        description="Hz of a forward controller, or of LowCmd; commands are interpolated to it",
    )
    base_frame: str = Field(default="base", description="frame of the robot's base, in which goals are given")
    anywhere: bool = Field(default=False, description="take goals outside of where training drew them from, too")
    joint_prefix: str = Field(
        default="", pattern=r"^\S*$", description="what the robot puts before the policy's joint names: left_"
    )
    joint_map: str = Field(
        default="",
        pattern=r"^([^=,\s]+=[^=,\s]+(,[^=,\s]+=[^=,\s]+)*)?$",
        description="the robot's own joint names, which take no prefix: panda_joint1=fr3_joint1,panda_joint2=fr3_joint2",
    )
    derive_velocity: bool = Field(
        default=False,
        description="derive velocities from positions, for drivers that send none; velocities sent are ignored",
    )
    velocity_filter: float = Field(
        default=0.02, ge=0, le=1, description="s, time constant of derived velocities; longer: smoother and later"
    )
    wait: float = Field(
        default=30.0, gt=0, le=86400, description="s to wait for a fresh joint state and a goal before giving up"
    )
    time_limit: float = Field(default=0.0, ge=0, le=1e9, description="s to drive, then stop; 0: until interrupted")
    episodes: int = Field(
        default=0, ge=0, le=10**9, description="episodes of a twin to drive, then stop; 0: until interrupted"
    )
    tracking_lag: float = Field(
        default=TRACKING_LAG,
        gt=0,
        le=10,
        description="s within which a healthy robot does what it was told; targets wait for others",
    )
    tracking_time: float = Field(
        default=TRACKING_TIME, gt=0, le=10, description="s that a joint may be further behind before the node stops"
    )
    auto_reset: bool = Field(
        default=False, description="go on by itself after a stale joint state; other faults always need a reset"
    )
    realtime: bool = Field(default=False, description="ask the kernel for real-time scheduling and locked memory")
    profile: str = Field(
        default="",
        description="what is known of the robot's driver: ur5e, fr3, ..., or a YAML file; all that is set beside it wins",
    )
    shadow: bool = Field(
        default=False, description=f"move nothing: commands, each from where the robot is, go to {SHADOW}/..."
    )
    beside_others: bool = Field(
        default=False,
        description="drive although somebody else is announced as a publisher of commands, as a robot's own service that is "
        "silent; who does send is not noticed either",
    )
    speed: float = Field(
        default=1.0, ge=0.05, le=1, description="of the motion: velocities are so much lower, the path is the same"
    )
    ramp: float = Field(
        default=0.0, ge=0, le=60, description="s after activation and reset in which the joints come up to full speed"
    )
    home: bool = Field(default=False, description="instead of the policy: go to its home, hold there, and end")
    home_speed: float = Field(default=0.2, ge=0.01, le=1, description="of the limits on the way home")
    deadman: str = Field(
        default="",
        pattern=r"^(/[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*(:[0-9]{1,2})?)?$",
        description="topic of a switch that must be held: a Bool that keeps coming, or /joy:5, button 5 of a Joy",
    )
    keep_above: float = Field(
        default=ANYWHERE,
        ge=ANYWHERE,
        le=1000,
        description="m, where the tool is never lower, as over a table; -1000: none",
    )
    keep_within: Annotated[str, AfterValidator(_box)] = Field(
        default="", description="box that the tool never leaves: xmin,ymin,zmin,xmax,ymax,zmax in m from the base"
    )
    report: str = Field(
        default="", max_length=1000, description="file, run.json, for how late the robot was and how old its signals"
    )
    record: str = Field(
        default="",
        max_length=1000,
        description="file, run.mcap, for all that comes in and goes out, for ros2 bag, Foxglove and ashore replay",
    )

    def renamed(self, joint: str) -> str:
        """The robot's name of one of the policy's joints."""
        names = dict(pair.split("=") for pair in self.joint_map.split(",") if pair)
        return names.get(joint, self.joint_prefix + joint)

    @property
    def mapped_joints(self) -> tuple[str, ...]:
        """The policy's joints that `joint_map` names."""
        return tuple(pair.split("=")[0] for pair in self.joint_map.split(",") if pair)

    @property
    def objects(self) -> dict[str, str]:
        """Of `object`, by name: a topic, or tf: and a frame."""
        return dict(part.split("=", 1) for part in self.object.split(",") if part)

    @property
    def mount(self) -> tuple[float, ...]:
        """Of the IMU in the base: unit quaternion wxyz."""
        values = _floats(self.imu_rotation)
        return tuple(value / math.hypot(*values) for value in values)

    @property
    def switch(self) -> tuple[str, int | None]:
        """Of `deadman`: the topic, and which button of a Joy; None: a Bool."""
        topic, _, button = self.deadman.partition(":")
        return topic, int(button) if button else None

    @property
    def box(self) -> Box:
        """Where the tool may be, from and to, [3] m each; infinite where nothing is set."""
        values = _floats(self.keep_within) if self.keep_within else []
        low, high = values[:3] or [-math.inf] * 3, values[3:] or [math.inf] * 3
        table = self.keep_above if self.keep_above > ANYWHERE else -math.inf
        return (*low[:2], max(low[2], table)), tuple(high)

    @property
    def state_topic(self) -> str:
        """Where the robot says how its joints are."""
        return self.low_state if self.output == "low_cmd" else self.joint_states

    @property
    def command_topic(self) -> str:
        """Where commands go."""
        topic = self.low_cmd if self.output == "low_cmd" else topic_of(self.controller, self.output)
        return (SHADOW if self.shadow else "") + topic

    @property
    def gripper_topic(self) -> str:
        """Where the gripper's commands go, or the name of its action."""
        if self.gripper_output in ACTION_OUTPUTS:
            return self.gripper_action or f"/{self.gripper_controller}/gripper_cmd"
        own = self.gripper_controller != self.controller
        topic = topic_of(self.gripper_controller, self.gripper_output)
        return (SHADOW if self.shadow else "") + topic if own else self.command_topic

    def ends(self, seconds: float, episodes: int) -> bool:
        """Whether a run that has lasted so many s, and so many episodes, is over."""
        return 0 < self.time_limit <= seconds or 0 < self.episodes <= episodes


def topic_of(controller: str, output: str) -> str:
    """Where a controller of ros2_control takes commands."""
    return f"/{controller}/{'joint_trajectory' if output == 'trajectory' else 'commands'}"
