"""Episodes in given worlds: what each becomes hangs on its number and its lambda alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ashore.configs.loader import load_run
from ashore.environments import Act, make_env
from ashore.randomization.effects.base import SpaceError
from ashore.sim.env import Env
from ashore.sim.evaluate import run_episodes
from ashore.sim.given_worlds import TIME_TO_SUCCESS, Worlds, play

OVERRIDES = ["task.episode_seconds=0.6"]


def zero(env: Env) -> Act:
    return lambda obs: torch.zeros(env.num_envs, env.action_size)


def env_of(worlds: int) -> Env:
    return make_env(load_run("quadruped_velocity", OVERRIDES).task, worlds)


def given(env: Env, count: int, **columns: Tensor | float) -> Tensor:
    assert env.randomizer is not None
    lambdas = torch.full((count, len(env.randomizer.dimensions)), torch.nan, dtype=torch.float64)
    for k, d in enumerate(env.randomizer.dimensions):
        if d.group in columns:
            lambdas[:, k] = torch.as_tensor(columns[d.group], dtype=torch.float64)
    return lambdas


def test_worlds_in_order_are_those_of_whole_episodes() -> None:
    env = env_of(6)
    whole = run_episodes(env, zero(env), rounds=2, seed=3)
    lambdas, numbers = given(env, 12), np.tile(np.arange(6), 2)
    env = env_of(5)
    played = play(env, zero(env), Worlds(lambdas, numbers, np.repeat([0, 1], 6)), seed=3).episodes
    assert (played.lengths == whole.lengths).all() and (played.success == whole.success).all()
    np.testing.assert_allclose(played.returns, whole.returns, rtol=1e-4)


def test_number_and_lambda_say_all() -> None:
    """In any order, in any number of slots."""
    env = env_of(4)
    mass = torch.linspace(0.9, 1.1, 10)
    worlds = Worlds(given(env, 10, trunk_mass=mass), np.arange(10) * 7, np.arange(10) % 3)
    first = play(env, zero(env), worlds)
    order = torch.randperm(10, generator=torch.Generator().manual_seed(1))
    shuffled = Worlds(worlds.lambdas[order], worlds.numbers[order.numpy()], worlds.rounds[order.numpy()])
    env = env_of(3)
    second = play(env, zero(env), shuffled)
    assert torch.equal(second.lambdas, first.lambdas[order])
    np.testing.assert_allclose(second.episodes.returns, first.episodes.returns[order.numpy()], rtol=1e-4)
    assert env.randomizer is not None
    columns = [k for k, d in enumerate(env.randomizer.dimensions) if d.group == "trunk_mass"]
    assert torch.equal(first.lambdas[:, columns[0]], mass.double())
    assert not first.lambdas.isnan().any()


def test_equal_numbers_meet_equal_chances() -> None:
    env = env_of(4)
    twice = play(env, zero(env), Worlds(given(env, 8), np.arange(8) // 2, np.zeros(8, np.int64)))
    assert torch.equal(twice.lambdas[::2], twice.lambdas[1::2])
    assert not torch.equal(twice.lambdas[0], twice.lambdas[2])


def test_a_world_beyond_the_bounds_is_refused() -> None:
    env = env_of(2)
    with pytest.raises(SpaceError, match=r"trunk_mass.* = 500\.0 .*; allowed: "):
        play(env, zero(env), Worlds.numbered(given(env, 2, trunk_mass=500.0)))
    assert env.assign is None


def test_the_time_to_success_is_that_of_the_first_step_that_succeeds() -> None:
    easy = ["task.episode_seconds=0.4", "task.options.hold_seconds=0.04", "task.options.tolerance=0.25"]
    task = load_run("arm_reach", easy).task
    env = make_env(task, 16)
    played = play(env, zero(env), Worlds.numbered(given(env, 16)), seed=1).episodes
    by_hand = np.full(16, np.nan)
    env = make_env(task, 16)
    env.reset(1)
    for step in range(1, env.settings.episode_steps):
        env.step(torch.zeros(16, env.action_size))
        by_hand[np.isnan(by_hand) & env.task.success.numpy()] = step * env.settings.control_dt
    np.testing.assert_allclose(played.terms[TIME_TO_SUCCESS], by_hand)
    assert 0 < np.isnan(by_hand).sum() < 16
    assert (played.success == ~np.isnan(by_hand)).all()
