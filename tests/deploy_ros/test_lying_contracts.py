"""A policy file that is whole, its checksum right, and whose contract lies is refused before anything of it runs."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx
import onnxruntime
import pytest

from ashore.configs.contract import METADATA_CONTRACT, ToolChain
from ashore.deploy_ros import bundle
from ashore.deploy_ros.bundle import PolicyFileError, load_policy
from tests.deploy_ros.policies import INPUTS, interface, make_policy, seal, signal

Place = tuple[str | int, ...]  # of a field in the contract's JSON

MOST_CALLS = 2000  # of Python's functions, to refuse a contract; to load the sound file takes more than twice as many
TURN = (1.0, 0.0, 0.0, 0.1, 0.0, 0.0, -1.0, 0.2, 0.0, 1.0, 0.0, 0.3)
DIMENSION = {"name": "link_mass[a]", "unit": "1", "nominal": 1.0, "low": 0.5, "high": 2.0, "distribution": "log"}
CARD = {
    "sampler": {"kind": "adr", "step": 0.1},
    "ends": "exact",
    "entropy": 0.5,
    "parameters": [DIMENSION | {"declared": [0.5, 2.0], "entropy": 0.1, "success_low": 0.5, "success_high": 0.5}],
    "numbers": {"updates": 3.0},
    "not_randomized": ["gravity"],
}
# Where nothing is as good as something, and what may have no entries.
OPTIONAL = {"success", "card", "entropy", "success_low", "success_high", "action", "heading", "format", "frame"}
OPTIONAL |= {"continuous", "workspace"}  # later than the first files
OPTIONAL |= {"group", "kp", "kd", "give"}  # which files of before do not have
EMPTY = {"trained_on", "parameters", "numbers", "not_randomized", "sampler", "settings"}
FREE = {"sampler", "numbers"}  # tables whose keys are anybody's
POSITIVE = {"control_dt", "max_age", "velocity", "acceleration", "action_scale", "size"}
NAMES = {"name", "task", "robot"}

NUMBERS: tuple[Any, ...] = (
    1e300,
    -1e300,
    float("inf"),
    float("-inf"),
    float("nan"),
    10**400,
    -(10**400),
    True,
    "1",
    [],
    {},
)
TEXTS: tuple[Any, ...] = (
    "\x1b[2J",
    "\x1b]0;x\x07",
    "a\nb",
    "a\u202eb",
    "\x00",
    "\x7f",
    "\u200b",
    "x" * 10_000,
    5,
    0.5,
    True,
    [],
    {},
)


class Counted:
    """Counts how often onnxruntime is asked for a session."""

    def __init__(self) -> None:
        self.sessions = 0

    def __call__(self, *arguments: Any, **options: Any) -> onnxruntime.InferenceSession:
        self.sessions += 1
        return onnxruntime.InferenceSession(*arguments, **options)


class Liar:
    """A sound file of every kind of field, and copies of it that are changed in one place and sealed again."""

    def __init__(self, folder: Path, counted: Counted) -> None:
        face = interface(
            action="tool",
            action_scale=(0.5, 0.5, 0.5, 1.5),
            tool=ToolChain(frames=(TURN,) * 4),
            signals=(signal(INPUTS[0]), signal(INPUTS[1], kind="estimate", unit="m", frame="b"), signal(INPUTS[2])),
            differences=((INPUTS[2], INPUTS[1]),),
            heading=(INPUTS[2], INPUTS[1]),
            workspace={"low": (0.1, -0.5, 0.1), "high": (0.6, 0.5, 0.5)},
        )
        self.path, self.counted = make_policy(folder / "p.onnx", face), counted
        self.model = onnx.load(self.path)
        self.entry = next(p for p in self.model.metadata_props if p.key == METADATA_CONTRACT)
        trained = DIMENSION | {"group": "link_mass", "widest": [0.1, 4.0]}
        self.contract = json.loads(self.entry.value) | {"trained_on": [trained], "card": CARD, "success": 0.9}

    def write(self, contract: Any) -> Path:
        self.entry.value = json.dumps(contract)
        self.path.write_bytes(seal(self.model.SerializeToString(deterministic=True)))
        return self.path

    def refusal(self, contract: Any) -> str:
        """Why it is refused; empty where it is not. Fails where that took more than reading."""
        path, calls, self.counted.sessions = self.write(contract), 0, 0

        def count(_frame: Any, event: str, _argument: Any) -> None:
            nonlocal calls
            calls += event == "call"

        before, text = sys.getprofile(), ""
        sys.setprofile(count)
        try:
            load_policy(path)
        except PolicyFileError as error:
            text = str(error)
        finally:
            sys.setprofile(before)
        assert not text or (calls <= MOST_CALLS and self.counted.sessions == 0), (text, calls)
        assert text.isprintable() and len(text) < 600
        return text

    def places(self) -> Iterator[tuple[Place, Any]]:
        """All fields but the run's settings, tables and lists included, with their values."""
        return (x for x in walk(self.contract) if x[0] and x[0][0] != "settings")

    def accepted(self, lies: Iterator[tuple[Place, Any]]) -> list[tuple[Place, Any]]:
        """Those lies, a value in place of a true one, that are believed."""
        believed = []
        for place, value in lies:
            contract = copy.deepcopy(self.contract)
            holder = contract
            for key in place[:-1]:
                holder = holder[key]
            holder[place[-1]] = value
            if not self.refusal(contract):
                believed.append((place, value))
        return believed


