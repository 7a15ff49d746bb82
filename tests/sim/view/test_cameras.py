"""Cameras draw each world as it looks: every kind changes the picture of the worlds it is written to, and of no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mujoco
import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor

from ashore.cli import main
from ashore.configs.entries import ParameterSettings
from ashore.configs.entries.camera import VISUAL
from ashore.configs.loader import CONFIGS, read_mapping
from ashore.randomization.effects.base import SpaceError
from ashore.sim.env import Env
from ashore.sim.view.cameras import CameraError, Cameras, VideoError, open_renderer
from ashore.sim.view.render import Renderer
from tests.sim.worlds import cpu_world, make, randomizer_of, task

SIZE = 48
PARSE: Any = TypeAdapter(ParameterSettings)
ROWS = {
    name: PARSE.validate_python(row)
    for name, row in read_mapping(CONFIGS / "randomization" / "catalogue.yaml").items()
    if row["effect"] in VISUAL
}
AT_ONCE = [name for name, entry in ROWS.items() if entry.kind != "latency"]


@pytest.fixture(scope="module", autouse=True)
def _opengl() -> None:
    """These tests draw: without OpenGL there is nothing to test, and the reason is said."""
    try:
        open_renderer(mujoco.MjModel.from_xml_string("<mujoco/>"), 8, 8).close()
    except VideoError as error:
        pytest.skip(str(error))


def space(*names: str, **changes: Any) -> dict[str, Any]:
    return {n: ROWS[n].model_copy(update=changes) for n in names}


def still(name: str) -> dict[str, Any]:
    """An entry without width."""
    entry = ROWS[name]
    return space(name, low=entry.nominal, high=entry.nominal)


def pictures(env: Env, worlds: list[int] | None = None, camera: str = "overview", **how: int) -> Tensor:
    cameras = Cameras(env, (camera,), SIZE, SIZE, **how)
    try:
        return cameras.take(None if worlds is None else torch.tensor(worlds))[camera]
    finally:
        cameras.close()


@pytest.fixture(scope="module")
def everything(_opengl: None) -> tuple[Tensor, dict[str, Tensor]]:
    """A world with every kind at nominal; its picture, first and last; and that at each entry's far end."""
    names = {name: entry for n in AT_ONCE for name, entry in still(n).items()}
    env = make(task("arm_push", randomization=names), 1)
    randomizer = randomizer_of(env)
    nominal, seen = randomizer.lambdas.clone(), {}
    cameras = Cameras(env, ("overview",), SIZE, SIZE, shadows=256)
    first = cameras.take()["overview"]
    for name in AT_ONCE:
        lambdas = nominal.clone()
        far = max(ROWS[name].widest, key=lambda x: abs(x - ROWS[name].nominal))
        lambdas[:, [i for i, d in enumerate(randomizer.dimensions) if d.group == name]] = far
        randomizer.write(torch.arange(1), lambdas)
        seen[name] = cameras.take()["overview"]
    randomizer.write(torch.arange(1), nominal)
    again = cameras.take()["overview"]
    cameras.close()
    return torch.stack((first, again)), seen


def test_zero_width_leaves_the_picture_as_it_is_without_any_entry(everything: Any) -> None:
    nominal, _ = everything
    plain = pictures(make(task("arm_push", randomization={}), 1), shadows=256)
    assert plain.float().std() > 10, "there is something to be seen"
    assert torch.equal(nominal[0], plain)


@pytest.mark.parametrize("name", AT_ONCE)
def test_every_kind_changes_the_picture(name: str, everything: Any) -> None:
    nominal, seen = everything
    assert (nominal[0].float() - seen[name].float()).abs().max() >= 4


def test_back_at_nominal_the_picture_is_the_first_one(everything: Any) -> None:
    first, again = everything[0]
    assert torch.equal(first, again)


def test_worlds_that_are_not_written_keep_their_pictures() -> None:
    names = ("surface_scatter", "light_intensity", "camera_yaw", "image_exposure", "scene_distractors")
    env = make(task("arm_push", randomization=space(*names)), 3)
    before = pictures(env, shadows=0)
    far = torch.tensor([[d.widest[1] for d in randomizer_of(env).dimensions]], dtype=torch.float64)
    randomizer_of(env).write(torch.tensor([1]), far)
    after = pictures(env, [2, 1, 0], shadows=0).flip(0)
    assert torch.equal(before[[0, 2]], after[[0, 2]]) and not torch.equal(before[1], after[1])


def test_a_picture_taken_again_is_the_same_and_every_episode_draws_anew() -> None:
    names = ("surface_scatter", "surface_pattern", "image_noise", "scene_backdrop", "scene_distractors")
    pinned = {n: e.widest[1] for n, e in space(*names).items()}
    env, other = (make(task("arm_push", randomization=space(*names)), 2, pins=pinned) for _ in range(2))
    first = pictures(env, shadows=0)
    assert torch.equal(pictures(other, shadows=0), first)
    assert not torch.equal(first[0], first[1])
    state = env.world.state_dict()
    env.restart()
    env.world.load_state_dict(state)  # where it was, in the next episode
    assert not torch.equal(pictures(env, shadows=0), first)


