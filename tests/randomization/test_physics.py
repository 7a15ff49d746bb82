"""What effects of physics make of a model, against the engine's compiler and formulas of their own."""

from __future__ import annotations

import math

import mujoco
import numpy as np
import pytest
import torch

from ashore.configs.entries.physics import InertiaParameter
from ashore.configs.loader import load_run
from ashore.randomization.effects.base import SpaceError
from ashore.randomization.effects.inertia import PARTS, InertiaEffect
from ashore.sim.engine.cpu import CpuWorld
from tests.randomization.cases import hosted
from tests.sim.worlds import make, randomizer_of, task

BOX = """
<mujoco><option><flag autoreset="disable"/></option><worldbody><body name="box" pos="0 0 1"><freejoint/>
  <geom type="box" size="{}" pos="0.1 0 0" quat="{}" density="{}"/>
</body></worldbody></mujoco>
"""
SIZE, QUAT, DENSITY = (0.02, 0.03, 0.05), (1.0, 0.0, 0.0, 0.0), 1000.0


def compiled(size: tuple[float, ...], quat: tuple[float, ...], density: float) -> mujoco.MjModel:
    spec = mujoco.MjSpec.from_string(BOX.format(" ".join(map(str, size)), " ".join(map(str, quat)), density))
    for body in spec.bodies:
        body.simple = False
    return spec.compile()


def changed(theta: dict[str, float], quat: tuple[float, ...] = QUAT) -> mujoco.MjModel:
    """The box after this change."""
    world = CpuWorld(compiled(SIZE, quat, DENSITY), 2, 1)
    values = {"unit": "1", "nominal": 0.0, "low": -2.0, "high": 2.0, "effect": "inertia", "match": "box"}
    entries = {
        k: InertiaParameter.model_validate(values | {"kind": k, "unit": InertiaParameter.kinds[k].unit}) for k in theta
    }
    effect = InertiaEffect(entries, world)
    effect.apply(torch.tensor([1]), torch.tensor([list(theta.values())], dtype=torch.float64))
    world.set_const(torch.tensor([1]))
    assert effect.read(torch.tensor([1]))[0].tolist() == pytest.approx(list(theta.values()), abs=1e-12)
    return world.batch.get_model(1)


def pseudo_inertia(model: mujoco.MjModel) -> np.ndarray:
    """[[S, h], [h', m]] about the body's origin: second moments, first moments, mass."""
    axes = np.zeros(9)
    mujoco.mju_quat2Mat(axes, model.body_iquat[1])
    turn, m, c = axes.reshape(3, 3), model.body_mass[1], model.body_ipos[1]
    inertia = turn @ np.diag(model.body_inertia[1]) @ turn.T
    second = np.trace(inertia) / 2 * np.eye(3) - inertia + m * np.outer(c, c)
    return np.block([[second, m * c[:, None]], [m * c[None], np.array([[m]])]])


def test_a_stretched_box_is_the_longer_box_as_the_compiler_sees_it() -> None:
    longer = compiled((2 * SIZE[0], SIZE[1], SIZE[2]), QUAT, DENSITY / 2)  # as heavy
    stretched = changed({"d1": math.log(2)})
    np.testing.assert_allclose(pseudo_inertia(stretched), pseudo_inertia(longer), rtol=1e-12, atol=1e-16)
    for name in ("dof_M0", "body_invweight0"):
        np.testing.assert_allclose(getattr(stretched, name), getattr(longer, name), rtol=1e-9)


def test_alpha_makes_it_as_many_times_as_dense() -> None:
    np.testing.assert_allclose(
        pseudo_inertia(changed({"alpha": math.log(3) / 2})),
        pseudo_inertia(compiled(SIZE, QUAT, 3 * DENSITY)),
        rtol=1e-12,
    )


