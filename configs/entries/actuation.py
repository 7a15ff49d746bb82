"""Entries about what a robot's drives make of a command."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ashore.configs.space import Entry, Kind


class ActuationParameter(Entry):
    """Imperfect drives: what a joint does with the setpoint that it is given.

    All of it lies behind the policy's own memory of its targets, as it does on a robot. A unit of rad means the hinges among
    the joints that `match`, a unit of m the sliding ones; a share, unit 1, means both. How strong a motor is, is a matter of
    fields: see motor_strength in the catalogue.
    """

    kinds: ClassVar[dict[str, Kind]] = {
        "backlash": Kind(
            "play: after a change of direction the motor turns this far before the joint follows (arXiv 1808.00177)",
            "",
            0,
        ),
        "dead_zone": Kind("a target that differs by less than this from the one the servo holds is ignored", "", 0),
        "noise_scale": Kind(
            "action noise, multiplicative: standard deviation of a target's error as a share of the motion it asks for, "
            "drawn each step",
            "1",
            0,
        ),
        "noise_episode": Kind(
            "action noise, additive: standard deviation of a target's constant error, drawn each episode", "", 0
        ),
        "noise_step": Kind("action noise, additive: standard deviation of a target's error, drawn each step", "", 0),
        "friction_asymmetry": Kind(
            "Coulomb friction is greater by this share of itself in the positive direction, and less in the negative one",
            "1",
            -1,
            1,
        ),
    }
    effect: Literal["actuation"]
    kind: Literal["backlash", "dead_zone", "noise_scale", "noise_episode", "noise_step", "friction_asymmetry"]
    match: str = Field(default=".*", description="regular expression over joint names, matched whole")
    each: bool = Field(default=False, description="one parameter a joint instead of one for all")

    def _check_unit(self) -> None:
        super()._check_unit()
        if not self.kinds[self.kind].unit and self.unit not in ("rad", "m"):
            raise ValueError(f"unit = {self.unit!r}; allowed: 'rad' or 'm'")
