"""The channel: what it delays, shifts and blurs, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ashore.configs.contract import SignalSpec
from ashore.configs.laws import rng
from ashore.sim.channel.signals import Channel, Draws
from tests.sim.worlds import actions, make, task

DT = 0.02  # s


def spec(name: str, size: int, kind: str = "measurement") -> SignalSpec:
    return SignalSpec.model_validate(
        {"name": name, "size": size, "unit": "rad", "kind": kind, "max_age": 0.1, "description": name}
    )


SPECS = (spec("angle", 2), spec("pose", 1, "estimate"), spec("goal", 3, "command"))


def channel(worlds: int = 2, longest: float = 0.1) -> Channel:
    return Channel(SPECS, worlds, DT, longest)


def everyone(c: Channel) -> Tensor:
    return torch.arange(len(c.bias))


def have(
    c: Channel, kind: str, value: float | Tensor, seconds: float | None = None, groups: Any = ((0, 1), (2,))
) -> None:
    """As an effect would. Two messages: the angles, and the pose."""
    c.enable(kind, groups, seconds)
    c.table(kind)[:] = value
    c.refresh(kind, everyone(c))


def set_delay(c: Channel, delay: Tensor) -> None:
    have(c, "latency", delay)


def noisy(normal: Tensor) -> Draws:
    return Draws(normal, None, None, None, None)


def draw(c: Channel, step: int) -> Draws | None:
    """What the environment gives for a step."""
    at = everyone(c).numpy()
    return c.noise(rng.words(7, rng.STEP, at, at * 0, at * 0 + step, c.num_uniforms))


def begin(c: Channel, true: Tensor) -> Tensor:
    at = everyone(c).numpy()
    return c.restart(everyone(c), true.clone(), c.noise(rng.words(7, rng.EPISODE, at, at * 0, None, c.num_uniforms)))


@pytest.mark.parametrize("delay", [0.0, 0.007, 0.02, 0.033, 0.1])
def test_a_ramp_comes_exactly_delay_seconds_late(delay: float) -> None:
    c = channel()
    set_delay(c, torch.full((2, 3), delay))
    rate = torch.tensor([1.0, -3.0, 0.5])
    for k in range(40):
        seen = c.observe((k * DT * rate).expand(2, 3), None)
        if k * DT >= delay:
            torch.testing.assert_close(seen, ((k * DT - delay) * rate).expand(2, 3), rtol=0, atol=2e-6)


def test_each_world_and_value_has_its_own_delay() -> None:
    c = channel()
    delay = torch.tensor([[0.0, 0.01, 0.02], [0.03, 0.05, 0.1]])
    set_delay(c, delay)
    for k in range(20):
        seen = c.observe(torch.full((2, 3), k * DT), None)
    torch.testing.assert_close(seen, 19 * DT - delay, rtol=0, atol=2e-6)


def test_bias_is_added_where_it_is_set() -> None:
    c = channel()
    c.bias[1, 2] = 0.25
    seen = c.observe(torch.ones(2, 3), None)
    assert seen.tolist() == [[1, 1, 1], [1, 1, 1.25]]


def test_noise_has_the_standard_deviation_that_is_set_after_delay_and_restart_alike() -> None:
    c = channel(worlds=20_000)
    c.noise_std[:] = torch.tensor([0.1, 0.0, 2.0])
    set_delay(c, torch.full((20_000, 3), 0.01))
    noise = torch.randn(20_000, 3, generator=torch.Generator().manual_seed(1))
    zero = torch.zeros(20_000, 3)
    for seen in (c.observe(zero, noisy(noise)), c.restart(everyone(c), zero.clone(), noisy(noise))):
        # The standard error of a standard deviation of 20,000 numbers is half a percent.
        torch.testing.assert_close(seen.std(0), torch.tensor([0.1, 0.0, 2.0]), rtol=0.02, atol=0.0)


def test_commands_do_not_pass_the_channel() -> None:
    c = channel()
    assert c.size == 3 and [s.name for s in c.specs] == ["angle", "pose"]
    assert c.columns("pose") == slice(2, 3)
    with pytest.raises(KeyError, match="goal"):
        c.columns("goal")


def test_a_goal_reaches_the_actor_undisturbed() -> None:
    env = make(task("arm_reach"))
    for action in actions(env, 3):
        obs = env.step(action)[0]
        assert torch.equal(obs["actor"][:, 14:17], env.task.goal_command())


def test_a_restart_forgets_the_past_of_its_worlds_alone() -> None:
    c = channel()
    set_delay(c, torch.full((2, 3), 0.1))
    for k in range(10):
        c.observe(torch.full((2, 3), float(k)), None)
    first = c.restart(torch.tensor([1]), torch.full((1, 3), 50.0), None)
    assert first.tolist() == [[50, 50, 50]]
    seen = c.observe(torch.full((2, 3), 51.0), None)
    # World 0 still sees sample 10 - 5, where 51 is its sample 10; world 1 stood still at 50 before.
    assert seen.tolist() == [[5, 5, 5], [50, 50, 50]]


def test_a_delay_that_grows_at_a_restart_reaches_back_from_there() -> None:
    c = channel()
    set_delay(c, torch.full((2, 3), 0.02))
    for k in range(10):
        c.observe(torch.full((2, 3), float(k)), None)
    set_delay(c, torch.tensor([[0.02] * 3, [0.08] * 3]))
    c.restart(torch.tensor([1]), torch.full((1, 3), 20.0), None)
    seen = [c.observe(torch.full((2, 3), 21.0 + k), None)[:, 0].tolist() for k in range(6)]
    assert seen == [[9, 20], [21, 20], [22, 20], [23, 20], [24, 21], [25, 22]]


def test_measurements_are_fresh_tensors() -> None:
    c = channel(longest=0.0)
    true = torch.ones(2, 3)
    seen = c.observe(true, None)
    seen.fill_(7.0)
    assert torch.equal(c.history[0], torch.ones(2, 3)) and torch.equal(true, torch.ones(2, 3))
