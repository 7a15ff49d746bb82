"""The tests run in a shell that has sourced ROS 2, whose plugins for launch files break newer versions of pytest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# As setup.py of launch_testing and of launch_testing_ros declare them.
PLUGINS = {"launch_testing": "launch_testing.pytest.hooks", "launch_ros": "launch_testing_ros_pytest_entrypoint"}


def test_plugins_of_launch_files_are_not_loaded(tmp_path: Path) -> None:
    for name, module in PLUGINS.items():
        parts = module.split(".")
        folder = tmp_path.joinpath(*parts[:-1])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{parts[-1]}.py").write_text("raise AttributeError('this pytest is unknown to me')\n")
        information = tmp_path / f"{name}-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text(f"[pytest11]\n{name} = {module}\n")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/test_sourced_shell.py"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
