"""The front door: train robot skills in randomized MuJoCo worlds, measure what they survive, deploy them through ROS 2.

Every command is a few lines that wire the rooms: `configs` settings, `sim` worlds, `randomization` which world next,
`policies` learning, `deploy_ros` the robot. `import ashore` registers every task with gymnasium as `ashore/<task>`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # see policies/__init__.py; read when torch is first imported

if TYPE_CHECKING:
    from configs.schema import RunSettings, TaskSettings
    from sim.env import Env
    from sim.evaluate import Episodes

__version__ = "0.1.0"
RUNS = Path("runs")
POLICY_FILE = "policy.onnx"


class UsageError(Exception):
    """Something the user can mend; the text says how. Exit code 2."""


def make_env(task: TaskSettings, num_envs: int, *, seed: int = 0, pins: dict[str, float] | None = None) -> Env:
    """The batched environment with its randomizer; `pins` holds parameters at one value, as a sweep does."""
    from randomization.randomizer import Randomizer
    from sim.env import Env

    randomizer = Randomizer(task.randomization, pins=pins) if task.randomization else None
    return Env(task, num_envs, seed=seed, randomizer=randomizer)


def make_gym_env(preset: str, overrides: Sequence[str] = (), render_mode: str | None = None) -> Any:
    """One world as a gymnasium environment: what `gymnasium.make("ashore/<task>")` gives."""
    from configs.loader import load_run
    from randomization.randomizer import Randomizer
    from sim.gym import AshoreEnv

    task = load_run(preset, list(overrides)).task
    return AshoreEnv(task, Randomizer(task.randomization) if task.randomization else None, render_mode)


def make_gym_vec(num_envs: int, preset: str, overrides: Sequence[str] = (), render_mode: str | None = None) -> Any:
    """N worlds as a gymnasium vector environment: what `gymnasium.make_vec("ashore/<task>")` gives."""
    from configs.loader import load_run
    from randomization.randomizer import Randomizer
    from sim.gym import AshoreVectorEnv

    task = load_run(preset, list(overrides)).task
    randomizer = Randomizer(task.randomization) if task.randomization else None
    return AshoreVectorEnv(num_envs, task, randomizer, render_mode=render_mode)


def register_environments() -> None:
    """Tell gymnasium of every preset."""
    try:
        import gymnasium
    except ImportError:  # the robot side needs none
        return
    tasks = Path(__file__).parent / "configs" / "tasks"
    for name in sorted(path.stem for path in tasks.glob("*.yaml")):
        gymnasium.register(
            id=f"ashore/{name}",
            entry_point="ashore:make_gym_env",
            vector_entry_point="ashore:make_gym_vec",
            kwargs={"preset": name},
            disable_env_checker=True,
        )


class Subject(NamedTuple):
    """A trained policy under examination, from a run's folder or from an exported file."""

    name: str
    run: RunSettings
    act: Callable[[Any], Any]  # observation -> actions, or joint targets if `targets`
    targets: bool
    steps: int
    sha256: str


def load_subject(where: str, overrides: Sequence[str] = ()) -> Subject:
    """`where`: a run's folder, or an exported `.onnx`."""
    from configs.loader import load_run, run_settings

    path = Path(where)
    if path.is_dir():
        from policies.checkpoint import latest
        from policies.policy import load_policy
        from policies.trainer import CHECKPOINTS

        checkpoint = latest(path / CHECKPOINTS)
        if checkpoint is None:
            raise UsageError(f"{path} holds no checkpoint; train first: ashore train PRESET --run {path}")
        policy = load_policy(checkpoint)
        return Subject(path.name, load_run(path, overrides), lambda obs: policy(obs["actor"]), False, policy.steps, "")
    if not path.is_file():
        raise UsageError(f"{where} is neither a run's folder nor a policy file")
    from deploy_ros.bundle import load_policy as load_bundle

    bundle = load_bundle(path)
    run = run_settings(bundle.contract.settings, overrides)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Subject(path.stem, run, graph_act(bundle), True, bundle.contract.trained_steps, digest)


