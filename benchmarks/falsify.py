"""How many episodes CMA-ES and random search need for a planted failure region: `python -m ashore.benchmarks.falsify`."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ashore.benchmarks.planted import INVOLVED, PARAMETERS, SHARE, Planted
from ashore.benchmarks.suite import machine
from ashore.files import commit, write_atomically
from ashore.randomization.robustness.falsify import STRATEGIES, Method, Search

EPISODES, BUDGET = 4, 60_000  # in each world; of one search


def episodes_to_find(method: Method, seed: int) -> int | None:
    """Episodes until a failing world is confirmed, all counted; None where the budget was spent before."""
    search = Search(Planted(seed).trials(), method, episodes=EPISODES, seed=seed)
    search.run(BUDGET, first_only=True)
    return search.found_after


def compare(seeds: int) -> dict[str, Any]:
    """Medians over places of the region; a search that did not find it counts with its whole budget."""
    needed = {method: [episodes_to_find(method, seed) for seed in range(seeds)] for method in STRATEGIES}
    return {
        "region": {"share_of_volume": SHARE, "parameters": PARAMETERS, "involved": INVOLVED},
        "episodes_in_each_world": EPISODES,
        "medians": _medians(needed),
        "medians_of_the_first_10": _medians({method: found[:10] for method, found in needed.items()}),
        "episodes": needed,
    }


def _medians(needed: dict[Method, list[int | None]]) -> dict[str, float]:
    medians: dict[str, float] = {
        m: float(np.median([BUDGET if n is None else n for n in found])) for m, found in needed.items()
    }
    return {**medians, "cma_over_random": round(medians["cma"] / medians["random"], 3)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ashore.benchmarks.falsify", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="places of the region")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    made_by = shlex.join(["python", "-m", "ashore.benchmarks.falsify", *sys.argv[1:]])
    result = compare(options.seeds) | {"command": made_by, "commit": commit(), "machine": machine()}
    result["load"] = [round(x, 1) for x in os.getloadavg()]
    for name in ("medians", "medians_of_the_first_10"):
        print(name, result[name])
    if options.json:
        write_atomically(options.json, json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
