"""The overview shows the whole arm, whichever it is: no part of it reaches the border of the picture."""

from __future__ import annotations

import math

import mujoco
import numpy as np
import pytest
import torch

from ashore.configs.loader import load_run
from ashore.environments import make_env
from ashore.sim.env import Env
from ashore.sim.scene.framing import ASPECT, MARGIN, box_corners, frame_points
from ashore.sim.view.cameras import aim, open_renderer
from ashore.sim.view.render import show

WIDTH, HEIGHT = 120, 90


def at_the_border(env: Env, renderer: mujoco.Renderer, model: mujoco.MjModel, data: mujoco.MjData, world: int) -> int:
    """Pixels of the robot on the picture's border; fails where there is no robot in the picture."""
    look = show(env, world, model, data)
    renderer.update_scene(data, camera="overview")
    aim(renderer.scene, look, model.camera("overview").id, WIDTH / HEIGHT)
    geoms = renderer.render()[..., 0]
    arm = model.body_rootid[model.site_bodyid[model.site(env.settings.robot.tool_site).id]]
    robot = np.isin(geoms, np.flatnonzero(model.body_rootid[model.geom_bodyid] == arm))
    assert robot.sum() > 0.01 * robot.size
    return int(robot[0].sum() + robot[-1].sum() + robot[:, 0].sum() + robot[:, -1].sum())


@pytest.mark.parametrize(
    ("task", "poses"), [("arm_reach", "as built"), ("arm_push", "as built"), ("arm_push", "sampled")]
)
@pytest.mark.parametrize("name", ["panda", "ur5e", "so101"])
def test_the_whole_arm_is_in_the_picture_from_its_starts_on(task: str, poses: str, name: str) -> None:
    settings = load_run(task, [f"robot={name}", "task.randomization=pictures"]).task
    posed = {n: e for n, e in settings.randomization.items() if poses == "sampled" and n.startswith("camera_")}
    assert bool(posed) is (poses == "sampled")
    env = make_env(settings.model_copy(update={"randomization": posed}), 12)
    env.reset(0)
    model = env.visuals.scene_model()
    data = mujoco.MjData(model)
    renderer = open_renderer(model, HEIGHT, WIDTH)
    renderer.enable_segmentation_rendering()
    generator = torch.Generator().manual_seed(0)
    try:
        for _ in range(3):
            assert [at_the_border(env, renderer, model, data, w) for w in range(env.num_envs)] == [0] * env.num_envs
            for _ in range(10):
                env.step(2 * torch.rand(env.num_envs, env.action_size, generator=generator) - 1)
    finally:
        renderer.close()


def test_a_frame_is_as_near_as_its_margin_lets_it_and_turns_nothing() -> None:
    spec = mujoco.MjSpec()
    spec.worldbody.add_camera(name="eye", pos=[9, 9, 9], xyaxes=[0.64, 0.77, 0, -0.34, 0.28, 0.9], fovy=42)
    model = spec.compile()
    turn = model.cam_quat.copy()
    points = box_corners((-0.2, -0.5, 0.0), (0.9, 0.4, 0.7))
    frame_points(model, "eye", points)
    assert (model.cam_quat == turn).all()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    right, up, ahead = ((points - data.cam_xpos[0]) @ data.cam_xmat[0].reshape(3, 3)).T * [[1], [1], [-1]]
    half = math.tan(math.radians(21))
    across, along = right / ahead / (half * ASPECT), up / ahead / half
    assert (ahead > 0).all()
    reached = max(np.abs(across).max(), np.abs(along).max())
    assert reached == pytest.approx(1 - MARGIN)
    narrow = across if np.abs(across).max() == reached else along
    assert narrow.max() == pytest.approx(1 - MARGIN) and narrow.min() == pytest.approx(MARGIN - 1)  # centred
