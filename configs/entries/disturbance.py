"""Entries about what the world does to the robot and its objects: kicks, pulses, an adversary."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ashore.configs.space import Entry, Kind

INTERVAL = "s, mean time from one to the next: they come at random, as often at any moment as at any other"


class KickParameter(Entry):
    """Sudden changes of velocity, from time to time."""

    kinds: ClassVar[dict[str, Kind]] = {
        "body": Kind(
            "a floating body is given this much more speed in a horizontal direction, drawn each time; "
            "where several match, one of them",
            "m/s",
            0,
        ),
        "joint": Kind("the velocity of every matched joint changes by up to this, either way, drawn each time", "", 0),
    }
    effect: Literal["kick"]
    kind: Literal["body", "joint"]
    match: str = Field(
        default=".*", description="regular expression over the names of floating bodies or of joints, matched whole"
    )
    interval: float = Field(gt=0, description=INTERVAL)

    def _check_unit(self) -> None:
        super()._check_unit()
        if self.kind == "joint" and self.unit not in ("rad/s", "m/s"):
            raise ValueError(f"unit = {self.unit!r}; allowed: 'rad/s' or 'm/s'")


class PulseParameter(Entry):
    """Forces or torques that come from time to time, last for a while and go.

    Each acts on one of the matched bodies, at its centre of mass, in a direction drawn uniformly on the sphere.
    """

    kinds: ClassVar[dict[str, Kind]] = {
        "force": Kind("a force of this size", "N", 0),
        "torque": Kind("a torque of this size", "N*m", 0),
    }
    effect: Literal["pulse"]
    kind: Literal["force", "torque"]
    match: str = Field(default=".*", description="regular expression over body names, matched whole")
    interval: float = Field(gt=0, description=INTERVAL)
    duration: float = Field(gt=0, description="s, how long each lasts")


class AdversaryParameter(Entry):
    """A random network adversary (RNA, arXiv 1910.07113, appendix B.3): another random network each episode turns what the
    policy sees into actions and into forces on bodies, which disturbs in a way that depends on the state, as noise does not.
    """

    kinds: ClassVar[dict[str, Kind]] = {
        "action": Kind("share of the network's action in what the matched joints do, alpha in the paper", "1", 0, 1),
        "force": Kind("along each axis, a force on each matched body of up to this", "N", 0),
        "torque": Kind("about each axis, a torque on each matched body of up to this", "N*m", 0),
    }
    effect: Literal["adversary"]
    kind: Literal["action", "force", "torque"]
    match: str = Field(
        default=".*", description="regular expression over the names of driven joints or of bodies, matched whole"
    )
