"""The front door: train robot skills in randomized MuJoCo worlds, measure what they survive, deploy them through ROS 2.

Every command is a few lines over the rooms below: `configs` settings, `sim` worlds, `randomization` which world next,
`policies` learning, `deploy_ros` the robot. `import ashore` registers every task with gymnasium as `ashore/<task>`.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from configs.errors import AshoreError

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when torch is first imported; see policies/__init__.py
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's: for small matrices, two threads are slower than one

__version__ = "0.1.0"
RUNS = Path("runs")


def make_gym_env(preset: str, overrides: Sequence[str] = (), render_mode: str | None = None) -> Any:
    """One world as a gymnasium environment: what `gymnasium.make("ashore/<task>")` gives."""
    from sim.gym import AshoreEnv

    return AshoreEnv(*_task_and_randomizer(preset, overrides), render_mode)


def make_gym_vec(num_envs: int, preset: str, overrides: Sequence[str] = (), render_mode: str | None = None) -> Any:
    """N worlds as a gymnasium vector environment: what `gymnasium.make_vec("ashore/<task>", num_envs=N)` gives."""
    from sim.gym import AshoreVectorEnv

    return AshoreVectorEnv(num_envs, *_task_and_randomizer(preset, overrides), render_mode=render_mode)


def _task_and_randomizer(preset: str, overrides: Sequence[str]) -> tuple[Any, Any]:
    from ashore_wiring import make_randomizer
    from configs.loader import load_run

    task = load_run(preset, list(overrides)).task
    return task, make_randomizer(task)


def register_environments() -> None:
    """Tell gymnasium of every preset."""
    try:
        import gymnasium
    except ImportError:  # the robot side needs none
        return
    for path in sorted((Path(__file__).parent / "configs" / "tasks").glob("*.yaml")):
        gymnasium.register(
            id=f"ashore/{path.stem}",
            entry_point="ashore:make_gym_env",
            vector_entry_point="ashore:make_gym_vec",
            kwargs={"preset": path.stem},
        )


if Path(sys.argv[0]).stem != "ashore":  # as a library; the command has no use for it and should start fast
    register_environments()


def tasks(_options: argparse.Namespace) -> None:
    from configs.loader import load_run, presets
    from sim.tasks import find

    for name in presets():
        run = load_run(name)
        summary = (sys.modules[find(run.task.name, run.task.source).__module__].__doc__ or "").split("\n")[0]
        print(f"{name:20} {run.task.robot.name:10} {summary}")


def config(options: argparse.Namespace) -> None:
    from configs.loader import dump, load_run
    from sim.tasks import find

    run = load_run(options.preset, options.set)
    find(run.task.name, run.task.source).read_options(run.task)
    print(dump(run), end="")


def train(options: argparse.Namespace) -> int:
    from ashore_wiring import POLICY_FILE, train_run
    from configs.loader import load_run

    folder = options.run or RUNS / Path(options.preset).stem
    source = folder if options.resume and (folder / "config.yaml").is_file() else options.preset
    outcome = train_run(load_run(source, options.set), folder, resume=options.resume)
    if outcome.interrupted:
        print(f"go on with: ashore train {options.preset} --run {folder} --resume")
        return 130
    policy = folder / POLICY_FILE
    where = f"policy in {policy}" if policy.is_file() else "nothing to export, as the task drives no robot"
    print(f"trained {outcome.steps:,} steps; {where}; try: ashore evaluate {folder}")
    return 0


def evaluate(options: argparse.Namespace) -> None:
    from ashore_subjects import load_subject, measure
    from ashore_wiring import TEST_SEED
    from randomization.curve import clopper_pearson

    subject = load_subject(options.policy, options.set)
    done = measure(subject, options.episodes, seed=TEST_SEED + options.seed)
    low, high = clopper_pearson(int(done.success.sum()), options.episodes)
    result = done.summary() | {"episodes": options.episodes, "interval": [low, high], "seed": options.seed}
    if options.json:
        print(json.dumps(result))
        return
    print(f"success {done.success.mean():.3f} [{low:.3f}, {high:.3f}] over {options.episodes} episodes")
    for name, value in result.items():
        if isinstance(value, float) and name != "success":
            print(f"  {name:24} {value:.3f}")


def sweep(options: argparse.Namespace) -> None:
    from rich.console import Console

    from ashore_subjects import load_subject, run_sweep
    from ashore_wiring import write_atomically
    from randomization import report
    from randomization.sweep import table

    subject = load_subject(options.policy, options.set)
    out = options.out or RUNS / f"sweep-{subject.name}"
    result, dimensions, declared = run_sweep(
        subject, options.over, options.episodes, options.points, options.seed, _command_line()
    )
    write_atomically(out / "results.json", result.to_json())
    page = report.Report(
        title=f"Robustness of {subject.name}",
        sweep=result,
        card=dimensions,
        declared=declared,
        training=subject.metrics,
        command=_command_line(),
    )
    report.write(out / "report.html", page)
    Console().print(table(result))
    print(f"written to {out / 'results.json'} and {out / 'report.html'}")


def export(options: argparse.Namespace) -> None:
    from ashore_wiring import POLICY_FILE, export_run

    path = options.out or options.run / POLICY_FILE
    contract = export_run(options.run, path)
    print(f"{path}: {contract.interface.task} for {contract.interface.robot}, checked against its golden vectors")


def inspect(options: argparse.Namespace) -> None:
    from deploy_ros.bundle import load_policy
    from deploy_ros.inspect import describe

    policy = load_policy(options.policy)
    print(policy.contract.model_dump_json(indent=1) if options.json else describe(policy.contract))


def play(options: argparse.Namespace) -> None:
    from ashore_subjects import load_subject, play_in_browser, play_in_viewer, play_to_file
    from ashore_wiring import TEST_SEED

    subject = load_subject(options.policy, options.set)
    if options.viewer == "browser":
        play_in_browser(subject, options.seed, options.port)
        return
    if options.viewer == "window" or (options.out is None and os.environ.get("DISPLAY")):
        play_in_viewer(subject, TEST_SEED + options.seed)
        return
    out = options.out or RUNS / f"{subject.name}.gif"
    count = play_to_file(subject, out, options.episodes, TEST_SEED + options.seed)
    print(f"{count} frames of {options.episodes} episodes in {out}")


def look(options: argparse.Namespace) -> None:
    from ashore_subjects import look_to_file
    from configs.loader import load_run

    out = options.out or RUNS / f"look-{Path(options.preset).stem}.png"
    task = load_run(options.preset, options.set).task
    look_to_file(task, out, options.camera, options.worlds, options.size, options.seed)
    print(f"{options.worlds} worlds through {options.camera} in {out}")


def twin(options: argparse.Namespace) -> int:
    from ashore_subjects import serve_twin
    from ashore_wiring import write_atomically

    results = serve_twin(options.policy, options.set, options.episodes, options.seed, options.wait)
    if options.json is not None:
        write_atomically(options.json, json.dumps(results, indent=1))
    return 0 if results["finished"] else 1


def deploy(options: argparse.Namespace) -> int:
    from pydantic import ValidationError

    from deploy_ros.settings import NodeSettings

    given = {name: getattr(options, name) for name in NodeSettings.model_fields}
    try:
        settings = NodeSettings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        flags = (str(e["loc"][0]).replace("_", "-") for e in error.errors())
        faults = (f"--{flag} = {e['input']!r}: {e['msg']}" for flag, e in zip(flags, error.errors(), strict=True))
        raise AshoreError("; ".join(faults)) from None
    if options.via == "rclpy":
        from deploy_ros import rclpy_node

        return rclpy_node.run(options.policy, settings)
    from deploy_ros import dds_node

    return dds_node.run_node(options.policy, settings)


def doctor(_options: argparse.Namespace) -> int:
    from deploy_ros.doctor import examine

    return 0 if examine() else 1


def bench(options: argparse.Namespace) -> None:
    from benchmarks.command import run

    run(options, _command_line(), RUNS)


def demo(options: argparse.Namespace) -> int:
    from benchmarks.demo import Size, run_demo

    return run_demo(options.run or RUNS / "demo", options.set, Size(twin=options.episodes), _command_line())


COMMANDS = {
    f.__name__: f
    for f in (tasks, config, train, evaluate, sweep, export, inspect, twin, deploy, play, look, doctor, bench, demo)
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. What the user can mend is one line and exit code 2, without a traceback."""
    from ashore_options import parser

    options = parser(__version__).parse_args(argv)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
        # A shell script's background commands start so; whoever sends the signal all the same wants an end.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return COMMANDS[options.command](options) or 0
    except KeyboardInterrupt:
        return 130
    except (AshoreError, OSError, FloatingPointError) as error:
        print(f"ashore: {error}", file=sys.stderr)
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing not in _EXTRAS:
            raise
        print(
            f"ashore: this needs {missing}, which is not installed; pip install 'ashore[{_EXTRAS[missing]}]'",
            file=sys.stderr,
        )
    return 2


_EXTRAS = dict.fromkeys(
    "gymnasium imageio mujoco onnx plotly rich safetensors scipy tensorboard torch yaml".split(), "train"
) | {"cyclonedds": "dds", "rosbags": "dds", "mujoco_menagerie": "menagerie"}


def _command_line() -> str:
    """What the user typed, as it may be typed again."""
    return shlex.join(["ashore", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
