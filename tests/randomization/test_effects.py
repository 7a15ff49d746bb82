"""Every entry of every preset makes the world it names, and nothing else; entries that cannot be are refused."""

from __future__ import annotations

import re
from typing import Any

import mujoco
import numpy as np
import pytest
import torch
from torch import Tensor

from configs.entries import ParameterSettings
from configs.entries.command import CommandParameter
from configs.entries.field import FieldParameter
from configs.entries.signal import SignalParameter
from randomization.effects.base import SpaceError
from randomization.randomizer import Randomizer
from sim.env import Env
from tests.sim.worlds import RANDOMIZED, actions, assert_same_bits, make, randomizer_of, rollout, task


def _distinct() -> list[tuple[str, str]]:
    """Every entry of every preset; once where presets of one robot share it."""
    seen: dict[tuple[str, str, str], tuple[str, str]] = {}
    for preset in ("arm_reach", *RANDOMIZED):
        settings = task(preset)
        for name, entry in settings.randomization.items():
            seen.setdefault((settings.robot.name, name, entry.model_dump_json()), (preset, name))
    return list(seen.values())


ENTRIES = _distinct()
each_entry = pytest.mark.parametrize(("preset", "name"), ENTRIES)
each_preset = pytest.mark.parametrize("preset", RANDOMIZED)


def entry_of(preset: str, name: str) -> ParameterSettings:
    return task(preset).randomization[name]


PUSH = 1.0  # N or N*m


def alone(preset: str, name: str, pins: dict[str, float] | None = None, worlds: int = 4, **changes: Any) -> Env:
    """An environment that randomizes nothing but this entry."""
    entry = entry_of(preset, name).model_copy(update=changes)
    return make(task(preset, randomization={name: entry}), worlds, pins=pins)


def split(field: str) -> tuple[str, int | None]:
    name, _, column = field.removeprefix("1/").rpartition(".")
    return (name, int(column)) if column.isdigit() else (field.removeprefix("1/"), None)


def written(env: Env, entry: ParameterSettings) -> list[tuple[str, Tensor, Tensor]]:
    """What an entry writes, as the engine, the channel or the command path holds it: (member, values [N, k], nominal [k])."""
    out = []
    if isinstance(entry, FieldParameter):
        for given in entry.field:
            field, column = split(given)
            live, nominal = env.world.field(field), torch.from_numpy(np.array(getattr(env.world.model, field)))
            for row, owner in enumerate(env.world.row_names(field)):
                if re.fullmatch(entry.match, owner):
                    pick = slice(None) if column is None else slice(column, column + 1)
                    values = live[:, row].reshape(env.num_envs, -1)[:, pick].clone()
                    unscaled = nominal[row].reshape(-1)[pick]
                    out.append((owner, unscaled**2 / values if given.startswith("1/") else values, unscaled))
    elif isinstance(entry, CommandParameter):
        out.append(("", getattr(env.command, entry.kind).clone(), torch.zeros(1)))
    else:
        ages = torch.arange(len(env.channel.weights)) * env.channel.dt
        held = {
            "bias": env.channel.bias,
            "noise": env.channel.noise_std,
            "latency": torch.einsum("anc,a->nc", env.channel.weights, ages.float()),
        }[entry.kind]
        for spec in env.channel.specs:
            if re.fullmatch(entry.signal, spec.name):
                first = env.channel.columns(spec.name).start
                out += [
                    (f"{spec.name}.{i}", held[:, first + i, None].clone(), torch.zeros(1)) for i in range(spec.size)
                ]
    return out


@each_entry
def test_sampled_values_reach_the_world(preset: str, name: str) -> None:
    env, entry = alone(preset, name), entry_of(preset, name)
    drawn = {d.name: randomizer_of(env).lambdas[:, i] for i, d in enumerate(randomizer_of(env).dimensions)}
    values = written(env, entry)
    assert values and all(len(v.unique()) == env.num_envs for v in drawn.values())
    for member, seen, nominal in values:
        x = drawn[f"{name}[{member}]" if getattr(entry, "each", False) else name][:, None]
        op = entry.op if isinstance(entry, FieldParameter) else "set"
        expected = {"scale": nominal * x, "add": nominal + x, "set": x.expand_as(seen)}[op]
        # A delay is written 0.1 us early, see `EARLY`.
        torch.testing.assert_close(
            seen.double(), expected.double(), rtol=1e-6, atol=1.1e-7 if "latency" in name else 1e-8
        )


