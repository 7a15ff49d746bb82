"""All entries of a preset at once make the worlds it names, and nothing else."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
import torch

from ashore.configs.entries.field import FieldParameter
from ashore.configs.loader import catalogue, load_run
from tests.randomization.scenes import prod
from tests.sim.worlds import RANDOMIZED, assert_same_bits, cpu_world, make, randomizer_of, rollout, task

each_preset = pytest.mark.parametrize("preset", RANDOMIZED)


@each_preset
def test_every_component_of_lambda_changes_physics_by_itself(preset: str) -> None:
    """World 0 is nominal; in two others component i lies at one of its ends. All start alike and are driven alike."""
    fields = {
        k: e for k, e in task(preset).randomization.items() if isinstance(e, FieldParameter) and k != "contact_friction"
    }
    settings = task(preset, randomization=fields)
    count = len(randomizer_of(make(settings, 1)).dimensions)
    env = make(settings, 1 + 2 * count)
    everyone = torch.arange(env.num_envs)
    nominal = torch.tensor([d.nominal for d in randomizer_of(env).dimensions], dtype=torch.float64)
    lambdas = nominal.repeat(env.num_envs, 1)
    for i, d in enumerate(randomizer_of(env).dimensions):
        lambdas[1 + 2 * i, i], lambdas[2 + 2 * i, i] = d.widest
    starts = [x[0].clone() for x in (env.world.qpos, env.world.mocap_pos, env.world.mocap_quat)]
    env.world.reset(everyone)
    randomizer_of(env).write(everyone, lambdas)
    for values, start in zip((env.world.qpos, env.world.mocap_pos, env.world.mocap_quat), starts, strict=True):
        values[:] = start
    env.world.act[:] = env.world.qpos[:, env.task.qpos_of]
    prod(env)
    env.world.forward(everyone)
    drawn = torch.rand(20, env.world.model.nu, generator=torch.Generator().manual_seed(0)) * 4 - 2
    for ctrl in drawn:
        env.world.ctrl[:] = ctrl
        env.world.step(5)
    moved = (env.world.qpos - env.world.qpos[0]).abs().amax(1)[1:].view(count, 2).amax(1)
    idle = [d.name for d, m in zip(randomizer_of(env).dimensions, moved, strict=True) if not m > 1e-7]
    assert not idle, f"these change nothing: {idle}"


@each_preset
def test_writing_lambda_again_changes_nothing(preset: str) -> None:
    once, thrice = make(preset), make(preset)
    everyone = torch.arange(4)
    for env, times in ((once, 1), (thrice, 3)):
        state = env.world.state_dict()["state"]
        for _ in range(times):
            randomizer_of(env).write(everyone, randomizer_of(env).lambdas.clone())
        cpu_world(env).batch.state[:] = state
        env.world.forward(everyone)
    for name, values in once.world.fields.items():
        assert torch.equal(values, thrice.world.field(name)), name
    assert_same_bits(rollout(once, 30), rollout(thrice, 30))


@each_preset
def test_worlds_that_are_not_written_keep_their_bits(preset: str) -> None:
    plain, touched = make(preset), make(preset)
    far = torch.tensor([[d.widest[1] for d in randomizer_of(touched).dimensions]], dtype=torch.float64)
    randomizer_of(touched).write(torch.tensor([2]), far)
    others = [0, 1, 3]
    for name, values in plain.world.fields.items():
        assert torch.equal(values[others], touched.world.field(name)[others]), name
    a, b = rollout(plain, 20), rollout(touched, 20)
    assert_same_bits({k: v[:, others] for k, v in a.items()}, {k: v[:, others] for k, v in b.items()})
    assert not torch.equal(a["qpos"][:, 2], b["qpos"][:, 2])


@each_preset
def test_the_mass_matrix_is_positive_definite_at_every_end_of_the_range(preset: str) -> None:
    env = make(preset)
    ends = [[d.widest[(i >> k) & 1] for k, d in enumerate(randomizer_of(env).dimensions)] for i in (0, -1)]
    alternating = [[d.widest[(k + i) % 2] for k, d in enumerate(randomizer_of(env).dimensions)] for i in (0, 1)]
    randomizer_of(env).write(torch.arange(4), torch.tensor(ends + alternating, dtype=torch.float64))
    for w in range(4):
        model = cpu_world(env).batch.get_model(w)
        data = mujoco.MjData(model)
        for posture in np.random.default_rng(0).uniform(-1, 1, (5, model.nq)):
            data.qpos[:] = posture
            mujoco.mj_forward(model, data)
            mass = np.zeros((model.nv, model.nv))
            mujoco.mj_fullM(model, data, mass)
            assert np.linalg.eigvalsh(mass).min() > 1e-7


def assert_constants_follow(model: mujoco.MjModel) -> None:
    found = {k: getattr(model, k).copy() for k in ("dof_M0", "dof_invweight0", "body_invweight0")}
    mujoco.mj_setConst(model, mujoco.MjData(model))
    for name, values in found.items():
        np.testing.assert_allclose(values, getattr(model, name), rtol=1e-9, err_msg=name)


@each_preset
def test_constants_that_derive_from_masses_follow_them(preset: str) -> None:
    env = make(preset)
    for w in range(env.num_envs):
        model = cpu_world(env).batch.get_model(w)
        assert model.body_subtreemass[0] == pytest.approx(model.body_mass.sum(), rel=1e-12)
        assert abs(model.body_subtreemass[0] - env.world.model.body_subtreemass[0]) > 1e-4, "this world's masses differ"
        assert_constants_follow(model)


@each_preset
def test_worlds_at_every_end_of_the_range_stay_finite(preset: str) -> None:
    for end in (0, 1):
        pins = {n: e.widest[end] for n, e in task(preset).randomization.items()}
        env = make(preset, pins=pins)
        seen = rollout(env, 50)
        assert env.diverged_count == 0 and all(v.isfinite().all() for v in seen.values())


@pytest.mark.parametrize("robot", ["panda", "ur5e", "so101"])
def test_everything_at_once_makes_worlds_of_any_arm(robot: str) -> None:
    settings = load_run("arm_reach", [f"robot={robot}", "task.randomization=arm_everything"]).task
    pictured = {"camera", "light", "surface", "scene"}
    known = {e["effect"] for e in catalogue().values()}
    assert {e.effect for e in settings.randomization.values()} == known - pictured
    env = make(settings, 4)
    seen = rollout(env, 40)
    assert env.diverged_count == 0
    assert seen["actor"].isfinite().all()
    for w in range(env.num_envs):
        assert_constants_follow(cpu_world(env).batch.get_model(w))
    assert seen["qpos"].std(1).amax() > 0
