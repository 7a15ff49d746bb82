"""What each world looks like: one number a world for every camera, light, visible geom and scene that an entry touches.

Physics runs on a model without visuals, so these tables stand beside it, against the visual model of the same scene, and are
made when an entry first asks. To draw a world, its `Look` is written into a copy of that model (colours, lights, and the sizes
and places that physics has for it) and, once MuJoCo has made a scene of that, into the scene (lens, gloss, patterns, what
stands about). Only lambda is stored: what an episode draws is keyed, and comes out the same whenever a picture is taken.
"""

from __future__ import annotations

import copy
from typing import Any

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ashore.configs.entries.camera import GAINS, MOST_DISTRACTORS, VISUAL
from ashore.configs.laws import rng
from ashore.configs.schema import TaskSettings
from ashore.sim import tasks
from ashore.sim.engine.world import World
from ashore.sim.scene.distractors import CHANCES as EACH_DISTRACTOR
from ashore.sim.scene.distractors import place
from ashore.sim.scene.scene import compile_scene
from ashore.sim.scene.visual_assets import PATTERN, PATTERNS, SPARE

Array = NDArray[np.float32]
COLUMN = {effect: {kind: i for i, kind in enumerate(entry.kinds)} for effect, entry in VISUAL.items()}
EACH_GEOM, EACH_LIGHT, SCENE = 5, 5, 6  # uniforms that an episode draws
# Fields of the physics model that the eye can see, where an entry lets them differ between worlds.
SHAPES = ("body_pos", "body_quat", "geom_pos", "geom_quat", "geom_size", "jnt_pos", "jnt_axis", "site_pos", "site_quat")
_GEOM = int(mujoco.mjtObj.mjOBJ_GEOM)
_SHOWN = 3  # groups below this one are drawn


class Visuals:
    """The worlds' looks. Nothing differs until an effect drives a kind; `model` itself is never changed."""

    def __init__(self, settings: TaskSettings, world: World) -> None:
        self.model = model = compile_scene(tasks.find(settings.name, settings.source), settings, visual=True)
        self._world = world
        self.geoms = _visible(model)  # ids, in the order of the surface table's rows
        names = _geom_names(model)
        self.names = {
            "camera": [model.camera(i).name for i in range(model.ncam)],
            "light": _light_names(model),
            "surface": [names[g] for g in self.geoms],
            "scene": [""],
        }
        self.tables: dict[str, Tensor] = {}  # [N, rows, kinds], by effect
        self.driven: set[tuple[str, str]] = set()  # (effect, kind)
        self.colours = _effective_rgba(model)[self.geoms, :3]
        physics = world.model
        shared = {physics.geom(g).name: g for g in range(physics.ngeom) if physics.geom(g).name}
        self._same = np.array([(shared[n], g) for g, n in enumerate(names) if n in shared]).reshape(-1, 2).T
        self.chances = EACH_GEOM * len(self.geoms) + EACH_LIGHT * model.nlight + SCENE
        self.chances += EACH_DISTRACTOR * MOST_DISTRACTORS

    def enable(self, effect: str, kind: str) -> Tensor:
        """From now on worlds differ in this: live [N, rows], where nothing differs yet."""
        if effect not in self.tables:
            same = torch.tensor([float(k in GAINS) for k in COLUMN[effect]])
            self.tables[effect] = same.repeat(self._world.num_worlds, len(self.names[effect]), 1)
        self.driven.add((effect, kind))
        return self.tables[effect][..., COLUMN[effect][kind]]

    def differ(self, effect: str, *kinds: str) -> bool:
        """Whether any effect drives one of these kinds; of any kind, if none is named."""
        return any(e == effect and (not kinds or k in kinds) for e, k in self.driven)

    def scene_model(self) -> mujoco.MjModel:
        """A copy of the visual model, to write looks into."""
        return copy.copy(self.model)

    def look(self, world: int, seed: int, episode: int) -> Look:
        """How a world looks in an episode."""
        return Look(self, world, seed, episode)

    def reshape(self, world: int, model: mujoco.MjModel) -> None:
        """Bring sizes and places that physics has for this world alone into the model."""
        for name in SHAPES:
            live = self._world.fields.get(name)
            if live is not None:
                values = live[world].numpy()
                if name.startswith("geom"):
                    getattr(model, name)[self._same[1]] = values[self._same[0]]
                else:
                    getattr(model, name)[:] = values.reshape(getattr(model, name).shape)


