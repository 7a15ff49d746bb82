"""The contract of every task, on every preset: a new task is covered by its line in `ashore.sim.tasks` and its preset."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from ashore.configs.schema import TaskSettings
from ashore.sim import tasks
from ashore.sim.env import Env
from ashore.sim.tasks.task import StepOutcome, Task
from tests.sim import worlds
from tests.sim.worlds import ENGINE, PRESETS, actions, assert_same_bits, rollout, task

EPISODE = 60  # control steps: the contract is about what follows what, and an episode's end is soon reached

# What mirrors show because their originals do, although some of it never moves: a mass, the force on what touches nothing.
STILL = {"ant": {"contact_force"}, "humanoid": {"com_inertia", "contact_force"}}

# `pytest --engine warp` runs the contract on MuJoCo Warp, without the mirrors, which it refuses.
MIRRORS = {preset for preset in PRESETS if tasks.find(task(preset).name).raw_actuators}
pytestmark = pytest.mark.parametrize("preset", [p for p in PRESETS if ENGINE == "cpu" or p not in MIRRORS])


def short(preset: str) -> TaskSettings:
    settings = task(preset)
    return settings.model_copy(update={"episode_seconds": EPISODE * settings.control_dt})


def make(preset: str | TaskSettings, num_envs: int = 4, **how: Any) -> Env:
    return worlds.make(short(preset) if isinstance(preset, str) else preset, num_envs, **how)


def test_every_preset_is_of_a_registered_task(preset: str) -> None:
    assert issubclass(tasks.find(task(preset).name), Task)
    with pytest.raises(ValueError, match=r"allowed: .*arm_reach.*cartpole_swingup"):
        tasks.find("fold_laundry")


def test_sizes_are_those_of_the_interface_and_every_value_is_finite(preset: str) -> None:
    env = make(preset)
    interface, n = env.interface, env.num_envs
    joints = len(interface.joints)
    if env.task.raw_actuators:
        assert env.action_size == env.world.model.nu and not joints
    else:
        assert [j.name for j in interface.joints] == list(env.settings.robot.joints) and joints == env.world.model.nu
        gripper = env.task.uses_gripper
        assert env.action_size == (4 + gripper if interface.action == "tool" else joints)
    targets, signals = 2 * joints, {s.name: s.size for s in interface.signals}
    differences = sum(
        1 if (a, b) == interface.heading else min(signals[a], signals[b]) for a, b in interface.differences
    )
    lambdas = len(env.randomizer.dimensions) if env.randomizer else 0
    for action in actions(env, env.settings.episode_steps + 5):
        obs, reward, terminated, truncated, _ = env.step(action)
        assert obs["actor"].shape == (n, sum(signals.values()) + targets + differences)
        critic = interface.actor_size + env.task.privileged_size + targets + lambdas
        assert obs["critic"].shape == (n, critic) == (n, env.observation_sizes["critic"])
        assert torch.equal(obs["critic"][:, : interface.actor_size], obs["actor"])
        assert {v.dtype for v in (*obs.values(), reward)} == {torch.float32}
        assert {v.dtype for v in (terminated, truncated)} == {torch.bool}
        assert reward.shape == terminated.shape == truncated.shape == (n,)
        assert not (terminated & truncated).any()
        assert all(v.isfinite().all() for v in (*obs.values(), reward))
    assert env.diverged_count == 0


def test_signals_are_documented(preset: str) -> None:
    signals = make(preset, 1).interface.signals
    assert all(s.unit and s.description for s in signals)
    kinds = [s.kind == "command" for s in signals]
    assert kinds == sorted(kinds), "commands come after what is measured"


def test_the_same_seed_gives_the_same_bits_whatever_the_threads_and_the_number_of_worlds(preset: str) -> None:
    steps = short(preset).episode_steps + 10
    one = rollout(make(preset, 4), steps)
    assert_same_bits(one, rollout(make(preset, 4, threads=2), steps))
    eight = rollout(make(preset, 8), steps)
    assert_same_bits(one, {k: v[:, :4] for k, v in eight.items()})
    assert (one["terminated"] | one["truncated"]).any(), "the comparison must cross the end of an episode"
    other = rollout(make(preset, 4, seed=4), 1)
    assert not torch.equal(one["actor"][:1], other["actor"])


def test_a_step_before_the_first_reset_says_what_is_missing(preset: str) -> None:
    env = Env(task(preset), 2)
    with pytest.raises(RuntimeError, match="call reset before the first step"):
        env.step(torch.zeros(2, env.action_size))


def test_observations_kept_from_earlier_steps_do_not_change(preset: str) -> None:
    env = make(preset)
    kept: list[tuple[Tensor, Tensor]] = []
    for action in actions(env, env.settings.episode_steps + 3):
        obs, reward, terminated, truncated, info = env.step(action)
        values = [*obs.values(), reward, terminated, truncated]
        values += [*info["final_obs"].values(), *info["episode"].values()] if "final_obs" in info else []
        kept += [(v, v.clone()) for v in values]
    assert all(torch.equal(v, copy) for v, copy in kept)


def test_every_value_that_an_actor_sees_varies(preset: str) -> None:
    """Measurements and memory within an episode; commands, as a goal, between worlds."""
    env = make(preset, 8)
    first = env.observation["actor"]
    rows = torch.stack([env.step(a)[0]["actor"] for a in actions(env, 40)])
    commands = sum(s.size for s in env.interface.signals if s.kind == "command")
    start = sum(s.size for s in env.interface.signals) - commands
    moving = torch.ones(rows.shape[2], dtype=torch.bool)
    moving[start : start + commands] = False
    assert (first.std(0)[~moving] > 1e-3).all()
    for signal in env.interface.signals:
        if signal.name in STILL.get(preset, ()):
            columns = env.channel.columns(signal.name)
            assert (rows.std(0)[:, columns] > 1e-6).any(1).all()
            moving[columns] = False
    assert (rows.std(0)[:, moving] > 1e-6).all()


def test_the_reset_of_one_world_leaves_the_others_their_bits(preset: str) -> None:
    plain, other = make(preset), make(preset)
    for k, action in enumerate(actions(plain, 30)):
        if k == 10:
            other.age[1] = other.settings.episode_steps - 1  # its time is up
        ended = other.step(action)[4].get("final_ids", torch.tensor([]))
        plain.step(action)
        if k == 10:
            assert 1 in ended.tolist()
        for name in ("qpos", "qvel", "act", "sensordata"):
            a, b = getattr(plain.world, name), getattr(other.world, name)
            assert torch.equal(a[[0, 2, 3]], b[[0, 2, 3]]), (k, name)
    assert not torch.equal(plain.world.qpos[1], other.world.qpos[1])


@pytest.mark.parametrize("poison", ["qpos", "qvel", "huge qvel", "act", "action"])
def test_a_world_that_is_not_finite_ends_is_counted_and_touches_no_other(preset: str, poison: str) -> None:
    plain, poisoned = make(preset), make(preset)
    if poison == "act" and plain.task.raw_actuators:
        pytest.skip("its actuators have no state")
    drawn = actions(plain, 16)
    for action in drawn[:5]:
        plain.step(action)
        poisoned.step(action)
    bad = drawn[5].clone()
    if poison == "action":
        bad[1] = math.nan
    else:
        getattr(poisoned.world, poison.split()[-1])[1] = 1e12 if "huge" in poison else math.nan
    expected = plain.step(drawn[5])
    obs, reward, terminated, truncated, info = poisoned.step(bad)
    assert terminated.tolist() == [False, True, False, False] and not truncated.any()
    assert poisoned.diverged_count == 1 and plain.diverged_count == 0
    assert reward[1] == 0.0 and info["episode"]["success"].tolist() == [0.0]
    assert all(v.isfinite().all() for v in (*obs.values(), *info["final_obs"].values(), *info["episode"].values()))
    others = [0, 2, 3]
    assert torch.equal(reward[others], expected[1][others])
    for action in drawn[6:]:
        obs, reward, *_ = poisoned.step(action)
        expected = plain.step(action)
        assert all(torch.equal(obs[k][others], expected[0][k][others]) for k in obs)
        assert torch.equal(poisoned.world.qpos[others], plain.world.qpos[others])
        assert all(v.isfinite().all() for v in (*obs.values(), reward))
    assert poisoned.diverged_count == 1


def test_a_restored_environment_goes_on_in_the_same_bits_through_resets(preset: str) -> None:
    """Into a fresh environment that has lived another life; two more episodes follow in every world."""
    env = make(preset)
    rollout(env, 25)
    state = env.state_dict()
    other = make(preset, seed=11)
    rollout(other, 40, seed=5)
    other.load_state_dict(state)
    steps = 2 * env.settings.episode_steps + 10
    assert_same_bits(rollout(env, steps, seed=1), rollout(other, steps, seed=1))
    assert env.diverged_count == other.diverged_count and int(env.episode.min()) >= 2


def test_a_state_is_a_copy(preset: str) -> None:
    env = make(preset)
    state = env.state_dict()
    before = {k: v.clone() for k, v in state["world"].items() if isinstance(v, Tensor)}
    channel = state["channel"]["history"].clone()
    rollout(env, 5)
    assert all(torch.equal(state["world"][k], v) for k, v in before.items())
    assert torch.equal(state["channel"]["history"], channel)


def test_success_is_what_the_task_judged_last_and_the_next_episode_starts_without_it(preset: str) -> None:
    env = make(preset)
    action = torch.zeros(env.num_envs, env.action_size)
    judge = env.task.judge

    def judged(requested_velocity: Tensor, previous_velocity: Tensor) -> StepOutcome:
        outcome = judge(requested_velocity, previous_velocity)
        return outcome._replace(success=outcome.success | (torch.arange(env.num_envs) == 2))

    env.task.judge = judged  # type: ignore[method-assign]
    info = env.step(action)[4]
    while "final_ids" not in info or 2 not in info["final_ids"]:
        info = env.step(action)[4]
    assert info["episode"]["success"][info["final_ids"].tolist().index(2)] == 1.0
    assert not env.task.success[2]


def test_the_terminal_observation_is_not_the_first_of_the_next_episode(preset: str) -> None:
    """It is what an episode whose time is not up goes on from."""
    settings = short(preset)
    env, longer = make(settings), make(settings.model_copy(update={"episode_seconds": 2 * settings.episode_seconds}))
    action = torch.zeros(env.num_envs, env.action_size)
    for both in (env, longer):
        both.age.fill_(settings.episode_steps - 1)
    obs, _, _, truncated, info = env.step(action)
    assert truncated.all() and info["final_ids"].tolist() == [0, 1, 2, 3]
    going_on = longer.step(action)[0]
    for name, final in info["final_obs"].items():
        assert torch.equal(final, going_on[name])
        assert (final != obs[name]).any(1).all()
    if not env.task.raw_actuators:
        n = len(env.interface.joints)
        end = sum(size for _, size in env.interface.seen)
        assert torch.equal(obs["actor"][:, end - n : end], torch.zeros(env.num_envs, n)), "the first target is at rest"
    assert set(info["episode"]) >= {"return", "length", "success"}
    assert info["episode"]["length"].tolist() == [env.settings.episode_steps] * 4


def test_the_return_is_the_sum_of_the_rewards_and_of_the_terms(preset: str) -> None:
    env = make(preset)
    total = torch.zeros(env.num_envs)
    for action in actions(env, env.settings.episode_steps):
        _, reward, _, _, info = env.step(action)
        total += reward
        if "final_ids" in info:
            ids, episode = info["final_ids"], info["episode"]
            torch.testing.assert_close(episode["return"], total[ids], rtol=1e-5, atol=1e-4)
            terms = [v for k, v in episode.items() if k.startswith("reward/")]
            assert len(terms) == len(env.task.reward_terms)
            torch.testing.assert_close(sum(terms), episode["return"], rtol=1e-5, atol=1e-4)
            total[ids] = 0.0
    assert int(env.episode.min()) >= 1


def test_each_reward_term_has_a_weight_bounds_and_words(preset: str) -> None:
    weights = (made := make(preset, 1).task).rewards
    assert made.reward_terms == tuple(weights.words()) == tuple(dict(weights))
    for term, weight in weights:
        low, high = weights.bounds(term)
        assert math.isfinite(high - low) and (low == 0 < weight <= high or low <= weight < 0 == high)


def test_a_weight_changes_its_own_term_and_no_other(preset: str) -> None:
    """Each is divided by a power of two of its own, which is exact down to the least of floats."""
    plain = make(preset)
    factors = 2.0 ** -torch.arange(1.0, len(plain.task.reward_terms) + 1)
    weights = {name: w * f for (name, w), f in zip(plain.task.rewards, factors.tolist(), strict=True)}
    other = make(short(preset).model_copy(update={"rewards": weights}))
    for action in actions(plain, 40):
        plain.step(action)
        other.step(action)
        torch.testing.assert_close(other.sums, plain.sums * factors, rtol=0.0, atol=1e-37)
    assert torch.equal(plain.world.qpos, other.world.qpos) and plain.sums.any()
