"""What is known of one robot's ROS 2 driver: names, topics, rates and limits. It narrows what a policy file promises."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError, model_validator

from ashore.configs.base import NonNegative, Positive, Settings
from ashore.configs.contract import Interface, JointSpec
from ashore.configs.errors import AshoreError
from ashore.deploy_ros.settings import NodeSettings

MOST_JOINTS = 256
OF_A_PERIOD = 1.5  # a joint state that is as old as this many periods of its topic is nothing unusual


class ProfileError(AshoreError, ValueError):
    """A profile that cannot be used, or not with this policy; says why in one line."""


class OwnLimits(Settings):
    """What one joint of the robot can do; what is left out is as the policy file has it."""

    low: float | None = Field(default=None, description="rad or m")
    high: float | None = Field(default=None, description="rad or m")
    velocity: Positive | None = Field(default=None, description="rad/s or m/s")
    acceleration: Positive | None = Field(default=None, description="rad/s^2 or m/s^2")


class Profile(Settings):
    """One robot. `settings` are those of the node that its driver needs; what a user sets goes before them."""

    about: str = Field(default="", description="the robot, its driver, and what to know of it")
    sources: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = Field(
        default=(), description="where names and figures are from"
    )
    settings: dict[str, str | bool | int | float] = Field(default={}, description="of the node, as on its command line")
    state_rate: Positive | None = Field(default=None, description="Hz of its joint states")
    latency: NonNegative | None = Field(
        default=None, description="s from a command to the joint state that shows it, as measured"
    )
    joints: dict[str, OwnLimits] = Field(
        default={}, max_length=MOST_JOINTS, description="all joints that a policy may drive, by the driver's names"
    )

    @model_validator(mode="after")
    def _known_settings(self) -> Profile:
        if "profile" in self.settings:
            raise ValueError("settings.profile; allowed: settings of a node, but for another profile")
        try:
            NodeSettings(**self.settings)
        except ValidationError as error:
            raise ValueError(faults_of(error, NodeSettings, "settings.")) from None
        return self

    def under(self, settings: NodeSettings) -> NodeSettings:
        """The profile's settings where a user has set none."""
        own: dict[str, Any] = {name: getattr(settings, name) for name in settings.model_fields_set}
        return NodeSettings(**(self.settings | own))

    def narrowed(self, interface: Interface) -> Interface:
        """A policy's interface, in the robot's joint names, within the robot's own limits; it is never wider than before.

        ProfileError where the policy is for another robot, or its limits leave no room.
        """
        if self.state_rate is not None:
            self._require_fresh(interface)
        if not self.joints:
            return interface
        names = [joint.name for joint in interface.joints]
        if strangers := [name for name in names if name not in self.joints]:
            raise ProfileError(
                f"the policy drives {strangers}; the profile's robot has {list(self.joints)} "
                "(see joint_prefix and joint_map)"
            )
        joints = tuple(_narrowed(joint, self.joints[joint.name]) for joint in interface.joints)
        return interface.model_copy(update={"joints": joints})

    def _require_fresh(self, interface: Interface) -> None:
        """ProfileError where joint states come so seldom that they would be stale most of the time."""
        assert self.state_rate is not None
        for signal in interface.signals:
            if signal.kind == "measurement" and signal.max_age * self.state_rate < OF_A_PERIOD:
                raise ProfileError(
                    f"joint states come at {self.state_rate:g} Hz, and {signal.name} may be {signal.max_age:g} s old; "
                    f"allowed: at least {OF_A_PERIOD / signal.max_age:.0f} Hz"
                )


def _narrowed(joint: JointSpec, own: OwnLimits) -> JointSpec:
    turns = joint.continuous  # without end: its range is no limit of the robot's
    low = joint.low if own.low is None or turns else max(joint.low, own.low)
    high = joint.high if own.high is None or turns else min(joint.high, own.high)
    if not low <= joint.home <= high:
        raise ProfileError(
            f"joint {joint.name}: home = {joint.home:g} is outside of the robot's limits [{low:g}, {high:g}]"
        )
    within: dict[str, Any] = {
        "low": low,
        "high": high,
        "velocity": min(joint.velocity, own.velocity or joint.velocity),
        "acceleration": min(joint.acceleration, own.acceleration or joint.acceleration),
    }
    return joint.model_copy(update=within)


def faults_of(error: ValidationError, model: type[Settings], prefix: str = "") -> str:
    """What pydantic found, in one line: the field, its value, what is allowed."""
    faults = []
    for fault in error.errors(include_url=False):
        name = prefix + ".".join(map(str, fault["loc"]))
        if fault["type"] == "extra_forbidden":
            known = model.model_fields if len(fault["loc"]) == 1 else OwnLimits.model_fields
            faults.append(f"{name} is unknown; allowed: {', '.join(known)}")
        elif fault["type"] == "value_error":
            faults.append(f"{name}: {fault['ctx']['error']}" if name else str(fault["ctx"]["error"]))
        else:
            faults.append(f"{name} = {fault['input']!r}: {fault['msg']}")
    return "; ".join(faults)