@each_entry
def test_a_changed_value_changes_the_trajectory(preset: str, name: str) -> None:
    entry = entry_of(preset, name)
    far = max(entry.widest, key=lambda x: abs(x - entry.nominal))
    nominal, changed = (alone(preset, name, {name: x}) for x in (entry.nominal, far))
    if "friction" in name and "contact" in name:  # without a contact, it has nothing to act on
        first, second = (_drag_over_the_table(env) for env in (nominal, changed))
        assert (first - second).abs().max() > 1e-4
        return
    a, b = (_prodded(env) for env in (nominal, changed))
    if not isinstance(entry, SignalParameter):
        assert (a["qpos"] - b["qpos"]).abs().max() > 1e-6
        return
    assert (a["actor"] - b["actor"]).abs().max() > 1e-4
    if nominal.settings.action == "velocity":
        # Measurements start the targets, but only differences of targets move the robot: float32 rounding is left.
        torch.testing.assert_close(a["qpos"][0], b["qpos"][0], rtol=0, atol=1e-5)


def _prodded(env: Env) -> dict[str, Tensor]:
    """Twenty random steps of a prodded environment."""
    _prod(env)
    return rollout(env, 20)


def _prod(env: Env) -> None:
    """Set all that no servo drives in motion and push it: what lies still shows neither mass nor friction."""
    driven = torch.zeros(env.world.model.nv, dtype=torch.bool)
    driven[env.task.dof_of] = True
    env.world.batch.bind("qfrc_applied")[:] = (~driven).double().numpy() * PUSH
    env.world.qvel[:, ~driven] += 0.2


def _drag_over_the_table(env: Env) -> Tensor:
    """Press every world's hand onto the table, or what stands on it, and sweep it sideways; where it comes to lie."""
    arm, n = env.task.qpos_of, len(env.settings.robot.joints)
    posture = torch.tensor([0.0, 0.9, 0.0, -2.1, 0.0, 3.0, 0.785, *env.settings.robot.home[7:]], dtype=torch.float64)
    env.world.qpos[:, arm] = posture
    env.world.qvel.zero_()
    env.world.act[:] = posture
    env.world.forward(torch.arange(env.num_envs))
    for _ in range(20):
        env.world.ctrl[:] = torch.tensor([0.5, 0.5, *[0.0] * (n - 2)], dtype=torch.float64)
        env.world.step(5)
    return env.world.qpos[:, arm].clone()


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
    _prod(env)
    env.world.forward(everyone)
    for action in actions(env, 20, worlds=env.num_envs):
        env.world.ctrl[:] = 2.0 * action[0]
        env.world.step(5)
    moved = (env.world.qpos - env.world.qpos[0]).abs().amax(1)[1:].view(count, 2).amax(1)
    idle = [d.name for d, m in zip(randomizer_of(env).dimensions, moved, strict=True) if not m > 1e-7]
    assert not idle, f"these change nothing: {idle}"


def identity_at_nominal(entry: ParameterSettings) -> bool:
    """Whether its nominal value is what the model or the signal has without it."""
    return entry.nominal == 0.0 or (isinstance(entry, FieldParameter) and entry.op == "scale")


@pytest.mark.parametrize(("preset", "name"), [e for e in ENTRIES if identity_at_nominal(entry_of(*e))])
def test_zero_width_at_nominal_is_no_randomization_to_the_bit(preset: str, name: str) -> None:
    nominal = entry_of(preset, name).nominal
    env = alone(preset, name, low=nominal, high=nominal)
    plain = rollout(make(task(preset, randomization={})), 60)
    still = rollout(env, 60)
    compared = ("actor", "reward", "terminated", "truncated", "qpos", "qvel")
    assert_same_bits({k: plain[k] for k in compared}, {k: still[k] for k in compared})


