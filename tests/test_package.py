"""What is installed: one importable name, whatever folder a user works in."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SMALL = [
    "num_envs=8",
    "total_steps=128",
    "eval_every=128",
    "eval_episodes=8",
    "algorithm.rollout_steps=8",
    "torch_threads=1",
]
SMALL += ["algorithm.minibatch_size=64"]


def run(*command: str | Path, cwd: Path, path: Path | None = None) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MUJOCO_GL")}
    environment = kept | ({"PYTHONPATH": str(path)} if path else {})
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An sdist of the checkout, and a wheel built from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    backend = (
        "import sys; from setuptools import build_meta as b; print(getattr(b, 'build_' + sys.argv[1])(sys.argv[2]))"
    )
    source = folder / "source"
    tracked = run("git", "ls-files", "-z", cwd=ROOT) if (ROOT / ".git").exists() else ""
    for name in tracked.split("\0"):
        if name and (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            run("cp", "-P", ROOT / name, source / name, cwd=ROOT)
    run(sys.executable, "-c", backend, "sdist", folder, cwd=source)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    run(sys.executable, "-c", backend, "wheel", folder, cwd=folder / sdist.name.removesuffix(".tar.gz"))
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


def test_a_wheel_installs_one_importable_name_with_every_preset_and_model(built: tuple[Path, Path]) -> None:
    names = zipfile.ZipFile(built[1]).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"ashore"}
    kinds = {"configs": ("*.yaml",), "sim": ("*.xml", "*.py"), "randomization": ("*.css", "*.js")}
    for folder, pattern in ((folder, pattern) for folder, patterns in kinds.items() for pattern in patterns):
        here = {f"ashore/{path.relative_to(ROOT)}" for path in (ROOT / folder).rglob(pattern)}
        assert here and here <= set(names), sorted(here - set(names))[:5]


@pytest.mark.slow
def test_it_works_in_a_folder_whose_packages_have_the_names_of_our_rooms(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    site, work = tmp_path / "site", tmp_path / "a folder"
    with zipfile.ZipFile(built[1]) as wheel:
        wheel.extractall(site)
    for name in ("configs", "sim", "policies", "benchmarks"):
        (work / name).mkdir(parents=True)
        (work / name / "__init__.py").write_text(f"WHOSE = 'the user own {name}'\n", encoding="utf-8")
    said = run(
        sys.executable,
        "-c",
        "import configs, sim, ashore, ashore.sim.env as e; print(configs.WHOSE, sim.WHOSE, e.__file__)",
        cwd=work,
        path=site,
    )
    assert "the user own configs the user own sim" in said and str(site) in said
    settings = [word for setting in SMALL for word in ("--set", setting)]
    run(sys.executable, "-m", "ashore", "train", "cartpole_swingup", "--run", "r", *settings, cwd=work, path=site)
    assert (work / "r" / "policy.onnx").is_file()
