"""Published arms that nobody here wrote: does each load as its file says, train and render?

pip download --no-deps example-robot-data==6.0.0 robosuite==1.5.2 -d wheels
for w in wheels/*.whl; do unzip -q "$w" -d "wheels/$(basename "${w%%-*}")"; done
python -m ashore.benchmarks.published_robots wheels --json published_robots.json
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

from ashore.configs.errors import AshoreError
from ashore.configs.loader import load_run, read_mapping
from ashore.configs.yaml_text import dump_text
from ashore.files import commit
from ashore.runs import self_contained, train_run
from ashore.sim.robots.model_check import compare

ROBOTS = Path(__file__).parent / "robots"
TRAINING = [
    "total_steps=8000",
    "num_envs=16",
    "eval_every=8000",
    "eval_episodes=16",
    "algorithm.rollout_steps=50",
    "algorithm.minibatch_size=200",
    "torch_threads=1",
    "task.episode_seconds=2",
]


def main(argv: list[str] | None = None) -> int:
    """Try every arm; exit code 1 where one fails that should not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("wheels", type=Path, help="folder with the unpacked wheels, example_robot_data and robosuite")
    parser.add_argument("--only", metavar="NAME", help="one arm")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="keep each arm's picture here")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(argv)
    logging.disable(logging.WARNING)
    rows = []
    for file in sorted(ROBOTS.glob("*.yaml")):
        if options.only in (None, file.stem):
            rows.append(attempt(file, options.wheels, options.pictures))
            print(line(rows[-1]), flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps({"commit": commit(), "robots": rows}, indent=1) + "\n")
    passed = sum(row["rendered"] for row in rows)
    print(f"{passed} of {len(rows)} arms train 8,000 steps of arm_reach and render", file=sys.stderr)
    return 0 if passed == len(rows) else 1


def attempt(file: Path, wheels: Path, pictures: Path | None) -> dict[str, Any]:
    """One row: how far an arm came, what differs from its file, and what stopped it."""
    row: dict[str, Any] = {"robot": file.stem, "loaded": False, "trained": False, "rendered": False, "error": ""}
    with tempfile.TemporaryDirectory() as folder:
        settings = read_mapping(file)
        settings["model"] = str((wheels / settings["model"]).resolve())
        yaml = Path(folder) / file.name
        yaml.write_text(dump_text(settings))
        try:
            run = load_run("arm_reach", [f"task.robot={yaml}", *TRAINING])
            adopted = self_contained(run)
            row |= {"loaded": True, "differences": compare(run.task.robot, adopted.task.robot)}
            train_run(adopted, Path(folder) / "run", resume=False)
            row["trained"] = True
            draw(Path(folder) / "run", (pictures or Path(folder)) / f"{file.stem}.png")
            row["rendered"] = True
        except (AshoreError, OSError, ValueError, FloatingPointError) as error:
            row["error"] = str(error)
    return row


def draw(run: Path, out: Path) -> None:
    """The arm at the start of an episode."""
    from ashore.environments import make_env
    from ashore.sim.view.render import Renderer, write_sheet

    env = make_env(load_run(run).task, 1)
    env.reset(0)
    renderer = Renderer(env, 480, 360)
    picture = renderer.frame()
    renderer.close()
    if picture.std() < 1:
        raise ValueError("the picture shows nothing")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_sheet(out, picture[None])


def line(row: dict[str, Any]) -> str:
    """One row of the table in docs/own-robot.md."""
    done = ("yes" if row[key] else "no" for key in ("loaded", "trained", "rendered"))
    return f"| {' | '.join((row['robot'], *done, '; '.join(row.get('differences', [])) or row['error'] or 'none'))} |"


if __name__ == "__main__":
    sys.exit(main())
