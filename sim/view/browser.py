"""A live view of one world in a web browser on this machine: MuJoCo's own web viewer, and a panel beside it.

The page draws the scene itself, from the model and the state that it is sent, so that no OpenGL is needed here.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable
from typing import Any

import mujoco
import numpy as np
import torch
from mujoco.studio import launch_thread, messages, plugin, viewer_protocol
from mujoco.studio.dear_imgui import dear_imgui as gui
from mujoco.studio.web_viewer import WebViewer
from torch import Tensor

from ashore.configs.errors import AshoreError
from ashore.sim.engine.threads import on_one_core
from ashore.sim.env import Env
from ashore.sim.observations import Obs
from ashore.sim.view.render import shape, show

LOOPBACK = "127.0.0.1"
LONGEST_GAP = 0.09  # s that the worlds may fall behind the clock and still catch up


class PortError(AshoreError):
    """A port that another program holds."""


class LocalViewer(WebViewer):
    """The web viewer, which knows no passwords, for this machine alone; by itself it listens on every network."""

    @property
    def _host(self) -> str:
        return LOOPBACK

    @_host.setter
    def _host(self, everywhere: str) -> None:
        pass

    @property
    def url(self) -> str:
        host, port = self._http_sock.getsockname()
        return f"http://{host}:{port}/"


class Player(plugin.ViewerPlugin):
    """Plays a policy's episodes in the viewer's model, in real time and only while someone looks."""

    def __init__(self, env: Env, act: Callable[[Obs], Tensor], *, seed: int, first_seed: int, targets: bool) -> None:
        """seed: counts from `first_seed`; targets: `act` gives joint targets, not actions."""
        self._env, self._act, self._first_seed = env, act, first_seed
        self._step = env.step_towards if targets else env.step
        self.seed, self.paused = seed, False
        self.restart()

    def restart(self) -> None:
        """Begin the first episode of the seed again."""
        self._obs = self._env.reset(self._first_seed + self.seed)
        self._due = time.monotonic()
        self.results: list[bool] = []  # success of the episodes so far
        self.rewards = torch.zeros(len(self._env.task.reward_terms))

    @on_one_core
    def advance(self) -> None:
        """As many control steps as are due by now."""
        now = time.monotonic()
        if self.paused:
            self._due = now + self._env.settings.control_dt
            return
        self._due = max(self._due, now - LONGEST_GAP)
        while self._due <= now:
            before = self._env.sums[0].clone()
            self._obs, *_, info = self._step(self._act(self._obs))
            if "final_ids" in info:
                self.results.append(bool(info["episode"]["success"][0] > 0))
                after = torch.stack([info["episode"][f"reward/{n}"][0] for n in self._env.task.reward_terms])
                self.rewards = after - before
            else:
                self.rewards = self._env.sums[0] - before
            self._due += self._env.settings.control_dt

    @messages.handler
    def update(self, _event: messages.UpdateEvent) -> None:
        """Bring the viewer's bodies and markers to where the world's are."""
        self.advance()
        viewer = self.viewer
        show(self._env, 0, viewer.model, viewer.data)
        viewer.extra_geoms[:] = [shape(mujoco.MjvGeom(), marker) for marker in self._env.task.markers(0)]

    @messages.handler
    def build_panel(self, _event: messages.BuildGuiEvent) -> None:
        """The controls, how the episode stands, and what every term of the reward gives."""
        env, task = self._env, self._env.task
        gui.SetNextWindowPos(gui.Vec2(12, 12), int(gui.Cond.FirstUseEver))
        gui.SetNextWindowSize(gui.Vec2(330, 0))
        if gui.Begin("panel", None, int(gui.WindowFlags.NoTitleBar) | int(gui.WindowFlags.NoResize))[0]:
            if gui.Button("Go on###pause" if self.paused else "Pause###pause"):
                self.paused = not self.paused
            gui.SameLine()
            again = gui.Button("Reset")
            gui.SetNextItemWidth(140)
            changed, seed = gui.InputInt("seed of the episodes", self.seed)
            if changed and 0 <= seed < 2**31:
                self.seed = seed
            if again or changed:
                self.restart()
            gui.SeparatorText(f"{env.settings.name}, episode {len(self.results) + 1}")
            seconds = float(env.age[0]) * env.settings.control_dt
            whole = env.settings.episode_seconds
            gui.ProgressBar(seconds / whole, gui.Vec2(-1, 0), f"{seconds:.2f} of {whole:g} s")
            gui.TextUnformatted(f"success   {'yes' if bool(task.success[0]) else 'not yet'}")
            gui.TextUnformatted(f"before    {sum(self.results)} of {len(self.results)} episodes succeeded")
            _table("reward", ("a step", "so far"), task.reward_terms, (self.rewards, env.sums[0]))
            if task.metrics:
                _table("metric", ("mean",), task.metrics, (env.metric_sums[0] / env.age[0].clip(min=1),))
        gui.End()


def _table(title: str, columns: tuple[str, ...], rows: tuple[str, ...], values: tuple[Tensor, ...]) -> None:
    gui.SeparatorText(title)
    if gui.BeginTable(title, 1 + len(columns)):
        for column in ("", *columns):
            gui.TableSetupColumn(column)
        gui.TableHeadersRow()
        for i, name in enumerate(rows):
            gui.TableNextColumn()
            gui.TextUnformatted(name)
            for value in values:
                gui.TableNextColumn()
                gui.TextUnformatted(f"{float(value[i]):.3f}")
        gui.EndTable()


def look_from(viewer: Any, camera: str) -> None:
    """Put the viewer's camera where the model's is, free to turn around what that one sees; one that follows a body does so."""
    model, data, free = viewer.model, viewer.data, viewer.camera
    mujoco.mjv_defaultFreeCamera(model, free)
    i = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
    if i < 0:
        return
    forward = -data.cam_xmat[i].reshape(3, 3)[:, 2]
    followed = int(model.cam_bodyid[i])
    centre = data.xpos[followed] if followed else model.stat.center
    free.distance = max(float(forward @ (centre - data.cam_xpos[i])), 0.2)
    free.lookat[:] = data.cam_xpos[i] + free.distance * forward
    free.azimuth = math.degrees(math.atan2(forward[1], forward[0]))
    free.elevation = math.degrees(math.asin(np.clip(forward[2], -1, 1)))
    model.vis.global_.fovy = model.cam_fovy[i]
    if followed:
        free.type, free.trackbodyid = int(mujoco.mjtCamera.mjCAMERA_TRACKING), followed


def open_viewer(env: Env, player: Player, port: int = 0) -> LocalViewer:
    """A viewer that serves; its page moves once the viewer's loop runs. Port 0: the first free one from 8080 on."""
    scene = env.visuals.scene_model()
    endpoint, _ = launch_thread.make_thread_endpoints()  # nobody is at its other end: the player steps the world itself
    config = viewer_protocol.ViewerConfig(title=f"ashore {env.settings.name}", http_port=port)
    logging.getLogger("WebServer").setLevel(logging.WARNING)
    try:
        with contextlib.redirect_stdout(None):  # its banner warns of networks that it does not reach here
            viewer = LocalViewer(config, endpoint, model=scene, plugins=[player])
    except RuntimeError as error:
        raise PortError(f"--port {port}: {error}") from None
    look_from(viewer, "overview")
    return viewer


def serve(env: Env, player: Player, port: int = 0) -> None:
    """Show the player's episodes until Ctrl-C."""
    viewer = open_viewer(env, player, port)
    print(f"watch {env.settings.name} at {viewer.url} on this machine; Ctrl-C ends", flush=True)
    viewer_protocol.run_viewer_loop(viewer)
