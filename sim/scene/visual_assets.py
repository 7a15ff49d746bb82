"""What a visual model carries in reserve, so that worlds may differ in it: dark lights, and patterns that no geom wears yet.

Textures cannot differ between worlds, so every world takes from the same few. Both are there only where an entry of the space
asks for them.
"""

from __future__ import annotations

import math

import mujoco
import numpy as np

from ashore.configs.entries import ParameterSettings
from ashore.configs.entries.camera import SPARE_LIGHTS, SceneParameter, SurfaceParameter
from ashore.configs.laws import rng

PATTERN, SPARE = "pattern", "spare"  # how the names of such materials and lights begin
_CHECKER, _GRADIENT = mujoco.mjtBuiltin.mjBUILTIN_CHECKER, mujoco.mjtBuiltin.mjBUILTIN_GRADIENT
_SPECKLED = mujoco.mjtBuiltin.mjBUILTIN_NONE
# What, and how often it repeats along a metre. Shades of grey: the wearer's own colour shines through.
PATTERNS = ((_CHECKER, 5.0), (_CHECKER, 20.0), (_GRADIENT, 2.0), (_GRADIENT, 10.0), (_SPECKLED, 3.0), (_SPECKLED, 10.0))
DARK, LIGHT = 0.35, 1.0
SPECKLES = 0.2  # of the texels
TEXELS = 64  # along an edge


def furnish(spec: mujoco.MjSpec, entries: dict[str, ParameterSettings]) -> None:
    """Add to a visual scene what these entries need in reserve."""
    if any(isinstance(e, SceneParameter) and e.kind == "lights" for e in entries.values()):
        _add_lights(spec.worldbody.first_body())
    if any(isinstance(e, SurfaceParameter) and e.kind == "pattern" for e in entries.values()):
        _add_patterns(spec)


def _add_lights(body: mujoco.MjsBody) -> None:
    """A wide ring of spot lights above the robot that follows it about. None shines."""
    for i in range(SPARE_LIGHTS):
        angle = 0.7 + 2 * math.pi * i / SPARE_LIGHTS
        x, y, z = 1.8 * math.cos(angle), 1.8 * math.sin(angle), 2.0
        body.add_light(
            name=f"{SPARE}{i}",
            mode=mujoco.mjtCamLight.mjCAMLIGHT_TRACK,
            pos=[x, y, z],
            dir=[-x, -y, -z],
            diffuse=[0.3, 0.3, 0.3],
            castshadow=False,
            active=False,
        )


def _add_patterns(spec: mujoco.MjSpec) -> None:
    for i, (builtin, repeats) in enumerate(PATTERNS):
        name = f"{PATTERN}{i}"
        texture = spec.add_texture(
            name=name, type=mujoco.mjtTexture.mjTEXTURE_2D, builtin=builtin, width=TEXELS, height=TEXELS
        )
        texture.rgb1, texture.rgb2 = [LIGHT] * 3, [DARK] * 3
        if builtin == _SPECKLED:
            texture.data = _speckles(i)
        material = spec.add_material(name=name, texrepeat=[repeats, repeats], texuniform=True)
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name


def _speckles(seed: int) -> bytes:
    """The engine's own random marks differ each time that it compiles."""
    at = np.zeros(1, np.int64)
    u = rng.uniform(rng.words(seed, rng.LOOK, at, at, None, TEXELS**2))[0]
    return np.repeat(np.where(u < SPECKLES, 255 * DARK, 255 * LIGHT).astype(np.uint8), 3).tobytes()
