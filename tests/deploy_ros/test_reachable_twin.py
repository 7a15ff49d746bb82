"""The same on the twin's arm, its servos, delays and encoders: it does not leap, and a healthy one is left alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mujoco")

import torch

from ashore.configs.contract import TARGET, TARGET_VELOCITY, Interface
from ashore.configs.laws.limits import limit_target
from ashore.configs.loader import load_run
from ashore.deploy_ros.reasons import Reason
from ashore.deploy_ros.safety import limits_of
from ashore.environments import make_randomizer
from ashore.sim.robot_simulator import RobotSimulator
from tests.deploy_ros.cell import Cell

# Of the velocity limits: the twin's servos overshoot a little, with the payload of their world.
MOST = 1.2
BLOCKED = 1e6  # kg m^2


class Wanderer:
    """As a policy's graph: goes to a new posture every second, within the limits."""

    def __init__(self, interface: Interface, seed: int, span: float) -> None:
        self.contract = SimpleNamespace(interface=interface, settings={}, trained_on=())
        self._limits, self._dt, self._span = limits_of(interface), interface.control_dt, span
        self._random, self._steps = np.random.default_rng(seed), 0
        self._home = np.array([j.home for j in interface.joints])

    def initial_memory(self, signals: dict[str, Any]) -> dict[str, np.ndarray]:
        q = np.asarray(signals["joint_position"], np.float32)
        return {TARGET: q, TARGET_VELOCITY: np.zeros_like(q)}

    def step(
        self, _signals: Any, memory: dict[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        if self._steps % round(1.0 / self._dt) == 0:
            offset = self._random.uniform(-self._span, self._span, len(self._home))
            self._goal = (self._home + offset).clip(self._limits.low, self._limits.high)
        self._steps += 1
        p, v = (memory[name].astype(np.float64) for name in (TARGET, TARGET_VELOCITY))
        p, v = limit_target(p + 0.4 * (self._goal - p), p, v, self._limits, self._dt)
        p, v = p.astype(np.float32), v.astype(np.float32)
        return p, v, {TARGET: p, TARGET_VELOCITY: v}


class Arm:
    """The twin's arm as a cell's robot; joints may be blocked."""

    def __init__(self, plant: RobotSimulator) -> None:
        self._plant, self.dt = plant, plant.physics_dt
        self._joints = len(plant.interface.joints)
        self.blocked = np.zeros(self._joints, dtype=bool)
        self._own: torch.Tensor | None = None  # armature

    @property
    def q(self) -> np.ndarray:
        position: np.ndarray = self._plant._env.world.qpos[0, : self._joints].double().numpy().copy()
        return position

    def step(self, setpoint: np.ndarray) -> None:
        """A blocked joint has so much inertia that nothing moves it, and the arm feels what it is held by."""
        world = self._plant._env.world
        armature = world.field("dof_armature")[0]
        if self._own is None:
            self._own = armature[: self._joints].clone()
        for k in range(self._joints):
            armature[k] = BLOCKED if self.blocked[k] else float(self._own[k])
            if self.blocked[k]:
                world.qvel[0, k] = 0.0
        self._plant.step(setpoint)

    def measure(self) -> tuple[np.ndarray, np.ndarray]:
        seen = self._plant.measure()
        return seen["joint_position"], seen["joint_velocity"]


def cell(robot: str, seed: int, span: float = 0.6, **options: Any) -> tuple[Cell, Arm]:
    task = load_run("arm_reach", [f"task.robot={robot}"]).task
    plant = RobotSimulator(task, make_randomizer(task), seed=seed, publish_dt=task.control_dt)
    plant.begin_episode()
    for _ in range(100):
        plant.step(plant.home)
    policy: Any = Wanderer(plant._env.interface, seed, span)
    arm = Arm(plant)
    return Cell(policy, arm, goal=(0.4, 0.0, 0.3), anywhere=True, **options), arm


@pytest.mark.parametrize(("robot", "span"), [("panda", 0.8), ("ur5e", 0.3), ("so101", 0.3)])
@pytest.mark.parametrize("seed", range(4))
def test_the_gate_has_nothing_to_do_in_the_worlds_of_training_but_for_the_first_start(
    robot: str, span: float, seed: int
) -> None:
    it, _ = cell(robot, seed, span, tells=(0.0, 0.008, 0.02, 0.002)[seed])
    it.run(6.0)
    assert {o.reason for o in it.outputs[8:]} == {Reason.OK}
    assert {o.reason for o in it.outputs[:8]} <= {Reason.OK, Reason.LIMITED}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("seconds", [0.1, 0.4, 2.0])
def test_rejected_points_and_ctrl_c_are_no_leap(seed: int, seconds: float) -> None:
    it, arm = cell("panda", seed, end_velocity=False)
    began = arm.q
    it.run(seconds)
    it.interrupt()
    assert it.excess() <= 0.2 and np.abs(arm.q - began).max() < 0.05  # it sways in its world, and goes nowhere
    if seconds > 0.3:
        assert it.outputs[-1].reason is Reason.STALLED


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("seconds", [0.1, 5.0])
def test_a_controller_that_comes_late_is_no_leap(seed: int, seconds: float) -> None:
    it, _ = cell("panda", seed, controller_at=seconds)
    it.run(seconds + 1.0)
    it.interrupt()
    assert it.excess() <= MOST


@pytest.mark.parametrize("joint", range(7))
def test_a_blocked_joint_is_held_where_it_is_and_does_not_spring_when_freed(joint: int) -> None:
    it, arm = cell("panda", joint % 3, span=1.0, tells=0.008 * (joint % 2))
    it.run(0.3)
    arm.blocked[joint] = True
    while not it.outputs[-1].reason.latches:
        it.run(it.node.interface.control_dt)
        assert it.now < 1.5
    assert it.outputs[-1].reason in (Reason.STALLED, Reason.BLOCKED, Reason.TRACKING)
    it.run(1.5)
    held, freed = arm.q, len(it.path) - 1
    arm.blocked[:] = False
    it.run(1.0)
    it.interrupt()
    assert it.excess() <= MOST
    # Nor did it press: what it moves by is what its world's payload and encoders are worth.
    assert np.abs(arm.q - held).max() < 0.05
    limits = limits_of(it.node.interface)
    assert (np.abs(it.speeds[freed:]) <= 0.5 * limits.velocity).all()
