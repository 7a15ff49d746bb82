"""The contract of `World`, on every engine: one model, so that its kernels are compiled once."""

from __future__ import annotations

import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import ashore
from ashore.randomization.effects.base import SpaceError
from ashore.sim.engine.capacity import Capacity
from tests.sim.engine.engines import DEVICE, ENGINES, everyone, needs_warp, on
from tests.sim.worlds import actions, assert_same_bits, rollout

LATE = {"command_latency": 0.0, "command_jitter": 0.0, "command_drop": 0.0}
on_every_engine = pytest.mark.parametrize("engine", ENGINES)


@on_every_engine
def test_the_same_seed_gives_the_same_bits(engine: str) -> None:
    assert_same_bits(rollout(on(engine), 4), rollout(on(engine), 4))


@on_every_engine
def test_the_reset_of_one_world_leaves_the_others_their_bits(engine: str) -> None:
    plain, other = on(engine), on(engine)
    for k, action in enumerate(actions(plain, 4)):
        if k == 1:
            other.age[1] = other.settings.episode_steps - 1  # its time is up
        ended = other.step(action)[4].get("final_ids", torch.tensor([]))
        plain.step(action)
        assert (1 in ended.tolist()) == (k == 1)
        for name in ("qpos", "qvel", "act", "sensordata"):
            a, b = getattr(plain.world, name), getattr(other.world, name)
            assert torch.equal(a[[0, 2]], b[[0, 2]]), (k, name)
    assert not torch.equal(plain.world.qpos[1], other.world.qpos[1])


@on_every_engine
@pytest.mark.parametrize("poison", ["qpos", "qvel", "act"])
def test_a_world_that_is_not_finite_is_told_and_touches_no_other(engine: str, poison: str) -> None:
    plain, poisoned = on(engine), on(engine)
    for k, action in enumerate(actions(plain, 3)):
        if k == 1:
            getattr(poisoned.world, poison)[1, -1] = math.nan
        plain.step(action)
        terminated = poisoned.step(action)[2]
        assert bool(terminated[1]) == (k == 1)
        assert torch.equal(plain.world.qpos[[0, 2]], poisoned.world.qpos[[0, 2]])
        assert poisoned.world.qpos.isfinite().all()
    assert poisoned.diverged_count == 1 and plain.diverged_count == 0


@on_every_engine
def test_states_go_on_with_the_same_bits(engine: str) -> None:
    env, again = on(engine), on(engine)
    for action in actions(env, 3):
        env.step(action)
    again.load_state_dict(env.state_dict())
    assert_same_bits(rollout(env, 3), rollout(again, 3))


@on_every_engine
def test_a_field_of_one_world_and_what_derives_from_it_are_its_own(engine: str) -> None:
    world = on(engine).world
    trunk, total = world.field("body_mass")[:, 1], world.field("body_subtreemass")[:, 1]
    added = torch.tensor([0.0, 2.0, 0.0], dtype=torch.float64)  # kg
    heavier, whole = trunk + added, total + added
    trunk.copy_(heavier)
    world.set_const(torch.tensor([1]))
    torch.testing.assert_close(trunk, heavier, rtol=1e-6, atol=0)
    torch.testing.assert_close(total, whole, rtol=1e-6, atol=0)


@on_every_engine
def test_a_command_is_in_force_from_the_first_physics_step_that_is_a_delay_after_it(engine: str) -> None:
    """The servos integrate commands: after k physics steps their setpoint is the sum of those that arrived."""
    env = on(engine, num_envs=5, pins=LATE)
    world, dt = env.world, env.settings.physics_dt
    delays = torch.tensor([0.0, 1.0, 2.0, 1.5, 2.999])  # physics steps; one between two takes effect at the later one
    world.reset(everyone(env))
    world.field("actuator_delay")[:] = delays[:, None] * dt - 1e-7 * (delays[:, None] > 0)
    world.forward(everyone(env))
    given = torch.rand(8, generator=torch.Generator().manual_seed(0)).double()
    for k, command in enumerate(given, 1):
        world.ctrl[:] = command
        world.step(1)
        arrived = [given[: max(0, k - math.ceil(d))].sum() * dt for d in delays.tolist()]
        torch.testing.assert_close(world.act[:, 0], torch.stack(arrived), rtol=1e-6, atol=1e-8)


