"""The joint-limit law, written once for the trained environment, the exported graph and the safety gate.

It runs on numpy arrays and torch tensors alike: operators, `clip` and powers only.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class JointLimits(NamedTuple):
    """Limits of n joints, each `[n]` and of the caller's array type; velocity and acceleration are above 0."""

    low: Any  # rad
    high: Any  # rad
    velocity: Any  # rad/s
    acceleration: Any  # rad/s^2


def limit_target(desired: Any, position: Any, velocity: Any, limits: JointLimits, dt: Any) -> tuple[Any, Any]:
    """The next target nearest to `desired` that the limits allow, and the velocity that leads to it.

    desired: [..., n] rad; position, velocity: [..., n] rad and rad/s of the target before; dt: s.
    The velocity stays within its limit, within acceleration * dt of the one before, and so low that braking at the
    acceleration limit still ends inside the position limits. From velocity v, braking in steps of dt covers at most
    v^2/2a - v dt/2 + a dt^2/8, so with distance d to the limit a step at v is allowed while (v + a dt/2)^2 <= 2 a d.
    Where the state before already breaks a limit, position wins over acceleration.
    """
    low, high, v_max, a_max = limits
    dv, twice = a_max * dt, 2 * a_max
    half = dv / 2
    up = ((twice * (high - position).clip(min=0)) ** 0.5 - half).clip(min=0)
    down = (half - (twice * (position - low).clip(min=0)) ** 0.5).clip(max=0)
    v = ((desired - position) / dt).clip(velocity - dv, velocity + dv)
    v = v.clip(-v_max, v_max).clip(down, up)
    return position + v * dt, v


def within_positions(position: Any, limits: JointLimits) -> Any:
    """Positions [..., n] rad within their limits: where a target's look-ahead point p + v T may lie."""
    return position.clip(limits.low, limits.high)
