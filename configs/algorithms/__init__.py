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
from ashore.configs.algorithms.tabular import GradientBanditSettings, QLearningSettings, SarsaSettings, TabularSettings
from ashore.configs.algorithms.value_based import DQNSettings, FeatureSettings, FittedQSettings, LinearQSettings
from ashore.configs.base import Settings

__all__ = [
    "ALGORITHMS",
    "DEFAULT",
    "A2CSettings",
    "ActorCriticSettings",
    "AlgorithmSettings",
    "DDPGSettings",
    "DQNSettings",
    "FeatureSettings",
    "FittedQSettings",
    "GradientBanditSettings",
    "LinearQSettings",
    "OffPolicyACSettings",
    "OnPolicySettings",
    "PPOPenaltySettings",
    "PPOSettings",
    "QLearningSettings",
    "ReinforceSettings",
    "ReplaySettings",
    "SACSettings",
    "SarsaSettings",
    "TD3Settings",
    "TRPOSettings",
    "TabularSettings",
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
    "dqn": DQNSettings,
    "fitted_q": FittedQSettings,
    "gradient_bandit": GradientBanditSettings,
    "linear_q": LinearQSettings,
    "q_learning": QLearningSettings,
    "sarsa": SarsaSettings,
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
    | Annotated[DQNSettings, Tag("dqn")]
    | Annotated[FittedQSettings, Tag("fitted_q")]
    | Annotated[GradientBanditSettings, Tag("gradient_bandit")]
    | Annotated[LinearQSettings, Tag("linear_q")]
    | Annotated[QLearningSettings, Tag("q_learning")]
    | Annotated[SarsaSettings, Tag("sarsa")]
    | Annotated[TD3Settings, Tag("td3")]
    | Annotated[DDPGSettings, Tag("ddpg")],
    Discriminator(algorithm_of),
]
