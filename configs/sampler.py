"""Which sampler chooses the worlds of training, and its settings; `randomization/samplers` has the algorithms."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from ashore.configs.base import Count, Fraction, Positive, Settings

Limits = Literal["declared", "bounds"]
WITHIN = "how far ranges may ever grow: to the declared [low, high], or to the widest `bounds`"


class NoneSettings(Settings):
    """Every world is nominal."""

    kind: Literal["none"]


class UniformSettings(Settings):
    """Fixed ranges: uniform over the declared [low, high], in the logarithm where an entry says so. "Manual DR"."""

    kind: Literal["uniform"] = "uniform"


class NormalSettings(Settings):
    """Fixed spreads: normal around nominal, cut off at the widest `bounds`."""

    kind: Literal["normal"]
    std: Positive = Field(default=0.25, description="standard deviation, in declared widths high - low")


class _Thresholds(Settings):
    """Two success rates with a gap between them, so that what is decided stays decided."""

    widen_at: Fraction
    narrow_at: Fraction

    @model_validator(mode="after")
    def _apart(self) -> _Thresholds:
        if self.narrow_at >= self.widen_at:
            raise ValueError(f"narrow_at = {self.narrow_at:g}; allowed: below widen_at = {self.widen_at:g}")
        return self


class CurriculumSettings(_Thresholds):
    """One difficulty from 0 to 1 widens all ranges together, from nominal to their limits."""

    kind: Literal["curriculum"]
    within: Limits = Field(default="declared", description=WITHIN)
    widen_at: Fraction = Field(default=0.7, description="success rate from which the difficulty rises")
    narrow_at: Fraction = Field(default=0.4, description="success rate down from which it falls")
    episodes: Count = Field(default=256, description="episodes between two decisions")
    step: Positive = Field(default=0.05, le=1, description="change of the difficulty")


class AdrSettings(_Thresholds):
    """Automatic domain randomization, arXiv 1910.07113: every bound is tested by episodes of its own, and moves alone.

    Testing every bound once takes about 2 * d * buffer / boundary_probability episodes for d parameters.
    """

    kind: Literal["adr"]
    within: Limits = Field(default="bounds", description=WITHIN)
    boundary_probability: Fraction = Field(default=0.5, gt=0, description="share of the episodes that test a bound")
    buffer: Count = Field(default=240, description="episodes at a bound that decide about it")
    step: Positive = Field(default=0.02, description="how far a bound moves, in declared widths high - low")
    widen_at: Fraction = Field(default=0.4, description="success rate from which a bound widens; 20 of 50 in the paper")
    narrow_at: Fraction = Field(default=0.2, description="success rate down from which it narrows; 10 of 50")


class DoraemonSettings(Settings):
    """Domain randomization via entropy maximization, arXiv 2311.01885: the broadest Beta distributions under which a share
    `success` of the episodes still succeeds, approached in steps of limited Kullback-Leibler divergence.
    """

    kind: Literal["doraemon"]
    within: Limits = Field(default="bounds", description=WITHIN)
    success: Fraction = Field(default=0.5, gt=0, lt=1, description="success rate that must be kept, alpha in the paper")
    episodes: Count = Field(default=1000, description="episodes between two updates")
    kl: Positive = Field(default=0.01, description="nats a parameter that an update may move; they add up")
    kl_most: Positive = Field(
        default=0.3, description="nats that an update may move in all: more leaves the weights to a few episodes"
    )
    start: Positive = Field(
        default=0.035, description="standard deviation at the start, in declared widths; of a = b = 100 it is 0.035"
    )
    wait: bool = Field(default=True, description="leave the start as it is until `success` was reached once")


EACH: dict[str, type[Settings]] = {
    "none": NoneSettings,
    "uniform": UniformSettings,
    "normal": NormalSettings,
    "curriculum": CurriculumSettings,
    "adr": AdrSettings,
    "doraemon": DoraemonSettings,
}  # by kind


def kind_of(settings: Any) -> Any:
    return settings.get("kind", "uniform") if isinstance(settings, dict) else getattr(settings, "kind", None)


SamplerSettings = Annotated[
    Annotated[NoneSettings, Tag("none")]
    | Annotated[UniformSettings, Tag("uniform")]
    | Annotated[NormalSettings, Tag("normal")]
    | Annotated[CurriculumSettings, Tag("curriculum")]
    | Annotated[AdrSettings, Tag("adr")]
    | Annotated[DoraemonSettings, Tag("doraemon")],
    Discriminator(kind_of),
]
