"""The self-tests of every effect, generated: each row of the catalogue and each entry of a preset goes through all of them."""

from __future__ import annotations

import re
from typing import Any

import mujoco
import numpy as np
import pytest
import torch
from mujoco.batch import MODEL_FIELDS
from torch import Tensor

from ashore.configs.entries.disturbance import KickParameter, PulseParameter
from ashore.configs.entries.field import FieldParameter
from ashore.configs.entries.signal import SignalParameter
from ashore.configs.space import Entry
from ashore.randomization.randomizer import Randomizer
from ashore.randomization.samplers.uniform import UniformSampler
from ashore.sim.env import Env
from tests.randomization.cases import (
    CASES,
    SEED,
    WORLDS,
    Case,
    differing,
    make_case,
    only_in,
    plain_rollout,
    tables,
)
from tests.randomization.scenes import LEAST, SCENES, prodded
from tests.sim.worlds import assert_same_bits, cpu_world, rollout


@pytest.fixture(scope="module", params=CASES, ids=["-".join(c) for c in CASES])
def case(request: pytest.FixtureRequest) -> Case:
    return make_case(*request.param)


def models(case: Case) -> list[mujoco.MjModel]:
    """What the engine has each world run on."""
    return [cpu_world(case.env).batch.get_model(w) for w in range(WORLDS)]


def split(field: str) -> tuple[str, int | None]:
    name, _, column = field.removeprefix("1/").rpartition(".")
    return (name, int(column)) if column.isdigit() else (field.removeprefix("1/"), None)


def value(model: mujoco.MjModel, field: str) -> Any:
    return getattr(model.opt, field[4:]) if field.startswith("opt.") else getattr(model, field)


def test_sampled_values_reach_the_world(case: Case) -> None:
    env = case.begin()
    drawn = case.randomizer.lambdas
    assert all(len(drawn[:, i].unique()) == WORLDS for i in range(case.dimensions))
    read = torch.cat([e.read(torch.arange(WORLDS)) for e in case.randomizer._effects], 1)
    # float32 tables; a delay is written 0.1 us early, see `EARLY`.
    torch.testing.assert_close(read, drawn, rtol=1e-5, atol=2e-7)
    if isinstance(case.entry, FieldParameter):
        _reaches_the_engine(case, case.entry)
    assert env.world.diverged() is None


def _reaches_the_engine(case: Case, entry: FieldParameter) -> None:
    """The engine's own model of each world holds what the entry says of its objects, and nominal values elsewhere."""
    nominal = case.env.world.model
    written = {split(f)[0] for f in entry.field}
    for w, model in enumerate(models(case)):
        expected = {name: np.array(value(nominal, name), dtype=np.float64) for name in written}
        for given in entry.field:
            field, column = split(given)
            names = case.env.world.row_names(field)
            for row in [i for i, n in enumerate(names) if re.fullmatch(entry.match, n)] if names else [-1]:
                dimension = f"{case.name}[{names[row]}]" if entry.each else case.name
                x = float(case.randomizer.lambdas[w, [d.name for d in case.randomizer.dimensions].index(dimension)])
                x = 1.0 / x if given.startswith("1/") else x
                cell: Any = ((row,) if names else ()) + (() if column is None else (column,))
                old = expected[field][cell].copy()
                made = {"scale": old * x, "add": old + x, "set": old * 0.0 + x}
                expected[field][cell] = made[entry.op] if entry.op in made else old + np.array([-x, x])
        for name in written:
            atol = 1.1e-7 if name == "actuator_delay" else 1e-12
            np.testing.assert_allclose(value(model, name), expected[name], rtol=1e-6, atol=atol, err_msg=name)


def test_a_changed_value_changes_physics_or_what_is_seen(case: Case) -> None:
    at_nominal, changed = case.all_at(case.entry.nominal), case.all_at(case.far)
    for scene in SCENES:
        a = scene(case.begin(at_nominal))
        b = scene(case.begin(changed))
        if a is None or b is None:
            continue
        if any((a[k] - b[k]).abs().max() > LEAST[k] for k in a):
            break
    else:
        pytest.fail(f"in no scene does {case.far} differ from {case.entry.nominal}")
    if isinstance(case.entry, SignalParameter):
        assert scene is prodded, "what a sensor says shows at once"
        if case.settings.action == "velocity":
            # Measurements start the targets, but only differences of targets move the robot: float32 rounding is left.
            torch.testing.assert_close(a["qpos"][0], b["qpos"][0], rtol=0, atol=1e-5)


