"""What a preset's `randomization` may hold. One file a family of effects; `randomization/effects` has its other half."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from ashore.configs.entries.actuation import ActuationParameter
from ashore.configs.entries.camera import CameraParameter, LightParameter, SceneParameter, SurfaceParameter
from ashore.configs.entries.command import CommandParameter
from ashore.configs.entries.disturbance import AdversaryParameter, KickParameter, PulseParameter
from ashore.configs.entries.field import FieldParameter
from ashore.configs.entries.physics import ContactParameter, GravityParameter, InertiaParameter
from ashore.configs.entries.signal import SignalParameter
from ashore.configs.space import Entry

__all__ = ["EFFECTS", "ParameterSettings", "longest_command_delay", "longest_picture_delay", "longest_signal_delay"]

EFFECTS: dict[str, type[Entry]] = {
    "field": FieldParameter,
    "inertia": InertiaParameter,
    "gravity": GravityParameter,
    "contact": ContactParameter,
    "command": CommandParameter,
    "signal": SignalParameter,
    "actuation": ActuationParameter,
    "kick": KickParameter,
    "pulse": PulseParameter,
    "adversary": AdversaryParameter,
    "camera": CameraParameter,
    "light": LightParameter,
    "surface": SurfaceParameter,
    "scene": SceneParameter,
}  # by the name of the effect


LONGEST_DELAY = 2.0  # s. Every world keeps as much; what waits longer is no control


def _effect_of(entry: Any) -> Any:
    return entry.get("effect", "field") if isinstance(entry, dict) else getattr(entry, "effect", None)


# An entry that names no effect writes model fields.
ParameterSettings = Annotated[
    Annotated[FieldParameter, Tag("field")]
    | Annotated[InertiaParameter, Tag("inertia")]
    | Annotated[GravityParameter, Tag("gravity")]
    | Annotated[ContactParameter, Tag("contact")]
    | Annotated[CommandParameter, Tag("command")]
    | Annotated[SignalParameter, Tag("signal")]
    | Annotated[ActuationParameter, Tag("actuation")]
    | Annotated[KickParameter, Tag("kick")]
    | Annotated[PulseParameter, Tag("pulse")]
    | Annotated[AdversaryParameter, Tag("adversary")]
    | Annotated[CameraParameter, Tag("camera")]
    | Annotated[LightParameter, Tag("light")]
    | Annotated[SurfaceParameter, Tag("surface")]
    | Annotated[SceneParameter, Tag("scene")],
    Discriminator(_effect_of),
]


def longest_command_delay(entries: dict[str, ParameterSettings]) -> float:
    """Seconds that the engine's delay buffer must cover for every value these entries may ever take."""
    delays = [e.widest[1] for e in entries.values() if isinstance(e, FieldParameter) and "actuator_delay" in e.field]
    return max(delays, default=0.0)


def longest_signal_delay(entries: dict[str, ParameterSettings]) -> float:
    """Seconds that the signal channel must remember for every value these entries may ever take."""
    delays = [e.widest[1] for e in entries.values() if isinstance(e, SignalParameter) and e.kind == "latency"]
    return max(delays, default=0.0)


def longest_picture_delay(entries: dict[str, ParameterSettings]) -> float:
    """Seconds that cameras must keep pictures for every value these entries may ever take."""
    delays = [e.widest[1] for e in entries.values() if isinstance(e, CameraParameter) and e.kind == "latency"]
    return max(delays, default=0.0)
