"""Looking at a trained policy and at a task's worlds: videos, pictures, viewers."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ashore.configs.failing_world import read_world_for
from ashore.configs.schema import TaskSettings
from ashore.environments import TEST_SEED, make_env
from ashore.sim.env import Env
from ashore.trained_policy import TrainedPolicy


class ShownWorld(NamedTuple):
    """A world to show, as a file has it."""

    pins: dict[str, float]  # parameter -> value; the others are drawn as declared
    seed: int | None = None  # of chance; whatever is asked for if None
    number: int = 0  # by which chance knows the first episode


def shown_world(path: Path, policy: TrainedPolicy) -> ShownWorld:
    """What a file says, where it is of the policy's task and robot."""
    pins, failing = read_world_for(path, policy.run.task.name, policy.run.task.robot.name)
    return ShownWorld(pins) if failing is None else ShownWorld(pins, failing.seed, failing.number)


def env_of(policy: TrainedPolicy, world: ShownWorld, seed: int) -> Env:
    """One world, whose first episode after a reset meets the chances that `world` names."""
    env = make_env(policy.run.task, 1, seed=seed, pins=world.pins)
    env.numbers[:] = world.number
    return env


ANY = ShownWorld({})


def play_to_file(
    policy: TrainedPolicy,
    path: Path,
    episodes: int,
    seed: int,
    console: Console | None = None,
    world: ShownWorld = ANY,
) -> int:
    """Episodes of one world as an MP4 or GIF at 25 pictures a second; gives their number. A terminal shows how far it is."""
    from ashore.sim.view.render import frames, write_video

    dt = policy.run.task.control_dt
    every, seed = max(1, round(0.04 / dt)), seed if world.seed is None else world.seed
    env = env_of(policy, world, seed)
    columns = (BarColumn(20), TextColumn("{task.completed:.1f} of {task.total} episodes, left"), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True)
    bar.disable = not bar.console.is_terminal
    with bar:
        line = bar.add_task("", total=episodes)

        def progress(done: float) -> None:
            bar.update(line, completed=done)

        act = policy.act_in(env)
        pictures = frames(env, act, episodes, seed=seed, targets=policy.targets, every=every, progress=progress)
        return write_video(path, pictures, fps=1 / (dt * every))


def look_to_file(
    task: TaskSettings, path: Path, camera: str, worlds: int, size: tuple[int, int], seed: int, after: float = 0.0
) -> None:
    """What a camera sees in each of some worlds, side by side in one PNG. size: width, height.

    after: s into the episode, under random actions; the pictures are then as late as each world's camera is.
    """
    from ashore.sim.view.cameras import Cameras
    from ashore.sim.view.render import write_sheet

    env = make_env(task, worlds, seed=seed)
    env.reset(seed)
    cameras = Cameras(env, (camera,), size[1], size[0], samples=4, shadows=2048)
    try:
        seen = cameras.observe()[camera]
        random = torch.Generator().manual_seed(seed)
        for _ in range(round(after / task.control_dt)):
            env.step(2 * torch.rand(worlds, env.action_size, generator=random) - 1)
            seen = cameras.observe()[camera]
        write_sheet(path, seen.numpy())
    finally:
        cameras.close()


def play_in_viewer(policy: TrainedPolicy, seed: int, world: ShownWorld = ANY) -> None:
    """Episodes of one world in MuJoCo's own window, until it is closed."""
    from ashore.sim.view.viewer import watch

    seed = seed if world.seed is None else world.seed
    env = env_of(policy, world, seed)
    watch(env, policy.act_in(env), seed=seed, targets=policy.targets)


def play_in_browser(policy: TrainedPolicy, seed: int, port: int, world: ShownWorld = ANY) -> None:
    """Episodes of one world on a page of this machine, until Ctrl-C. Port 0: the first free one from 8080 on."""
    from ashore.sim.view.browser import Player, serve

    seed = seed if world.seed is None else world.seed - TEST_SEED
    env = env_of(policy, world, TEST_SEED + seed)
    serve(env, Player(env, policy.act_in(env), seed=seed, first_seed=TEST_SEED, targets=policy.targets), port)
