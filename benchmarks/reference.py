"""`python -m benchmarks.reference NAME RUN...`: what reference trainings came to, as `results/train_NAME.json` and curves.

Each run's folder gives a row: seed, steps, seconds of collecting and learning (evaluations are not counted), the last
evaluation, the seconds until evaluations first reached 50, 90 and 95 % success, and the curve.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ashore.benchmarks.svg import EDGE, Chart, coloured
from ashore.configs.loader import load_run
from ashore.files import write_atomically

RESULTS = Path(__file__).parent / "results"
MARKS = (0.5, 0.9, 0.95)


def row_of(folder: Path) -> dict[str, Any]:
    """One run, from its settings and its `metrics.jsonl`."""
    train = load_run(folder).train
    per_iteration = train.num_envs * train.algorithm.rollout_steps
    seconds, curve, last = 0.0, [], {}
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        seconds += per_iteration / row["time/steps_per_second"]
        if "eval/success" in row:
            last = row
            curve.append([row["steps"], round(seconds, 1), round(row["eval/success"], 4)])
    if not last:
        raise SystemExit(f"{folder} was never evaluated")
    reached = {f"seconds_to_{round(100 * m)}": next((s for _, s, x in curve if x >= m), None) for m in MARKS}
    metrics = {k.removeprefix("eval/"): round(v, 4) for k, v in last.items() if k.startswith("eval/metric/")}
    about = json.loads((folder / "about.json").read_text()) if (folder / "about.json").is_file() else {}
    return {
        "seed": train.seed,
        "steps": last["steps"],
        "seconds": round(seconds, 1),
        "steps_per_second": round(last["steps"] / seconds),
        "success": curve[-1][2],
        **reached,
        **metrics,
        **about,
        "curve": curve,
    }


def picture(rows: Sequence[dict[str, Any]], title: str) -> str:
    """Success over millions of steps, a line a seed, as SVG."""
    chart, end = Chart(460, 240, f"{title}: success of evaluations"), max(row["curve"][-1][0] for row in rows)

    def x(steps: float) -> float:
        return round(EDGE + steps / end * (chart.right - EDGE), 1)

    for k in range(5):
        label = f"{end / 1e6 * k / 4:.3g}" + (" M steps" if k == 4 else "")
        anchor = "end" if k == 4 else "middle"
        chart.text(x(end * k / 4), chart.bottom + 16, label, f'text-anchor="{anchor}"')
    for k, (row, colour) in enumerate(coloured(rows)):
        points = " ".join(f"{x(steps)},{chart.y(success)}" for steps, _, success in [(0, 0, 0.0), *row["curve"]])
        chart.out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        chart.text(EDGE + 70 * k, chart.height - 8, f"seed {row['seed']}", f'style="fill:{colour}"')
    return chart.done()


def main(arguments: Sequence[str]) -> None:
    if len(arguments) < 2:
        raise SystemExit(__doc__)
    name, *folders = arguments
    rows = sorted((row_of(Path(folder)) for folder in folders), key=lambda row: row["seed"])
    write_atomically(RESULTS / f"train_{name}.json", json.dumps(rows, indent=1) + "\n")
    write_atomically(RESULTS / f"train_{name}.svg", picture(rows, name))
    for row in rows:
        print({k: v for k, v in row.items() if k != "curve"})


if __name__ == "__main__":
    main(sys.argv[1:])
