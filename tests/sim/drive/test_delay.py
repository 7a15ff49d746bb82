"""From action to servo: the engine's delay against a queue written by hand, the trajectory controller against arithmetic."""

from __future__ import annotations

import math
from collections import deque

import mujoco
import numpy as np
import pytest
import torch
from torch import Tensor

from ashore.configs.contract import Interface, JointSpec, SignalSpec, target_memory
from ashore.sim import tasks
from ashore.sim.drive.command import CommandPath
from ashore.sim.scene.scene import compile_scene
from tests.sim.worlds import actions, make, randomizer_of, task

DT = 0.02  # s, control


def commands(steps: int) -> np.ndarray:
    """Setpoint velocities that excite every joint and lead it back: [steps, 7] rad/s."""
    t = np.arange(steps)[:, None] * DT
    return 0.4 * np.sin(2 * np.pi * t * np.linspace(0.3, 1.1, 7)) + 0.2 * np.sign(
        np.sin(2 * np.pi * t * np.linspace(0.7, 0.4, 7))
    )


def run_by_hand(delay: float, velocities: np.ndarray) -> np.ndarray:
    """One world without delay buffers, one thread, a queue of physics steps: qpos [steps, 7]."""
    settings = task("arm_reach", randomization={})
    model = compile_scene(tasks.find("arm_reach"), settings)
    assert model.actuator_history[:, 0].max() == 0
    data = mujoco.MjData(model)
    data.qpos[:] = data.act[:] = settings.robot.home
    queue = deque([np.zeros(7)] * math.ceil(delay / settings.physics_dt - 1e-9))
    rows = []
    for velocity in velocities:
        for _ in range(settings.decimation):
            queue.append(velocity)
            data.ctrl[:] = queue.popleft()
            mujoco.mj_step(model, data)
        rows.append(data.qpos.copy())
    return np.array(rows)


@pytest.mark.parametrize(("delays", "seconds"), [((0.0, 0.004, 0.02, 0.06, 0.0585), 4.0), ((0.2,), 20.0)])
def test_the_engine_delays_each_world_as_a_queue_of_physics_steps_would(
    delays: tuple[float, ...], seconds: float
) -> None:
    """0.2 s is the longest that the buffers were built for. A delay between two steps takes effect at the later one."""
    entry = task("arm_reach").randomization["command_latency"]
    env = make(task("arm_reach", randomization={"command_latency": entry}), len(delays))
    world, randomizer, everyone = env.world, randomizer_of(env), torch.arange(len(delays))
    world.reset(everyone)
    randomizer.write(everyone, torch.tensor(delays, dtype=torch.float64)[:, None])
    world.qpos[:] = world.act[:] = torch.tensor(env.settings.robot.home, dtype=torch.float64)
    world.forward(everyone)
    velocities = commands(round(seconds / DT))
    rows = []
    for velocity in velocities:
        world.ctrl[:] = torch.from_numpy(velocity)
        world.step(env.settings.decimation)
        rows.append(world.qpos.numpy().copy())
    seen = np.array(rows)
    assert seen.std(0).min() > 0.01, "every joint of every world must move"
    for w, delay in enumerate(delays):
        np.testing.assert_allclose(seen[:, w], run_by_hand(delay, velocities), rtol=0, atol=1e-9)


def test_delays_of_different_lengths_give_different_motion() -> None:
    hand = {d: run_by_hand(d, commands(50)) for d in (0.0, 0.004, 0.02, 0.06)}
    assert all(np.abs(hand[a] - hand[b]).max() > 1e-3 for a in hand for b in hand if a < b)


def test_after_a_reset_the_servo_holds_still_until_the_first_command_arrives() -> None:
    env = make("arm_reach", pins={"command_latency": 0.06, "payload": 0.0, "command_drop": 0.0, "command_jitter": 0.0})
    for _ in range(2):  # the first reset of all, and one that follows motion
        env.restart()
        start = env.world.qpos.clone()
        for _ in range(3):  # 3 * 20 ms
            env.step(torch.ones(4, 7))
            assert (env.world.qpos - start).abs().max() < 1e-3
        for _ in range(3):
            env.step(torch.ones(4, 7))
        # By then the first three commands were followed for 20 ms each. A joint of 20 rad/s^2 has moved its setpoint by
        # 6 + 13 + 20 mrad at most; one of 7.5 rad/s^2 by a third of that, and the servo lags behind.
        assert (env.world.qpos - start).abs().amax(1).min() > 5e-3


def interface(acceleration: float = 10.0, velocity: float = 1.0) -> Interface:
    joint = JointSpec(name="a", low=-2.0, high=2.0, velocity=velocity, acceleration=acceleration, home=0.0)
    signal = SignalSpec(
        name="joint_position", size=1, unit="rad", kind="measurement", max_age=0.1, description="encoder"
    )
    return Interface(
        task="t", robot="r", control_dt=DT, signals=(signal,), memory=target_memory(1, "joint_position"),
        joints=(joint,), action_scale=(velocity,),
    )  # fmt: skip