def identity_at_nominal(entry: Entry) -> bool:
    """Whether its nominal value is what the model or the signal has without it. Rows of the catalogue all say so."""
    return entry.nominal == 0.0 or (isinstance(entry, FieldParameter) and entry.op == "scale")


def test_zero_width_at_nominal_is_no_randomization_to_the_bit(case: Case, request: pytest.FixtureRequest) -> None:
    if not identity_at_nominal(case.entry) and not from_catalogue(request):
        return  # a preset's own calibrated value, which is not what there is without the entry
    nominal = case.entry.nominal
    still = [d.model_copy(update={"low": nominal, "high": nominal}) for d in case.randomizer.dimensions]
    drawn, _ = UniformSampler(tuple(still)).sample(torch.rand(WORLDS, case.dimensions))
    randomized = rollout(case.begin(drawn), 20)
    plain = plain_rollout(case.settings.model_copy(update={"randomization": {}}).model_dump_json(), 20)
    compared = ("actor", "reward", "terminated", "truncated", "qpos", "qvel")
    assert_same_bits({k: plain[k] for k in compared}, {k: randomized[k] for k in compared})


def from_catalogue(request: pytest.FixtureRequest) -> bool:
    return "[catalogue-" in request.node.name


def test_writing_three_times_is_writing_once(case: Case) -> None:
    env = case.begin(case.ends_and_between())
    everyone = torch.arange(WORLDS)
    case.randomizer.write(everyone, case.ends_and_between())
    once, engines = tables(env), models(case)
    for _ in range(2):
        case.randomizer.write(everyone, case.ends_and_between())
    for path, values in tables(env).items():
        assert not differing(values, once[path]).any(), path
    for w, model in enumerate(models(case)):
        assert not _changed_fields(engines[w], model)


def _changed_fields(a: mujoco.MjModel, b: mujoco.MjModel) -> list[str]:
    return [f for f in MODEL_FIELDS if not np.array_equal(value(a, f), value(b, f), equal_nan=_is_float(value(a, f)))]


def _is_float(values: Any) -> bool:
    return np.asarray(values).dtype.kind == "f"


def test_other_worlds_keep_their_bits(case: Case) -> None:
    env = case.begin(case.all_at(case.entry.nominal))
    before, engines = tables(env), models(case)
    case.randomizer.write(torch.tensor([2]), case.all_at(case.far)[:1])
    after = tables(env)
    touched = [path for path in before if differing(before[path], after[path]).any()]
    assert touched and all(only_in(2, before[path], after[path]) for path in touched), touched
    for w, model in enumerate(models(case)):
        assert w == 2 or not _changed_fields(engines[w], model)


def test_each_component_writes_what_is_its_own(case: Case) -> None:
    """World 0 is nominal, and in world 1 component i lies at its far end: no two components change the same value."""
    claimed: dict[str, Tensor] = {}
    count = min(case.dimensions, 3)
    for i in range(count if count > 1 else 0):
        env = case.begin(case.all_at(case.entry.nominal))
        lambdas = case.all_at(case.entry.nominal)
        lambdas[:, i] = case.far
        before = tables(env)
        case.randomizer.write(torch.arange(WORLDS), lambdas)
        changed = {p: differing(before[p], v) for p, v in tables(env).items()}
        assert any(mask.any() for mask in changed.values())
        for path, mask in changed.items():
            assert not (mask & claimed.get(path, torch.zeros_like(mask))).any(), f"{path}: two components"
            claimed[path] = mask | claimed.get(path, torch.zeros_like(mask))


def test_the_engines_models_are_sound_over_the_whole_range(case: Case) -> None:
    """Limits stay ordered, masses and friction are not negative, mass matrices are positive definite, constants follow."""
    case.begin(case.ends_and_between())
    for model in models(case):
        assert (model.jnt_range[model.jnt_limited > 0] @ [-1, 1] > 0).all()
        assert (model.tendon_range[model.tendon_limited > 0] @ [-1, 1] > 0).all()
        for limits in ("jnt_actfrc", "tendon_actfrc", "actuator_force", "actuator_ctrl"):
            limited = getattr(model, f"{limits}limited") > 0
            assert (getattr(model, f"{limits}range")[limited] @ [-1, 1] >= 0).all(), limits
        for name in ("body_mass", "body_inertia", "geom_friction", "geom_size", "dof_damping", "dof_frictionloss"):
            assert (getattr(model, name) >= 0).all(), name
        _positive_definite(model)
        _constants_follow(model)


