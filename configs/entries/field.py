"""Entries that write fields of the model: masses, inertias, friction, gains, delays."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ashore.configs.space import Entry

# Unit of one value of the fields that presets write most; any other field may be written with a unit of its own.
FIELD_UNITS: dict[str, str] = {
    "body_mass": "kg",
    "body_inertia": "kg*m^2",
    "body_ipos": "m",
    "dof_damping": "N*m*s/rad",
    "dof_frictionloss": "N*m",
    "dof_armature": "kg*m^2",
    "jnt_stiffness": "N*m/rad",
    "geom_friction": "1",
    "geom_size": "m",
    "actuator_delay": "s",
    "opt.gravity": "m/s^2",
}
# Fields whose values must not be negative, and where an object has some, not zero either for the first three.
POSITIVE = ("body_mass", "body_inertia", "geom_size")
NOT_NEGATIVE = (
    *POSITIVE,
    *("dof_damping", "dof_frictionloss", "dof_armature", "jnt_stiffness", "geom_friction", "actuator_delay"),
    *("tendon_stiffness", "tendon_damping", "tendon_frictionloss", "tendon_armature"),
)


class FieldParameter(Entry):
    """Writes model fields of the matched objects: value = nominal * x, nominal + x, or x; or a range that is x wider at
    each end.

    `field` names fields of MjModel, `name.k` column k of one, `1/name` one that is divided where others are scaled.
    `match` is a regular expression over the names of the objects that own the rows (bodies, joints, geoms, actuators, ...),
    matched whole. Where several entries scale the same value, their factors multiply.
    """

    effect: Literal["field"] = "field"
    field: tuple[str, ...] = Field(min_length=1, description="what to write")
    match: str = Field(default=".*", description="of which objects")
    op: Literal["scale", "add", "set", "widen"] = Field(description="how lambda makes the value")
    each: bool = Field(default=False, description="one parameter an object instead of one for all")

    def _check_unit(self) -> None:
        if any(name.startswith("1/") for name in self.field) and (self.op != "scale" or self.widest[0] <= 0):
            raise ValueError(f"field = {list(self.field)} with op {self.op}; allowed: 1/name with op scale, above 0")
        if self.op == "widen" and any(not name.endswith("range") for name in self.field):
            raise ValueError(f"field = {list(self.field)} with op widen; allowed: whole ranges, as jnt_range")
        if self.op == "scale":
            self._require("1")
            if self.widest[0] < 0:
                raise ValueError(f"low = {self.widest[0]}; allowed: a scale of at least 0")
            return
        for name in self.field:
            field = name.rsplit(".", 1)[0] if name.rsplit(".", 1)[-1].isdigit() else name
            if field in FIELD_UNITS:
                self._require(FIELD_UNITS[field])
            if self.op == "set" and self.widest[0] < 0 and field in NOT_NEGATIVE:
                what = "a delay" if field == "actuator_delay" else f"{field}"
                raise ValueError(f"low = {self.widest[0]} {self.unit}; allowed: {what} of at least 0 {self.unit}")
