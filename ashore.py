"""The front door: train robot skills in randomized MuJoCo worlds, measure what they survive, deploy them through ROS 2.

Every command is a few lines over the rooms below: `configs` settings, `sim` worlds, `randomization` which world next,
`policies` learning, `deploy_ros` the robot. `import ashore` registers every task with gymnasium as `ashore/<task>`.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from configs.errors import AshoreError

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when torch is first imported; see policies/__init__.py

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
        summary = (sys.modules[find(run.task.name).__module__].__doc__ or "").split("\n")[0]
        print(f"{name:20} {run.task.robot.name:10} {summary}")


def config(options: argparse.Namespace) -> None:
    from configs.loader import dump, load_run

    print(dump(load_run(options.preset, options.set)), end="")


def train(options: argparse.Namespace) -> int:
    from ashore_wiring import POLICY_FILE, train_run
    from configs.loader import load_run

    folder = options.run or RUNS / Path(options.preset).stem
    source = folder if options.resume and (folder / "config.yaml").is_file() else options.preset
    outcome = train_run(load_run(source, options.set), folder, resume=options.resume)
    if outcome.interrupted:
        print(f"go on with: ashore train {options.preset} --run {folder} --resume")
        return 130
    print(f"trained {outcome.steps:,} steps; policy in {folder / POLICY_FILE}; try: ashore evaluate {folder}")
    return 0


def evaluate(options: argparse.Namespace) -> None:
    from ashore_wiring import TEST_SEED, load_subject, measure
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

    from ashore_wiring import load_subject, run_sweep, write_atomically
    from randomization import report
    from randomization.sweep import table

    subject = load_subject(options.policy, options.set)
    out = options.out or RUNS / f"sweep-{subject.name}"
    result, dimensions = run_sweep(
        subject, options.over, options.episodes, options.points, options.seed, _command_line()
    )
    write_atomically(out / "results.json", result.to_json())
    page = report.Report(title=f"Robustness of {subject.name}", sweep=result, card=dimensions, command=_command_line())
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
    from ashore_wiring import TEST_SEED, load_subject, play_in_viewer, play_to_file

    subject = load_subject(options.policy, options.set)
    if options.out is None and os.environ.get("DISPLAY"):
        play_in_viewer(subject, TEST_SEED + options.seed)
        return
    out = options.out or RUNS / f"{subject.name}.gif"
    count = play_to_file(subject, out, options.episodes, TEST_SEED + options.seed)
    print(f"{count} frames of {options.episodes} episodes in {out}")


def twin(options: argparse.Namespace) -> int:
    from ashore_wiring import serve_twin, write_atomically

    results = serve_twin(options.policy, options.set, options.episodes, options.seed, options.wait)
    if options.json is not None:
        write_atomically(options.json, json.dumps(results, indent=1))
    return 0 if results["finished"] else 1


def deploy(options: argparse.Namespace) -> int:
    from deploy_ros.settings import NodeSettings

    given = {name: getattr(options, name) for name in NodeSettings.model_fields}
    settings = NodeSettings(**{name: value for name, value in given.items() if value is not None})
    if options.via == "rclpy":
        from deploy_ros import rclpy_node

        return rclpy_node.run(options.policy, settings)
    from deploy_ros import dds_node

    return dds_node.run_node(options.policy, settings)


def doctor(_options: argparse.Namespace) -> int:
    from deploy_ros.doctor import examine

    return 0 if examine() else 1


def bench(options: argparse.Namespace) -> None:
    if options.what == "node":
        from benchmarks.node import bench_node

        result = bench_node(options.policy)
    elif options.what == "train":
        from benchmarks.train import bench_train

        result = bench_train(options.task, options.seed)
    else:
        from ashore_wiring import make_env
        from benchmarks.sim import bench_sim
        from configs.loader import load_run

        result = bench_sim(make_env(load_run(options.task, options.set).task, options.num_envs))
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:24} {value}")


def demo(options: argparse.Namespace) -> int:
    from benchmarks.demo import Size, run_demo

    return run_demo(options.run or RUNS / "demo", options.set, Size(twin=options.episodes), _command_line())


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. What the user can mend is one line and exit code 2, without a traceback."""
    options = _parser().parse_args(argv)
    try:
        return options.command(options) or 0
    except KeyboardInterrupt:
        return 130
    except (AshoreError, FileExistsError, FloatingPointError) as error:
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
    (
        "gymnasium",
        "imageio",
        "mujoco",
        "onnx",
        "plotly",
        "rich",
        "safetensors",
        "scipy",
        "tensorboard",
        "torch",
        "yaml",
    ),
    "train",
) | dict.fromkeys(("cyclonedds", "rosbags"), "dds")