ON_TIME = torch.tensor([[0.0, 1.0]])  # arrival, and a number that no probability of loss is above
HALF_LATE = torch.tensor([[0.5, 1.0]])
UNLUCKY = torch.tensor([[0.0, 0.0]])
FORWARD = torch.ones(1, 1)


def path(jitter: float = 0.0, drop: float = 0.0, warm: int = 0) -> CommandPath:
    """At rest at 0; then `warm` commands at full speed, in time."""
    p = CommandPath(interface(), 1)
    p.restart(torch.tensor([0]), torch.zeros(1, 1))
    for _ in range(warm):
        p.act(FORWARD, ON_TIME)
    p.jitter.fill_(jitter)
    p.drop.fill_(drop)
    return p


def test_the_first_step_from_rest_is_the_middle_of_a_cubic() -> None:
    # Acceleration 10 rad/s^2 allows 0.2 rad/s in the first step: target 0.004, trajectory point (0.008, 0.2) after 0.04 s.
    # The cubic h from (0, 0) to (0.008, 0.2) over 0.04 s has h(0.02) = 0.004 - 0.04 * 0.2 / 8 = 0.003,
    # h'(0.02) = 1.5 * 0.008 / 0.04 - 0.2 / 4 = 0.25.
    p = path()
    moved = p.act(FORWARD, ON_TIME)
    assert p.target.item() == pytest.approx(0.004, abs=1e-7)
    assert p.setpoint.item() == pytest.approx(0.003, abs=1e-7)
    assert p.setpoint_velocity.item() == pytest.approx(0.25, abs=1e-6)
    assert moved.item() == pytest.approx(0.15, abs=1e-6)


def test_a_constant_target_velocity_becomes_a_constant_setpoint_velocity() -> None:
    p = path(warm=25)
    for _ in range(10):
        assert p.act(FORWARD, ON_TIME).item() == pytest.approx(1.0, abs=1e-4)
        assert p.setpoint.item() == pytest.approx(p.target.item(), abs=1e-5)
    # 0.2 + 0.4 + 0.6 + 0.8 in the first four steps of 0.02 s, then 1 rad/s for 31.
    assert p.target.item() == pytest.approx(0.04 + 31 * 0.02, abs=1e-5)


def test_a_lost_command_leaves_the_trajectory_before_in_force_and_then_its_end() -> None:
    p = path(drop=1.0, warm=30)
    start = p.setpoint.item()
    assert p.act(FORWARD, UNLUCKY).item() == pytest.approx(1.0, abs=1e-4)  # the rest of the old trajectory
    assert p.setpoint.item() == pytest.approx(start + DT, abs=1e-5)
    for _ in range(3):
        assert p.act(FORWARD, UNLUCKY).item() == pytest.approx(0.0, abs=1e-6)  # holds its last point
    assert p.setpoint.item() == pytest.approx(start + DT, abs=1e-5)
    assert p.target.item() == pytest.approx(start + 4 * DT, abs=1e-4), "the policy's memory knows nothing of it"


def test_a_late_command_lies_between_the_one_in_time_and_the_one_lost() -> None:
    late, in_time, lost = path(jitter=DT), path(jitter=DT), path(drop=1.0)
    late.act(FORWARD, HALF_LATE)
    in_time.act(FORWARD, ON_TIME)
    lost.act(FORWARD, UNLUCKY)
    assert (in_time.setpoint.item(), lost.setpoint.item()) == pytest.approx((0.003, 0.0), abs=1e-7)
    assert late.setpoint.item() == pytest.approx(0.0015, abs=1e-7)


def test_jitter_beyond_a_period_is_a_lost_command() -> None:
    late, lost = path(jitter=3 * DT, warm=20), path(drop=1.0, warm=20)
    for _ in range(2):
        assert late.act(FORWARD, HALF_LATE).item() == lost.act(FORWARD, UNLUCKY).item()


def test_targets_keep_position_velocity_and_acceleration_limits_under_any_action() -> None:
    env = make("arm_reach", 8)
    command = env.command
    assert isinstance(command, CommandPath)
    limits, generator = command.limits, torch.Generator().manual_seed(0)
    low, high = limits.low - 1e-5, limits.high + 1e-5
    for k, action in enumerate(actions(env, 400)):
        bold = 3.0 * torch.sign(action) if (k // 40) % 2 else action  # for a while always the same way, into the ends
        before, velocity = command.target.clone(), command.target_velocity.clone()
        if (k // 40) % 2:
            bold = 3.0 * torch.sign(actions(env, 1, seed=k // 40)[0])
        command.act(bold, torch.rand(8, 2, generator=generator))
        after, v = command.target, command.target_velocity
        assert ((after >= low) & (after <= high)).all()
        assert (v.abs() <= limits.velocity + 1e-5).all()
        assert ((v - velocity).abs() <= limits.acceleration * DT + 1e-4).all()
        torch.testing.assert_close(after, before + v * DT, rtol=0, atol=1e-6)
    near: Tensor = torch.minimum(after - limits.low, limits.high - after)
    assert near.min() < 0.05, "some joint must have met its end"