@on_every_engine
def test_fields_that_cannot_differ_between_worlds_are_refused(engine: str) -> None:
    with pytest.raises(ValueError, match="cannot differ between worlds"):
        on(engine).world.field("nq")


class _Asked(TorchDispatchMode):
    """Counts what makes a host wait for its device, and what goes from one to the other."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        devices = {a.device.type for a in args if isinstance(a, torch.Tensor)}
        self.count += len(devices) > 1 or func.name() in ("aten::_local_scalar_dense", "aten::nonzero", "aten::equal")
        return func(*args, **(kwargs or {}))


@needs_warp
def test_a_step_of_the_engine_asks_its_device_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from ashore.sim.engine.gpu import WarpWorld

    env = on("warp")
    world, ids = WarpWorld(env.world.model, env.num_envs, DEVICE), everyone(env).to(DEVICE)
    for name in ("body_mass", "actuator_delay"):
        world.field(name)

    def refused(self: object) -> None:
        raise AssertionError("values went to the host")

    monkeypatch.setattr("warp.array.numpy", refused)
    for _ in range(3):  # called, recorded, replayed
        with _Asked() as asked:
            world.step(env.settings.decimation)
            world.reset(ids)
            world.set_const(ids)
            world.forward(ids)
            world.diverged()
        assert asked.count == 0


@needs_warp
def test_entries_that_warp_cannot_follow_are_named_before_anything_starts() -> None:
    spin = '{effect: contact, kind: spin, match: ".*_foot", unit: m, nominal: 0.0, low: 0.0, high: 0.01}'
    condim = '{field: [geom_priority], match: ".*_foot", op: set, unit: "1", nominal: 0.0, low: 0.0, high: 1.0}'
    changes = ["task.engine=warp", f"task.randomization.spin={spin}", f"task.randomization.first={condim}"]
    said = r"spin: 'geom_condim'; first.field: 'geom_priority' cannot differ .* on engine warp; .* task.engine=cpu"
    with pytest.raises(SpaceError, match=said):
        ashore.make_env("quadruped_velocity", 1, overrides=changes)


@needs_warp
def test_buffers_that_are_too_small_are_counted_and_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four feet on the ground need more than one contact of four rows."""
    monkeypatch.setattr("ashore.sim.engine.gpu.capacity_of", lambda model: Capacity(1, 4))
    env = on("warp")
    env.step(torch.zeros(env.num_envs, env.action_size))
    counts = env.world.overflows()
    assert counts and set(counts) <= {"nefc", "broadphase", "narrowphase"} and all(counts.values())
    assert {f"engine/overflow_{name}": count for name, count in counts.items()}.items() <= env.report().items()


@needs_warp
@pytest.mark.all_models
def test_warp_neither_loses_nor_repeats_a_command_in_20_seconds() -> None:
    """Measured: 0.01 mrad off after 20 s, by float32's sums; a step lost or repeated is off by some tenths of one or more."""
    env = on("warp", pins=LATE)
    world, dt, each = env.world, env.settings.physics_dt, env.settings.decimation
    delays = [1, 4, round(world.longest_delay / dt)]  # physics steps, whole: where rounding has two sides to fall to
    world.reset(everyone(env))
    world.field("actuator_delay")[:] = torch.tensor(delays, dtype=torch.float64)[:, None] * dt - 1e-7
    world.forward(everyone(env))
    count = round(20.0 / env.settings.control_dt)
    given = 0.5 + torch.rand(count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)  # rad/s
    for command in given:
        world.ctrl[:] = command
        world.step(each)
    steps = given.repeat_interleave(each)
    arrived = torch.stack([steps[: len(steps) - d].sum() * dt for d in delays])
    torch.testing.assert_close(world.act[:, 0], arrived, rtol=0.0, atol=5e-5)
