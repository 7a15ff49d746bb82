"""Entries that write fields of the model: masses, inertias, friction, gains, delays."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from configs.space import Entry

# Unit of one value of the fields that presets write most; any other field may be written with a unit of its own.
FIELD_UNITS: dict[str, str] = {
    "body_mass": "kg",
    "body_inertia": "kg*m^2",
    "body_ipos": "m",
    "dof_damping": "N*m*s/rad",
    "dof_frictionloss": "N*m",
    "dof_armature": "kg*m^2",
    "geom_friction": "1",
    "actuator_delay": "s",
    "opt.gravity": "m/s^2",
}


class FieldParameter(Entry):
    """Writes model fields of the matched objects: value = nominal * x, nominal + x, or x.

    `field` names fields of MjModel, `name.k` column k of one, `1/name` one that is divided where others are scaled.
    `match` is a regular expression over the names of the objects that own the rows (bodies, joints, geoms, actuators, ...),
    matched whole.
    """

    effect: Literal["field"] = "field"
    field: tuple[str, ...] = Field(min_length=1)
    match: str = ".*"
    op: Literal["scale", "add", "set"]
    each: bool = Field(default=False, description="one parameter an object instead of one for all")

    def _check_unit(self) -> None:
        if any(name.startswith("1/") for name in self.field) and (self.op != "scale" or self.widest[0] <= 0):
            raise ValueError(f"field = {list(self.field)} with op {self.op}; allowed: 1/name with op scale, above 0")
        if self.op == "scale":
            self._require("1")
            if self.widest[0] < 0:
                raise ValueError(f"low = {self.widest[0]}; allowed: a scale of at least 0")
            return
        for name in self.field:
            unit = FIELD_UNITS.get(name.rsplit(".", 1)[0] if name.rsplit(".", 1)[-1].isdigit() else name)
            if unit is not None:
                self._require(unit)
        if self.op == "set" and self.widest[0] < 0 and "actuator_delay" in self.field:
            raise ValueError(f"low = {self.widest[0]} s; allowed: a delay of at least 0 s")
