"""The twin's plant: one world under a controller's setpoints."""

import numpy as np
import pytest

from ashore_wiring import make_randomizer
from configs.loader import load_run
from sim.plant import Plant
from sim.task import TaskError


def plant(*overrides: str) -> Plant:
    task = load_run("arm_reach", list(overrides)).task
    return Plant(task, make_randomizer(task), seed=3, publish_dt=0.008)


def test_servos_end_where_the_controller_does_however_delays_and_encoders_change() -> None:
    robot = plant()
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


def test_measured_positions_settle_at_the_setpoint_bias_and_all() -> None:
    robot = plant(
        "task.randomization.payload=null", "task.randomization.link_mass=null", "task.randomization.position_noise=null"
    )
    robot.begin_episode()
    for _ in range(400):
        robot.step(robot.home)
    measured = [robot.measure()[0] for _ in range(20)][-1]
    assert measured == pytest.approx(robot.home, abs=2e-3)


def test_episodes_differ_in_world_and_goal_and_come_again_with_the_seed() -> None:
    first, again = plant(), plant()
    one, two = first.begin_episode(), first.begin_episode()
    assert one.world != two.world
    assert not np.allclose(one.goal_position, two.goal_position)
    same = again.begin_episode()
    assert same.world == one.world
    assert np.array_equal(same.goal_position, one.goal_position)


@pytest.mark.parametrize("name", ["cartpole_swingup", "arm_push", "arm_lift", "quadruped_velocity"])
def test_a_task_with_signals_that_the_wire_does_not_carry_is_refused(name: str) -> None:
    task = load_run(name).task
    with pytest.raises(TaskError, match="goal_position"):
        Plant(task, make_randomizer(task), seed=0, publish_dt=0.008)
