"""Several seeds of one training, side by side: a process each, into `DIR/seed0`, `DIR/seed1`, ...

`DIR/settings.yaml` holds what they share, `DIR/seeds.json` how each stands and the figures over all that are done. What a
process prints is in `DIR/seedN/output.log`.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console

from ashore.configs.cores import usable_cores
from ashore.configs.errors import UsageError
from ashore.configs.loader import dump, load_run
from ashore.configs.schema import RunSettings
from ashore.files import commit, write_atomically
from ashore.policies import metrics
from ashore.policies.process import Interrupt
from ashore.policies.trainer import FREE
from ashore.runs import refuse_changes, self_contained
from ashore.seed_progress import SeedsProgress
from ashore.statistics import CONFIDENCE, RESAMPLES, interval

SETTINGS, RESULT, LOG = "settings.yaml", "seeds.json", "output.log"
FINAL = ("success", "return")  # of the last evaluation
INTERRUPTED = 130  # exit code of a training that stopped after a checkpoint
LOOK_EVERY = 0.25  # s
PATIENCE = 10.0  # s until a process that was asked to end at once is killed


def is_set(folder: Path) -> bool:
    """Whether a folder holds the seeds of a training."""
    return (folder / SETTINGS).is_file() and (folder / RESULT).is_file()


def read_result(folder: Path) -> dict[str, Any]:
    """What `seeds.json` holds."""
    if not is_set(folder):
        raise UsageError(
            f"{folder} holds no seeds of a training; allowed: a folder that `ashore train --seeds` has written"
        )
    result: dict[str, Any] = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return result


def seed_folder(folder: Path, seed: int) -> Path:
    return folder / f"seed{seed}"


def own_cores(run: RunSettings) -> RunSettings:
    """The settings of each of several runs side by side: one torch thread, unless another number is set."""
    if "torch_threads" in run.train.model_fields_set:
        return run
    return run.model_copy(update={"train": run.train.model_copy(update={"torch_threads": 1})})


def train_seeds(
    run: RunSettings, seeds: Sequence[int], folder: Path, *, resume: bool = False, console: Console | None = None
) -> bool:
    """Train every seed, as many at once as there are cores for their torch threads; a seed that fails stops no other.

    An interrupt stops all after checkpoints. Gives whether there was one.
    """
    run = _without_seed(self_contained(run))
    _check(run, seeds, folder, resume)
    metrics.require(run.train.log)
    write_atomically(folder / SETTINGS, dump(run))
    states = (_exit_codes(folder) if resume else {}) | dict.fromkeys(seeds)
    write_result(folder, run, states)
    folders = {seed: seed_folder(folder, seed) for seed in seeds}
    with Interrupt() as interrupt, SeedsProgress(folders, run.train.total_steps, console) as progress:
        progress.say(opening_line(run, seeds, folder))
        ended = _run_all(seeds, lambda seed: _command(run, folder, seed, resume), folders, run, interrupt, progress)
        with closing(ended):  # ends the processes, whatever is raised here
            for seed, code in ended:
                states[seed] = code
                write_result(folder, run, states)
                progress.ended(seed, _how(code, folders[seed]))
    return interrupt.requested


def _exit_codes(folder: Path) -> dict[int, int | None]:
    """By seed, as `seeds.json` has them; None of one that is not over."""
    return {row["seed"]: row["exit_code"] for row in read_result(folder)["seeds"]}


def opening_line(run: RunSettings, seeds: Sequence[int], folder: Path) -> str:
    """What is trained, how many at once on what, and where it goes."""
    threads = run.train.torch_threads
    return (
        f"{run.task.name} with {run.task.robot.name}, {len(seeds)} seeds, {min(at_once(threads), len(seeds))} at once "
        f"({usable_cores()} cores, torch_threads {threads} each), {run.train.num_envs} worlds, "
        f"{run.train.total_steps:,} steps, into {folder}"
    )


def at_once(torch_threads: int) -> int:
    """How many runs go side by side."""
    return max(1, usable_cores() // torch_threads)


def _check(run: RunSettings, seeds: Sequence[int], folder: Path, resume: bool) -> None:
    if not seeds or len(set(seeds)) < len(seeds) or not all(0 <= seed < 2**31 for seed in seeds):
        raise UsageError(f"seeds = {list(seeds)}; allowed: different whole numbers from 0 to {2**31 - 1}, at least one")
    if (folder / "config.yaml").exists():
        raise UsageError(f"{folder} holds a single run; name another folder for the seeds: --run DIR")
    if not resume and is_set(folder):
        raise UsageError(f"{folder} holds seeds already; go on with them: --resume, or name another folder: --run DIR")
    if resume:
        read_result(folder)
        refuse_changes(_without_seed(self_contained(load_run(folder / SETTINGS))), run, folder / SETTINGS)


def _without_seed(run: RunSettings) -> RunSettings:
    return run.model_copy(update={"train": run.train.model_copy(update={"seed": 0})})


def _command(run: RunSettings, folder: Path, seed: int, resume: bool) -> list[str]:
    """The command that trains one seed, or goes on with it."""
    where = seed_folder(folder, seed)
    words = [sys.executable, "-m", "ashore", "train", str(folder.resolve() / SETTINGS), "--run", str(where)]
    if not (resume and (where / "config.yaml").is_file()):
        return [*words, "--set", f"train.seed={seed}"]
    train = run.train.model_dump(mode="json")
    free = [word for name in sorted(FREE) for word in ("--set", f"train.{name}={json.dumps(train[name])}")]
    return [*words, "--resume", *free]


def _run_all(
    seeds: Iterable[int],
    command: Callable[[int], list[str]],
    folders: Mapping[int, Path],
    run: RunSettings,
    interrupt: Interrupt,
    progress: SeedsProgress,
) -> Generator[tuple[int, int]]:
    """Run a process for each seed; gives each seed with its exit code when it ends."""
    cores = _shares(run.train.torch_threads)
    waiting, running = list(seeds), dict[int, tuple[subprocess.Popen[bytes], int]]()
    told = False
    try:
        while running or (waiting and not interrupt.requested):
            while waiting and len(running) < len(cores) and not interrupt.requested:
                seed = waiting.pop(0)
                share = next(k for k in range(len(cores)) if k not in {used for _, used in running.values()})
                running[seed] = _start(command(seed), folders[seed], cores[share]), share
                progress.began(seed)
            if interrupt.requested and not told:
                told = True
                progress.say(f"stopping {len(running)} seeds after a checkpoint each")
                for process, _ in running.values():
                    process.send_signal(signal.SIGINT)
            time.sleep(LOOK_EVERY)
            progress.look(list(running))
            for seed in [seed for seed, (process, _) in running.items() if process.poll() is not None]:
                process, _ = running.pop(seed)
                yield seed, process.returncode
    finally:
        _end([process for process, _ in running.values()])


def _shares(torch_threads: int) -> list[set[int]]:
    """The cores of each of the runs side by side; empty where the system cannot say."""
    count = at_once(torch_threads)
    if not hasattr(os, "sched_setaffinity"):
        return [set() for _ in range(count)]
    cores = sorted(os.sched_getaffinity(0))
    return [set(cores[k * len(cores) // count : (k + 1) * len(cores) // count]) for k in range(count)]


def _start(command: list[str], folder: Path, cores: set[int]) -> subprocess.Popen[bytes]:
    """A process of its own group, so that Ctrl-C in the terminal reaches this one alone, which tells the others."""
    folder.mkdir(parents=True, exist_ok=True)
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        if libc is not None:
            libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: end with this process, however that ends
        if cores:
            os.sched_setaffinity(0, cores)

    with (folder / LOG).open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=prepare,
            start_new_session=True,
        )


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + PATIENCE
    while any(process.poll() is None for process in processes) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY)
    for process in processes:
        process.kill()
        process.wait()


def _state(code: int | None) -> str:
    return {None: "unfinished", 0: "done", INTERRUPTED: "interrupted"}.get(code, "failed")


def _how(code: int, folder: Path) -> str:
    """How a seed ended, in words."""
    if (state := _state(code)) != "failed":
        return state
    lines = (folder / LOG).read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    return f"{failure(code)}; {last.strip()}; see {folder / LOG}"


def failure(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        return f"failed, ended by {signal.Signals(-code).name}"
    return f"failed with exit code {code}"


def write_result(folder: Path, run: RunSettings, states: Mapping[int, int | None]) -> None:
    """Write `seeds.json`: each seed with the last evaluation it has, and figures over those that are done."""
    rows = [_row(folder, seed, code) for seed, code in states.items()]
    done = [row for row in rows if row["state"] == "done"]
    result = {
        "commit": commit(),
        "task": run.task.name,
        "robot": run.task.robot.name,
        "algorithm": run.train.algorithm.kind,
        "eval_episodes": run.train.eval_episodes,
        "confidence": CONFIDENCE,
        "resamples": RESAMPLES,
        "over": len(done),
        **{name: _over([row[name] for row in done if row[name] is not None]) for name in FINAL},
        "seeds": rows,
    }
    write_atomically(folder / RESULT, json.dumps(result, indent=1) + "\n")


def _row(folder: Path, seed: int, code: int | None) -> dict[str, Any]:
    newest: dict[str, Any] = {}
    for record in metrics.read(seed_folder(folder, seed)):
        newest |= {name: x for name, x in record.items() if x is not None}
    return {
        "seed": seed,
        "folder": seed_folder(folder, seed).name,
        "state": _state(code),
        "exit_code": code,
        "steps": newest.get("steps", 0),
        "seconds": round(newest.get("time/seconds", 0.0), 3),
        **{name: newest.get(f"eval/{name}") for name in FINAL},
    }


def _over(values: Sequence[float]) -> dict[str, float | None] | None:
    return interval([values])._asdict() if values else None
