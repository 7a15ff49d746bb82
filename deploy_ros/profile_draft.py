"""A profile drafted from what a robot's driver publishes: its joint states, and the controllers that take commands."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from ashore.configs.errors import AshoreError
from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros.dds import Participant, domain_id
from ashore.deploy_ros.unitree import MOTORS

STATES, TRAJECTORY, ARRAY, LOW_STATE, LOW_CMD = (
    f"{package}::msg::dds_::{name}_"
    for package, name in (
        ("sensor_msgs", "JointState"),
        ("trajectory_msgs", "JointTrajectory"),
        ("std_msgs", "Float64MultiArray"),
        ("unitree_go", "LowState"),
        ("unitree_go", "LowCmd"),
    )
)


class SilenceError(AshoreError, RuntimeError):
    """No joint states came to draft a profile from."""


class Heard(NamedTuple):
    """What came on one topic of joint states."""

    names: tuple[str, ...]
    velocities: bool
    rate: float  # Hz


def draft(seconds: float) -> str:
    """The text of a profile, after listening for so long. SilenceError where no joint states come."""
    with Participant() as dds:
        began, heard = time.monotonic(), dict[str, list[tuple[float, Any]]]()
        while time.monotonic() < began + seconds:
            for topic in dds.publications.topics(STATES):
                if topic not in heard:
                    heard[topic] = []
                    dds.reader(topic, types.JointState, _keeping(heard[topic]), depth=100)
            dds.spin(0.05)
        states = {topic: _heard(messages) for topic, messages in heard.items() if len(messages) > 1}
        controllers = [
            *((t.removesuffix("/joint_trajectory"), "trajectory") for t in dds.publications.taken(TRAJECTORY)),
            *((t.removesuffix("/commands"), "forward") for t in dds.publications.taken(ARRAY)),
        ]
        low_states, low_cmds = dds.publications.topics(LOW_STATE), dds.publications.taken(LOW_CMD)
    if low_states and not states:
        return _legs(low_states, low_cmds)
    if not states:
        raise SilenceError(
            f"no joint states in ROS domain {domain_id()} within {seconds:g} s; is the driver running there?"
        )
    return _text(states, [(c.lstrip("/"), output) for c, output in controllers])


def _legs(states: list[str], commands: list[str]) -> str:
    """Of a robot that speaks LowState: its topics. Of several, the one with the shortest name is not thinned out."""
    state, command = min(states, key=len), min(commands, key=len, default="/lowcmd")
    heard = "" if commands else " # nobody listens there yet"
    others = [f"# also: {topic}" for topic in states if topic != state]
    return "\n".join(
        [
            'about: "drafted from topics of a Unitree robot: complete it with limits, as the profile go2 has them"',
            "sources: []",
            *others,
            "settings:",
            *("  output: low_cmd", f"  low_state: {state}", f"  low_cmd: {command}{heard}"),
            "joints:",
            *(f"  {name}: {{}}" for name in MOTORS),
        ]
    )


def _keeping(messages: list[tuple[float, Any]]) -> Any:
    return lambda message: messages.append((time.monotonic(), message))


def _heard(messages: list[tuple[float, Any]]) -> Heard:
    (first, _), (last, message) = messages[0], messages[-1]
    rate = (len(messages) - 1) / max(last - first, 1e-3)
    return Heard(tuple(message.name), len(message.velocity) == len(message.name), rate)


def _text(states: dict[str, Heard], controllers: list[tuple[str, str]]) -> str:
    """The topic with the most joints first; what else there is, as comments."""
    topic, best = max(states.items(), key=lambda item: (len(item[1].names), item[1].rate))
    others = [f"# also: {t}, {len(h.names)} joints at {h.rate:.0f} Hz" for t, h in sorted(states.items()) if t != topic]
    settings = [f"joint_states: {topic}"]
    if not best.velocities:
        settings.append("derive_velocity: true")
    if controllers:
        name, output = controllers[0]
        settings += [f"controller: {name}", f"output: {output}"]
        others += [f"# another controller: {name}, {output}" for name, output in controllers[1:]]
    joints = [f"  {_quoted(name)}: {{}}" for name in best.names]
    return "\n".join(
        [
            'about: "drafted from topics: complete it, with limits as low, high, velocity, acceleration"',
            "sources: []",
            *others,
            "settings:",
            *(f"  {line}" for line in settings),
            f"state_rate: {max(1.0, round(best.rate)):.1f} # Hz, as heard",
            "joints:",
            *joints,
        ]
    )


def _quoted(name: str) -> str:
    """A joint's name, which is somebody else's text, as YAML."""
    return name if name.replace("_", "a").isalnum() and name.isascii() else ascii(name).replace("'", '"')
