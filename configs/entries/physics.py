"""Entries about physics that no single field of the model says: inertia that a body can have, gravity, contacts that twist."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field

from ashore.configs.space import Entry, Kind


class InertiaParameter(Entry):
    """Moves and deforms the matched bodies' distribution of mass, so that mass, centre and inertia stay what a body can have.

    The distribution about the centre of mass, in the body's axes, is mapped by x -> A x + t and made e^(2 alpha) times as
    dense, with A upper triangular: e^d1, e^d2, e^d3 on its diagonal and s12, s13, s23 above. These ten numbers are the
    log-Cholesky parameters of the pseudo-inertia (Rucker and Wensing 2022, "Smooth parameterization of rigid-body inertia",
    IEEE RA-L 7(2)); at zero nothing differs.
    """

    kinds: ClassVar[dict[str, Kind]] = {
        "alpha": Kind("mass and inertia e^(2 alpha) times as great", "1"),
        "d1": Kind("stretched e^d1 times along the body's x axis", "1"),
        "d2": Kind("stretched e^d2 times along y", "1"),
        "d3": Kind("stretched e^d3 times along z", "1"),
        "s12": Kind("sheared: x grows by s12 times y", "1"),
        "s13": Kind("sheared: x grows by s13 times z", "1"),
        "s23": Kind("sheared: y grows by s23 times z", "1"),
        "t1": Kind("centre of mass further along x", "m"),
        "t2": Kind("centre of mass further along y", "m"),
        "t3": Kind("centre of mass further along z", "m"),
    }
    effect: Literal["inertia"]
    kind: Literal["alpha", "d1", "d2", "d3", "s12", "s13", "s23", "t1", "t2", "t3"]
    match: str = Field(default=".+", description="regular expression over the names of bodies, matched whole")
    each: bool = Field(default=False, description="one parameter a body instead of one for all")


class GravityParameter(Entry):
    """Gravity as a vector: how strong, and where down is, as if the floor and all on it were tilted.

    Signals that say which way is up go on saying the floor's.
    """

    kinds: ClassVar[dict[str, Kind]] = {
        "strength": Kind("times as strong", "1", 0.0),
        "roll": Kind(
            "turned about the world's x axis: what is loose slides towards y", "rad", -math.pi / 2, math.pi / 2
        ),
        "pitch": Kind(
            "then about the world's y axis: what is loose slides towards -x", "rad", -math.pi / 2, math.pi / 2
        ),
    }
    effect: Literal["gravity"]
    kind: Literal["strength", "roll", "pitch"]


class ContactParameter(Entry):
    """Friction against twisting and rolling in contacts of the matched geoms, which most models leave out.

    A contact takes the greater value of its two geoms. Where a geom has such friction it contacts in four dimensions (spin)
    or six (roll, which then spins with the model's own coefficient); where it is 0, in as many as the model says.
    """

    kinds: ClassVar[dict[str, Kind]] = {
        "spin": Kind("torque against twisting about the contact's normal, N*m for each N of normal force", "m", 0.0),
        "roll": Kind("torque against rolling, N*m for each N of normal force", "m", 0.0),
    }
    effect: Literal["contact"]
    kind: Literal["spin", "roll"]
    match: str = Field(default=".*", description="regular expression over the names of geoms, matched whole")
    each: bool = Field(default=False, description="one parameter a geom instead of one for all")
