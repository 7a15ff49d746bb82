"""Entries about what cameras see: the cameras themselves, lights, surfaces, and what stands around.

None of them touches physics or a signal that is not a picture: without a camera that looks they cost and change nothing.
Whatever is drawn anew in each episode is keyed by seed, world and episode, as everything is; lambda says how much of it.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ashore.configs.space import Entry, Kind

SPARE_LIGHTS = 5  # OpenGL has eight; one is the camera's own, and scenes have two
MOST_DISTRACTORS = 20
# What these kinds are where nothing differs is 1; of all others it is 0.
GAINS = frozenset(
    {"focal", "focal_x", "exposure", "red_gain", "blue_gain", "contrast", "saturation", "intensity"}
    | {"red_light", "green_light", "blue_light", "ambient"}
)


class CameraParameter(Entry):
    """Where the matched cameras are, what lens they have, and what happens to their pictures on the way."""

    kinds: ClassVar[dict[str, Kind]] = {
        "x": Kind("stands this much further right, in the camera's own frame", "m"),
        "y": Kind("stands this much higher, in the camera's own frame", "m"),
        "z": Kind("stands this much further back, in the camera's own frame", "m"),
        "pitch": Kind("turned up about its own x axis", "rad"),
        "yaw": Kind("turned left about its own y axis", "rad"),
        "roll": Kind("turned anticlockwise about the axis that it looks along", "rad"),
        "fov": Kind("vertical field of view, added", "rad"),
        "focal": Kind("focal length, scaled", "1", 0.1, 10.0),
        "focal_x": Kind("horizontal focal length alone, scaled: pixels that are not square", "1", 0.1, 10.0),
        "principal_x": Kind(
            "the optical axis meets the picture this fraction of its width further right", "1", -0.5, 0.5
        ),
        "principal_y": Kind("the optical axis meets the picture this fraction of its height lower", "1", -0.5, 0.5),
        "exposure": Kind("light that is gathered, scaled; 2 is one stop more", "1", 0.01, 100.0),
        "red_gain": Kind("white balance: red light, scaled", "1", 0.01, 100.0),
        "blue_gain": Kind("white balance: blue light, scaled", "1", 0.01, 100.0),
        "contrast": Kind("differences from middle grey, scaled", "1", 0.0, 10.0),
        "saturation": Kind("differences from the pixel's grey, scaled; 0 is black and white", "1", 0.0, 10.0),
        "blur": Kind("standard deviation of a Gaussian blur, in pixels", "1", 0.0, 10.0),
        "noise": Kind("standard deviation of white noise in each value of each pixel, 1 being white", "1", 0.0, 1.0),
        "jpeg": Kind("100 less the quality of a JPEG compression; 0: not compressed at all", "1", 0.0, 99.0),
        "latency": Kind("the newest picture to be seen is at least this old", "s", 0.0),
    }
    effect: Literal["camera"]
    kind: Literal[
        "x", "y", "z", "pitch", "yaw", "roll", "fov", "focal", "focal_x", "principal_x", "principal_y", "exposure",
        "red_gain", "blue_gain", "contrast", "saturation", "blur", "noise", "jpeg", "latency",
    ]  # fmt: skip
    match: str = Field(default=".*", description="regular expression over camera names, matched whole")
    each: bool = Field(default=False, description="one parameter a camera instead of one for all")


class LightParameter(Entry):
    """How the matched lights shine. One without a name is called `light` and its number among those without.

    Spare lights, `spare0` to `spare4`, are dark until an entry with `effect: scene`, `kind: lights` lights them.
    """

    kinds: ClassVar[dict[str, Kind]] = {
        "x": Kind("stands this much further along x; no matter for one that shines in one direction from afar", "m"),
        "y": Kind("stands this much further along y; no matter for one that shines in one direction from afar", "m"),
        "z": Kind("stands this much higher; no matter for one that shines in one direction from afar", "m"),
        "spread": Kind("stands, in each episode, anywhere in the cube of this half side about its place", "m", 0.0),
        "turn_x": Kind("the direction that it shines in, turned about x", "rad"),
        "turn_y": Kind("the direction that it shines in, turned about y", "rad"),
        "intensity": Kind("brightness, scaled", "1", 0.0),
        "red_light": Kind("red part of its colour, scaled", "1", 0.0),
        "green_light": Kind("green part of its colour, scaled", "1", 0.0),
        "blue_light": Kind("blue part of its colour, scaled", "1", 0.0),
        "dark": Kind("probability, in each episode, that it is off", "1", 0.0, 1.0),
        "shadow": Kind(
            "probability, in each episode, that it casts no shadow if it does, and one if not", "1", 0.0, 1.0
        ),
    }
    effect: Literal["light"]
    kind: Literal[
        "x", "y", "z", "spread", "turn_x", "turn_y", "intensity", "red_light", "green_light", "blue_light", "dark", "shadow"
    ]  # fmt: skip
    match: str = Field(default=".*", description="regular expression over light names, matched whole")
    each: bool = Field(default=False, description="one parameter a light instead of one for all")


class SurfaceParameter(Entry):
    """Colour and material of the matched geoms, of all that are visible. A geom without a name is called by its body's name,
    `_visual`, and its number among those of the body without one: `link3_visual0`."""

    kinds: ClassVar[dict[str, Kind]] = {
        "red": Kind("added to the red of its colour, 1 being full", "1", -1.0, 1.0),
        "green": Kind("added to the green of its colour, 1 being full", "1", -1.0, 1.0),
        "blue": Kind("added to the blue of its colour, 1 being full", "1", -1.0, 1.0),
        "scatter": Kind("how far it goes to a colour of its own drawn in each episode; 1: all the way", "1", 0.0, 1.0),
        "specular": Kind("added to how strongly it mirrors lights", "1", -1.0, 1.0),
        "shininess": Kind("added to how sharply it mirrors lights", "1", -1.0, 1.0),
        "reflectance": Kind("added to how much of the scene it mirrors; planes and boxes alone do", "1", -1.0, 1.0),
        "emission": Kind("added to how much it glows", "1", -1.0, 1.0),
        "pattern": Kind(
            "probability, in each episode, that it wears a chequered, graded or speckled pattern", "1", 0.0, 1.0
        ),
    }
    effect: Literal["surface"]
    kind: Literal["red", "green", "blue", "scatter", "specular", "shininess", "reflectance", "emission", "pattern"]
    match: str = Field(default=".*", description="regular expression over the names of visible geoms, matched whole")
    each: bool = Field(default=False, description="one parameter a geom instead of one for all")


class SceneParameter(Entry):
    """What stands around: further lights, a backdrop, objects that are in the way. All of it exists in pictures alone."""

    kinds: ClassVar[dict[str, Kind]] = {
        "lights": Kind("number of spare lights that shine, rounded", "1", 0.0, SPARE_LIGHTS),
        "ambient": Kind("light from all around and from the camera, scaled", "1", 0.0),
        "backdrop": Kind("how far two colours drawn in each episode, one above the other, cover the sky", "1", 0.0, 1.0),
        "distractors": Kind(
            "number, rounded, of objects drawn in each episode that stand about", "1", 0.0, MOST_DISTRACTORS
        ),
    }  # fmt: skip
    effect: Literal["scene"]
    kind: Literal["lights", "ambient", "backdrop", "distractors"]


VisualParameter = CameraParameter | LightParameter | SurfaceParameter | SceneParameter
VISUAL: dict[str, type[Entry]] = {
    "camera": CameraParameter,
    "light": LightParameter,
    "surface": SurfaceParameter,
    "scene": SceneParameter,
}  # by the name of the effect
