"""Exact solutions of a known Markov decision process: Sutton and Barto 2018, ch. 4."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ashore.policies.tabular.mdp import MDP, Array, greedy


class Solution(NamedTuple):
    """The best that can be done: values [S], choices [S, A], policy [S, A], and how many sweeps or improvements it took."""

    values: Array
    choices: Array
    policy: Array
    iterations: int


def value_iteration(mdp: MDP, tolerance: float = 1e-12, most: int = 1_000_000) -> Solution:
    """V <- max_a (R + discount P V), until no value is further than `tolerance` from the answer (eq. 4.10)."""
    values = np.zeros(len(mdp.reward))
    # A sweep's change bounds what is left by discount / (1 - discount), as the operator contracts.
    enough = tolerance * (1 - mdp.discount) / mdp.discount if 0 < mdp.discount < 1 else tolerance
    change, iteration = np.inf, 0
    while change > max(enough, np.spacing(np.abs(values).max())) and iteration < most:
        following = mdp.choices(values).max(1)
        change = np.abs(following - values).max()
        values, iteration = following, iteration + 1
    choices = mdp.choices(values)
    return Solution(values, choices, greedy(choices), iteration)


def policy_iteration(mdp: MDP) -> Solution:
    """Value the policy exactly, make it greedy, until it stays (sec. 4.3)."""
    policy = greedy(mdp.reward)
    iteration = 0
    while True:
        iteration += 1
        values = mdp.values(policy)
        choices = mdp.choices(values)
        best = choices.max(1)
        now = (policy * choices).sum(1)
        # A choice that is better only by rounding would be exchanged for ever.
        improvable = best > now + 1e-12 * np.maximum(1, np.abs(now))
        if not improvable.any():
            return Solution(values, choices, policy, iteration)
        policy = np.where(improvable[:, None], greedy(choices), policy)
