"""`ashore play` as the README says it, in a shell that has set nothing, on a machine without a screen."""

import os
import subprocess
import sys
from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import pytest

from ashore.configs.loader import load_run
from ashore.environments import make_env
from ashore.sim.view.cameras import VideoError
from ashore.sim.view.render import Renderer, halved, write_video
from tests.untrained import export_untrained

ROOT = Path(__file__).parents[1]
SHORT = ["task.episode_seconds=0.6", "train.algorithm.actor_hidden=[16]"]


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("play") / "policy.onnx"
    export_untrained(load_run("arm_reach", SHORT), path)
    return path


@pytest.mark.parametrize(("ending", "magic"), [("mp4", b"ftyp"), ("gif", b"GIF8")])
def test_play_writes_a_video_where_the_environment_is_empty(
    policy: Path, tmp_path: Path, ending: str, magic: bytes
) -> None:
    out = tmp_path / f"x.{ending}"
    command = [sys.executable, "-m", "ashore", "play", str(policy), "-o", str(out), "--episodes", "2"]
    # Nothing of MUJOCO_GL, DISPLAY or threads; PYTHONPATH stands for an installation.
    empty = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=empty, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "a screen that is not there is nothing to warn about"
    assert magic in out.read_bytes()[:12]
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    pictures = list(imageio.mimread(out))
    assert len(pictures) == 31 and pictures[0].shape[:2] == (360, 480)  # 2 episodes of 0.6 s at 25 Hz, and the start
    assert pictures[0].std() > 10, "there is something to see"
    assert f"{len(pictures)} frames of 2 episodes" in done.stdout


def test_a_video_is_what_browsers_play(tmp_path: Path) -> None:
    out = tmp_path / "x.mp4"
    write_video(out, iter([np.full((36, 48, 3), 40 * i, np.uint8) for i in range(5)]), fps=25)
    about = imageio.get_reader(out).get_meta_data()
    assert (about["codec"], about["fps"], about["size"]) == ("h264", 25, (48, 36))
    assert about["pix_fmt"].startswith("yuv420p")
    data = out.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "the index first, so that it plays while it loads"


def test_a_video_that_cannot_be_drawn_leaves_nothing_behind(tmp_path: Path) -> None:
    def pictures():  # type: ignore[no-untyped-def]
        yield np.zeros((8, 8, 3), np.uint8)
        raise KeyboardInterrupt

    for name in ("x.gif", "x.mp4"):
        with pytest.raises(KeyboardInterrupt):
            write_video(tmp_path / name, pictures(), fps=25)
    with pytest.raises(VideoError, match=r"\.mp4 nor \.gif"):
        write_video(tmp_path / "x.avi", pictures(), fps=25)
    assert list(tmp_path.iterdir()) == []


def test_pictures_are_drawn_with_settings_that_software_is_fast_at() -> None:
    renderer = Renderer(make_env(load_run("arm_reach", SHORT).task, 1), 48, 36)
    try:
        quality = renderer._model.vis.quality
        assert quality.offsamples == 0 and quality.shadowsize <= 1024
        assert renderer.frame().shape == (36, 48, 3)
    finally:
        renderer.close()


def test_half_a_picture_is_the_mean_of_four_pixels() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    expected = picture.reshape(3, 2, 4, 2, 3).astype(int).sum((1, 3)) // 4
    assert (halved(picture) == expected).all()