def graph_act(bundle: Any) -> Callable[[Any], Any]:
    """An exported graph as a function of the environment's actor observation, whose columns are its inputs."""
    import torch

    interface = bundle.contract.interface
    sizes = [s.size for s in interface.signals] + [m.size for m in interface.memory]

    def act(obs: Any) -> Any:
        parts = [p.numpy() for p in torch.split(obs["actor"], sizes, dim=1)]
        signals = {s.name: p for s, p in zip(interface.signals, parts, strict=False)}
        memory = {m.name: p for m, p in zip(interface.memory, parts[len(signals) :], strict=True)}
        return torch.from_numpy(bundle.step(signals, memory)[0])

    return act


def measure(subject: Subject, episodes: int, *, seed: int, pins: dict[str, float] | None = None, progress: Any = None) -> Episodes:
    """Run whole episodes of the subject, on at most 256 worlds at a time."""
    from sim.evaluate import run_episodes

    worlds = min(episodes, 256)
    env = make_env(subject.run.task, worlds, seed=seed, pins=pins)
    rounds = -(-episodes // worlds)
    results = run_episodes(env, subject.act, rounds, seed=seed, targets=subject.targets, progress=progress)
    return results.first(episodes)


def commit() -> str:
    """The commit of this code, where it is a checkout."""
    try:
        here = Path(__file__).parent
        done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def command_line() -> str:
    """What the user typed, as it may be typed again."""
    import shlex

    return shlex.join(["ashore", *sys.argv[1:]])


def write_atomically(path: Path, text: str) -> None:
    """Never leave half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text)
    temporary.replace(path)


def train_run(run: RunSettings, folder: Path, *, resume: bool) -> Any:
    """Train into `folder`, and export the policy when it is done. Gives the trainer's outcome."""
    from configs.loader import dump, load_run
    from policies.trainer import train
    from sim.evaluate import run_episodes

    config = folder / "config.yaml"
    if resume:
        if not config.is_file():
            raise UsageError(f"{folder} holds no run to resume; leave --resume out to begin one")
        if load_run(folder).task != run.task:
            raise UsageError(f"{config} and these settings differ in the task; resume with the settings it was begun with")
    elif config.exists():
        raise UsageError(f"{folder} holds a run already; go on with it: --resume, or name another folder: --run DIR")
    write_atomically(config, dump(run))
    settings = run.train
    env = make_env(run.task, settings.num_envs, seed=settings.seed)
    test = make_env(run.task, min(settings.eval_episodes, 256), seed=settings.seed)
    rounds = -(-settings.eval_episodes // test.num_envs)

    def evaluate(act: Callable[[Any], Any]) -> dict[str, float]:
        # Seeds from 2^31 on are for tests alone: no training episode is among them.
        done = run_episodes(test, lambda obs: act(obs["actor"]), rounds, seed=2**31 + settings.seed)
        return done.summary()

    outcome = train(settings, env, folder, evaluate=evaluate, resume=resume)
    if not outcome.interrupted:
        export_run(folder, folder / POLICY_FILE)
    return outcome


def export_run(folder: Path, path: Path) -> Any:
    """Write the newest checkpoint of a run as one `.onnx`. Its golden vectors are episodes of the task itself."""
    from configs.loader import load_run
    from policies.checkpoint import latest
    from policies.export import export_policy
    from policies.policy import load_policy
    from policies.trainer import CHECKPOINTS
    from sim.evaluate import record_signals

    run = load_run(folder)
    checkpoint = latest(folder / CHECKPOINTS)
    if checkpoint is None:
        raise UsageError(f"{folder} holds no checkpoint to export")
    policy = load_policy(checkpoint)
    env = make_env(run.task, 4, seed=2**31)
    settings = run.model_dump(mode="json")
    return export_policy(
        policy.actor,
        policy.normalizer,
        env.interface,
        path,
        trained_on=env.randomizer.dimensions if env.randomizer else (),
        settings=settings,
        settings_sha256=hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest(),
        trained_steps=policy.steps,
        success=(policy.evaluation or {}).get("success"),
        ashore_version=__version__,
        golden=record_signals(env, lambda obs: policy(obs["actor"]), 20),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; errors the user can mend are one line and exit code 2."""
    import commands

    return commands.run(argv)
