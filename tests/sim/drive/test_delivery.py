"""Commands that come late or never: connections that break, policies whose clocks are not exact, delays between two steps."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ashore.configs.entries.command import CommandParameter
from ashore.randomization.effects.base import SpaceError
from ashore.sim.drive.command import CommandPath
from ashore.sim.env import Env
from tests.sim.drive.test_delay import DT, FORWARD, ON_TIME, interface
from tests.sim.worlds import assert_same_bits, make, rollout, task

LUCKY = torch.tensor([[0.0, 1.0, 1.0]])


def path(worlds: int = 1) -> CommandPath:
    """At rest at 0."""
    p = CommandPath(interface(), worlds)
    p.restart(torch.arange(worlds), torch.zeros(worlds, 1))
    return p


def breaking(rate: float, mean: float, worlds: int) -> CommandPath:
    p = path(worlds)
    p.enable("hold", mean)
    p.table("hold").fill_(rate)
    p.refresh("hold", torch.arange(worlds))
    return p


def with_entry(worlds: int = 4, **fields: object) -> Env:
    entry = {"effect": "command", "nominal": 0.0} | fields
    settings = task("arm_reach", randomization={"one": CommandParameter.model_validate(entry)}, episode_seconds=1.0)
    return make(settings, worlds)


def test_a_broken_connection_loses_one_command_after_the_other() -> None:
    """Twice per second of working for 0.1 s on average: a sixth of all commands, in bursts. Lost by themselves, a sixth of
    the commands after a lost one would be lost too; in bursts it is most of them."""
    p, generator = breaking(2.0, 0.1, 2000), torch.Generator().manual_seed(0)
    lost = []
    for k in range(200):
        end = p.end.clone()
        p.act(torch.ones(2000, 1), torch.cat((torch.zeros(2000, 1), torch.rand(2000, 2, generator=generator)), 1))
        lost.append(p.hold.down[:, 0].clone())
        if k < 80:  # before the joint comes to its end
            assert torch.equal((p.end == end)[:, 0], lost[-1]), "a lost command leaves the trajectory as it was"
    seen = torch.stack(lost)[50:].float()
    assert seen.mean().item() == pytest.approx(2.0 * 0.1 / (1 + 2.0 * 0.1), abs=0.01)
    again = (seen[1:] * seen[:-1]).sum() / seen[:-1].sum()
    # Exactly: 1 - 10 (1 - exp(-12 * 0.02)) / 12.
    assert again.item() == pytest.approx(1 - 10 * (1 - math.exp(-0.24)) / 12, abs=0.01)


def test_a_connection_works_again_in_the_next_episode() -> None:
    p = breaking(1000.0, 1000.0, 3)
    p.act(torch.ones(3, 1), torch.zeros(3, 3))
    assert p.hold.down.all()
    p.restart(torch.tensor([1]), torch.zeros(1, 1))
    assert p.hold.down.flatten().tolist() == [True, False, True]


def test_a_command_comes_into_force_one_span_after_the_tick() -> None:
    """A tick 3 ms before the end of an 8 ms span: 5 ms into the period, a quarter of the way to a lost command."""
    p, in_time, lost = path(), path(), breaking(1000.0, 1000.0, 1)
    p.enable("period", 0.1)
    p.clock.spread.fill_(0.008)
    p.clock.early.fill_(0.003)
    p.act(FORWARD, None)
    in_time.act(FORWARD, None)
    lost.act(FORWARD, torch.zeros(1, 3))
    assert in_time.setpoint.item() == pytest.approx(0.003, abs=1e-7) and lost.setpoint.item() == 0.0
    assert p.setpoint.item() == pytest.approx(0.75 * in_time.setpoint.item(), abs=1e-8)
    p.clock.early.fill_(0.008)  # as early as can be: the command is there when the period begins
    early, punctual = p.act(FORWARD, None), path()
    for name in ("target", "target_velocity", "setpoint", "setpoint_velocity", "end", "end_velocity"):
        setattr(punctual, name, getattr(p, name).clone())
    assert early.shape == (1, 1)
    p.act(FORWARD, None)
    punctual.act(FORWARD, None)
    assert torch.equal(p.setpoint, punctual.setpoint)


def test_a_clock_adds_to_what_is_late_already() -> None:
    p, late = path(), path()
    p.enable("period", 0.1)
    p.enable("jitter", 0.1)
    p.clock.spread.fill_(0.004)
    p.jitter.fill_(0.01)
    late.enable("jitter", 0.1)
    late.jitter.fill_(0.018)
    half = torch.tensor([[0.5, 1.0]])  # 5 ms of jitter after 4 ms; 9 ms
    assert p.act(FORWARD, half).item() == pytest.approx(late.act(FORWARD, half).item(), abs=1e-6)


@pytest.mark.parametrize("kind", ["hold", "period", "jitter", "drop"])
def test_a_kind_at_zero_is_no_kind_to_the_bit(kind: str) -> None:
    unit = {"hold": "1/s", "drop": "1"}.get(kind, "s")
    still = with_entry(kind=kind, unit=unit, low=0.0, high=0.0)
    plain = make(task("arm_reach", randomization={}, episode_seconds=1.0), 4)
    compared = ("actor", "reward", "terminated", "truncated", "qpos", "qvel")
    a, b = rollout(plain, 60), rollout(still, 60)
    assert_same_bits({k: a[k] for k in compared}, {k: b[k] for k in compared})


@pytest.mark.parametrize(("kind", "unit", "high"), [("hold", "1/s", 5.0), ("period", "s", 0.02)])
def test_a_restored_environment_goes_on_in_the_same_bits(kind: str, unit: str, high: float) -> None:
    env, other = (with_entry(kind=kind, unit=unit, low=high, high=high) for _ in range(2))
    rollout(env, 25)
    state = env.state_dict()
    rollout(other, 40, seed=5)
    other.load_state_dict(state)
    assert_same_bits(rollout(env, 120, seed=1), rollout(other, 120, seed=1))


def test_a_policys_clock_shifts_what_it_sees_by_what_its_command_waits_less() -> None:
    """In the environment: the joints turn evenly, so that what is seen tells how early the tick was."""
    env = with_entry(kind="period", unit="s", low=0.01, high=0.01)
    assert isinstance(env.command, CommandPath)
    seen, waits, n = [], [], 7
    for _ in range(40):
        obs = env.step(torch.full((4, 7), 0.2))[0]["actor"]
        seen.append(((env.task.joint_position() - obs[:, :n]) / env.task.joint_velocity())[:, 0])
        waits.append(env.command.clock.lateness()[:, 0] * DT)
    ages, waited = torch.stack(seen[25:]), torch.stack(waits[25:])
    torch.testing.assert_close(ages + waited, torch.full_like(ages, 0.01), rtol=0, atol=1e-3)
    assert ages.min() < 0.003 and ages.max() > 0.007


def test_a_span_beyond_a_period_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"one reaches 0.03 s; allowed: at most 0.02 s, one period"):
        with_entry(kind="period", unit="s", low=0.0, high=0.03)


def test_a_length_of_breaks_belongs_to_breaks() -> None:
    entry = {"effect": "command", "kind": "drop", "unit": "1", "nominal": 0.0, "low": 0.0, "high": 0.1, "duration": 0.1}
    with pytest.raises(ValueError, match=r"duration = 0.1 s with kind drop; allowed: with hold only"):
        CommandParameter.model_validate(entry)


def test_a_delay_between_two_physics_steps_takes_effect_at_the_later_one() -> None:
    """Steps of 4 ms: 6 ms are 8 ms to the bit, and neither 4 nor 0."""
    entry = task("arm_reach").randomization["command_latency"]
    settings = task("arm_reach", randomization={"command_latency": entry})

    def moved(latency: float) -> Tensor:
        return rollout(make(settings, 2, pins={"command_latency": latency}), 20)["qpos"]

    by_latency = {ms: moved(ms / 1000) for ms in (0, 4, 6, 8, 9)}
    assert torch.equal(by_latency[6], by_latency[8])
    for a, b in ((0, 4), (4, 6), (8, 9)):
        assert (by_latency[a] - by_latency[b]).abs().max() > 1e-4


def test_a_command_in_time_needs_no_draws() -> None:
    p = path()
    assert p.num_uniforms == 0
    p.enable("period", 0.1)
    assert p.num_uniforms == 0
    p.enable("drop", 0.1)
    assert p.num_uniforms == 2
    p.enable("hold", 0.1)
    assert p.num_uniforms == 3
    on_time = path()
    assert p.act(FORWARD, LUCKY).item() == on_time.act(FORWARD, ON_TIME[:, :2]).item()
