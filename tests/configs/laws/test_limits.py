"""The joint-limit law keeps its limits, whatever is asked of it, and is the same law in numpy and torch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ashore.configs.laws.limits import JointLimits, limit_target

STEPS = 60


def arrays(dt: float, seed: int, joints: int = 5) -> tuple[JointLimits, np.ndarray, np.ndarray]:
    """Random limits, a legal start at rest and a sequence of targets, some far outside, some at an end."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(-3, 0, joints)
    high = low + rng.uniform(1e-3, 6, joints)
    limits = JointLimits(low, high, rng.uniform(0.05, 10, joints), rng.uniform(0.5, 60, joints))
    start = rng.uniform(low, high)
    start[0], start[1] = low[0], high[1]
    targets = rng.uniform(low - 2, high + 2, (STEPS, joints))
    held = rng.random((STEPS, joints)) < 0.8  # targets that stay for long make the joints reach their velocity limits
    for k in range(1, STEPS):
        targets[k] = np.where(held[k], targets[k - 1], targets[k])
    return limits, start, targets


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([0.001, 0.01, 0.02, 0.1]), st.integers(0, 2**32))
def test_position_velocity_and_acceleration_stay_within_limits(dt: float, seed: int) -> None:
    limits, position, targets = arrays(dt, seed)
    velocity = np.zeros_like(position)
    for target in targets:
        after, v = limit_target(target, position, velocity, limits, dt)
        assert np.all((after >= limits.low - 1e-9) & (after <= limits.high + 1e-9))
        assert np.all(np.abs(v) <= limits.velocity + 1e-12)
        assert np.all(np.abs(v - velocity) <= limits.acceleration * dt + 1e-6)
        np.testing.assert_allclose(after, position + v * dt, atol=1e-12)
        position, velocity = after, v


@settings(max_examples=50, deadline=None)
@given(st.sampled_from([0.001, 0.02, 0.1]), st.integers(0, 2**32))
def test_numpy_and_torch_agree(dt: float, seed: int) -> None:
    limits, position, targets = arrays(dt, seed)
    velocity = np.zeros_like(position)
    limits_t = JointLimits(*(torch.from_numpy(x) for x in limits))
    position_t, velocity_t = torch.from_numpy(position), torch.from_numpy(velocity)
    for target in targets:
        position, velocity = limit_target(target, position, velocity, limits, dt)
        position_t, velocity_t = limit_target(torch.from_numpy(target), position_t, velocity_t, limits_t, dt)
        np.testing.assert_allclose(position_t.numpy(), position, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(velocity_t.numpy(), velocity, rtol=1e-9, atol=1e-9)


def one(low: float = -1, high: float = 1, velocity: float = 2, acceleration: float = 10) -> JointLimits:
    return JointLimits(*(np.array([x], dtype=float) for x in (low, high, velocity, acceleration)))


@pytest.mark.parametrize(
    ("desired", "position", "velocity", "expected"),
    [
        (0.005, 0.0, 0.0, 0.05),  # within every limit: reached, at 0.005 / 0.1
        (5.0, 0.0, 0.0, 1.0),  # acceleration: 10 * 0.1 from rest
        (5.0, 0.0, 1.5, 2.0),  # velocity limit
        (-5.0, 0.0, 2.0, 1.0),  # reversal brakes at 10 * 0.1
        (5.0, 0.8, 1.5, 1.5),  # braking distance: sqrt(2 * 10 * 0.2) - 0.5
        (5.0, 1.0, 0.0, 0.0),  # at the end
        (5.0, 1.0, 2.0, 0.0),  # a state that no braking saves: position wins over acceleration
    ],
)
def test_by_hand_at_tenth_second_steps(desired: float, position: float, velocity: float, expected: float) -> None:
    after, v = limit_target(np.array([desired]), np.array([position]), np.array([velocity]), one(), 0.1)
    assert v == pytest.approx(expected, abs=1e-12)
    assert after == pytest.approx(position + v * 0.1)


def test_a_target_held_in_reach_is_reached_and_kept() -> None:
    position, velocity = np.array([-0.9]), np.array([0.0])
    for _ in range(200):
        position, velocity = limit_target(np.array([0.999]), position, velocity, one(), 0.02)
    assert position == pytest.approx(0.999, abs=1e-3)
    assert velocity == pytest.approx(0.0, abs=1e-2)
