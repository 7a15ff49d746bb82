"""Hostile YAML is refused with a line; what is written reads back equal."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ashore.configs.algorithms import PPOSettings
from ashore.configs.entries.command import CommandParameter
from ashore.configs.entries.field import FieldParameter
from ashore.configs.entries.signal import SignalParameter
from ashore.configs.loader import ConfigError, dump, run_settings
from ashore.configs.schema import RobotSettings, RunSettings, TaskSettings, TrainSettings
from ashore.configs.yaml_text import MAX_BYTES, dump_text, load_file, load_text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\nb: *x", "line 1: anchors and aliases"),
        ("a: 1\nb: 2\na: 3", "line 3: a is given twice"),
        ("a: {b: 1, b: 1}", "line 1: b is given twice"),
        ("a: .nan", ".nan; allowed: a finite number"),
        ("a: -.inf", "-.inf; allowed: a finite number"),
        ("a: 1e999", "1e999; allowed: a finite number"),
        ("a: " + "9" * 5000, "a number of 5000 digits"),
        ("1: a", "a key that is no text"),
        ("[a]: b", "a key that is no text"),
        ("!!python/object/apply:os.getcwd []", "tags (!) are not allowed"),
        ("a: !!binary aGk=", "tags (!) are not allowed"),
        ("[" * 100_000, "nested too deep"),
        ("a: [1", "expected ',' or ']'"),
        ("a: 1\n---\nb: 2", "expected a single document"),
        ("a: \x00", "special characters are not allowed"),
        ("a: \ud800", "not Unicode"),
        ("#" * (MAX_BYTES + 1), "larger than 1048576 bytes"),
    ],
)
def test_hostile_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(text, "preset.yaml")
    assert str(caught.value).startswith("preset.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_scalars_are_those_of_yaml_1_2_and_digits_may_be_grouped() -> None:
    text = "{a: 1e-3, b: yes, c: 010, d: 2001-01-01, e: '1', f: 1_000, g: null, h: true, i: -.5}"
    assert load_text(text, "text") == {
        "a": 0.001, "b": "yes", "c": 10, "d": "2001-01-01", "e": "1", "f": 1000, "g": None, "h": True, "i": -0.5
    }  # fmt: skip


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\x00")
    for path, message in ((tmp_path / "a.yaml", "UTF-8"), (tmp_path, "does not exist"), (Path("/dev/zero"), "exist")):
        with pytest.raises(ConfigError, match=message):
            load_file(path)


names = st.text(st.characters(codec="utf-8"), max_size=12)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats(allow_nan=False, allow_infinity=False) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)


@given(plain)
def test_plain_data_reads_back_equal_and_of_the_same_types(data: Any) -> None:
    back = load_text(dump_text(data), "text")
    assert repr(back) == repr(data)


@given(
    names | st.sampled_from(["1e5", "0x1F", "1:30", "~", "", "on", "=", "<<", "- a", "a: b", "#", "2001-01-01", "1."])
)
def test_text_stays_text(text: str) -> None:
    assert load_text(dump_text([text]), "text") == [text]


finite = st.floats(-1e6, 1e6)
positive = st.floats(1e-6, 1e6)


@st.composite
def entries(draw: st.DrawFn) -> FieldParameter | CommandParameter | SignalParameter:
    a, low, nominal, high, b = sorted(draw(st.lists(st.floats(1e-3, 1.0), min_size=5, max_size=5)))
    span: dict[str, Any] = {"nominal": nominal, "low": low, "high": high, "bounds": draw(st.none() | st.just((a, b)))}
    span["distribution"] = draw(st.sampled_from(["linear", "log"]))
    kind = draw(st.sampled_from(["field", "command", "signal"]))
    if kind == "field":
        return FieldParameter(
            unit="1", field=("body_mass",), op="scale", match=draw(names), each=draw(st.booleans()), **span
        )
    if kind == "command":
        return CommandParameter(unit="s", effect="command", kind="jitter", **span)
    return SignalParameter(unit=draw(names), effect="signal", kind="noise", signal=draw(names), **span)


@st.composite
def runs(draw: st.DrawFn) -> RunSettings:
    n = draw(st.integers(1, 7))
    lengths = {key: tuple(draw(st.lists(positive, min_size=n, max_size=n))) for key in ("kp", "kd", "home")}
    limits = dict.fromkeys(("velocity_limit", "acceleration_limit"), lengths["kp"])
    joints = tuple(draw(st.lists(names, min_size=n, max_size=n, unique=True)))
    robot = RobotSettings(name=draw(names), model=draw(names), joints=joints, **lengths, **limits)
    physics_dt = draw(st.floats(1e-4, 1e-2))
    control_dt = physics_dt * draw(st.integers(1, 20))
    task = TaskSettings(
        name=draw(names),
        robot=robot,
        physics_dt=physics_dt,
        control_dt=control_dt,
        episode_seconds=control_dt * draw(st.integers(1, 500)),
        options=draw(st.dictionaries(names, plain, max_size=3)),
        randomization=draw(st.dictionaries(names, entries(), max_size=4)),
    )
    ppo = PPOSettings(clip=draw(positive), actor_hidden=tuple(draw(st.lists(st.integers(1, 512), max_size=3))))
    train = TrainSettings(
        total_steps=draw(st.integers(1, 2**40)), stop_at_success=draw(st.none() | st.floats(0, 1)), algorithm=ppo
    )
    return RunSettings(task=task, train=train)


@settings(max_examples=50, deadline=None)
@given(runs())
def test_settings_read_back_equal_from_their_own_yaml(run: RunSettings) -> None:
    assert run_settings(load_text(dump(run), "config.yaml")) == run
