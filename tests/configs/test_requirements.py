"""Files of requirements are read strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ashore.configs.faults import ConfigError
from ashore.configs.requirements import read_requirements, requirements_file, requirements_of


def test_the_shipped_file_reads_and_asks_for_everything() -> None:
    required = read_requirements(requirements_file())
    assert required.success is not None and required.success.at_least == 0.9
    assert required.margins is not None and required.tolerates is not None and required.worst_case is not None
    assert set(required.tolerates.values) == {"command_latency", "observation_latency"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "requirements: nothing is required; allowed: success, margins, tolerates, worst_case"),
        ({"sucess": {}}, "sucess is unknown; did you mean success"),
        ({"success": {"at_most": 0.9}}, "success.at_most is unknown; did you mean at_least"),
        ({"success": {"at_least": 1.0}}, "success.at_least = 1.0; allowed: below 1"),
        ({"success": {"at_least": "high"}}, "success.at_least = 'high'; allowed: a number"),
        ({"success": {"episodes": 10**9}}, "success.episodes = 1000000000; allowed: at most 100000"),
        ({"success": {"doublings": 9}}, "success.doublings = 9; allowed: at most 8"),
        ({"success": {"within": "reach"}}, "success.within = 'reach'; allowed: 'declared' or 'trained'"),
        ({"success": {"ranges": {"m": [2.0, 1.0]}}}, r"success: ranges.m = \[2, 1\]; allowed: the lower one first"),
        ({"margins": {"each": {"payload": -1.0}}}, "margins.each.payload = -1.0; allowed: above 0"),
        ({"worst_case": {"budget": 10}}, "worst_case.budget = 10; allowed: at least 256"),
        ({"worst_case": {"distance": 0.0}}, "worst_case.distance = 0.0; allowed: above 0"),
        ({"tolerates": {}}, "tolerates.values is missing"),
        ({"tolerates": {"values": {}}}, "tolerates.values = {}; allowed: at least 1 value"),
        ([1], r"requirements = \[1\]; allowed: a mapping"),
    ],
)
def test_faults_are_named_with_what_is_allowed(data: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=f"mine.yaml: {said}"):
        requirements_of(data, "mine.yaml")


def test_a_file_that_is_not_there_and_a_name_that_is_none() -> None:
    with pytest.raises(ConfigError, match="deploy"):
        requirements_file("deplyo")
    with pytest.raises(ConfigError, match="does not exist"):
        read_requirements(Path("nowhere/x.yaml"))
