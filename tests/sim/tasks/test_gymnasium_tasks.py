"""The mirrors of gymnasium's MuJoCo tasks, step by step beside gymnasium itself."""

from __future__ import annotations

from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest
import torch
from torch import Tensor

from ashore.configs.loader import load_run
from ashore.sim.env import Env
from ashore.sim.robots.robot import ModelError
from ashore.sim.tasks.task import StepOutcome
from tests.sim.worlds import actions, make, randomizer_of, rollout, task

ORIGINALS = {
    "half_cheetah": "HalfCheetah-v5",
    "ant": "Ant-v5",
    "hopper": "Hopper-v5",
    "walker2d": "Walker2d-v5",
    "humanoid": "Humanoid-v5",
}
FELT = {"ant": 78, "humanoid": 78}  # the last values of an observation: contact forces, which a batch only comes near
STEPS = 200


def original(preset: str) -> Any:
    env = gymnasium.make(ORIGINALS[preset]).unwrapped
    env.reset(seed=0)
    return env


def begin_as(env: Env, world: int, there: Any) -> Any:
    """Put gymnasium's simulation into the start state of one of ours; gives its first observation."""
    mujoco.mj_resetData(there.model, there.data)
    there.set_state(env.world.qpos[world].numpy().copy(), env.world.qvel[world].numpy().copy())
    return there._get_obs()


def judged(env: Env) -> list[StepOutcome]:
    """Everything that the task judges from now on."""
    outcomes: list[StepOutcome] = []
    judge = env.task.judge

    def keep(requested_velocity: Tensor, previous_velocity: Tensor) -> StepOutcome:
        outcomes.append(judge(requested_velocity, previous_velocity))
        return outcomes[-1]

    env.task.judge = keep  # type: ignore[method-assign]
    return outcomes


@pytest.mark.parametrize("preset", ORIGINALS)
def test_a_mirror_steps_as_its_original_does(preset: str) -> None:
    """From the same start states, under the same actions, across the ends of episodes: the same to float32."""
    env = make(preset, 3)
    theirs = [original(preset) for _ in range(3)]
    seen = env.interface.actor_size - FELT.get(preset, 0)
    terms = [t for t in env.task.reward_terms if t != "contact"]
    reach = np.float32(theirs[0].action_space.high[0])
    outcomes = judged(env)
    ours = {w: env.observation["actor"][w] for w in range(3)}
    ends = 0
    for w, there in enumerate(theirs):
        np.testing.assert_array_equal(ours[w], begin_as(env, w, there).astype(np.float32))
    for action in actions(env, STEPS):
        obs, reward, terminated, _, info = env.step(action)
        ended = info["final_ids"].tolist() if "final_ids" in info else []
        for w, there in enumerate(theirs):
            expected, their_reward, their_end, _, their_info = there.step(action[w].numpy() * reach)
            now = info["final_obs"]["actor"][ended.index(w)] if w in ended else obs["actor"][w]
            np.testing.assert_array_equal(now[:seen], expected[:seen].astype(np.float32))
            assert bool(terminated[w]) == their_end
            for k, name in enumerate(env.task.reward_terms):
                if name in terms:
                    assert float(outcomes[-1].rewards[w, k]) == pytest.approx(
                        their_info[f"reward_{name}"], rel=1e-5, abs=1e-6
                    )
            if not FELT.get(preset):
                assert float(reward[w]) == pytest.approx(their_reward, rel=1e-5, abs=1e-5)
            if w in ended:
                ends += 1
                np.testing.assert_array_equal(obs["actor"][w], begin_as(env, w, there).astype(np.float32))
    assert ends > 0 or preset in ("half_cheetah", "ant")  # these do not fall within so few steps


@pytest.mark.parametrize(("preset", "correlation", "reward_error"), [("ant", 0.85, 5e-4), ("humanoid", 0.95, 2e-2)])
def test_contact_forces_come_near_those_of_the_original(preset: str, correlation: float, reward_error: float) -> None:
    env = make(preset, 4)
    theirs = [original(preset) for _ in range(4)]
    outcomes = judged(env)
    reach = np.float32(theirs[0].action_space.high[0])
    for w, there in enumerate(theirs):
        begin_as(env, w, there)
    forces: list[tuple[Any, Any]] = []
    costs: list[tuple[float, float]] = []
    for action in actions(env, STEPS):
        obs, *_, info = env.step(action)
        ended = info["final_ids"].tolist() if "final_ids" in info else []
        for w, there in enumerate(theirs):
            expected, *_, their_info = there.step(action[w].numpy() * reach)
            now = info["final_obs"]["actor"][ended.index(w)] if w in ended else obs["actor"][w]
            forces.append((now[-78:].numpy(), expected[-78:]))
            costs.append((float(outcomes[-1].rewards[w, -1]), their_info["reward_contact"]))
            if w in ended:
                begin_as(env, w, there)
    near, exact = (np.stack(x).ravel() for x in zip(*forces, strict=True))
    assert np.corrcoef(near, exact)[0, 1] > correlation
    assert np.mean((near != 0) == (exact != 0)) > 0.95
    ours, gymnasiums = np.array(costs).T
    assert ours.mean() == pytest.approx(gymnasiums.mean(), rel=0.1)
    assert np.abs(ours - gymnasiums).mean() < reward_error


