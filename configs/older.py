"""Settings as older versions wrote them into runs and exported policies, brought up to date when they are read."""

from __future__ import annotations

from typing import Any

# Weights of reward terms that were options: the term each is of now, and the sign it had not.
WEIGHTS = {
    "calm_weight": ("action_rate", 1),
    "collision_weight": ("collision", -1),
    "gentle_weight": ("gentle", 1),
    "turning_weight": ("turning", 1),
    "goal_weight": ("goal", 1),
    "hold_weight": ("hold", 1),
    "effort_weight": ("effort", 1),
    "drop_weight": ("drop", -1),
}
TASKS = ("arm_drawer", "arm_insert", "arm_lift", "arm_push", "arm_reach", "hand_reorient")


def bring_up_to_date(data: Any) -> None:
    """Move what stands elsewhere now, in plain data of a run's settings.

    Done before overrides, which know today's names alone.
    """
    if isinstance(data, dict):
        bring_train_up_to_date(data.get("train"))
    task = data.get("task") if isinstance(data, dict) else None
    if not isinstance(task, dict) or task.get("name") not in TASKS or task.get("source") is not None:
        return
    options, rewards = task.get("options"), task.get("rewards", {})
    if not isinstance(options, dict) or not isinstance(rewards, dict):
        return
    for option in [name for name in options if name in WEIGHTS]:
        weight, (term, sign) = options.pop(option), WEIGHTS[option]
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        task.setdefault("rewards", rewards).setdefault(term, sign * weight if number else weight)


def bring_train_up_to_date(train: Any) -> None:
    """PPO's settings were `ppo`, when there was no other algorithm."""
    if not isinstance(train, dict) or not isinstance(train.get("ppo"), dict):
        return
    algorithm = train.get("algorithm", {})
    if isinstance(algorithm, dict) and algorithm.get("kind", "ppo") == "ppo":
        train["algorithm"] = algorithm | train.pop("ppo") | {"kind": "ppo"}
