"""Sweeps of a trained policy: success against each parameter."""

from __future__ import annotations

from collections.abc import Sequence

from rich.progress import Progress

from ashore.configs.errors import UsageError
from ashore.configs.space import Dimension
from ashore.environments import TEST_SEED, make_env
from ashore.files import commit
from ashore.randomization.robustness.sweep import Provenance, SweepResult, sweep
from ashore.sim.evaluate import Episodes
from ashore.trained_policy import TrainedPolicy, measure


def run_sweep(
    policy: TrainedPolicy, over: Sequence[str], episodes: int, points: int, seed: int, command: str
) -> tuple[SweepResult, tuple[Dimension, ...], tuple[Dimension, ...]]:
    """Move one parameter at a time, the others as declared; gives the curves, and the space as trained on and as declared."""
    env = make_env(policy.run.task, 1)
    declared = env.randomizer.dimensions if env.randomizer else ()
    dimensions = _with_ranges(declared, policy.trained_on())
    provenance = Provenance(
        command=command,
        commit=commit(),
        policy=policy.name,
        policy_sha256=policy.sha256,
        task=policy.run.task.name,
        seeds=(seed,),
    )

    def evaluate(pins: dict[str, float]) -> Episodes:
        return measure(policy, episodes, seed=TEST_SEED + seed, pins=pins)

    with Progress(transient=True) as bar:
        line = bar.add_task("sweep")

        def progress(done: int, total: int, text: str) -> None:
            bar.update(line, completed=done, total=total, description=text)

        try:
            result = sweep(over, dimensions, evaluate, points=points, provenance=provenance, progress=progress)
        except ValueError as error:
            raise UsageError(str(error)) from None
    return result, dimensions, declared


def _with_ranges(dimensions: Sequence[Dimension], trained_on: Sequence[Dimension]) -> tuple[Dimension, ...]:
    """The dimensions with the ranges that training reached; one that training did not have stood at its nominal value."""
    reached = {d.name: (d.low, d.high) for d in trained_on}
    ranges = [reached.get(d.name, (d.nominal, d.nominal)) for d in dimensions]
    low, high = (
        [min(max(r[i], d.widest[0]), d.widest[1]) for r, d in zip(ranges, dimensions, strict=True)] for i in (0, 1)
    )
    return tuple(d.model_copy(update={"low": a, "high": b}) for d, a, b in zip(dimensions, low, high, strict=True))
