"""The gymnasium edge: any gymnasium learner can train on our tasks."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import ashore  # noqa: F401 - registers every task
from ashore.configs.errors import AshoreError
from tests.sim.worlds import PRESETS, task

STEPS = 60  # the episode, near whose end they begin, ends within them


@pytest.mark.parametrize("preset", PRESETS)
def test_a_vector_environment_is_made_by_name_and_keeps_its_spaces(preset: str) -> None:
    env = gymnasium.make_vec(f"ashore/{preset}", num_envs=4)
    assert env.num_envs == 4 and env.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    assert set(env.single_observation_space.keys()) == {"actor", "critic"}  # type: ignore[attr-defined]
    obs, info = env.reset(seed=1)
    env.action_space.seed(0)
    ended = 0
    env.unwrapped.env.age.fill_(task(preset).episode_steps - 5)  # type: ignore[attr-defined] # long episodes end soon, too
    for _ in range(STEPS):
        assert env.observation_space.contains(obs), "shape, type and range"
        obs, reward, terminated, truncated, info = env.step(env.action_space.sample())
        assert (
            isinstance(reward, np.ndarray) and reward.shape == (4,) and terminated.dtype == truncated.dtype == np.bool_
        )
        done = terminated | truncated
        assert ("final_obs" in info) == bool(done.any())
        if done.any():
            ended += int(done.sum())
            np.testing.assert_array_equal(info["_final_obs"], done)
            np.testing.assert_array_equal(info["_final_info"], done)
            assert info["final_obs"].shape == (4,) and info["final_obs"].dtype == object
            for world, final in enumerate(info["final_obs"]):
                if not done[world]:
                    assert final is None
                    continue
                assert env.single_observation_space.contains(final)
                assert not np.array_equal(final["actor"], obs["actor"][world]), "obs is the next episode's first"
            episode = info["final_info"]["outcome"]
            np.testing.assert_array_equal(episode["_return"], done)
            assert (episode["length"][done] > 0).all() and (episode["length"][~done] == 0).all()
    assert ended >= 4
    env.close()


@pytest.mark.parametrize("preset", PRESETS)
def test_a_single_environment_passes_gymnasiums_own_check(preset: str) -> None:
    env = gymnasium.make(f"ashore/{preset}")
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=".*Box observation space.*(inf|lower bound|upper bound|maximum|minimum)"
        )
        warnings.filterwarnings("ignore", message=".*(infinity|test alternative|spec).*")
        check_env(env.unwrapped, skip_render_check=True)
    env.close()


def test_a_single_environment_ends_with_its_terminal_observation_and_its_episode() -> None:
    env = gymnasium.make("ashore/cartpole_swingup")
    first, _ = env.reset(seed=5)
    rewards: list[float] = []
    for k in range(250):  # 5 s of 20 ms
        obs, reward, terminated, truncated, info = env.step(np.array([0.3], np.float32))
        rewards.append(float(reward))
        assert not terminated and truncated == (k == 249)
        assert ("outcome" in info) == (k == 249)
    assert info["outcome"]["length"] == 250
    assert info["outcome"]["return"] == pytest.approx(sum(rewards), rel=1e-4)
    again, _ = env.reset()
    assert not np.array_equal(obs["actor"], again["actor"]) and not np.array_equal(first["actor"], again["actor"])
    env.close()


def play(env: Any, seed: int | None, steps: int) -> list[np.ndarray]:
    rows = [env.reset(seed=seed)[0]["critic"]]
    drawn = np.random.default_rng(0).uniform(-1, 1, (steps, *env.action_space.shape)).astype(np.float32)
    return rows + [env.step(a)[0]["critic"] for a in drawn]


def test_a_seed_is_reproduced_in_the_same_and_in_another_environment() -> None:
    a, b = (gymnasium.make_vec("ashore/arm_reach", num_envs=3) for _ in range(2))
    first = play(a, 7, 30)
    for other in (play(a, 7, 30), play(b, 7, 30)):
        assert all(np.array_equal(x, y) for x, y in zip(first, other, strict=True))
    assert not np.array_equal(first[0], play(b, 8, 0)[0])
    assert not np.array_equal(first[0], play(a, None, 0)[0]), "without a seed, the next episodes follow"


def test_a_preset_can_be_overridden_where_it_is_made() -> None:
    env = gymnasium.make_vec(
        "ashore/cartpole_swingup", num_envs=2, overrides=["task.episode_seconds=0.04", "task.options.hold_seconds=0.02"]
    )
    env.reset(seed=0)
    env.step(np.zeros((2, 1), np.float32))
    assert env.step(np.zeros((2, 1), np.float32))[3].all()


def test_actions_of_another_shape_are_refused() -> None:
    env = gymnasium.make_vec("ashore/arm_reach", num_envs=3)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"actions of shape \(7, 3\); allowed: \(3, 7\)"):
        env.step(np.zeros((7, 3), np.float32))


def test_an_observation_that_does_not_exist_is_refused() -> None:
    with pytest.raises(AshoreError, match="observation = 'pixels'; allowed"):
        gymnasium.make_vec("ashore/cartpole_swingup", num_envs=1, observation="pixels")


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["PPO", "SAC"])
def test_algorithms_of_stable_baselines3_run_on_batched_worlds(algorithm: str) -> None:
    import stable_baselines3

    from ashore.sim.sb3 import SB3VecEnv

    env = SB3VecEnv("arm_reach", 8, ["task.episode_seconds=0.4", "task.options.hold_seconds=0.1"])
    small = {"n_steps": 32, "batch_size": 64} if algorithm == "PPO" else {"learning_starts": 100, "batch_size": 64}
    model = getattr(stable_baselines3, algorithm)("MlpPolicy", env, seed=0, device="cpu", **small)
    model.learn(512)
    assert len(model.ep_info_buffer) >= 16
    assert all(episode["l"] <= 20 for episode in model.ep_info_buffer)
    env.close()


@pytest.mark.slow
def test_ppo_of_stable_baselines3_learns_the_cartpole_from_what_its_actor_sees() -> None:
    """Its mean return of an episode (250 at most) rises above that of random actions by half, and by 20 at least."""
    from stable_baselines3 import PPO

    from ashore.sim.sb3 import SB3VecEnv

    env = SB3VecEnv("cartpole_swingup", 64)
    env.reset()
    rng, returns = np.random.default_rng(0), []
    for _ in range(250):
        env.step_async(rng.uniform(-1, 1, (64, 1)).astype(np.float32))
        returns += [info["episode"]["r"] for info in env.step_wait()[3] if info]
    random_return = float(np.mean(returns))
    assert len(returns) == 64
    model = PPO(
        "MlpPolicy", env, n_steps=32, batch_size=512, n_epochs=4, learning_rate=1e-3, gamma=0.98, gae_lambda=0.95, seed=0,
        policy_kwargs={"net_arch": [64, 64]}, device="cpu",
    )  # fmt: skip
    model.learn(200_000)
    learned = float(np.mean([episode["r"] for episode in model.ep_info_buffer or ()]))
    print(f"random {random_return:.1f}, learned {learned:.1f} of 250")
    assert learned > random_return + max(20.0, 0.5 * random_return)
    env.close()
