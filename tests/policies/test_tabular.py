"""Exact solvers, tables learned and bandits, against answers known by hand and by linear algebra."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from ashore.configs.algorithms import GradientBanditSettings, QLearningSettings, SarsaSettings
from ashore.configs.errors import UsageError
from ashore.policies.algorithms import make_learner
from ashore.policies.gymnasium_vector import GymnasiumVector
from ashore.policies.tabular.bandit import gradient_step, preferred
from ashore.policies.tabular.learner import TabularLearner
from ashore.policies.tabular.mdp import MDP, MDPEnv, mdp_of
from ashore.policies.tabular.solvers import policy_iteration, value_iteration

# State 0: stay for 1, or go on to state 1 for 0. State 1: end for 5, or back to state 0, half of the time, for 2.
TRANSITION = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.5, 0.5]]])
REWARD = np.array([[1.0, 0.0], [5.0, 2.0]])
SMALL = MDP(TRANSITION, REWARD, discount=0.5)


def best_values() -> np.ndarray:
    """Of SMALL with the choices (on, end): V0 = 0.5 V1, V1 = 5; staying for ever would be worth 1 / (1 - 0.5) = 2."""
    return np.linalg.solve(np.array([[1.0, -0.5], [0.0, 1.0]]), np.array([0.0, 5.0]))


@pytest.mark.parametrize("solve", [value_iteration, policy_iteration])
def test_solvers_agree_with_linear_algebra(solve: Any) -> None:
    solution = solve(SMALL)
    np.testing.assert_allclose(solution.values, best_values(), atol=1e-10)
    np.testing.assert_allclose(solution.values, [2.5, 5.0], atol=1e-10)
    assert solution.policy.argmax(1).tolist() == [1, 0]


def test_solvers_agree_with_each_other_on_a_random_process() -> None:
    random = np.random.default_rng(0)
    transition = random.dirichlet(np.ones(20), (20, 4))
    mdp = MDP(transition, random.normal(size=(20, 4)), 0.9)
    swept, improved = value_iteration(mdp), policy_iteration(mdp)
    np.testing.assert_allclose(swept.values, improved.values, atol=1e-10)
    chosen = improved.policy.argmax(1)
    exact = np.linalg.solve(np.eye(20) - 0.9 * transition[np.arange(20), chosen], mdp.reward[np.arange(20), chosen])
    np.testing.assert_allclose(improved.values, exact, atol=1e-10)


def test_the_model_of_a_grid_is_read() -> None:
    mdp = mdp_of(gymnasium.make("CliffWalking-v1"), discount=1.0 - 1e-9)
    assert value_iteration(mdp).values[36] == pytest.approx(-13, abs=1e-6)  # Sutton and Barto 2018, ex. 6.6: 13 steps
    with pytest.raises(UsageError, match="shows no model"):
        mdp_of(gymnasium.make("CartPole-v1"), 0.9)


@pytest.mark.parametrize("transition", [np.ones((2, 2, 2)), -TRANSITION, TRANSITION[:, :1]])
def test_what_is_no_process_is_refused(transition: np.ndarray) -> None:
    with pytest.raises(UsageError, match="allowed"):
        MDP(transition, REWARD, 0.5)


def worlds(mdp: MDP, count: int = 4) -> GymnasiumVector:
    def make() -> Any:
        return gymnasium.wrappers.TimeLimit(MDPEnv(mdp, np.array([0.5, 0.5])), 10)

    return GymnasiumVector(SyncVectorEnv([make] * count, autoreset_mode=AutoresetMode.SAME_STEP))


def learned(settings: Any, iterations: int) -> np.ndarray:
    env = worlds(SMALL)
    env.reset(0)
    learner = make_learner(settings, env, seed=0)
    assert isinstance(learner, TabularLearner)
    for _ in range(iterations):
        learner.improve(env)
    return learner.table


def test_q_learning_converges_to_the_best_choices_values() -> None:
    steady = {"learning_rate": 1.0, "learning_rate_power": 0.7, "discount": 0.5, "epsilon_end": 1.0}
    table = learned(QLearningSettings(kind="q_learning", **steady), 10)
    np.testing.assert_allclose(table, SMALL.choices(best_values()), atol=0.1)


def test_sarsa_converges_to_the_values_of_its_own_choices() -> None:
    steady = {"learning_rate": 1.0, "learning_rate_power": 0.7, "discount": 0.5, "epsilon_end": 1.0}
    table = learned(SarsaSettings(kind="sarsa", **steady), 10)
    uniform = SMALL.values(np.full((2, 2), 0.5))
    np.testing.assert_allclose(table, SMALL.choices(uniform), atol=0.15)


def test_a_table_needs_states() -> None:
    env = GymnasiumVector(
        gymnasium.make_vec(
            "CartPole-v1", 2, vectorization_mode="sync", vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP}
        )
    )
    with pytest.raises(UsageError, match="observations that are numbers of states"):
        make_learner(QLearningSettings(kind="q_learning"), env, 0)


def test_preferences_of_the_worked_bandit() -> None:
    theta = torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64)
    assert [round(x, 2) for x in preferred(theta).tolist()] == [0.67, 0.09, 0.24]


def test_the_gradient_bandit_moves_by_rate_times_reward_times_what_was_chosen_less_what_was_expected() -> None:
    theta = torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64)
    moved = gradient_step(theta, choice=1, reward=2.0, rate=0.1)
    e = np.exp([1.0, -1.0, 0.0])
    expected = np.array([1.0, -1.0, 0.0]) + 0.1 * 2.0 * (np.array([0.0, 1.0, 0.0]) - e / e.sum())
    np.testing.assert_allclose(moved.numpy(), expected, atol=1e-12)
    assert float(moved.sum()) == pytest.approx(0.0, abs=1e-12)


def test_the_gradient_bandit_finds_the_best_arm() -> None:
    env = GymnasiumVector(
        gymnasium.make_vec(
            "ashore.policies.tabular.bandit:Bandit-v0",
            4,
            vectorization_mode="sync",
            vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
            means=[0.0, 1.0, 2.0],
        )
    )
    first = env.reset(0)["actor"]
    learner = make_learner(GradientBanditSettings(kind="gradient_bandit"), env, 0)
    for _ in range(5):
        learner.improve(env)
    assert learner.acting()(first).tolist() == [2, 2, 2, 2]
