"""Kicks come at the stated rate, pulses end, the adversary is another one each episode."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from ashore.configs.entries import ParameterSettings
from ashore.configs.entries.disturbance import AdversaryParameter, KickParameter, PulseParameter
from ashore.configs.laws.task_frame import turn
from ashore.configs.loader import load_run
from ashore.sim.env import Env
from tests.sim.worlds import make, task


def kick(kind: Literal["body", "joint"], unit: str, size: float, interval: float, match: str = ".*") -> KickParameter:
    return KickParameter(
        effect="kick", kind=kind, match=match, interval=interval, unit=unit, nominal=0.0, low=size, high=size
    )  # fmt: skip


def pulse(
    kind: Literal["force", "torque"], unit: str, size: float, interval: float, duration: float, match: str
) -> PulseParameter:
    return PulseParameter(
        effect="pulse", kind=kind, match=match, interval=interval, duration=duration,
        unit=unit, nominal=0.0, low=size, high=size,
    )  # fmt: skip


def adversary(
    kind: Literal["action", "force", "torque"], unit: str, size: float, match: str = ".*"
) -> AdversaryParameter:
    return AdversaryParameter(effect="adversary", kind=kind, match=match, unit=unit, nominal=0.0, low=size, high=size)


def env_of(preset: str, worlds: int, **entries: ParameterSettings) -> Env:
    return make(task(preset, randomization=entries, episode_seconds=100.0), worlds)


def periods(env: Env, count: int) -> None:
    """Only what happens at the beginning of each control period: the engine stands still."""
    for _ in range(count):
        env._disturbed(torch.zeros(env.num_envs, env.world.model.nu), *env._chances()[2:])
        env.age += 1


def test_bodies_are_kicked_at_the_stated_rate_and_size_in_every_horizontal_direction() -> None:
    env = env_of("quadruped_velocity", 64, shove=kick("body", "m/s", 0.7, 0.5))
    env.world.qvel.zero_()
    kicks = []
    for _ in range(500):  # 64 worlds * 10 s / 0.5 s = 1280 kicks, standard deviation 35
        periods(env, 1)
        hit = (env.world.qvel != 0).any(1)
        kicks.append(env.world.qvel[hit].clone())
        env.world.qvel.zero_()
    seen = torch.cat(kicks)
    assert len(seen) == pytest.approx(1280, abs=4 * 35)
    torch.testing.assert_close(seen[:, :2].norm(dim=1), torch.full((len(seen),), 0.7).double())
    assert seen[:, 2:].abs().max() == 0.0
    assert seen[:, :2].mean(0).abs().max() < 0.07  # 0.7 / sqrt(2 * 1280) = 0.014


def test_joints_are_kicked_within_the_stated_speed_those_of_the_unit_only() -> None:
    env = env_of("arm_lift", 256, jerk=kick("joint", "rad/s", 0.4, 0.02))  # one each period
    env.world.qvel.zero_()
    periods(env, 1)
    hinges = [d for d, name in enumerate(env.world.row_names("dof_damping")) if name.startswith("joint")]
    others = [d for d in range(env.world.model.nv) if d not in hinges]
    assert env.world.qvel[:, others].abs().max() == 0.0
    assert 0.39 < env.world.qvel[:, hinges].abs().max() <= 0.4
    assert env.world.qvel[:, hinges].std() == pytest.approx(0.4 / 3**0.5, rel=0.03)


def test_a_pulse_lasts_as_long_as_stated_and_leaves_no_force_behind() -> None:
    """50 ms in periods of 20: two whole ones and half a one."""
    env = env_of("arm_reach", 32, push=pulse("force", "N", 8.0, 1.0, 0.05, "hand"))
    hand = env.world.row_names("body_mass").index("hand")
    forces = []
    for _ in range(300):
        periods(env, 1)
        forces.append(env.world.xfrc_applied.clone())
    seen = torch.stack(forces)
    size = seen[:, :, hand, :3].norm(dim=2)
    assert seen[:, :, hand, 3:].abs().max() == 0 and (seen.abs().sum((0, 1, 3)) > 0).nonzero().flatten().tolist() == [
        hand
    ]
    alone = [
        size[k : k + 5, w]
        for w in range(32)
        for k in range(290)
        if size[k, w] == 0 and size[k + 1, w] > 0 and size[k + 4, w] == 0
    ]
    assert len(alone) > 50
    for found in alone:
        torch.testing.assert_close(found, torch.tensor([0.0, 8.0, 8.0, 4.0, 0.0]).double())


@pytest.mark.parametrize("resumed", [False, True])
def test_an_episode_that_ends_takes_its_forces_along(resumed: bool) -> None:
    env = env_of(
        "arm_reach",
        8,
        push=pulse("force", "N", 5.0, 0.02, 3.0, ".*"),
        twist=pulse("torque", "N*m", 1.0, 0.02, 3.0, "link."),
    )
    periods(env, 3)
    if resumed:
        state, env = env.state_dict(), env_of("arm_reach", 8, **env.settings.randomization)
        env.load_state_dict(state)
    assert (env.world.xfrc_applied != 0).any(2).any(1).all()
    untouched = env.world.xfrc_applied[[0, 2, 3, 4, 6, 7]].clone()
    env._restart(torch.tensor([1, 5]), env.observation["actor"].clone())
    assert env.world.xfrc_applied[[1, 5]].abs().max() == 0
    assert torch.equal(env.world.xfrc_applied[[0, 2, 3, 4, 6, 7]], untouched)
    for source in env.disturbance._pulses:
        source.duration, source.left[:] = 0.02, 0.0
        source.magnitude.zero_()
    periods(env, 2)
    assert env.world.xfrc_applied.abs().max() == 0


def answer(env: Env) -> torch.Tensor:
    return env.disturbance.adversary.answer(torch.ones(env.num_envs, env.interface.actor_size))


def test_the_adversary_is_another_in_every_world_and_episode_and_the_same_for_the_same_key() -> None:
    entry = adversary("action", "1", 0.3)
    env, again = (env_of("arm_reach", 6, rival=entry) for _ in range(2))
    first = answer(env)
    assert torch.equal(first, answer(again))
    assert (torch.corrcoef(first) - torch.eye(6)).abs().max() < 0.999 and len(first.unique(dim=0)) == 6
    env._restart(torch.tensor([2]), env.observation["actor"].clone())
    second = answer(env)
    assert not torch.allclose(first[2], second[2], atol=0.1) and torch.equal(
        first[[0, 1, 3, 4, 5]], second[[0, 1, 3, 4, 5]]
    )
    env.reset(3)
    assert torch.equal(first, answer(env))


def test_the_networks_outputs_spread_over_their_range_and_those_of_worlds_have_nothing_in_common() -> None:
    env = env_of("arm_reach", 600, rival=adversary("action", "1", 0.3))
    seen = answer(env)
    assert seen.abs().max() <= 1.0
    # tanh(2 x) of a normal x is beyond 0.8 where |x| > 0.549, in 0.583 of cases
    assert (seen.abs() > 0.8).float().mean() == pytest.approx(0.583, abs=0.06)
    off = torch.corrcoef(seen.T) - torch.eye(seen.shape[1])
    assert seen.mean(0).abs().max() < 0.15 and off.abs().max() < 0.2


@pytest.mark.parametrize("preset", ["arm_reach", "arm_push", "quadruped_velocity", "half_cheetah"])
def test_the_adversarys_share_of_an_action_is_alpha(preset: str) -> None:
    """Half the policy's motion and half of the network's: the mean of what either would have asked for."""
    env = env_of(preset, 4, rival=adversary("action", "1", 0.5))
    actor, ctrl = env.observation["actor"].clone(), torch.full((4, env.world.model.nu), 0.25)
    rival = env.disturbance.adversary
    random, start = rival.answer(actor), rival._target.clone()
    reach, dt = env.command.reach, env.settings.control_dt  # type: ignore[attr-defined]
    if preset == "half_cheetah":
        asked = random * reach + env.command.middle  # type: ignore[attr-defined]
    elif preset == "arm_push":
        heading = env.command.heading  # type: ignore[attr-defined]
        assert (heading.norm(dim=1) > 0.9).all()
        asked = env.command.tool(turn(random, heading), env.command.target)  # type: ignore[attr-defined]
    elif preset == "arm_reach":
        asked = random * reach / dt
    else:
        asked = (env.command.home + random * reach - start) / dt  # type: ignore[attr-defined]
    torch.testing.assert_close(env._disturbed(ctrl, *env._chances()[2:]), (ctrl + asked) / 2, rtol=1e-5, atol=1e-5)


def test_the_adversarys_forces_are_within_their_size_on_its_bodies_only() -> None:
    env = env_of(
        "arm_push", 64, f=adversary("force", "N", 3.0, "hand|link4"), t=adversary("torque", "N*m", 0.5, "hand")
    )
    periods(env, 1)
    names = env.world.row_names("body_mass")
    acted = env.world.xfrc_applied.abs().amax(0)
    assert {names[b] for b in acted.sum(1).nonzero().flatten().tolist()} == {"hand", "link4"}
    hand, link = acted[names.index("hand")], acted[names.index("link4")]
    assert (hand[:3] > 2.5).all() and (hand[:3] <= 3).all() and (hand[3:] > 0.4).all() and (hand[3:] <= 0.5).all()
    assert (link[3:] == 0).all()


def test_everything_on_resumes_to_the_bit() -> None:
    names = (
        "backlash dead_zone action_noise_scale action_noise_episode action_noise_step friction_asymmetry joint_kick "
        "force_pulse torque_pulse adversary_action adversary_force"
    ).split()
    settings = load_run("arm_push", [f"task.randomization.{n}=catalogue" for n in names]).task
    settings = settings.model_copy(update={"episode_seconds": 0.5})
    whole, other = make(settings, 6), make(settings, 6, seed=8)
    action = torch.rand(60, 6, whole.action_size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for a in action[:31]:
        whole.step(a)
    other.load_state_dict(whole.state_dict())
    for a in action[31:]:
        seen, again = whole.step(a), other.step(a)
        assert torch.equal(seen[0]["critic"], again[0]["critic"]) and torch.equal(seen[1], again[1])
        assert torch.equal(whole.world.xfrc_applied, other.world.xfrc_applied)