def test_any_theta_maps_the_pseudo_inertia_and_stays_realisable() -> None:
    """J about the centre of mass -> U J U' with U = e^alpha [A t; 0 1], and moved back to where the body's origin is."""
    draw = np.random.default_rng(0)
    for _ in range(5):
        theta = dict(zip(PARTS, draw.uniform(-0.6, 0.6, len(PARTS)), strict=True))
        a = np.diag(np.exp([theta["d1"], theta["d2"], theta["d3"]]))
        a[0, 1], a[0, 2], a[1, 2] = theta["s12"], theta["s13"], theta["s23"]
        u = np.eye(4)
        u[:3, :3], u[:3, 3] = a, [theta["t1"], theta["t2"], theta["t3"]]
        quat = tuple(draw.normal(size=4))
        nominal = compiled(SIZE, quat, DENSITY)
        away = np.eye(4)
        away[:3, 3] = nominal.body_ipos[1]
        whole = math.exp(theta["alpha"]) * away @ u @ np.linalg.inv(away)
        result = pseudo_inertia(changed(theta, quat))
        np.testing.assert_allclose(result, whole @ pseudo_inertia(nominal) @ whole.T, rtol=1e-9, atol=1e-12)
        assert np.linalg.eigvalsh(result).min() > 0


def test_a_tilted_world_pulls_sideways_and_a_stronger_one_harder() -> None:
    case = hosted("gravity_roll")
    env = case.begin(case.all_at(0.2))
    sideways, down = 9.81 * math.sin(0.2), -9.81 * math.cos(0.2)
    assert env.world.field("opt.gravity")[0].tolist() == pytest.approx([0.0, sideways, down])
    case = hosted("gravity_pitch")
    env = case.begin(case.all_at(0.2))
    assert env.world.field("opt.gravity")[0].tolist() == pytest.approx([-sideways, 0.0, down])
    case = hosted("gravity_strength")
    assert case.begin(case.all_at(1.2)).world.field("opt.gravity")[0, 2] == pytest.approx(-9.81 * 1.2)


def test_contacts_have_more_dimensions_only_where_they_twist_or_roll() -> None:
    for row, dimensions in (("friction_spin", 4), ("friction_roll", 6)):
        case = hosted(row)
        lambdas = case.all_at(0.0)
        lambdas[1] = 0.004
        env = case.begin(lambdas)
        assert env.world.field("geom_condim")[0].unique().tolist() == [3]
        assert env.world.field("geom_condim")[1].unique().tolist() == [dimensions]


def test_what_several_entries_scale_is_multiplied_by_all_of_them_and_each_is_read_back() -> None:
    """A motor's strength beside servo gains that differ from joint to joint, all of catalogue and preset."""
    entries = load_run("arm_push", ["task.randomization.motor_strength=catalogue"]).task.randomization
    entries = {name: entries[name] for name in ("servo_stiffness", "motor_strength")}
    env = make(task("arm_push", randomization=entries), 3, pins={"motor_strength": 0.9})
    fields, space = env.world.fields, randomizer_of(env)
    names = [d.name for d in space.dimensions]
    joint = names.index("servo_stiffness[joint2]")
    drawn, before = space.lambdas.clone(), env.world.model.actuator_gainprm
    assert drawn[:, joint].unique().numel() == 3
    gain, force = fields["actuator_gainprm"], fields["jnt_actfrcrange"]
    torch.testing.assert_close(gain[:, 1, 0], float(before[1, 0]) * 0.9 * drawn[:, joint])
    torch.testing.assert_close(force[0], 0.9 * torch.from_numpy(env.world.model.jnt_actfrcrange), rtol=1e-12, atol=0)
    effect, everyone = space._effects[0], torch.arange(3)
    torch.testing.assert_close(effect.read(everyone), drawn, rtol=1e-12, atol=0)
    written = gain.clone()
    space.write(everyone, drawn)
    assert torch.equal(gain, written)  # from nominals, not from what stood there


def test_of_two_that_scale_the_same_values_and_nothing_else_the_product_acts() -> None:
    entry = load_run("arm_push").task.randomization["joint_damping"].model_copy(update={"each": False})
    env = make(task("arm_push", randomization={"once": entry, "again": entry}), 2, pins={"once": 1.5, "again": 0.8})
    damping = env.world.fields["dof_damping"][:, :7]
    torch.testing.assert_close(damping[0], 1.2 * torch.from_numpy(env.world.model.dof_damping[:7]), rtol=1e-12, atol=0)
    with pytest.raises(SpaceError, match=r"\['once', 'again'\] scale the same values.*product"):
        randomizer_of(env)._effects[0].read(torch.arange(2))
