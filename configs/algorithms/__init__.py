"""Which algorithm learns, and its settings: one model each, told apart by `kind`; `policies/algorithms.py` has what they build."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from ashore.configs.algorithms.off_policy import ReplaySettings, SACSettings
from ashore.configs.algorithms.on_policy import OnPolicySettings, PPOSettings
from ashore.configs.base import Settings

__all__ = [
    "ALGORITHMS",
    "DEFAULT",
    "AlgorithmSettings",
    "OnPolicySettings",
    "PPOSettings",
    "ReplaySettings",
    "SACSettings",
    "algorithm_of",
]

DEFAULT = "ppo"
ALGORITHMS: dict[str, type[Settings]] = {"ppo": PPOSettings, "sac": SACSettings}


def algorithm_of(settings: Any) -> Any:
    """The kind of an algorithm's settings, plain or checked; the usual one where they name none."""
    if settings is None:
        return DEFAULT
    return settings.get("kind", DEFAULT) if isinstance(settings, dict) else getattr(settings, "kind", None)


AlgorithmSettings = Annotated[
    Annotated[PPOSettings, Tag("ppo")] | Annotated[SACSettings, Tag("sac")],
    Discriminator(algorithm_of),
]
