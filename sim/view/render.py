"""Pictures of a world without a screen: one renderer serves every world of a batch."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ashore.configs.whole_file import whole_file
from ashore.sim.env import Env
from ashore.sim.observations import Obs
from ashore.sim.tasks.task import Marker
from ashore.sim.view.cameras import VideoError, draw, open_renderer
from ashore.sim.view.visuals import Look

Frame = NDArray[np.uint8]


SHADOWS = 1024  # texels across the shadow map; MuJoCo's own 4096 is half of the time that software takes for a picture


class Renderer:
    """Draws a world as it looks, through a perfect camera, with the task's markers.

    Edges are smoothed by drawing at twice the size: in software that takes half the time of MuJoCo's four samples a pixel.
    """

    def __init__(self, env: Env, width: int = 480, height: int = 360, camera: str = "overview") -> None:
        self._env = env
        self._model = env.visuals.scene_model()
        self._model.vis.global_.offheight, self._model.vis.global_.offwidth = 2 * height, 2 * width
        self._model.vis.quality.shadowsize, self._model.vis.quality.offsamples = SHADOWS, 0
        self._data = mujoco.MjData(self._model)
        self._camera = camera
        self._renderer = open_renderer(self._model, 2 * height, 2 * width)

    def frame(self, world: int = 0) -> Frame:
        """The world as it is now: [height, width, 3] uint8."""
        look = show(self._env, world, self._model, self._data)
        self._renderer.update_scene(self._data, camera=self._camera)
        look.decorate(self._renderer.scene, self._data)
        for marker in self._env.task.markers(world):
            add_marker(self._renderer.scene, marker)
        return halved(draw(self._renderer, look))

    def close(self) -> None:
        self._renderer.close()


def halved(picture: Frame) -> Frame:
    """The picture at half its height and width, each pixel the mean of four."""
    rows = picture[::2].astype(np.uint16) + picture[1::2]
    return ((rows[:, ::2] + rows[:, 1::2]) >> 2).astype(np.uint8)


def show(env: Env, world: int, model: mujoco.MjModel, data: mujoco.MjData) -> Look:
    """Bring a scene to how one of the worlds is and looks at present. The model must be the scene's own."""
    look = env.visuals.look(world, env.seed, int(env.episode[world]))
    look.dress(model)
    for name in ("qpos", "mocap_pos", "mocap_quat"):
        getattr(data, name)[:] = getattr(env.world, name)[world].numpy()
    mujoco.mj_forward(model, data)
    return look


def add_marker(scene: Any, marker: Marker) -> None:
    if scene.ngeom < scene.maxgeom:
        shape(scene.geoms[scene.ngeom], marker)
        scene.ngeom += 1


def shape(geom: Any, marker: Marker) -> Any:
    """Make a picture's geom of a marker."""
    kind = mujoco.mjtGeom.mjGEOM_SPHERE if marker.half_size is None else mujoco.mjtGeom.mjGEOM_BOX
    size = np.full(3, marker.radius) if marker.half_size is None else np.array(marker.half_size)
    rotation = np.eye(3).flatten() if marker.rotation is None else np.array(marker.rotation)
    mujoco.mjv_initGeom(geom, kind, size, np.array(marker.position), rotation, np.array(marker.rgba, np.float32))
    return geom


def frames(
    env: Env,
    act: Callable[[Obs], Tensor],
    episodes: int,
    *,
    seed: int,
    targets: bool,
    every: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Iterator[Frame]:
    """Pictures of the first world through whole episodes, one every `every` control steps.

    progress: called with the episodes done, the present one as the fraction of its longest time.
    """
    step = env.step_towards if targets else env.step
    longest = env.settings.episode_seconds / env.settings.control_dt
    renderer = Renderer(env)
    try:
        obs, count, ended = env.reset(seed), 0, 0
        yield renderer.frame()
        while ended < episodes:
            obs, _, terminated, truncated, _ = step(act(obs))
            count += 1
            ended += int(terminated[0] | truncated[0])
            if count % every == 0:
                yield renderer.frame()
            if progress:
                progress(ended + float(env.age[0]) / longest)
    finally:
        renderer.close()


def write_video(path: Path, pictures: Iterator[Frame], fps: float) -> int:
    """Write an MP4 that browsers play (H.264, 4:2:0), or a GIF, by the file's ending; gives the number of pictures."""
    import imageio.v2 as imageio

    if path.suffix not in (".gif", ".mp4"):
        raise VideoError(f"{path} is neither .mp4 nor .gif")
    # H.264 in 4:2:0 takes even sizes; imageio's own 16 would stretch 360 lines to 368. The index first, for a page.
    h264 = {"macro_block_size": 2, "pixelformat": "yuv420p", "output_params": ["-movflags", "+faststart"]}
    style: dict[str, Any] = {"loop": 0, "duration": 1000 / fps} if path.suffix == ".gif" else {"fps": fps, **h264}
    count = 0
    with whole_file(path) as part:  # whose ending tells the format
        part.touch()
        video: Any = imageio.get_writer(part, **style)
        with contextlib.closing(video):  # imageio's own `with` leaves ffmpeg running where a picture fails
            for picture in pictures:
                video.append_data(picture)
                count += 1
    return count


def write_sheet(path: Path, pictures: NDArray[np.uint8]) -> None:
    """Pictures [n, height, width, 3] in rows, about as wide as it is high, as a PNG."""
    from PIL import Image

    if path.suffix != ".png":
        raise VideoError(f"{path} is no .png")
    count, height, width, _ = pictures.shape
    columns = math.ceil(math.sqrt(count * height / width))
    rows = -(-count // columns)
    sheet = np.zeros((rows * columns, height, width, 3), np.uint8)
    sheet[:count] = pictures
    sheet = sheet.reshape(rows, columns, height, width, 3).swapaxes(1, 2).reshape(rows * height, columns * width, 3)
    with whole_file(path) as part:
        Image.fromarray(sheet).save(part, "PNG")
