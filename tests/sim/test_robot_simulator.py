"""The twin's plant: one world under a controller's setpoints."""

import numpy as np
import pytest

from ashore.configs.loader import load_run
from ashore.environments import make_randomizer
from ashore.sim.robot_simulator import RobotSimulator
from ashore.sim.tasks.task import TaskError


def plant(*overrides: str) -> RobotSimulator:
    task = load_run("arm_reach", list(overrides)).task
    return RobotSimulator(task, make_randomizer(task), seed=3, publish_dt=0.008)


EACH = "task.randomization.command_latency.each=true"  # a delay of its own for each servo


@pytest.mark.parametrize("overrides", [(), (EACH,)])
def test_servos_end_where_the_controller_does_however_delays_and_encoders_change(overrides: tuple[str, ...]) -> None:
    robot = plant(*overrides)
    setpoint = robot.home.copy()
    for episode in range(6):
        robot.begin_episode()
        for k in range(150):  # a move that a change of delay interrupts half way
            setpoint = setpoint + 0.002 * np.sin(k / 20 + episode)
            robot.step(setpoint)
    for _ in range(60):
        robot.step(setpoint)
    bias = robot._env.channel.bias[0, robot._env.channel.columns("joint_position")].double().numpy()
    assert robot._world.act[0].numpy() == pytest.approx(setpoint - bias, abs=1e-6)


def test_joint_states_come_as_often_as_their_channel_assumes() -> None:
    robot = plant("task.physics_dt=0.005")
    assert robot.publish_dt == robot._env.channel.dt == 0.01
    assert plant("task.physics_dt=0.002").publish_dt == pytest.approx(0.008)


def test_measured_positions_settle_at_the_setpoint_bias_and_all() -> None:
    robot = plant(
        "task.randomization.payload=null", "task.randomization.link_mass=null", "task.randomization.position_noise=null"
    )
    robot.begin_episode()
    for _ in range(400):
        robot.step(robot.home)
    measured = [robot.measure()["joint_position"] for _ in range(20)][-1]
    assert measured == pytest.approx(robot.home, abs=2e-3)


def test_episodes_differ_in_world_and_goal_and_come_again_with_the_seed() -> None:
    def goals(robot: RobotSimulator) -> list[np.ndarray]:
        return [robot.measure()["goal_position"] for episode in range(2) if robot.begin_episode().index == episode]

    first, again = plant(), plant()
    one, two = goals(first)
    assert not np.allclose(one, two)
    assert np.array_equal(goals(again)[0], one)
    assert plant().begin_episode().world == plant().begin_episode().world
    assert plant().begin_episode().world != first.begin_episode().world


def test_sensors_drift_and_hang_at_their_own_rate_and_the_policys_clock_is_not_theirs() -> None:
    """At 8 ms a sample: a drift forgotten over 0.1 s, and an encoder that hangs half of the time."""
    alike = "unit: rad, nominal: 0.0, low: 0.01, high: 0.01"
    robot = plant(
        "task.randomization={}",
        f"task.randomization.drift={{effect: signal, kind: drift, signal: joint_position, correlation_time: 0.1, {alike}}}",
        "task.randomization.hang={effect: signal, kind: freeze, signal: joint_velocity, duration: 0.2, unit: 1/s, "
        "nominal: 0.0, low: 5.0, high: 5.0}",
        "task.randomization.clock={effect: command, kind: period, unit: s, nominal: 0.0, low: 0.02, high: 0.02}",
    )
    robot.begin_episode()
    seen, speeds = [], []
    for k in range(2500):
        robot._world.qvel[0] = float(k)
        told = robot.measure()
        seen.append(told["joint_position"] - robot.home)
        speeds.append(told["joint_velocity"][0])
    errors = np.array(seen)
    assert errors.std() == pytest.approx(0.01, rel=0.08)  # 7 joints for 20 s: some 1400 independent values
    assert (errors[1:] * errors[:-1]).mean() / errors.var() == pytest.approx(np.exp(-0.08), abs=0.02)
    late = np.arange(2500) - np.array(speeds)
    assert (late > 0).mean() == pytest.approx(0.5, abs=0.1)
    assert set(late) <= set(range(400)), "whole samples: what works tells the present speed"


def test_a_task_that_drives_no_joints_is_refused() -> None:
    task = load_run("half_cheetah").task
    with pytest.raises(TaskError, match="half_cheetah drives no joint targets"):
        RobotSimulator(task, None, seed=0, publish_dt=0.008)