class Look:
    """One world in one episode."""

    def __init__(self, visuals: Visuals, world: int, seed: int, episode: int) -> None:
        self._visuals, self._world = visuals, world
        self._rows: dict[str, Any] = {effect: t[world].numpy() for effect, t in visuals.tables.items()}
        if not visuals.driven:
            return
        at, number = np.array([world]), np.array([episode])
        u = rng.uniform(rng.words(seed, rng.LOOK, at, number, None, visuals.chances))[0]
        ends = np.cumsum([EACH_GEOM * len(visuals.geoms), EACH_LIGHT * visuals.model.nlight, SCENE])
        geoms, lights, self._scene, distractors = np.split(u, ends)
        self._geoms, self._lights = geoms.reshape(-1, EACH_GEOM), lights.reshape(-1, EACH_LIGHT)
        self._distractors = distractors.reshape(MOST_DISTRACTORS, EACH_DISTRACTOR)

    def differs(self, effect: str, *kinds: str) -> bool:
        """As `Visuals.differ`."""
        return self._visuals.differ(effect, *kinds)

    def of(self, effect: str, *kinds: str) -> Array:
        """Values of an effect whose table exists: [rows, kinds]."""
        return self._rows[effect][:, [COLUMN[effect][k] for k in kinds]]

    def dress(self, model: mujoco.MjModel) -> None:
        """Write shapes, colours and lights into a copy of the visual model, from its nominal values."""
        visuals = self._visuals
        visuals.reshape(self._world, model)
        if visuals.differ("surface", "red", "green", "blue", "scatter"):
            colour, scatter = (
                visuals.colours + self.of("surface", "red", "green", "blue"),
                self.of("surface", "scatter"),
            )
            model.geom_rgba[visuals.geoms, :3] = np.clip(colour + scatter * (self._geoms[:, :3] - colour), 0.0, 1.0)
        if visuals.differ("light") or visuals.differ("scene", "lights"):
            self._light(model, visuals.model)
        if visuals.differ("scene", "ambient"):
            gain = self.of("scene", "ambient")[0]
            for part in ("ambient", "diffuse", "specular"):
                getattr(model.vis.headlight, part)[:] = gain * getattr(visuals.model.vis.headlight, part)

    def _light(self, model: mujoco.MjModel, nominal: mujoco.MjModel) -> None:
        active = nominal.light_active.copy()
        if self._visuals.differ("scene", "lights"):
            spare = np.array([n.startswith(SPARE) for n in self._visuals.names["light"]])
            active |= spare & (np.cumsum(spare) <= np.round(self.of("scene", "lights")[0]))
        if self._visuals.differ("light"):
            u = self._lights
            move = self.of("light", "x", "y", "z") + self.of("light", "spread") * (2 * u[:, :3] - 1)
            for field in ("light_pos", "light_pos0", "light_poscom0"):  # fixed, and following a body
                getattr(model, field)[:] = getattr(nominal, field) + move
            turn = self.of("light", "turn_x", "turn_y")
            for field in ("light_dir", "light_dir0"):
                getattr(model, field)[:] = _turned(getattr(nominal, field), turn)
            gain = self.of("light", "intensity") * self.of("light", "red_light", "green_light", "blue_light")
            for field in ("light_ambient", "light_diffuse", "light_specular"):
                getattr(model, field)[:] = gain * getattr(nominal, field)
            active &= u[:, 3] >= self.of("light", "dark")[:, 0]
            model.light_castshadow[:] = nominal.light_castshadow ^ (u[:, 4] < self.of("light", "shadow")[:, 0])
        model.light_active[:] = active

    def decorate(self, scene: mujoco.MjvScene, data: mujoco.MjData) -> None:
        """Write gloss and patterns into a scene just made of this world, and add what stands about."""
        visuals = self._visuals
        if visuals.differ("surface", "specular", "shininess", "reflectance", "emission", "pattern"):
            self._coat(scene)
        if visuals.differ("scene", "distractors"):
            count = round(float(self.of("scene", "distractors")[0, 0]))
            place(scene, visuals.model, data, self._distractors[:count])

    def _coat(self, scene: mujoco.MjvScene) -> None:
        gloss = self.of("surface", "specular", "shininess", "reflectance", "emission")
        patterned = self._geoms[:, 3] < self.of("surface", "pattern")[:, 0]
        row = {int(g): i for i, g in enumerate(self._visuals.geoms)}
        first = mujoco.mj_name2id(self._visuals.model, mujoco.mjtObj.mjOBJ_MATERIAL, f"{PATTERN}0")
        for geom in scene.geoms[: scene.ngeom]:
            i = row.get(geom.objid) if geom.objtype == _GEOM else None
            if i is None:
                continue
            for part, change in zip(("specular", "shininess", "reflectance", "emission"), gloss[i], strict=True):
                if change:
                    setattr(geom, part, min(max(getattr(geom, part) + float(change), 0.0), 1.0))
            if patterned[i]:
                geom.matid = first + int(self._geoms[i, 4] * len(PATTERNS))

    @property
    def backdrop(self) -> tuple[float, Array]:
        """How far it covers the sky, and its colours above and below: [2, 3]."""
        if not self._visuals.differ("scene", "backdrop"):
            return 0.0, np.zeros((2, 3), np.float32)
        return float(self.of("scene", "backdrop")[0, 0]), self._scene.reshape(2, 3)


def _turned(directions: Any, turns: Array) -> Any:
    """Unit vectors [n, 3] turned about x, then about y, by [n, 2] rad."""
    (cx, cy), (sx, sy) = np.cos(turns).T, np.sin(turns).T
    x, y, z = directions.T
    y, z = y * cx - z * sx, y * sx + z * cx
    return np.stack((x * cy + z * sy, y, z * cy - x * sy), 1)


def _effective_rgba(model: mujoco.MjModel) -> Array:
    """Each geom's colour: its own, or its material's where its own is the engine's default."""
    rgba = model.geom_rgba.copy()
    default = (rgba == np.array([0.5, 0.5, 0.5, 1.0], np.float32)).all(1) & (model.geom_matid >= 0)
    rgba[default] = model.mat_rgba[model.geom_matid[default]]
    return rgba


def _visible(model: mujoco.MjModel) -> NDArray[np.int64]:
    return np.flatnonzero((model.geom_group < _SHOWN) & (_effective_rgba(model)[:, 3] > 0))


def _geom_names(model: mujoco.MjModel) -> list[str]:
    names, unnamed = [], [0] * model.nbody
    for g in range(model.ngeom):
        body = int(model.geom_bodyid[g])
        names.append(model.geom(g).name or f"{model.body(body).name}_visual{unnamed[body]}")
        unnamed[body] += not model.geom(g).name
    return names


def _light_names(model: mujoco.MjModel) -> list[str]:
    given = [model.light(i).name for i in range(model.nlight)]
    return [n or f"light{sum(not m for m in given[:i])}" for i, n in enumerate(given)]