@pytest.mark.parametrize("preset", ORIGINALS)
def test_times_sizes_and_controls_are_those_of_the_original(preset: str) -> None:
    settings, there = task(preset), original(preset)
    env = make(preset, 1)
    assert settings.physics_dt == there.model.opt.timestep == env.world.model.opt.timestep
    assert settings.control_dt == pytest.approx(there.dt)
    assert settings.episode_steps == gymnasium.spec(ORIGINALS[preset]).max_episode_steps == 1000
    assert env.world.model.opt.integrator == there.model.opt.integrator
    assert env.interface.actor_size == there.observation_space.shape[0]
    assert env.action_size == there.action_space.shape[0]
    assert settings.randomization == {}


@pytest.mark.parametrize("preset", ORIGINALS)
def test_starts_are_drawn_as_in_the_original(preset: str) -> None:
    env, there = make(preset, 2000), original(preset)
    noise = there._reset_noise_scale
    offset = env.world.qpos.numpy() - there.init_qpos
    assert np.abs(offset).max() <= noise
    # Standard errors of a mean and of a standard deviation over 2000 draws, five of them.
    np.testing.assert_allclose(offset.mean(0), 0, atol=5 * noise / np.sqrt(3 * 2000))
    np.testing.assert_allclose(offset.std(0), noise / np.sqrt(3), rtol=0.08)
    speeds = env.world.qvel.numpy() / noise
    normal = preset in ("half_cheetah", "ant")
    np.testing.assert_allclose(speeds.std(0), 1 if normal else 1 / np.sqrt(3), rtol=0.08)
    assert (np.abs(speeds).max() > 3) == normal and (np.abs(speeds).max() <= 1) == (not normal)
    assert np.abs(np.corrcoef(np.c_[offset, speeds].T) - np.eye(offset.shape[1] + speeds.shape[1])).max() < 0.13


def test_success_is_to_have_come_far_enough_and_to_stand() -> None:
    env = make(task("hopper"), 3)
    env.world.qpos[:, 0] += torch.tensor([8.1, 7.9, 8.1])  # success_speed 1 m/s for 8 s
    env.world.qpos[2, 1] = 0.5  # m: fallen
    rewards, terminated, success, _ = (*env.task.judge(torch.zeros(3, 3), torch.zeros(3, 3)),)
    assert success.tolist() == [True, False, False]
    assert terminated.tolist() == [False, False, True]
    assert rewards[:, 0].tolist() == pytest.approx([8.1 / 0.008, 7.9 / 0.008, 8.1 / 0.008], rel=0.01)


@pytest.mark.parametrize("preset", ORIGINALS)
def test_a_mirror_may_be_randomized_and_at_its_nominal_remains_what_it_was(preset: str) -> None:
    settings = load_run(preset, ["task.randomization=mirror_default"]).task
    heavy = randomizer_of(make(settings)).dimensions
    assert [d.name for d in heavy] == ["link_mass", "friction", "motor_strength"]
    plain = rollout(make(preset), 20)
    still = rollout(make(settings, pins={d.name: d.nominal for d in heavy}), 20)
    assert torch.equal(plain["actor"], still["actor"])
    for name in ("link_mass", "motor_strength"):
        other = rollout(make(settings, pins={d.name: 1.2 if d.name == name else d.nominal for d in heavy}), 20)
        assert not torch.equal(plain["actor"], other["actor"])


def test_evaluating_the_forces_leaves_the_future_as_it_was() -> None:
    plain, asked = make("ant"), make("ant")
    for action in actions(plain, 20):
        asked.world.external_forces()
        one, other = plain.step(action)[0], asked.step(action)[0]
        assert torch.equal(one["actor"], other["actor"])


def test_a_robot_for_mirrors_alone_is_refused_where_servos_are_needed() -> None:
    cheetah = task("half_cheetah").robot
    with pytest.raises(ModelError, match=r"robot half_cheetah has no home"):
        make(task("cartpole_swingup", robot=cheetah))


def test_joints_that_the_actuators_do_not_drive_in_that_order_are_refused() -> None:
    robot = task("hopper").robot
    robot = robot.model_copy(update={"joints": robot.joints[::-1]})
    with pytest.raises(ModelError, match=r"actuators drive \['thigh_joint', 'leg_joint', 'foot_joint'\]"):
        make(task("hopper", robot=robot))


def test_a_file_that_gymnasium_does_not_ship_is_told_what_it_does() -> None:
    robot = task("hopper").robot.model_copy(update={"model": "gymnasium:hoper.xml"})
    with pytest.raises(ModelError, match=r"'gymnasium:hoper.xml' is no file; .*'gymnasium:hopper.xml'"):
        make(task("hopper", robot=robot))
