"""MuJoCo's own window on one world, in real time, where there is a screen."""

from __future__ import annotations

import time
from collections.abc import Callable

import mujoco
import mujoco.viewer
from torch import Tensor

from ashore.sim.env import Env
from ashore.sim.observations import Obs
from ashore.sim.view.render import add_marker, show


def watch(env: Env, act: Callable[[Obs], Tensor], *, seed: int, targets: bool) -> None:
    """Show the first world until the window is closed."""
    model = env.visuals.scene_model()
    data = mujoco.MjData(model)
    step = env.step_towards if targets else env.step
    obs = env.reset(seed)
    with mujoco.viewer.launch_passive(model, data) as window:
        due = time.monotonic()
        while window.is_running():
            show(env, 0, model, data)
            with window.lock():
                window.user_scn.ngeom = 0
                for marker in env.task.markers(0):
                    add_marker(window.user_scn, marker)
            window.sync()
            obs = step(act(obs))[0]
            due = max(due + env.settings.control_dt, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
