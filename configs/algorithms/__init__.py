"""Which algorithm learns: the settings of each, told apart by `kind`. `policies/algorithms.py` has what they build."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from ashore.configs.algorithms.off_policy import DDPGSettings, ReplaySettings, SACSettings, TD3Settings
from ashore.configs.algorithms.on_policy import OnPolicySettings, PPOSettings
from ashore.configs.algorithms.policy_gradient import (
    A2CSettings,
    ActorCriticSettings,
    OffPolicyACSettings,
    PPOPenaltySettings,
    ReinforceSettings,
    TRPOSettings,
)
from ashore.configs.base import Settings

__all__ = [
    "ALGORITHMS",
    "DEFAULT",
    "A2CSettings",
    "ActorCriticSettings",
    "AlgorithmSettings",
    "DDPGSettings",
    "OffPolicyACSettings",
    "OnPolicySettings",
    "PPOPenaltySettings",
    "PPOSettings",
    "ReinforceSettings",
    "ReplaySettings",
    "SACSettings",
    "TD3Settings",
    "TRPOSettings",
    "algorithm_of",
]

DEFAULT = "ppo"
ALGORITHMS: dict[str, type[Settings]] = {
    "reinforce": ReinforceSettings,
    "actor_critic": ActorCriticSettings,
    "a2c": A2CSettings,
    "off_policy_ac": OffPolicyACSettings,
    "trpo": TRPOSettings,
    "ppo_penalty": PPOPenaltySettings,
    "ppo": PPOSettings,
    "sac": SACSettings,
    "td3": TD3Settings,
    "ddpg": DDPGSettings,
}


def algorithm_of(settings: Any) -> Any:
    """The kind of an algorithm's settings, plain or checked; the usual one where they name none."""
    if settings is None:
        return DEFAULT
    return settings.get("kind", DEFAULT) if isinstance(settings, dict) else getattr(settings, "kind", None)


AlgorithmSettings = Annotated[
    Annotated[ReinforceSettings, Tag("reinforce")]
    | Annotated[ActorCriticSettings, Tag("actor_critic")]
    | Annotated[A2CSettings, Tag("a2c")]
    | Annotated[OffPolicyACSettings, Tag("off_policy_ac")]
    | Annotated[TRPOSettings, Tag("trpo")]
    | Annotated[PPOPenaltySettings, Tag("ppo_penalty")]
    | Annotated[PPOSettings, Tag("ppo")]
    | Annotated[SACSettings, Tag("sac")]
    | Annotated[TD3Settings, Tag("td3")]
    | Annotated[DDPGSettings, Tag("ddpg")],
    Discriminator(algorithm_of),
]
