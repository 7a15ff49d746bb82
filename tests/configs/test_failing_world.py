"""Worlds in files: what is read, and what is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ashore.configs.failing_world import (
    MAX_BYTES,
    FailingParameter,
    FailingWorld,
    WorldFileError,
    read_failing_world,
    read_world,
)


def failing(**changed: Any) -> FailingWorld:
    fields: dict[str, Any] = {
        "task": "arm_reach",
        "robot": "panda",
        "policy": "reacher",
        "policy_sha256": "a" * 64,
        "parameters": (
            FailingParameter(name="payload", value=2.3, unit="kg", nominal=0.0, trained=(0.0, 1.0)),
            FailingParameter(name="command_latency", value=0.09, unit="s", nominal=0.03, trained=(0.03, 0.03)),
            FailingParameter(name="link_mass[link1]", value=1.0, unit="1", nominal=1.0, trained=(0.9, 1.1)),
        ),
        "distance": 2.5,
        "below": 0.5,
        "failures": 58,
        "episodes": 64,
        "interval": (0.81, 0.97),
        "seed": 2**31,
        "number": 7,
        "method": "cma",
        "spent": 4000,
        "command": "ashore falsify reacher",
        "commit": "",
        "versions": {"ashore": "0.1.0"},
    }
    return FailingWorld(**fields | changed)


def test_a_failing_world_reads_back_equal(tmp_path: Path) -> None:
    path = tmp_path / "failing.json"
    path.write_text(failing().model_dump_json(indent=1))
    assert read_failing_world(path) == failing()
    assert read_world(path) == {"payload": 2.3, "command_latency": 0.09, "link_mass[link1]": 1.0}


def test_a_plain_mapping_is_a_world_too(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    path.write_text('{"payload": 2, "command_latency": 0.09}')
    assert read_world(path) == {"payload": 2.0, "command_latency": 0.09}
    assert read_failing_world(path) is None


def test_the_sentence_says_where_it_fails_and_how_surely() -> None:
    assert failing().sentence() == (
        "fails when payload = 2.3 kg (trained to 1) and command_latency = 0.09 s (never trained on): "
        "in 58 of 64 episodes [81%, 97%]"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no JSON of a world"),
        ("[1, 2]", "allowed: a mapping of parameters to numbers"),
        ("{}", "allowed: 1 to 1000"),
        ('{"payload": "2"}', "payload = 2; allowed: a number"),
        ('{"payload": true}', "payload = True; allowed: a number"),
        ('{"payload": NaN}', "NaN is no number"),
        ('{"payload": 1e999}', "payload = inf"),
        ('{"payload": 1e12}', "allowed: a number within"),
        ('{"payload": 1, "payload": 2}', "payload stands there twice"),
        ('{"a\\u001b[2Jb": null}', r"a\x1b[2Jb = None"),
        ('{"format": "ashore-world/9"}', "format ashore-world/9; allowed: 'ashore-world/1'"),
        ("[" * 100_000, "no JSON of a world"),
    ],
)
def test_what_is_no_world_is_refused_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "world.json"
    path.write_text(text)
    with pytest.raises(WorldFileError) as error:
        read_world(path)
    message = str(error.value)
    assert says in message and "\n" not in message and "\x1b" not in message and len(message) < 400


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"failures": 65}, "65 failures in 64 episodes"),
        ({"policy_sha256": "xyz"}, "policy_sha256"),
        ({"extra": 1}, "extra"),
        ({"below": "0.5"}, "below"),
        ({"parameters": []}, "parameters"),
        ({"interval": [0.5]}, "interval"),
    ],
)
def test_a_changed_failing_world_is_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    path = tmp_path / "failing.json"
    path.write_text(json.dumps(failing().model_dump(mode="json") | change))
    for read in (read_world, read_failing_world):
        with pytest.raises(WorldFileError, match=says):
            read(path)


def test_a_parameter_given_twice_and_a_file_too_large_are_refused(tmp_path: Path) -> None:
    data = failing().model_dump(mode="json")
    path = tmp_path / "failing.json"
    path.write_text(json.dumps(data | {"parameters": data["parameters"][:1] * 2}))
    with pytest.raises(WorldFileError, match="stands there twice"):
        read_world(path)
    path.write_text(" " * (MAX_BYTES + 1))
    with pytest.raises(WorldFileError, match="larger than 1 MiB"):
        read_world(path)
    with pytest.raises(WorldFileError, match="No such file"):
        read_world(tmp_path / "none.json")
