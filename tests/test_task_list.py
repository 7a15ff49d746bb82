"""`ashore tasks`: what it prints is what the tasks say, and it imports none of them."""

import os
import subprocess
import sys

from ashore.configs.loader import load_run, presets
from ashore.sim.tasks import find
from ashore.task_list import list_tasks


def test_the_list_says_what_the_loaded_presets_and_tasks_say() -> None:
    listed = list_tasks()
    assert [task.preset for task in listed] == presets()
    for preset, robot, summary in listed:
        settings = load_run(preset).task
        assert robot == settings.robot.name
        assert summary == (sys.modules[find(settings.name).__module__].__doc__ or "").split("\n")[0] != ""


def test_listing_tasks_imports_neither_torch_nor_the_engine() -> None:
    code = (
        "import sys; sys.argv[0] = 'ashore'; from ashore.cli import main\n"
        "main(['tasks'])\n"
        "heavy = {'torch', 'mujoco', 'gymnasium', 'onnxruntime', 'rich', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "arm_reach            panda        Reach: " in done.stdout


def test_a_reader_that_has_enough_ends_the_list_silently() -> None:
    # Closed before anything is written, so that the pipe is broken whatever its buffer holds.
    command = [sys.executable, "-m", "ashore", "tasks"]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=buffered, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (141, "")