@each_preset
def test_writing_lambda_again_changes_nothing(preset: str) -> None:
    once, thrice = make(preset), make(preset)
    everyone = torch.arange(4)
    for env, times in ((once, 1), (thrice, 3)):
        state = env.world.state_dict()["state"]
        for _ in range(times):
            randomizer_of(env).write(everyone, randomizer_of(env).lambdas.clone())
        env.world.batch.state[:] = state
        env.world.forward(everyone)
    for name, values in once.world._fields.items():
        assert torch.equal(values, thrice.world.field(name)), name
    assert_same_bits(rollout(once, 60), rollout(thrice, 60))


@each_preset
def test_worlds_that_are_not_written_keep_their_bits(preset: str) -> None:
    plain, touched = make(preset), make(preset)
    far = torch.tensor([[d.widest[1] for d in randomizer_of(touched).dimensions]], dtype=torch.float64)
    randomizer_of(touched).write(torch.tensor([2]), far)
    others = [0, 1, 3]
    for name, values in plain.world._fields.items():
        assert torch.equal(values[others], touched.world.field(name)[others]), name
    a, b = rollout(plain, 40), rollout(touched, 40)
    assert_same_bits({k: v[:, others] for k, v in a.items()}, {k: v[:, others] for k, v in b.items()})
    assert not torch.equal(a["qpos"][:, 2], b["qpos"][:, 2])


@each_preset
def test_the_mass_matrix_is_positive_definite_at_every_end_of_the_range(preset: str) -> None:
    env = make(preset)
    ends = [[d.widest[(i >> k) & 1] for k, d in enumerate(randomizer_of(env).dimensions)] for i in (0, -1)]
    alternating = [[d.widest[(k + i) % 2] for k, d in enumerate(randomizer_of(env).dimensions)] for i in (0, 1)]
    randomizer_of(env).write(torch.arange(4), torch.tensor(ends + alternating, dtype=torch.float64))
    for w in range(4):
        model = env.world.batch.get_model(w)
        data = mujoco.MjData(model)
        for posture in np.random.default_rng(0).uniform(-1, 1, (5, model.nq)):
            data.qpos[:] = posture
            mujoco.mj_forward(model, data)
            mass = np.zeros((model.nv, model.nv))
            mujoco.mj_fullM(model, data, mass)
            assert np.linalg.eigvalsh(mass).min() > 1e-7


@each_preset
def test_constants_that_derive_from_masses_follow_them(preset: str) -> None:
    env = make(preset)
    for w in range(env.num_envs):
        model = env.world.batch.get_model(w)
        assert model.body_subtreemass[0] == pytest.approx(model.body_mass.sum(), rel=1e-12)
        assert abs(model.body_subtreemass[0] - env.world.model.body_subtreemass[0]) > 1e-4, "this world's masses differ"
        found = {k: getattr(model, k).copy() for k in ("dof_M0", "dof_invweight0", "body_invweight0")}
        mujoco.mj_setConst(model, mujoco.MjData(model))
        for name, values in found.items():
            np.testing.assert_allclose(values, getattr(model, name), rtol=1e-9, err_msg=name)


@each_preset
def test_worlds_at_every_end_of_the_range_stay_finite(preset: str) -> None:
    for end in (0, 1):
        pins = {n: e.widest[end] for n, e in task(preset).randomization.items()}
        env = make(preset, pins=pins)
        seen = rollout(env, 100)
        assert env.diverged_count == 0 and all(v.isfinite().all() for v in seen.values())