def walk(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    yield place, value
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from walk(inner, (*place, key))


def field(place: Place) -> str:
    """The name of the field that a place is of."""
    return [key for key in place if isinstance(key, str)][-1]


@pytest.fixture
def liar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Liar:
    counted = Counted()
    liar = Liar(tmp_path, counted)
    seen = SimpleNamespace(InferenceSession=counted, SessionOptions=onnxruntime.SessionOptions)
    monkeypatch.setattr(bundle, "onnxruntime", seen)
    assert liar.refusal(liar.contract) == "" and counted.sessions == 1
    return liar


def numeric(place: Place, value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and "sampler" not in place


def test_no_number_may_be_huge_not_finite_or_something_else(liar: Liar) -> None:
    places = [place for place, value in liar.places() if numeric(place, value)]
    assert len(places) > 60
    assert liar.accepted((place, value) for place in places for value in NUMBERS) == []
    assert liar.accepted((p, None) for p in places if field(p) not in OPTIONAL) == []


def test_what_is_true_or_false_is_nothing_else(liar: Liar) -> None:
    places = [place for place, value in liar.places() if isinstance(value, bool)]
    assert len(places) == 3
    others: tuple[Any, ...] = (1, 0, "true", 1.0, [], {}, None)
    assert liar.accepted((p, v) for p in places for v in others) == []


def test_what_is_above_zero_may_not_be_next_to_it_or_below(liar: Liar) -> None:
    places = [place for place, value in liar.places() if numeric(place, value) and field(place) in POSITIVE]
    assert len(places) > 15
    assert liar.accepted((place, value) for place in places for value in (0, -1, -1.0, 1e-9, 9.99e-321)) == []


def test_no_text_may_be_long_or_speak_to_a_terminal(liar: Liar) -> None:
    places = [place for place, value in liar.places() if isinstance(value, str)]
    assert len(places) > 35
    typed = [place for place in places if "sampler" not in place]
    assert liar.accepted((p, v) for p in typed for v in TEXTS) == []
    assert liar.accepted((p, v) for p in places for v in TEXTS if isinstance(v, str)) == []
    assert liar.accepted((p, None) for p in typed if field(p) != "starts_as") == []
    named = [place for place in typed if field(place) in NAMES and place[0] == "interface"]
    assert len(named) == 10
    assert liar.accepted((place, value) for place in named for value in ("", " ", " a", "a\u00a0", "x" * 101)) == []


def test_no_table_or_list_may_be_of_another_kind_or_lack_what_is_needed(liar: Liar) -> None:
    places = [(place, value) for place, value in liar.places() if isinstance(value, dict | list)]
    assert len(places) > 25
    others = ("x", 5, True)
    assert liar.accepted((p, v) for p, _ in places for v in others) == []
    assert liar.accepted((p, type(v)()) for p, v in places if field(p) not in EMPTY) == []
    assert liar.accepted((p, None) for p, _ in places if field(p) not in OPTIONAL) == []


def test_no_field_may_be_missing_or_unheard_of(liar: Liar) -> None:
    tables = [(place, value) for place, value in liar.places() if isinstance(value, dict) and field(place) not in FREE]
    lies: list[tuple[Place, Any]] = [(p, v | {"\x1b[2Jmore": 1}) for p, v in tables]
    for place, value in tables:
        needed = [key for key in value if key not in OPTIONAL | {"differences"}]
        lies += [(place, {k: x for k, x in value.items() if k != key}) for key in needed]
    assert len(lies) > 60
    assert liar.accepted(iter(lies)) == []


@pytest.mark.parametrize(
    ("place", "lie", "why"),
    [
        (("joints", 1, "name"), "a", r"joints has ['a'] twice; allowed: each joint once"),
        (("joints", 1, "name"), "\x1b[31mred", r"'\x1b[31mred' of 8 characters; allowed: 1 to 100, all printable"),
        (("joints", 0, "high"), 1e300, "joint a: high = 1e+300 rad or m; allowed: -10000 to 10000"),
        (("joints", 0, "high"), -1.99999, "joint a: high - low = 1e-05 rad or m; allowed: 0.0001 to 20000"),
        (("joints", 0, "acceleration"), 1e6, "allowed: 0.001 to 100000 rad/s^2 or m/s^2"),
        (("joints", 0, "velocity"), 1e5, "joint a: velocity = 100000 rad/s or m/s; allowed: 0.0001 to 1000"),
        (("joints", 0, "home"), 2.5, "joint a: home = 2.5 rad or m; allowed: -2 to 2"),
        (("joints", 0, "give"), 4.5, "joint a: give = 4.5 rad or m; allowed: 0 to 4"),
        (("control_dt",), 1e-9, "control_dt = 1e-09 s; allowed: 0.0005 to 1 s"),
        (("control_dt",), True, "interface.control_dt: Input should be a valid number"),
        (("signals", 0, "max_age"), 1.5, "signal joint_position: max_age = 1.5 s; allowed: 0.02 to 1 s"),
        (("signals", 0, "max_age"), 0.01, "allowed: 0.02 to 1 s"),
        (("signals", 2, "max_age"), 1e5, "signal goal_position: max_age = 100000 s; allowed: 0.02 to 3600 s"),
        (("signals", 0, "kind"), "command", "no signal is a measurement; allowed: at least one"),
        (("signals", 0, "size"), 2**17, "allowed: a signal that fills it"),
        (("signals", 2, "size"), 2**17, "signals have 131078 values; allowed: at most 65536"),
        (("memory", 0, "starts_as"), "goal_position", "allowed: target as a measurement of 3 values"),
        (("memory", 1, "starts_as"), "joint_position", "and then zeros"),
        (("memory", 0, "name"), "other", "allowed: first ['target', 'target_velocity'] of 3 values"),
        (("tool", "frames", 0, 0), 2.0, "allowed: rows of length 1, at right angles"),
        (("tool", "frames", 0, 3), 1e6, "allowed: -100 to 100 m"),
    ],
)
def test_the_refusal_says_what_was_found_and_what_is_allowed(liar: Liar, place: Place, lie: Any, why: str) -> None:
    contract = copy.deepcopy(liar.contract)
    holder = contract["interface"]
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = lie
    assert why in liar.refusal(contract)


def test_endless_lists_and_texts_are_refused(liar: Liar) -> None:
    face = liar.contract["interface"]
    for key, many in (("joints", 1000), ("signals", 1000), ("memory", 1000), ("differences", 1000)):
        assert key in liar.refusal(liar.contract | {"interface": face | {key: face[key][:1] * many}})
    assert "trained_on" in liar.refusal(liar.contract | {"trained_on": liar.contract["trained_on"] * 5000})
    assert "5000 entries" in liar.refusal(liar.contract | {"card": CARD | {"not_randomized": ["x"] * 5000}})
    nested: Any = 1.0
    for _ in range(50):
        nested = [nested]
    assert "deep" in liar.refusal(liar.contract | {"card": CARD | {"sampler": {"kind": nested}}})
    assert "characters; allowed" in liar.refusal(liar.contract | {"settings": {"x": "y" * (bundle.MAX_TEXT + 1)}})
