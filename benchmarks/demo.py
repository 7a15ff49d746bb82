"""`ashore demo`: the whole path in one run - train, evaluate, sweep, export, and drive a twin in another process over DDS."""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from ashore.benchmarks.twin import drive_twin
from ashore.configs.errors import UsageError
from ashore.configs.loader import load_run
from ashore.environments import TEST_SEED
from ashore.files import commit, write_atomically
from ashore.randomization.robustness import report
from ashore.randomization.robustness.page import Media
from ashore.randomization.robustness.sweep import SweepResult, table
from ashore.runs import POLICY_FILE, train_run
from ashore.showing import play_to_file
from ashore.sim.evaluate import Episodes
from ashore.sim.view.cameras import VideoError
from ashore.sweeps import plan_for, run_sweep
from ashore.trained_policy import TrainedPolicy, load_trained, measure

OVER = ("command_latency", "link_mass", "payload", "position_bias")
VIDEO = "reach.mp4"
GOAL_SIMULATED, GOAL_TWIN = 0.95, 0.90


class Size(NamedTuple):
    """How many episodes the demo's parts take."""

    simulated: int = 256
    swept: int = 64  # a point
    points: int = 9  # a parameter
    twin: int = 50


def run_demo(folder: Path, overrides: Sequence[str], size: Size, command: str) -> int:
    """Everything, into `folder`: `summary.json` and `report.html` at the end. 0 if both success rates are reached."""
    console, began = Console(), time.monotonic()
    run = load_run("arm_reach", overrides)
    if missing := sorted(set(OVER) - set(run.task.randomization)):
        raise UsageError(f"the demo sweeps {missing}, which these settings take away")
    run_folder = folder / "run"
    if run_folder.exists():
        if not (run_folder / "config.yaml").is_file():
            raise UsageError(f"{run_folder} is there and is no run of ashore; name another folder: --run DIR")
        shutil.rmtree(run_folder)
    console.rule("1/5  train arm_reach in randomized worlds")
    if train_run(run, run_folder, resume=False).interrupted:
        return 130
    policy = load_trained(str(run_folder / POLICY_FILE))
    console.rule("2/5  evaluate the exported file")
    simulated = measure(policy, size.simulated, seed=TEST_SEED)
    console.print(f"success {simulated.success.mean():.3f} over {size.simulated} randomized episodes")
    console.rule("3/5  sweep what it survives")
    swept, card, *_ = run_sweep(policy, plan_for(None, OVER, size.swept, size.points), command=command)
    console.print(table(swept))
    console.rule(f"4/5  drive a twin over DDS, {size.twin} episodes in real time")
    twin, _ = drive_twin(run_folder / POLICY_FILE, size.twin, folder, run.task.episode_seconds)
    console.print(f"success {twin['success']:.3f} over {len(twin['episodes'])} episodes through the twin")
    console.rule("5/5  report")
    media = _media(policy, folder, console)
    summary = {
        "success": float(simulated.success.mean()),
        "episodes": size.simulated,
        "twin_success": twin["success"],
        "twin_episodes": len(twin["episodes"]),
        "seconds": round(time.monotonic() - began, 1),
        "command": command,
        "commit": commit(),
        "policy_sha256": policy.sha256,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "load_average": round(os.getloadavg()[0], 2),
    }
    write_atomically(folder / "summary.json", json.dumps(summary, indent=1))
    _write_report(folder, policy, simulated, swept, card, twin, summary, media)
    console.print_json(json.dumps(summary))
    console.print(f"open {folder / 'report.html'}")
    enough = simulated.success.mean() >= GOAL_SIMULATED and twin["success"] >= GOAL_TWIN
    if not enough:
        console.print(f"[red]below {GOAL_SIMULATED} in simulation or {GOAL_TWIN} through the twin")
    return 0 if enough else 1


def _media(policy: TrainedPolicy, folder: Path, console: Console) -> list[Media]:
    """A video of the policy; none where this machine cannot draw, which is no reason to lose the rest."""
    try:
        play_to_file(policy, folder / VIDEO, 4, TEST_SEED)
    except VideoError as error:
        console.print(f"no video in the report: {error}")
        return []
    return [Media(caption="four episodes, each in a world of its own", data=(folder / VIDEO).read_bytes())]


def _write_report(
    folder: Path,
    policy: TrainedPolicy,
    simulated: Episodes,
    swept: SweepResult,
    card: Any,
    twin: dict[str, Any],
    summary: dict[str, Any],
    media: list[Media],
) -> None:
    task = policy.run.task
    rows = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
    driven = [
        report.TwinEpisode(
            success=e["success"], seconds=e["elapsed"] if e["success"] else None, note=e["failed"] or e["note"]
        )
        for e in twin["episodes"]
    ]
    report.write(
        folder / "report.html",
        report.Report(
            title=f"{task.name} with {task.robot.name}: from nothing to a driven arm",
            subtitle="A 7-axis arm learns to bring its gripper to a goal within 2 cm in randomized worlds; the exported file "
            "then drives a simulated twin over ROS 2 messages.",
            headlines=[
                report.Headline(
                    label="in simulation", successes=int(simulated.success.sum()), episodes=len(simulated.success)
                ),
                report.Headline(
                    label="through the twin", successes=sum(e.success for e in driven), episodes=len(driven)
                ),
            ],
            numbers={
                "training steps": f"{policy.steps:,}",
                "parameters randomized": str(len(card)),
                "whole demo": f"{summary['seconds']:.0f} s",
                "real-time factor of the twin": f"{twin['real_time_factor']:.3f}",
            },
            command=summary["command"],
            media=media,
            sweep=swept,
            card=card,
            training=rows,
            twin=driven,
            facts={k: str(summary[k]) for k in ("policy_sha256", "commit", "machine", "load_average")},
        ),
    )
