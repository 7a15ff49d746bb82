"""A finite Markov decision process, and as an environment to learn in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ashore.configs.errors import UsageError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MDP:
    """transition [S, A, S]: probabilities; a row that sums to less than 1 ends the episode with what is left.
    reward [S, A]: its mean. discount: below 1, or every policy must end.
    """

    transition: Array
    reward: Array
    discount: float

    def __post_init__(self) -> None:
        states, actions = self.reward.shape
        if self.transition.shape != (states, actions, states):
            raise UsageError(
                f"transition is {list(self.transition.shape)}; allowed: {[states, actions, states]}, as reward is"
            )
        if (self.transition < 0).any() or (self.transition.sum(-1) > 1 + 1e-9).any():
            raise UsageError("transition has rows that are no probabilities; allowed: at least 0, in sum at most 1")

    def values(self, policy: Array) -> Array:
        """What each state is worth under policy [S, A]: V = (1 - discount P)^-1 R. Sutton and Barto 2018, eq. 4.4. [S]"""
        transition = np.einsum("sa,sat->st", policy, self.transition)
        reward = (policy * self.reward).sum(1)
        result: Array = np.linalg.solve(np.eye(len(reward)) - self.discount * transition, reward)
        return result

    def choices(self, values: Array) -> Array:
        """What each choice is worth where values [S] follow it: [S, A]."""
        result: Array = self.reward + self.discount * self.transition @ values
        return result


def mdp_of(env: gymnasium.Env[Any, Any], discount: float) -> MDP:
    """The model that a gymnasium environment of a grid shows as `P`: FrozenLake, Taxi, CliffWalking."""
    table = getattr(env.unwrapped, "P", None)
    if not isinstance(table, dict):
        raise UsageError(f"{env.spec and env.spec.id} shows no model P; allowed: FrozenLake, Taxi, CliffWalking")
    states, actions = len(table), len(table[0])
    transition, reward = np.zeros((states, actions, states)), np.zeros((states, actions))
    for state, choices in table.items():
        for action, outcomes in choices.items():
            for probability, following, gain, ends in outcomes:
                reward[state, action] += probability * gain
                transition[state, action, following] += 0.0 if ends else probability
    return MDP(transition, reward, discount)


def greedy(choices: Array) -> Array:
    """The policy [S, A] that takes the best of choices [S, A], the first of equal ones."""
    policy: Array = np.eye(choices.shape[1])[choices.argmax(1)]
    return policy


class MDPEnv(gymnasium.Env[Any, Any]):
    """A process to learn in: shows the state's number. start [S]: probabilities of first states."""

    def __init__(self, mdp: MDP, start: Array) -> None:
        states, actions = mdp.reward.shape
        self.observation_space, self.action_space = spaces.Discrete(states), spaces.Discrete(actions)
        self._following = mdp.transition.cumsum(-1)
        self._start = start.cumsum()
        self._reward = mdp.reward
        self.state = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        super().reset(seed=seed)
        self.state = int(np.searchsorted(self._start, self.np_random.uniform() * self._start[-1], side="right"))
        return self.state, {}

    def step(self, action: Any) -> tuple[int, float, bool, bool, dict[str, Any]]:
        reward = float(self._reward[self.state, action])
        row = self._following[self.state, action]
        following = int(np.searchsorted(row, self.np_random.uniform(), side="right"))
        ended = following == len(row)
        self.state = self.state if ended else following
        return self.state, reward, ended, False, {}
