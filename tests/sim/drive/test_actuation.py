"""What drives make of setpoints, against the published rules worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ashore.configs.laws import rng
from ashore.sim.drive.actuation import Actuation

DT = 0.02
NOTHING = np.zeros((1, 0), np.uint32)


def drives(worlds: int = 1, joints: int = 1, **tables: float) -> Actuation:
    made = Actuation({f"joint{i}": "rad" for i in range(joints)}, worlds, DT)
    for name, value in tables.items():
        getattr(made, name).fill_(value)
        made.driven.add(name)
    made.restart(torch.arange(worlds), words(worlds, made.num_episode_uniforms, 7))
    return made


def words(worlds: int, count: int, step: int) -> NDArray[np.uint32]:
    ids = np.arange(worlds)
    return rng.words(5, rng.STEP, ids, ids * 0, ids * 0 + step, count)


def through(made: Actuation, motions: list[float]) -> list[float]:
    """What comes out, rad a step, of setpoints that move so many rad a step."""
    return [float(made.pass_on(torch.tensor([[m / DT]]), NOTHING)[0, 0]) * DT for m in motions]


def published_backlash(motions: list[float], width: float) -> list[float]:
    """arXiv 1808.00177, appendix C: slack s' = clip(s + a d dt, -1, 1), scale 1 - clip(|sgn(a) - s| / |a d dt|, 0, 1)."""
    s, out = 0.0, []
    for m in motions:
        step = m * 2.0 / width  # a d dt
        out.append(m * (1.0 - min(max(abs(np.sign(m) - s) / (abs(step) + 1e-12), 0.0), 1.0)))
        s = min(max(s + step, -1.0), 1.0)
    return out


def test_backlash_by_hand() -> None:
    """A play of 0.02 rad: from its middle 0.01 are lost, then all passes; a reversal loses 0.02."""
    seen = through(drives(backlash=0.02), [0.006, 0.006, 0.006, -0.008, -0.008, -0.008, -0.008, 0.03])
    assert seen == pytest.approx([0.0, 0.002, 0.006, 0.0, 0.0, -0.004, -0.008, 0.01], abs=1e-8)


def test_backlash_is_the_published_rule() -> None:
    motions = np.random.default_rng(0).normal(0, 0.01, 300).tolist()
    assert through(drives(backlash=0.015), motions) == pytest.approx(published_backlash(motions, 0.015), abs=1e-7)


def test_backlash_is_the_same_at_any_rate_and_never_leads_astray() -> None:
    coarse, fine = drives(backlash=0.01), drives(backlash=0.01)
    position = total = 0.0
    for k in range(200):
        motion = 0.02 * float(np.sin(k / 7))
        position += motion
        seen = float(coarse.transmit(torch.tensor([[motion / DT]]).double(), DT)) * DT
        steps = [float(fine.transmit(torch.tensor([[motion / DT]]).double(), DT / 5)) * DT / 5 for _ in range(5)]
        assert sum(steps) == pytest.approx(seen, abs=1e-8)
        total += seen
        assert abs(total - position) <= 0.005 + 1e-7


def test_a_dead_zone_ignores_what_is_too_little_and_makes_up_for_it() -> None:
    """0.004 rad in steps of 0.001: 0.001, 0.002 and 0.003 off are not more than 0.0035, 0.004 is."""
    seen = through(drives(dead_zone=0.0035), [0.001] * 5 + [-0.001] * 2 + [0.02])
    assert seen == pytest.approx([0, 0, 0, 0.004, 0, 0, 0, 0.019], abs=1e-8)


def test_noise_has_the_three_published_parts() -> None:
    n, steps, motion = 4000, 6, 0.01
    made = drives(n, 2, noise_scale=0.2, noise_episode=0.03, noise_step=0.004)
    position, errors = torch.zeros(n, 2), []
    for k in range(steps):
        position += made.pass_on(torch.full((n, 2), motion / DT), words(n, made.num_uniforms, k)) * DT
        errors.append(position - (k + 1) * motion)
    seen = torch.stack(errors)  # [steps, n, joints]
    by_step = seen - seen.mean(0)
    assert float(seen.mean(0).std()) == pytest.approx((0.03**2 + (0.004**2 + 0.002**2) / steps) ** 0.5, rel=0.03)
    assert float(by_step.square().sum(0).mean() / (steps - 1)) == pytest.approx(
        0.004**2 + (0.2 * motion) ** 2, rel=0.03
    )
    flat = torch.cat((by_step[0], by_step[3], made.offset), 1)
    correlation = torch.corrcoef(flat.T) - torch.eye(6)
    # deviations from the mean of six are correlated by -1/5 from step to step, and by nothing else
    expected = torch.zeros(6, 6)
    expected[[0, 1, 2, 3], [2, 3, 0, 1]] = -0.2
    assert (correlation - expected).abs().max() < 0.06


def test_multiplicative_noise_is_none_at_rest() -> None:
    made = drives(8, 1, noise_scale=0.5)
    assert made.pass_on(torch.zeros(8, 1), words(8, made.num_uniforms, 0)).abs().max() == 0.0


def test_worth_nothing_it_changes_no_bit() -> None:
    kinds = ("backlash", "dead_zone", "noise_scale", "noise_episode", "noise_step")
    made = drives(64, 3, **dict.fromkeys(kinds, 0.0))
    for k in range(50):
        asked = torch.randn(64, 3, generator=torch.Generator().manual_seed(k))
        assert torch.equal(made.pass_on(asked.clone(), words(64, made.num_uniforms, k)), asked)


def test_a_restart_leaves_other_worlds_alone() -> None:
    made = drives(3, 1, backlash=0.02, dead_zone=0.003, noise_episode=0.01)
    for _ in range(4):
        made.pass_on(torch.full((3, 1), 0.1), np.zeros((3, 0), np.uint32))
    before = made.state_dict()
    made.restart(torch.tensor([1]), words(1, made.num_episode_uniforms, 99))
    for name, values in made.state_dict().items():
        assert torch.equal(values[[0, 2]], before[name][[0, 2]]), name
    assert made.slack[1] == made.error[1] == made.ignored[1] == 0.0 and made.offset[1] != before["offset"][1]
