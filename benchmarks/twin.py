"""`ashore bench twin`: a policy file through its twin over DDS, beside as many episodes in the simulator.

Twin and node are two processes that share nothing but DDS on loopback. Meanwhile the node's memory and processor time are
read from /proc, and a thread that does nothing but sleep on the same grid shows how late this machine wakes anybody.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from ashore.benchmarks.suite import machine
from ashore.configs.errors import UsageError
from ashore.deploy_ros.bundle import load_policy
from ashore.deploy_ros.durations import Durations
from ashore.environments import TEST_SEED
from ashore.files import commit, write_atomically
from ashore.randomization.robustness.curve import clopper_pearson
from ashore.trained_policy import load_trained, measure

DOMAIN = "87"  # of the benchmark's own, on loopback, so that no robot in the room listens
STARTING = 120.0  # s that both processes may take before the first episode
BETWEEN = 3.0  # s at most from one episode to the next: the robot is put in place, the node reset
LOOKING_PERIOD = 1.0  # s between looks at the node's memory
WARM = 30.0  # s after which a node's memory should grow no more
PAGE, TICK = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")


def bench_twin(policy: Path, episodes: int, folder: Path, seed: int, command: str) -> dict[str, Any]:
    """Success in the simulator and through the twin, metrics of the task, and what the node took; files go to `folder`."""
    trained = load_trained(str(policy))
    dt = load_policy(policy).contract.interface.control_dt
    simulated = measure(trained, episodes, seed=TEST_SEED + seed)
    folder.mkdir(parents=True, exist_ok=True)
    with Sleeper(dt) as sleeper:
        driven, node = drive_twin(policy, episodes, folder, trained.run.task.episode_seconds, seed=seed)
    played = driven["episodes"]
    successes = sum(e["success"] for e in played)
    low, high = clopper_pearson(int(simulated.success.sum()), episodes)
    metrics = [name.removeprefix("metric/") for name in simulated.terms if name.startswith("metric/")]
    result = {
        "task": trained.run.task.name,
        "policy_sha256": trained.sha256,
        "trained_steps": trained.steps,
        "episodes": len(played),
        "simulator": {
            "success": float(simulated.success.mean()),
            "interval": [round(low, 4), round(high, 4)],
            "metrics": {m: round(float(simulated.terms[f"metric/{m}"].mean()), 4) for m in metrics},
        },
        "twin": {
            "success": successes / max(len(played), 1),
            "interval": [round(x, 4) for x in clopper_pearson(successes, max(len(played), 1))],
            "metrics": {m: round(float(np.mean([e["metrics"][m] for e in played])), 4) for m in metrics},
            "real_time_factor": round(driven["real_time_factor"], 4),
            "rejected": sum(e["rejected"] for e in played),
        },
        "within": bool(low <= successes / max(len(played), 1) <= high),
        "node": node,
        "bare_sleep_period_error": sleeper.errors.summary(),
        "commit": commit(),
        "machine": machine(),
        "load_average": round(os.getloadavg()[1], 2),
        "command": command,
    }
    write_atomically(folder / "bench_twin.json", json.dumps(result, indent=1) + "\n")
    return result


def drive_twin(
    policy: Path, episodes: int, folder: Path, episode_seconds: float, *, seed: int = 0, domain: str = DOMAIN
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Twin and node as two processes; gives what the twin counted, and what the node was: report, memory, processor.

    Logs and results go to `folder`. UsageError, which names them, where the twin leaves no results.
    """
    environment = os.environ | {"ROS_DOMAIN_ID": domain, "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    results, report = folder / "twin.json", folder / "node.json"
    for stale in (results, report):
        stale.unlink(missing_ok=True)
    twin_options = ["--episodes", str(episodes), "--seed", str(seed), "--json", str(results)]
    logs = f"see {folder / 'twin.log'} and {folder / 'node.log'}"
    with (folder / "node.log").open("w") as node_log, (folder / "twin.log").open("w") as twin_log:
        twin = _start(["twin", str(policy), *twin_options], environment, twin_log)
        node = _start(["deploy", str(policy), "--report", str(report)], environment, node_log)
        usage = Usage(node.pid)
        try:
            with usage:
                twin.wait(timeout=STARTING + (episode_seconds + BETWEEN) * episodes)
        except subprocess.TimeoutExpired:
            raise UsageError(f"the twin did not finish; {logs}") from None
        finally:
            for process in (node, twin):
                process.send_signal(signal.SIGINT)
            for process in (node, twin):
                _end(process)
    if not results.is_file():
        raise UsageError(f"the twin left no results; {logs}")
    counted: dict[str, Any] = json.loads(results.read_text())
    said: dict[str, Any] = json.loads(report.read_text()) if report.is_file() else {}
    return counted, said | usage.figures()


class Beside:
    """A thread that looks at something every `period` s of an absolute grid, as long as the context lasts."""

    def __init__(self, period: float) -> None:
        self._period, self._over = period, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._over.is_set():
            due += self._period
            time.sleep(max(0.0, due - time.monotonic()))
            self.look(time.monotonic())

    def look(self, now: float) -> None:
        """now: s, monotonic."""
        raise NotImplementedError


class Usage(Beside):
    """Memory and processor time of a process on Linux; nothing elsewhere, and no more once it has ended."""

    def __init__(self, pid: int) -> None:
        super().__init__(LOOKING_PERIOD)
        self._files = Path(f"/proc/{pid}/statm"), Path(f"/proc/{pid}/stat")
        self._rows: list[tuple[float, float, float]] = []  # s since the start, MB resident, s of processor

    def look(self, now: float) -> None:
        try:
            pages = int(self._files[0].read_text().split()[1])
            fields = self._files[1].read_text().rpartition(")")[2].split()
        except (OSError, IndexError):
            return
        ticks = int(fields[11]) + int(fields[12])  # utime and stime, proc_pid_stat(5)
        self._rows.append((now - self._began, pages * PAGE / 1e6, ticks / TICK))

    def figures(self) -> dict[str, float]:
        """Once warm: memory at the beginning, its growth, MB, and the share of a core."""
        warm = [row for row in self._rows if row[0] >= WARM]
        if len(warm) < 2:
            return {}
        (begin, memory, spent), (end, *_), most = warm[0], warm[-1], max(row[1] for row in warm)
        return {
            "seconds": round(end - begin, 1),
            "memory_mb": round(memory, 2),
            "memory_growth_mb": round(most - memory, 2),
            "core_share": round((warm[-1][2] - spent) / (end - begin), 4),
        }


class Sleeper(Beside):
    """Sleeps and does nothing else: its period errors are the machine's own."""

    def __init__(self, period: float) -> None:
        super().__init__(period)
        self.errors = Durations()
        self._before: float | None = None

    def look(self, now: float) -> None:
        if self._before is not None:
            self.errors.add(abs(now - self._before - self._period))
        self._before = now


def _start(arguments: Sequence[str], environment: dict[str, str], log: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "ashore", *arguments], env=environment, stdout=log, stderr=subprocess.STDOUT
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
