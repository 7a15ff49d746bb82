"""Imperfect sensors: statistics of what wanders, hangs and gets lost, at any rate of sampling, and their order."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ashore.configs.contract import SignalSpec
from ashore.sim.channel.signals import Channel
from ashore.sim.channel.timing import Clock
from tests.sim.channel.test_signals import DT, SPECS, begin, channel, draw, everyone, have, spec

KINDS = {
    "latency": 0.033, "gain": 0.1, "bias": 0.02, "drift": 0.05, "noise": 0.01, "quantisation": 0.01, "dropout": 0.2,
    "freeze": 2.0,
}  # fmt: skip
SECONDS = {"drift": 0.3, "freeze": 0.1}


def all_on(worlds: int = 4, clock: bool = False) -> Channel:
    c = Channel(SPECS, worlds, DT, 0.1, Clock(worlds, DT) if clock else None)
    if c.clock is not None:
        c.clock.used = True
        c.clock.spread.fill_(0.01)
    for kind, value in KINDS.items():
        have(c, kind, value, SECONDS.get(kind))
    return c


def run(c: Channel, true: Tensor, steps: int, first: int = 0) -> Tensor:
    """What is seen of a truth that stands still: [steps, N, size]."""
    return torch.stack([c.observe(true.clone(), draw(c, k)) for k in range(first, first + steps)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_at_zero_is_no_kind_to_the_bit(kind: str) -> None:
    plain, still = channel(), channel()
    have(still, kind, 0.0, SECONDS.get(kind))
    generator = torch.Generator().manual_seed(0)
    for k in range(30):
        true = torch.randn(2, 3, generator=generator)
        if k % 10 == 0:
            assert torch.equal(begin(plain, true), begin(still, true))
        else:
            assert torch.equal(plain.observe(true, draw(plain, k)), still.observe(true, draw(still, k)))


def test_nothing_is_drawn_for_what_no_effect_drives() -> None:
    c = channel()
    assert c.num_uniforms == 0 and draw(c, 0) is None
    for kind in ("latency", "gain", "bias", "quantisation"):
        have(c, kind, 0.0)
    assert c.num_uniforms == 0
    have(c, "drift", 0.1, 1.0)
    assert c.num_uniforms == 4  # three values, even
    have(c, "dropout", 0.1)
    have(c, "freeze", 0.1, 0.1, [[0], [1]])
    assert c.num_uniforms == 4 + 2 + 2


def test_noise_does_not_depend_on_whether_there_is_drift() -> None:
    alone, beside = channel(8), channel(8)
    have(alone, "noise", 1.0)
    have(beside, "noise", 1.0)
    have(beside, "drift", 0.0, 1.0)
    zero = torch.zeros(8, 3)
    assert torch.equal(alone.observe(zero, draw(alone, 3)), beside.observe(zero, draw(beside, 3)))


def test_gain_scales_what_is_seen_before_the_bias_and_after_the_latency() -> None:
    c = channel()
    have(c, "latency", 0.01)
    have(c, "gain", torch.tensor([0.1, 0.0, -0.5]))
    have(c, "bias", 3.0)
    begin(c, torch.zeros(2, 3))
    assert c.observe(torch.full((2, 3), 2.0), None)[0].tolist() == pytest.approx([3 + 1.1, 3 + 1, 3 + 0.5])
    assert c.restart(torch.tensor([1]), torch.full((1, 3), 2.0), None)[0].tolist() == pytest.approx([5.2, 5.0, 4.0])


@pytest.mark.parametrize("dt", [0.02, 0.004])
def test_drift_has_its_standard_deviation_and_forgets_in_its_correlation_time_at_any_rate(dt: float) -> None:
    """Over 40,000 worlds, from the first sample on. The standard error of both figures is half a percent."""
    c = Channel(SPECS, 20_000, dt, 0.0)
    have(c, "drift", torch.tensor([0.1, 2.0, 0.0]), 0.2)
    zero = torch.zeros(20_000, 3)
    first = begin(c, zero)
    later = run(c, zero, round(0.1 / dt))[-1]
    for seen in (first, later):
        torch.testing.assert_close(seen.std(0), torch.tensor([0.1, 2.0, 0.0]), rtol=0.03, atol=0.0)
    correlation = torch.corrcoef(torch.stack((first[:, 0], later[:, 0])))[0, 1]
    assert correlation.item() == pytest.approx(math.exp(-0.1 / 0.2), abs=0.02)
    assert abs(torch.corrcoef(later[:, :2].T)[0, 1].item()) < 0.02, "each value drifts by itself"


def test_quantised_values_are_the_nearest_multiples_whatever_came_before() -> None:
    c = channel(500)
    have(c, "noise", 1.0)
    have(c, "quantisation", torch.tensor([0.25, 0.001, 0.0]))
    true = torch.randn(500, 3, generator=torch.Generator().manual_seed(2))
    fine = channel(500)
    have(fine, "noise", 1.0)
    for seen, exact in ((begin(c, true), begin(fine, true)), (run(c, true, 1)[0], run(fine, true, 1)[0])):
        steps = seen[:, :2] / torch.tensor([0.25, 0.001])
        torch.testing.assert_close(steps, steps.round(), rtol=0, atol=2e-3)
        assert ((seen - exact).abs()[:, :2] <= torch.tensor([0.125, 0.0005]) + 1e-6).all()
        assert torch.equal(seen[:, 2], exact[:, 2])


def test_samples_are_lost_as_often_as_is_said_and_the_last_one_stays() -> None:
    c = channel(2000)
    have(c, "dropout", torch.tensor([0.1, 0.1, 0.5]))
    begin(c, torch.zeros(2000, 3))
    last = torch.zeros(2000, 3)
    lost = []
    for k in range(1, 21):
        seen = c.observe(torch.full((2000, 3), float(k)), draw(c, k))
        held = seen == last
        assert torch.equal(seen, torch.where(held, last, torch.full_like(seen, float(k))))
        lost.append(held.float())
        last = seen
    share = torch.stack(lost).mean((0, 1))  # 40,000 chances: a standard error of 0.0015 and 0.0025
    assert share.tolist() == pytest.approx([0.1, 0.1, 0.5], abs=0.01)
    assert torch.equal(torch.stack(lost)[..., 0], torch.stack(lost)[..., 1]), "one message is lost as a whole"
    assert not torch.equal(torch.stack(lost)[..., 0], torch.stack(lost)[..., 2])


def test_values_of_their_own_are_lost_by_themselves() -> None:
    c = channel(500)
    have(c, "dropout", 0.5, groups=[[0], [1]])
    begin(c, torch.zeros(500, 3))
    changed = c.observe(torch.ones(500, 3), draw(c, 1))
    assert not torch.equal(changed[:, 0], changed[:, 1])


@pytest.mark.parametrize("dt", [0.02, 0.005])
def test_a_sensor_hangs_as_often_and_as_long_as_is_said_at_any_rate(dt: float) -> None:
    """Once per second of working, for 0.25 s on average: a fifth of the time. What sampling sees of exponentially distributed
    lengths is half a sample longer: those that fall between two samples are missed, others rounded up as often as down."""
    worlds, rate, mean = 400, 1.0, 0.25
    c = Channel(SPECS, worlds, dt, 0.0)
    have(c, "freeze", rate, mean)
    begin(c, torch.zeros(worlds, 3))
    steps = round(8.0 / dt)
    down = torch.stack(
        [c.observe(torch.full((worlds, 3), float(k)), draw(c, k))[:, 0] != k for k in range(1, steps + 1)]
    )
    settled = down[steps // 4 :].float()  # an episode begins with all that works; by 2 s that is forgotten
    assert settled.mean().item() == pytest.approx(rate * mean / (1 + rate * mean), abs=0.015)
    begun = (settled[1:] > settled[:-1]).sum().item()
    assert settled.sum().item() * dt / begun == pytest.approx(mean + dt / 2, rel=0.05)


def test_what_hangs_repeats_itself_noise_and_all_and_then_tells_the_truth() -> None:
    c = channel(200)
    have(c, "noise", 0.1)
    have(c, "freeze", 5.0, 0.1, [[0, 1, 2]])
    begin(c, torch.zeros(200, 3))
    seen = torch.stack([c.observe(torch.full((200, 3), k / 10), draw(c, k)) for k in range(60)])
    still = (seen[1:] == seen[:-1]).all(2)
    assert 0.05 < still.float().mean() < 0.7
    works = ~still
    assert ((seen[1:] - torch.arange(1, 60)[:, None, None] / 10)[works].abs() < 0.6).all()


def test_a_restart_works_at_once_and_leaves_the_other_worlds_their_bits() -> None:
    plain, other = all_on(4, clock=True), all_on(4, clock=True)
    true = torch.randn(4, 3, generator=torch.Generator().manual_seed(4))
    for c in (plain, other):
        begin(c, true)
        run(c, true, 20)
    fresh = torch.full((1, 3), 9.0)
    words = draw(other, 99)
    assert words is not None
    first = other.restart(torch.tensor([2]), fresh, type(words)(*(x[2:3] if x is not None else None for x in words)))
    assert ((first - 9.0).abs() > 0.01).all() and ((first - 9.0 * 1.1).abs() < 0.5).all()
    assert not other.freeze.down[2].any()
    a, b = run(plain, true, 20, 20), run(other, true, 20, 20)
    others = [0, 1, 3]
    assert torch.equal(a[:, others], b[:, others])
    assert not torch.equal(a[:, 2], b[:, 2])


def test_a_restored_channel_goes_on_in_the_same_bits() -> None:
    c, other = all_on(clock=True), all_on(clock=True)
    true = torch.randn(4, 3, generator=torch.Generator().manual_seed(5))
    begin(c, true)
    run(c, true, 15)
    state = c.state_dict()
    begin(other, true + 1)
    run(other, true + 1, 5, 50)
    other.load_state_dict(state)
    ahead = run(c, true * 2, 25, 15)
    assert torch.equal(ahead, run(other, true * 2, 25, 15))
    c.load_state_dict(state)  # a copy: what came after has not changed it
    assert torch.equal(ahead, run(c, true * 2, 25, 15))


def test_quaternions_stay_of_unit_length_and_turn_by_twice_the_noise() -> None:
    quaternion = SignalSpec.model_validate(spec("cube_orientation", 4).model_dump() | {"unit": "1"})
    c = Channel((spec("angle", 1), quaternion), 20_000, DT, 0.0)
    c.enable("noise", [[0, 1, 2, 3, 4]], None)
    c.noise_std[:10_000] = 0.01
    true = torch.tensor([0.3, 0.5, -0.5, 0.5, -0.5]).repeat(20_000, 1)
    for seen in (begin(c, true), run(c, true, 1)[0]):
        torch.testing.assert_close(seen[:, 1:].norm(dim=1), torch.ones(20_000), rtol=0, atol=1e-6)
        assert torch.equal(seen[10_000:], true[10_000:]), "no error, no change, to the bit"
        turn = 2 * (seen[:10_000, 1:] * true[0, 1:]).sum(1).clip(max=1.0).acos()
        assert (turn**2).mean().sqrt().item() == pytest.approx(math.sqrt(3) * 0.02, rel=0.03)  # three axes
    upside_down = torch.tensor([[0.3, 0.001, 1.0, 0.0, 0.0]]).repeat(20_000, 1)
    assert (begin(c, upside_down)[:, 1] >= 0).all()


def test_a_policy_that_ticks_early_sees_what_is_older_and_its_command_waits() -> None:
    clock = Clock(2, DT)
    clock.used = True
    clock.spread[:] = torch.tensor([[0.008], [0.0]])
    c = Channel(SPECS, 2, DT, 0.1, clock)
    rate = torch.tensor([1.0, -2.0, 0.5])
    begin(c, torch.zeros(2, 3))
    early = []
    for k in range(1, 30):
        seen = c.observe((k * DT * rate).expand(2, 3), draw(c, k))
        torch.testing.assert_close(seen, (k * DT - clock.early) * rate, rtol=0, atol=2e-6)
        torch.testing.assert_close(clock.lateness() * DT, clock.spread - clock.early)
        early.append(clock.early[0].item())
    assert min(early) < 0.002 and max(early) > 0.006 and clock.early[1] == 0.0


def test_all_kinds_together_stay_finite_and_every_world_differs() -> None:
    c = all_on(16, clock=True)
    true = torch.zeros(16, 3)
    first = begin(c, true)
    seen = run(c, true, 50)
    assert seen.isfinite().all() and len(first[:, 0].unique()) > 8
    assert everyone(c).tolist() == list(range(16))
