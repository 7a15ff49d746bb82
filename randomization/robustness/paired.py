"""Two policies in the same worlds, with the same starts, goals and noise: which one is better, and how sure is that."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from ashore.configs.schema import Count, Fraction, Settings
from ashore.randomization.robustness.curve import CONFIDENCE, clopper_pearson
from ashore.randomization.robustness.layout import JointRows
from ashore.randomization.robustness.outcomes import RETURN, SUCCESS, Floats, Outcomes

RESAMPLES = 2000


class Paired(Settings):
    """The episodes of the joint test, which both policies played."""

    first: str
    second: str
    episodes: Count
    only_first: int = Field(ge=0, description="episodes in which the first alone succeeds")
    only_second: int = Field(ge=0)
    difference: float = Field(description="success of the first less that of the second")
    difference_interval: tuple[float, float] = Field(description="bootstrap over worlds, 95 %")
    p_value: Fraction = Field(
        description="exact sign test over worlds: how likely so unlike counts are of equal policies"
    )
    better_where_unlike: Fraction | None = Field(
        description="share of the worlds in which one of the two succeeds more often that it is the first"
    )
    better_where_unlike_interval: tuple[Fraction, Fraction] | None = Field(description="Clopper-Pearson, 95 %")
    better_return: Fraction = Field(description="P(the first's return is the higher one), ties as halves")
    better_return_interval: tuple[Fraction, Fraction] = Field(description="bootstrap over worlds, 95 %")

    def __str__(self) -> str:
        low, high = self.difference_interval
        counts = f"alone {self.only_first} and {self.only_second}, p = {self.p_value:.2g}"
        return (
            f"{self.first} against {self.second}, {self.episodes:,} episodes in the same worlds: success "
            f"{self.difference:+.1%} [{low:+.1%}, {high:+.1%}]; {counts}"
        )


def compare_pair(names: tuple[str, str], rows: JointRows, each: tuple[Outcomes, Outcomes]) -> Paired:
    """Held against each other world by world, for episodes of one world are not independent of each other.

    With an episode a world the sign test is McNemar's (Psychometrika 12, 1947). The probability of improvement is as in
    Agarwal et al., arXiv 2108.13264, here over the same worlds.
    """
    first, second = (joint_table(rows, outcomes, SUCCESS) > 0.5 for outcomes in each)
    gain = first.astype(float) - second.astype(float)
    a, b = (joint_table(rows, outcomes, RETURN) for outcomes in each)
    higher = np.where(a == b, 0.5, (a > b).astype(float))
    only_first, only_second = int((gain > 0).sum()), int((gain < 0).sum())
    by_world = gain.sum(1)
    better, unlike = int((by_world > 0).sum()), int((by_world != 0).sum())
    return Paired(
        first=names[0],
        second=names[1],
        episodes=first.size,
        only_first=only_first,
        only_second=only_second,
        difference=float(gain.mean()),
        difference_interval=_bootstrap(gain),
        p_value=_sign_test(better, unlike),
        better_where_unlike=better / unlike if unlike else None,
        better_where_unlike_interval=clopper_pearson(better, unlike) if unlike else None,
        better_return=float(higher.mean()),
        better_return_interval=_bootstrap(higher),
    )


def joint_table(rows: JointRows, outcomes: Outcomes, name: str) -> Floats:
    """A column of the joint test's episodes: [worlds, repeats]."""
    here = (outcomes.points >= rows.start) & (outcomes.points < rows.start + rows.worlds)
    table = np.full((rows.worlds, rows.repeats), np.nan)
    table[outcomes.points[here] - rows.start, outcomes.episodes[here]] = outcomes.columns[name][here]
    return table


def _sign_test(better: int, unlike: int) -> float:
    from scipy.stats import binomtest

    return float(binomtest(better, unlike).pvalue) if unlike else 1.0


def _bootstrap(values: Floats) -> tuple[float, float]:
    """Of the mean of values [worlds, repeats]; worlds are drawn again, with all their episodes."""
    each = values.mean(1)
    rng = np.random.Generator(np.random.Philox(0))
    drawn = each[rng.integers(0, len(each), (RESAMPLES, len(each)))].mean(1)
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