def test_a_late_camera_shows_the_picture_of_then_and_resumes_to_the_bit() -> None:
    """Latencies of 0, 0.02, 0.05 s at a step of 0.02 s: 0, 1 and, since pictures are taken at whole steps, 3 steps."""
    settings = task(
        "arm_push", randomization=space("image_latency"), episode_seconds=0.16, options={"hold_seconds": 0.1}
    )
    env = make(settings, 3)
    env.step(torch.zeros(3, env.action_size))  # the second episode of each begins in the middle
    late = torch.tensor([[0.0], [0.02], [0.05]], dtype=torch.float64)
    cameras, again = (Cameras(env, ("wrist",), SIZE, SIZE, shadows=0) for _ in range(2))
    taken: list[Tensor] = []
    began = 0
    for t in range(12):
        randomizer_of(env).write(torch.arange(3), late)
        taken.append(cameras.take()["wrist"])
        seen = cameras.observe()["wrist"]
        began = t if int(env.age[0]) == 0 else began
        for world, steps in enumerate((0, 1, 3)):
            assert torch.equal(seen[world], taken[max(t - steps, began)][world]), (t, world)
        if t == 8:
            again.load_state_dict(cameras.state_dict())
        elif t > 8:
            assert torch.equal(again.observe()["wrist"], seen)
        env.step(torch.full((3, env.action_size), 0.7))
    assert began > 3 and not torch.equal(taken[-1], taken[-2])
    cameras.close()
    again.close()


@pytest.mark.parametrize("name", ["camera_x", "light_x", "surface_red"])
def test_a_pattern_that_matches_nothing_is_told_what_there_is(name: str) -> None:
    known = {"camera_x": "overview", "light_x": "light0", "surface_red": "puck"}[name]
    with pytest.raises(SpaceError, match=rf"{name}.match = 'nobody' matches nothing; there is .*'{known}'"):
        make(task("arm_push", randomization=space(name, match="nobody")), 1)


def test_two_entries_that_set_the_same_value_are_refused() -> None:
    both = space("camera_x") | {"again": ROWS["camera_x"]}
    with pytest.raises(SpaceError, match="again and camera_x both set the camera x of the same values"):
        make(task("arm_push", randomization=both), 1)


def test_a_camera_that_does_not_exist_is_told_which_do() -> None:
    with pytest.raises(CameraError, match=r"camera 'ceiling' does not exist; there is \['overview', 'wrist'\]"):
        Cameras(make(task("arm_push", randomization={}), 1), ("ceiling",), SIZE, SIZE)


def test_nothing_visual_is_made_where_no_entry_asks() -> None:
    env = make("arm_push", 1)
    env.step(torch.zeros(1, env.action_size))
    assert "visuals" not in vars(env)


def test_a_size_that_physics_has_is_the_size_that_is_seen() -> None:
    """The puck, twice as wide for one world's physics."""
    entry = PARSE.validate_python(
        {"field": ["geom_size.0"], "match": "puck", "op": "scale", "unit": "1", "nominal": 1.0, "low": 1.0, "high": 2.0}
    )
    env = make(task("arm_push", randomization={"puck": entry}), 2)
    randomizer_of(env).write(torch.arange(2), torch.tensor([[1.0], [2.0]], dtype=torch.float64))
    cpu_world(env).batch.state[1] = cpu_world(env).batch.state[0]
    small, large = pictures(env, shadows=0)
    assert not torch.equal(small, large)
    plain = make(task("arm_push", randomization={}), 1)
    cpu_world(plain).batch.state[0] = cpu_world(env).batch.state[0]
    assert torch.equal(pictures(plain, shadows=0)[0], small)


def test_play_shows_the_world_as_it_looks() -> None:
    frames = []
    for names in ((), ("surface_scatter", "scene_backdrop")):
        pins = dict.fromkeys(names, 1.0)
        env = make(task("arm_push", randomization=space(*names)), 1, pins=pins)
        renderer = Renderer(env, SIZE, SIZE)
        frames.append(torch.from_numpy(renderer.frame()).float())
        renderer.close()
    assert (frames[0] - frames[1]).abs().mean() > 10


def test_look_writes_a_sheet_of_worlds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sheet.png"
    taken = ["--set", "task.randomization={preset: pictures}", "--set", "task.episode_seconds=1"]
    assert main(["look", "cartpole_swingup", "-o", str(out), "--worlds", "3", "--size", "32x24", *taken]) == 0
    from PIL import Image

    with Image.open(out) as sheet:
        assert sheet.size == (64, 48)
    assert "3 worlds through overview" in capsys.readouterr().out


def test_look_shows_late_pictures_where_cameras_are_late(tmp_path: Path) -> None:
    sheets = []
    for latency in (0.0, 0.1):
        value = f"{{nominal: {latency}, low: {latency}, high: {latency}}}"
        late = f"task.randomization={{preset: pictures, image_latency: {value}}}"
        given = ["--set", late, "--worlds", "1", "--size", "64x48", "--after", "0.2"]
        out = tmp_path / f"{latency}.png"
        assert main(["look", "cartpole_swingup", "-o", str(out), *given]) == 0
        sheets.append(out.read_bytes())
    assert sheets[0] != sheets[1]