def _command_line() -> str:
    """What the user typed, as it may be typed again."""
    return shlex.join(["ashore", *sys.argv[1:]])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ashore", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--version", action="version", version=f"ashore {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(function: Any, text: str, *, settings: bool = False) -> argparse.ArgumentParser:
        sub = commands.add_parser(function.__name__, help=text, description=text[0].upper() + text[1:] + ".")
        sub.set_defaults(command=function, set=[])
        if settings:
            sub.add_argument(
                "--set", action="append", default=[], metavar="A.B=C", help="change a setting; may be repeated"
            )
        return sub

    command(tasks, "list the tasks")
    sub = command(config, "print a preset's resolved settings", settings=True)
    sub.add_argument("preset", help="a task's name, or a config.yaml")
    sub = command(train, "train a policy on a task", settings=True)
    sub.add_argument("preset", help="a task's name, or a config.yaml")
    sub.add_argument("--run", type=Path, metavar="DIR", help="folder of the run; runs/PRESET if not given")
    sub.add_argument("--resume", action="store_true", help="go on from the run's newest checkpoint, to the same bits")
    sub = command(evaluate, "count a policy's successes over whole episodes", settings=True)
    _about_policy(sub, episodes=256)
    sub.add_argument("--json", action="store_true", help="one JSON object instead of text")
    sub = command(sweep, "measure how far parameters may go before a policy fails", settings=True)
    _about_policy(sub, episodes=64)
    sub.add_argument(
        "--over", required=True, type=lambda text: text.split(","), metavar="P,Q", help="parameters, by name"
    )
    sub.add_argument("--points", type=_count, default=9, help="values a parameter")
    sub.add_argument("--out", type=Path, metavar="DIR", help="runs/sweep-NAME if not given")
    sub = command(export, "write a run's policy as one .onnx")
    sub.add_argument("run", type=Path, help="folder of the run")
    sub.add_argument("--out", type=Path, metavar="FILE", help="policy.onnx in the run's folder if not given")
    sub = command(inspect, "print what a policy file promises")
    sub.add_argument("policy", type=Path, help="an exported .onnx")
    sub.add_argument("--json", action="store_true", help="the contract as JSON")
    sub = command(twin, "simulate the robot behind ROS 2 topics, in real time", settings=True)
    _about_policy(sub, episodes=10)
    sub.add_argument("--wait", type=float, default=60.0, metavar="S", help="seconds to wait for a node's first command")
    sub.add_argument("--json", type=Path, metavar="FILE", help="write the episodes' results here")
    _deploy_options(command(deploy, "drive a robot with a policy, over ROS 2"))
    sub = command(play, "show episodes: a GIF or MP4, or a window where there is a screen", settings=True)
    _about_policy(sub, episodes=3)
    sub.add_argument("-o", "--out", type=Path, metavar="FILE", help=".gif or .mp4")
    command(doctor, "check what this machine can do, and say what to do about the rest")
    sub = command(bench, "measure speed beside the raw engine", settings=True)
    sub.add_argument("what", choices=("sim", "train", "node"))
    sub.add_argument("--task", default="arm_reach", help="a task's name")
    sub.add_argument("--num-envs", type=_count, default=256, help="worlds, for sim")
    sub.add_argument("--seed", type=int, default=0, help="for train")
    sub.add_argument("--policy", type=Path, help="for node: an exported .onnx; an untrained one if not given")
    sub.add_argument("--json", action="store_true", help="one JSON object instead of text")
    sub = command(demo, "train, evaluate, sweep, export, and drive a twin over DDS", settings=True)
    sub.add_argument("--run", type=Path, metavar="DIR", help="runs/demo if not given")
    sub.add_argument("--episodes", type=_count, default=50, help="through the twin")
    return parser


def _about_policy(sub: argparse.ArgumentParser, *, episodes: int) -> None:
    sub.add_argument("policy", help="folder of a run, or an exported .onnx")
    sub.add_argument("--episodes", type=_count, default=episodes)
    sub.add_argument("--seed", type=_seed, default=0)


def _deploy_options(sub: argparse.ArgumentParser) -> None:
    from deploy_ros.settings import NodeSettings

    sub.add_argument("policy", type=Path, help="an exported .onnx")
    sub.add_argument("--via", choices=("dds", "rclpy"), default="dds", help="dds: pip only; rclpy: in a sourced ROS 2")
    for name, field in NodeSettings.model_fields.items():
        flag = "--" + name.replace("_", "-")
        if field.annotation is bool:
            sub.add_argument(flag, action="store_const", const=True, help=field.description)
        else:
            kind: Any = field.annotation if field.annotation in (int, float) else str
            sub.add_argument(flag, type=kind, metavar=str(field.default), help=field.description)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: a whole number of at least 1")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: 0 to {2**31 - 1}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
