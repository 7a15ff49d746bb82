"""Pictures as a robot's cameras take them: drawn from each world as it looks, through a lens, developed, and late.

One renderer serves all worlds and cameras. A task that sees makes one `Cameras` and calls `observe` once a control step;
whoever only wants to look calls `take`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ashore.configs.entries import longest_picture_delay
from ashore.configs.errors import AshoreError
from ashore.configs.laws import rng
from ashore.sim.view.image import COLUMN, develop
from ashore.sim.view.visuals import Look

if TYPE_CHECKING:
    from ashore.sim.env import Env

Frame = NDArray[np.uint8]
LENS = ("fov", "focal", "focal_x", "principal_x", "principal_y")
POSE = ("x", "y", "z", "pitch", "yaw", "roll")
STATE = ("qpos", "mocap_pos", "mocap_quat")


class VideoError(AshoreError):
    """Pictures that cannot be drawn or written here; the text says what to do."""


class CameraError(AshoreError, ValueError):
    """A camera that does not exist; the text lists those that do."""


def open_renderer(model: mujoco.MjModel, height: int, width: int) -> mujoco.Renderer:
    """MuJoCo's renderer, or what to install."""
    try:
        return mujoco.Renderer(model, height, width)
    except Exception as error:
        raise VideoError(
            f"no headless OpenGL here ({error}); "
            "install libegl1 and libgl1-mesa-dri, or libosmesa6 and set MUJOCO_GL=osmesa; in Python import ashore before mujoco"
        ) from error