def _positive_definite(model: mujoco.MjModel) -> None:
    data = mujoco.MjData(model)
    mass = np.zeros((model.nv, model.nv))
    for posture in np.random.default_rng(0).uniform(-1, 1, (3, model.nq)):
        data.qpos[:] = posture
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_crb(model, data)
        mujoco.mj_fullM(model, data, mass)
        assert np.linalg.eigvalsh(mass).min() > 1e-7


def _constants_follow(model: mujoco.MjModel) -> None:
    found = {f: np.array(value(model, f)) for f in MODEL_FIELDS}
    mujoco.mj_setConst(model, mujoco.MjData(model))
    for name, values in found.items():
        if _is_float(values):
            np.testing.assert_allclose(values, value(model, name), rtol=1e-9, atol=1e-12, err_msg=name)


def test_worlds_at_both_bounds_stay_finite(case: Case) -> None:
    env = case.begin(case.ends_and_between())
    before = env.diverged_count
    seen = rollout(env, 40)
    assert env.diverged_count == before
    assert all(v.isfinite().all() for v in seen.values())


def patterns(entry: Entry) -> list[str]:
    """Its regular expressions over names: whatever is text and no part of every entry."""
    return [k for k, f in type(entry).model_fields.items() if f.annotation is str and k not in Entry.model_fields]


def test_a_pattern_that_matches_nothing_is_told_what_there_is(case: Case) -> None:
    for what in patterns(case.entry):
        if case.env.world.row_names(split(case.entry.field[0])[0]) if isinstance(case.entry, FieldParameter) else True:
            said = case.fails_to_bind({case.name: case.entry.model_copy(update={what: "gearbox"})})
            assert re.search(rf"{case.name}.{what} = 'gearbox' matches nothing; there is \['\w+'", said), said
            said = case.fails_to_bind({case.name: case.entry.model_copy(update={what: "("})})
            assert "is no regular expression" in said


def factors_multiply(case: Case) -> None:
    """Of two entries that scale the same values, one at 1 changes no bit, and both at a value do more than one of them."""

    def fields(**pins: float) -> dict[str, torch.Tensor]:
        entries = dict.fromkeys(pins, case.entry)
        settings = case.settings.model_copy(update={"randomization": entries})
        env = Env(settings, 1, seed=SEED, randomizer=Randomizer(entries, pins=pins))
        env.reset(SEED)
        return {name: field.clone() for name, field in env.world.fields.items()}

    most = case.entry.widest[1]
    once, still, twice = (fields(**{case.name: most, **more}) for more in ({}, {"again": 1.0}, {"again": most}))
    assert all(torch.equal(x, still[name]) for name, x in once.items())
    assert any(not torch.equal(x, twice[name]) for name, x in once.items()) or most == 1.0


def test_two_entries_that_set_the_same_value_are_refused_but_factors_multiply(case: Case) -> None:
    if isinstance(case.entry, KickParameter | PulseParameter):  # several may strike the same
        both = case.settings.model_copy(update={"randomization": {case.name: case.entry, "again": case.entry}})
        env = Env(both, 2, seed=SEED, randomizer=Randomizer(both.randomization))
        assert len(env.disturbance.sources) == 2
        return
    if isinstance(case.entry, FieldParameter) and case.entry.op == "scale" and case.entry.widest[0] > 0:
        factors_multiply(case)
        return
    said = case.fails_to_bind({case.name: case.entry, "again": case.entry})
    assert re.search(rf"again and {case.name} both|{case.name} and again both", said), said


def test_a_unit_that_is_not_the_signals_is_refused(case: Case) -> None:
    if not isinstance(case.entry, SignalParameter):
        return
    if own := case.entry.kinds[case.entry.kind].unit:  # whatever the signal's is
        with pytest.raises(ValueError, match=f"unit = 'ms'; allowed: '{own}'"):
            SignalParameter(**case.entry.model_dump() | {"unit": "ms"})
    else:
        said = case.fails_to_bind({case.name: case.entry.model_copy(update={"unit": "deg"})})
        assert re.search(rf"{case.name}.unit = 'deg'; allowed: '[\w/]+'( or '[\w/]+')?, the unit of \w+", said), said