@pytest.mark.parametrize(("preset", "name"), [e for e in ENTRIES if not isinstance(entry_of(*e), CommandParameter)])
def test_a_pattern_that_matches_nothing_is_told_what_there_is(preset: str, name: str) -> None:
    entry = entry_of(preset, name)
    what = "signal" if isinstance(entry, SignalParameter) else "match"

    def pattern(text: str) -> dict[str, Any]:
        return {what: text}

    with pytest.raises(SpaceError, match=rf"{name}.{what} = 'gearbox' matches nothing; there is \['\w+'"):
        alone(preset, name, **pattern("gearbox"))
    with pytest.raises(SpaceError, match="is no regular expression"):
        alone(preset, name, **pattern("("))


@each_entry
def test_two_entries_that_set_the_same_value_are_refused(preset: str, name: str) -> None:
    entry = entry_of(preset, name)
    both = task(preset, randomization={name: entry, "again": entry})
    with pytest.raises(SpaceError, match=rf"again and {name} both"):
        make(both)


@pytest.mark.parametrize(("preset", "name"), [e for e in ENTRIES if isinstance(entry_of(*e), SignalParameter)])
def test_a_unit_that_is_not_the_signals_is_refused(preset: str, name: str) -> None:
    entry = entry_of(preset, name)
    if isinstance(entry, SignalParameter) and entry.kind == "latency":
        with pytest.raises(ValueError, match="unit = 'ms'; allowed: 's'"):
            SignalParameter(**entry.model_dump() | {"unit": "ms"})
    else:
        with pytest.raises(SpaceError, match=rf"{name}.unit = 'deg'; allowed: '[\w/]+', the unit of \w+"):
            alone(preset, name, unit="deg")


@pytest.mark.parametrize(("preset", "kind"), [("arm_reach", "command_latency"), ("arm_reach", "observation_latency")])
def test_a_delay_that_no_buffer_holds_is_refused(preset: str, kind: str) -> None:
    """Buffers are built from the settings' widest value; a randomizer that would go beyond does not bind."""
    env = make(preset, 1)
    entry = entry_of(preset, kind)
    longer = entry.model_copy(update={"bounds": (0.0, entry.widest[1] + 0.004)})
    with pytest.raises(SpaceError, match=rf"{kind} reaches 0.\d+ s; allowed: at most 0.\d+ s"):
        Randomizer({kind: longer}).bind(env)
    Randomizer({kind: entry}).bind(env)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"field": ("body_weight",)}, "cannot differ between worlds"),
        ({"field": ("body_inertia.3",)}, r"body_inertia.3; allowed: columns 0 to 2"),
        ({"field": ("body_mass", "geom_friction"), "match": "hand.*", "each": True}, r"rows of \['hand_collision'\]"),
    ],
)
def test_a_field_that_cannot_be_written_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        alone("arm_reach", "link_mass", **changes)


def test_one_parameter_may_write_fields_of_different_objects() -> None:
    env = alone("arm_reach", "link_mass", field=("body_mass", "geom_friction.0"), match="hand.*", each=False)
    x = randomizer_of(env).lambdas[:, 0]
    mass = env.world.field("body_mass")[:, env.world.row_names("body_mass").index("hand")]
    friction = env.world.field("geom_friction")[:, env.world.row_names("geom_friction").index("hand_collision"), 0]
    torch.testing.assert_close(mass, 0.73 * x)
    torch.testing.assert_close(friction, 1.0 * x)


def test_a_field_that_the_engine_computes_itself_is_refused() -> None:
    with pytest.raises(SpaceError, match="dof_invweight0"):
        alone("arm_reach", "link_mass", field=("dof_invweight0",), match="joint.*")


def test_scaling_what_is_zero_is_refused() -> None:
    with pytest.raises(SpaceError, match="body_mass"):
        alone("arm_reach", "link_mass", field=("body_mass",), match="payload")


def test_gravity_compensation_knows_the_nominal_mass_only() -> None:
    env = alone("arm_reach", "link_mass", pins={"link_mass": 1.5})
    links = [i for i, name in enumerate(env.world.row_names("body_mass")) if re.fullmatch("link[1-7]|hand", name)]
    carried = env.world.field("body_mass")[0, links] * env.world.field("body_gravcomp")[0, links]
    assert carried.numpy() == pytest.approx(env.world.model.body_mass[links], rel=1e-12)