class Cameras:
    """Named cameras of an environment. Needs OpenGL without a screen: see `VideoError`.

    A picture depends on the world's state and lambda, and on (seed, world, episode, step): taken again, it is the same.
    """

    def __init__(
        self, env: Env, names: tuple[str, ...], height: int, width: int, *, shadows: int = 512, samples: int = 0
    ) -> None:
        """shadows: width of the shadow map in texels, 0 for none; samples: of each pixel's edges, 0 being fastest."""
        self._env, self._visuals = env, env.visuals
        known = self._visuals.names["camera"]
        for name in names:
            if name not in known:
                raise CameraError(f"camera {name!r} does not exist; there is {sorted(known)}")
        self._ids = {name: known.index(name) for name in names}
        self._shape = (height, width, 3)
        self._model = self._visuals.scene_model()
        self._model.vis.global_.offheight, self._model.vis.global_.offwidth = height, width
        self._model.vis.quality.shadowsize, self._model.vis.quality.offsamples = shadows, samples
        self._data = mujoco.MjData(self._model)
        self._renderer = open_renderer(self._model, height, width)
        self._renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = shadows > 0
        longest = longest_picture_delay(env.settings.randomization)
        self._depth = 1 + _late(longest, env.settings.control_dt)
        self._kept: dict[str, list[Tensor]] = {}  # pictures of the last control steps, newest first

    def take(self, worlds: Tensor | None = None) -> dict[str, Tensor]:
        """Pictures of these worlds, or all, as they are now: uint8 [k, height, width, 3] by camera."""
        chosen = torch.arange(self._env.num_envs) if worlds is None else worlds
        drawn = {name: np.empty((len(chosen), *self._shape), np.uint8) for name in self._ids}
        for i, world in enumerate(chosen.tolist()):
            look = self._look(world)
            for name, camera in self._ids.items():
                self._renderer.update_scene(self._data, camera=camera)
                look.decorate(self._renderer.scene, self._data)
                aim(self._renderer.scene, look, camera, self._shape[1] / self._shape[0])
                drawn[name][i] = draw(self._renderer, look)
        return {name: self._developed(torch.from_numpy(p), chosen, self._ids[name]) for name, p in drawn.items()}

    def observe(self) -> dict[str, Tensor]:
        """What every world sees now, which is late: uint8 [N, height, width, 3] by camera. Once a control step, after it."""
        now = self.take()
        if self._depth == 1:
            return now
        began = (self._env.age == 0)[:, None, None, None]
        seen = {}
        for name, picture in now.items():
            kept = self._kept.get(name, [])
            # A world that begins anew has stood still so far.
            kept = [picture, *(torch.where(began, picture, old) for old in kept[: self._depth - 1])]
            self._kept[name] = kept = kept + [kept[-1]] * (self._depth - len(kept))
            late = self._visuals.tables["camera"][:, self._ids[name], COLUMN["latency"]]
            steps = torch.ceil(late / self._env.settings.control_dt - 1e-4).long().clip(max=self._depth - 1)
            seen[name] = torch.stack(kept)[steps, torch.arange(len(steps))]
        return seen

    def state_dict(self) -> dict[str, Any]:
        """Pictures still to be seen."""
        return {name: torch.stack(kept) for name, kept in self._kept.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._kept = {name: list(kept.clone()) for name, kept in state.items()}

    def close(self) -> None:
        self._renderer.close()

    def _look(self, world: int) -> Look:
        """Bring model and data to where and how a world is."""
        env, model, data = self._env, self._model, self._data
        look = self._visuals.look(world, env.seed, int(env.episode[world]))
        look.dress(model)
        for name in STATE:
            getattr(data, name)[:] = getattr(env.world, name)[world].numpy()
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_camlight(model, data)
        if model.ntendon:
            mujoco.mj_tendon(model, data)
        return look

    def _developed(self, pictures: Tensor, worlds: Tensor, camera: int) -> Tensor:
        if not self._visuals.differ("camera"):
            return pictures
        driven = {kind for effect, kind in self._visuals.driven if effect == "camera"}
        settings = self._visuals.tables["camera"][worlds, camera]
        return develop(pictures, settings, driven, self._noise(worlds, camera) if "noise" in driven else None)

    def _noise(self, worlds: Tensor, camera: int) -> Tensor:
        env, count = self._env, math.prod(self._shape)
        episode, age = (x.index_select(0, worlds).numpy() for x in (env.episode, env.age))
        bits = rng.words(env.seed, rng.PICTURE + camera, worlds.numpy(), episode, age, count + count % 2)
        return torch.from_numpy(rng.normal(bits)[:, :count]).view(-1, *self._shape)


def _late(seconds: float, dt: float) -> int:
    """Control steps, rounded up: a picture is taken at whole ones."""
    return math.ceil(seconds / dt - 1e-4)


def aim(scene: mujoco.MjvScene, look: Look, camera: int, aspect: float) -> None:
    """Move and turn the eyes of a scene, and change their lens, as the look has it for this camera."""
    if look.differs("camera", *POSE):
        x, y, z, *turns = look.of("camera", *POSE)[camera].astype(float)
        for eye in scene.camera:
            forward, up = eye.forward.astype(float), eye.up.astype(float)
            frame = np.stack((np.cross(forward, up), up, -forward), 1)  # right, up, back
            turned = frame @ _rotation(*turns)
            eye.pos, eye.forward, eye.up = eye.pos + frame @ (x, y, z), -turned[:, 2], turned[:, 1]
    if look.differs("camera", *LENS):
        fov, focal, focal_x, right, down = look.of("camera", *LENS)[camera].astype(float)
        for eye in scene.camera:
            _bend(eye, fov, focal, focal_x, right, down, aspect)


def _rotation(pitch: float, yaw: float, roll: float) -> NDArray[np.float64]:
    """Roll about z first, then pitch about x, then yaw about y."""
    (cx, cy, cz), (sx, sy, sz) = np.cos((pitch, yaw, roll)), np.sin((pitch, yaw, roll))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_y @ about_x @ about_z


def _bend(eye: Any, fov: float, focal: float, focal_x: float, right: float, down: float, aspect: float) -> None:
    """A lens is where the edges of the picture lie on the near plane: centre and half sizes."""
    half, middle = (eye.frustum_top - eye.frustum_bottom) / 2, (eye.frustum_top + eye.frustum_bottom) / 2
    ratio = eye.frustum_width / half if eye.frustum_width else aspect
    if fov:
        half = eye.frustum_near * math.tan(math.atan(half / eye.frustum_near) + fov / 2)
    half /= focal
    middle += 2 * half * down
    eye.frustum_top, eye.frustum_bottom = middle + half, middle - half
    if eye.frustum_width or focal_x != 1:  # zero: as wide as the picture is
        eye.frustum_width = half * ratio / focal_x
    eye.frustum_center -= 2 * half * ratio / focal_x * right


def draw(renderer: mujoco.Renderer, look: Look) -> Frame:
    """The scene's picture. A backdrop covers what is further away than everything: textures of the sky cannot differ
    between worlds."""
    picture: Frame = renderer.render()
    cover, colours = look.backdrop
    if cover > 0:
        renderer.enable_depth_rendering()
        depth = renderer.render()
        renderer.disable_depth_rendering()
        sky = depth > 0.999 * renderer.model.vis.map.zfar * renderer.model.stat.extent
        down = np.linspace(0, 1, len(picture), dtype=np.float32)[:, None, None]
        graded = np.broadcast_to(255 * (colours[0] + down * (colours[1] - colours[0])), picture.shape)
        picture[sky] = np.round(picture[sky] + cover * (graded[sky] - picture[sky])).astype(np.uint8)
    return picture
