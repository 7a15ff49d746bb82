"""How much room the GPU engine's buffers need, and whether it is there. Needs neither Warp nor a GPU."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import mujoco

from ashore.configs.errors import AshoreError


class EngineError(AshoreError, ValueError):
    """An engine that cannot do what is asked of it; the text says what can be done instead."""


class Capacity(NamedTuple):
    """Of one world. A world may borrow contacts that others leave, but not rows."""

    contacts: int
    rows: int  # of constraints


NUMERIC = "warp_contacts"  # <custom><numeric name="warp_contacts" data="96"/></custom> in a model: its own number
# Rows of equality constraints; of those that are not here at most 6.
_EQUALITY = {mujoco.mjtEq.mjEQ_CONNECT: 3, mujoco.mjtEq.mjEQ_JOINT: 1, mujoco.mjtEq.mjEQ_TENDON: 1}


def capacity_of(model: mujoco.MjModel) -> Capacity:
    """8 contacts and 2 for each degree of freedom; rows for so many contacts, and for all that may be there besides.

    Measured: the most contacts that any of 16 worlds had in 150 steps of random actions, and what the rule gives: arm_lift 12
    and 38, arm_push 12 and 34, hand_reorient 16 and 52, quadruped_velocity 6 and 44, quadruped_rough 9 and 44.
    """
    contacts = 8 + 2 * model.nv if model.geom_contype.any() or model.geom_conaffinity.any() or model.npair else 1
    if (own := mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_NUMERIC, NUMERIC)) >= 0:
        contacts = max(1, int(model.numeric_data[model.numeric_adr[own]]))
    dimensions = int(max([1, *model.geom_condim, *model.pair_dim]))
    pyramidal = model.opt.cone == mujoco.mjtCone.mjCONE_PYRAMIDAL
    rows = contacts * (2 * (dimensions - 1) if pyramidal and dimensions > 1 else dimensions)
    rows += sum(_EQUALITY.get(kind, 6) for kind in model.eq_type)
    rows += int((model.dof_frictionloss > 0).sum() + (model.tendon_frictionloss > 0).sum())
    rows += 2 * int(model.jnt_limited.sum() + model.tendon_limited.sum())
    return Capacity(contacts, int(rows))


@contextlib.contextmanager
def out_of_memory(num_worlds: int) -> Iterator[None]:
    """EngineError in the place of Warp's error where an allocation fails: its solver takes more than its buffers."""
    try:
        yield
    except RuntimeError as error:
        if "allocat" not in str(error):
            raise
        raise EngineError(f"{num_worlds} worlds do not fit: {error}; allowed: fewer (train.num_envs)") from None


def require_memory(num_worlds: int, each: int, once: int, free: int) -> None:
    """EngineError where worlds of `each` bytes, and `once` for all of them, exceed the `free` bytes of a GPU."""
    if num_worlds * each + once > free:
        raise EngineError(
            f"{num_worlds} worlds need about {(num_worlds * each + once) / 1e9:.1f} GB on the GPU, which has "
            f"{free / 1e9:.1f} GB free; allowed: at most {max(0, (free - once) // each)} worlds (train.num_envs)"
        )
