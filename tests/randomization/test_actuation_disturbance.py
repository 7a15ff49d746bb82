"""Entries about drives and disturbances: what they write, which names they take, which tasks refuse them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ashore.configs.entries import ParameterSettings
from ashore.configs.loader import ConfigError, load_run
from ashore.environments import make_randomizer
from ashore.randomization.effects.base import SpaceError
from ashore.sim.env import Env
from ashore.sim.robot_simulator import RobotSimulator
from tests.sim.worlds import assert_same_bits, make, randomizer_of, rollout, task

DRIVES = ["backlash", "dead_zone", "action_noise_scale", "action_noise_episode", "action_noise_step"]
WORLDS = ["joint_kick", "force_pulse", "torque_pulse", "adversary_action", "adversary_force", "adversary_torque"]
ROWS = {
    "arm_lift": [*DRIVES, *WORLDS, "friction_asymmetry", "motor_strength", "body_kick"],
    "quadruped_velocity": [*DRIVES, *WORLDS, "body_kick", "motor_strength"],
    "half_cheetah": WORLDS,
}
each_row = pytest.mark.parametrize(("preset", "name"), [(p, n) for p, names in ROWS.items() for n in names])


def row(preset: str, name: str) -> ParameterSettings:
    return load_run(preset, [f"task.randomization.{name}=catalogue"]).task.randomization[name]


def alone(preset: str, name: str, worlds: int = 4, pins: dict[str, float] | None = None, **changes: Any) -> Env:
    entry = row(preset, name).model_copy(update=changes)
    return make(task(preset, randomization={name: entry}), worlds, pins=pins)


@each_row
def test_at_nominal_it_changes_no_bit_and_away_from_it_it_does(preset: str, name: str) -> None:
    entry = row(preset, name)
    often: dict[str, Any] = {"interval": 0.1} if hasattr(entry, "interval") else {}
    far = max(entry.widest, key=lambda x: abs(x - entry.nominal))
    plain = rollout(make(task(preset, randomization={})), 30)
    still = rollout(alone(preset, name, low=entry.nominal, high=entry.nominal, **often), 30)
    moved = rollout(alone(preset, name, pins={name: far}, **often), 30)
    compared = ("actor", "reward", "terminated", "truncated", "qpos", "qvel")
    assert_same_bits({k: plain[k] for k in compared}, {k: still[k] for k in compared})
    assert (moved["qpos"] - plain["qpos"]).abs().max() > 1e-5


@pytest.mark.parametrize("preset", ["arm_lift", "quadruped_velocity"])
def test_sampled_values_are_read_back(preset: str) -> None:
    for name in ROWS[preset]:
        env = alone(preset, name)
        effect = randomizer_of(env)._effects[0]
        if hasattr(effect, "read"):
            torch.testing.assert_close(
                effect.read(torch.arange(4)), randomizer_of(env).lambdas, rtol=1e-6, atol=1e-9, msg=name
            )


@pytest.mark.parametrize("share", [0.3, -0.5])
def test_a_joint_breaks_away_at_its_friction_and_the_share_of_it_in_each_direction(share: float) -> None:
    """A vertical axis, which gravity does not load. The engine's friction is soft: below its limit, F (1 + share) up and
    F (1 - share) down, a joint creeps, by so much the faster as it is pushed more; from the limit on it runs away."""
    env = alone("arm_reach", "friction_asymmetry", 4, pins={"friction_asymmetry": share}, match="joint1")
    joint = env.world.row_names("dof_damping").index("joint1")
    friction = float(env.world.model.dof_frictionloss[joint])
    offset, start = env.world.qfrc_applied.clone(), env.world.qpos[0].clone()
    assert offset[:, joint].tolist() == pytest.approx([-share * friction] * 4)
    for field in ("actuator_gainprm", "actuator_biasprm"):
        env.world.field(field).zero_()  # limp
    for sign in (1.0, -1.0):
        env.world.qpos.copy_(start)
        env.world.qvel.zero_()
        pushes = friction * (1 + sign * share) * torch.tensor([0.94, 0.98, 1.02, 1.06], dtype=torch.float64)
        env.world.qfrc_applied[:, joint] = offset[:, joint] + sign * pushes
        env.world.step(50)
        slower, slow, fast, faster = (sign * env.world.qvel[:, joint]).tolist()
        assert 0 < slow - slower < 0.1 * (faster - fast), sign


def test_friction_asymmetry_is_a_share_of_the_friction_that_this_world_has() -> None:
    settings = load_run("arm_reach", ["task.randomization.friction_asymmetry=catalogue"]).task
    entries = {k: settings.randomization[k] for k in ("friction_asymmetry", "joint_friction")}
    env = make(task("arm_reach", randomization=entries), pins={"joint_friction": 2.0, "friction_asymmetry": 0.25})
    nominal = torch.from_numpy(env.world.model.dof_frictionloss[:7].copy())
    torch.testing.assert_close(env.world.qfrc_applied[:, :7], (-0.5 * nominal).expand(4, 7))


@pytest.mark.parametrize("name", [*DRIVES, "friction_asymmetry"])
def test_a_task_whose_actions_are_no_targets_refuses_what_changes_targets(name: str) -> None:
    with pytest.raises(SpaceError, match=f"{name}.*(allowed: tasks whose actions are joint targets|has friction)"):
        alone("half_cheetah", name)


@pytest.mark.parametrize(
    ("preset", "name", "message"),
    [
        ("arm_reach", "backlash", r"backlash.match = 'elbow' matches nothing; there is \['joint1', .*'joint7'\]"),
        ("arm_reach", "joint_kick", r"joint_kick.match = 'elbow' matches nothing; there is \['joint1', .*'joint7'\]"),
        (
            "arm_reach",
            "force_pulse",
            r"force_pulse.match = 'elbow' matches nothing; there is \['hand', 'left_finger', ",
        ),
        ("quadruped_velocity", "body_kick", r"body_kick.match = 'elbow' matches nothing; there is \['trunk'\]"),
        ("arm_reach", "body_kick", "body_kick kicks floating bodies, and this model has none"),
        ("arm_reach", "adversary_action", r"adversary_action.match = 'elbow' matches nothing; there is \['joint1', "),
        ("arm_reach", "adversary_force", r"adversary_force.match = 'elbow' matches nothing; there is \['hand', "),
    ],
)
def test_a_name_that_does_not_exist_is_refused_with_those_that_do(preset: str, name: str, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        alone(preset, name, match="elbow")


def test_a_unit_of_rad_means_hinges_and_one_of_m_what_slides() -> None:
    fingers = alone("arm_lift", "backlash", unit="m", match=".*")
    assert all("finger" in d.name for d in randomizer_of(fingers).dimensions)
    hinges = alone("arm_lift", "backlash")
    assert [d.name for d in randomizer_of(hinges).dimensions] == [f"backlash[joint{i}]" for i in range(1, 8)]
    with pytest.raises(SpaceError, match=r"backlash.unit = 'm'; there is no such joint: \{'joint1': 'rad'"):
        alone("arm_reach", "backlash", unit="m")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("backlash.low=-0.1", "at least 0"),
        ("backlash.unit=deg", "allowed: 'rad' or 'm'"),
        ("force_pulse.duration=0.0", "above 0"),
        ("force_pulse.interval=-1.0", "above 0"),
        ("joint_kick.duration=1.0", "duration does not exist"),
        ("adversary_action.bounds=[0.0, 1.5]", "at most 1"),
        ("friction_asymmetry.bounds=[-2.0, 1.0]", "at least -1"),
    ],
)
def test_entries_that_make_no_sense_are_refused_by_name(change: str, message: str) -> None:
    name = change.split(".")[0]
    overrides = [f"task.randomization.{name}=catalogue", f"task.randomization.{change}"]
    if "low" in change:
        overrides.append(f"task.randomization.{name}.bounds=[-0.1, 0.1]")
    with pytest.raises(ConfigError, match=message):
        load_run("arm_reach", overrides)


def test_the_twins_robot_has_play_and_is_pushed() -> None:
    def ends(*rows: str) -> tuple[RobotSimulator, np.ndarray]:
        settings = task("arm_reach", randomization={r: row("arm_reach", r) for r in rows})
        often = {
            n: e.model_copy(update={"interval": 0.2}) for n, e in settings.randomization.items() if n == "force_pulse"
        }
        settings = settings.model_copy(update={"randomization": settings.randomization | often})
        pins = dict.fromkeys(rows, 0.05 if "backlash" in rows else 40.0)
        robot = RobotSimulator(settings, make_randomizer(settings, pins) if rows else None, seed=3, publish_dt=0.008)
        robot.begin_episode()
        setpoint, seen = robot.home.copy(), []
        for k in range(500):
            setpoint = setpoint + (0.0004 if k < 250 else -0.0004)
            robot.step(setpoint)
            seen.append(robot.measure()["joint_position"])
        return robot, np.array(seen)

    _, plain = ends()
    _, loose = ends("backlash")
    robot, pushed = ends("force_pulse")
    late = plain[249] - loose[249]
    assert late == pytest.approx([0.025] * 7, abs=0.004)  # half of the play, on the way up
    assert plain[-1] - loose[-1] == pytest.approx([-0.025] * 7, abs=0.004)  # and on the way down
    assert abs(pushed - plain).max() > 1e-3
    robot.begin_episode()
    assert robot._world.xfrc_applied.abs().max() == 0
