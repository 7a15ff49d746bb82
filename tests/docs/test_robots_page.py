"""docs/robots.md: its commands are ours, its names are the profiles', its faults are what the node says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from ashore.deploy_ros.profile_files import read_profile
from ashore.deploy_ros.reasons import Reason
from ashore.options import COMMANDS, parse

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "robots.md").read_text()
CONFIG = ROOT / "deploy_ros" / "ros2_package" / "config"


def commands() -> list[str]:
    """Every call of `ashore` with arguments, in blocks and in the text."""
    blocks = [
        line.split("  #")[0].strip()
        for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S)
        for line in block.split("\n")
    ]
    prose = [" ".join(text.split()) for text in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.S))]
    known = tuple(f"ashore {name}" for name in COMMANDS)
    return sorted({line for line in (*blocks, *prose) if line.startswith(known)})


def test_every_command_is_found() -> None:
    used = {line.split()[1] for line in commands()}
    assert used >= {
        "train",
        "evaluate",
        "export",
        "inspect",
        "profile",
        "twin",
        "deploy",
        "replay",
        "sweep",
        "goal",
        "stop",
        "reset",
    }
    assert len(commands()) > 20


@pytest.mark.parametrize("line", [line for line in commands() if "..." not in line])
def test_a_command_has_options_that_exist(line: str) -> None:
    words = shlex.split(line)[1:]
    if words in (["inspect"], ["evaluate"], ["deploy"]):  # named, not called
        return
    if words[:1] == ["profile"] and words[1:] and words[1] != "NAME" and not words[1].startswith("-"):
        read_profile(words[1])
    assert parse(words).command == words[0]


def rows(first: str) -> dict[str, list[str]]:
    """The rows of the table whose head begins with a cell, by their own first cell."""
    table = PAGE[PAGE.index(f"| {first} |") :].split("\n\n")[0]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.split("\n")]
    return {row[0].strip("| "): row[1:] for row in cells}


def test_the_robots_topics_controllers_and_frames_are_the_profiles() -> None:
    table = rows("| UR5e")
    robots = re.findall(r"`(\w+)`", " | ".join(table["profile"]))
    assert robots == ["ur5e", "fr3", "panda", "so101"]
    settings = [read_profile(name).settings for name in robots]
    for row, key, default in (
        ("joint states", "joint_states", "/joint_states"),
        ("controller", "controller", "?"),
        ("goals in frame", "base_frame", "base"),
    ):
        named = re.findall(r"`([\w/]+)`", " | ".join(table[row]))
        wanted = [str(s.get(key, default)) for s in settings]
        assert list(dict.fromkeys(named)) == list(dict.fromkeys(wanted)), row


def test_the_faults_are_what_the_node_says() -> None:
    source = "".join(path.read_text() for path in (ROOT / "deploy_ros").glob("*.py"))
    says = re.sub(r'"\s*f?"', "", source) + " ".join(reason.value for reason in Reason)
    table = rows("`reason` in the status")
    faults = [re.findall(r"`([^`]+)`", first) for first in list(table)[2:]]
    assert len(faults) > 8
    for fault in (part for parts in faults for part in parts):
        for piece in re.split(r"\s*\.\.\.\s*|: | \(\d.*?\)|-?\d+\.\d+\S*|/joint_states|\bz ", fault):
            assert not piece.strip(" ;:m") or piece.strip(" ;:") in says, (fault, piece)


def test_the_permissions_are_those_of_the_file() -> None:
    (block,) = re.findall(r"```xml\n(.*?)```", PAGE, re.S)
    file = (CONFIG / "sros2_policy.xml").read_text()
    assert "".join(block.split()) in "".join(file.split())


def test_every_file_and_heading_that_it_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)]+)\)", PAGE)
    headings = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.+)$", PAGE, re.M)}
    assert len(links) > 8
    for link in (link for link in links if not link.startswith("http")):
        file, _, anchor = link.partition("#")
        assert not file or (ROOT / "docs" / file).exists(), link
        assert file or anchor in headings, link
