"""Names that a robot's model shares with the scene of a task: the robot's are changed, in the compiled scene's text alone.

Joint names stay, since a controller knows them: a driven joint that a task has too is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree as ET

import mujoco

from ashore.configs.schema import RobotSettings, TaskSettings
from ashore.sim.robots import robot
from ashore.sim.robots.robot import ModelError

PREFIX = "robot/"
_REPEATED = re.compile(r"repeated name '(.+)' in (\w+)")
_SECTIONS = {"equality": "equality", "sensor": "sensor", "actuator": "actuator", "tendon": "tendon", "keyframe": "key"}


def give_way(settings: TaskSettings, build: Callable[[mujoco.MjSpec, TaskSettings], None]) -> TaskSettings:
    """Settings whose robot, where it stands as text, has no name that `build` gives to a part of the scene."""
    while robot.is_text(settings.robot.model):
        spec = robot.load(settings.robot)
        try:
            build(spec, settings)
        except ValueError as error:
            found = _REPEATED.search(str(error))
            if found is None or isinstance(error, ModelError):
                return settings  # an error of another kind is told where the scene is compiled
            settings = settings.model_copy(
                update={"robot": _renamed(settings.robot, found[2], found[1], settings.name)}
            )
        else:
            break
    return settings


def _renamed(settings: RobotSettings, kind: str, name: str, task: str) -> RobotSettings:
    fingers = settings.gripper.joints if settings.gripper is not None else ()
    if kind == "joint" and name in (*settings.joints, *fingers):
        raise ModelError(f"robot {settings.name} drives a joint {name!r}, and so does task {task}; rename the robot's")
    root = ET.fromstring(settings.model)
    taken = {str(element.get("name")) for element in root.iter() if element.get("name")}
    if name not in taken:
        raise ModelError(f"task {task} names two things {name!r} of kind {kind}")
    new = PREFIX + name
    while new in taken:
        new += "_"
    for section in root:
        for element in section.iter():
            if element.get("name") == name and _kind(section.tag, element.tag) == kind:
                element.set("name", new)
            for attribute, value in element.attrib.items():
                if value == name and _refers(element, attribute, kind):
                    element.set(attribute, new)
    changes = {"model": ET.tostring(root, encoding="unicode") + "\n"}
    for field, of in (("tool_site", "site"), ("payload_body", "body")):
        if of == kind and getattr(settings, field) == name:
            changes[field] = new
    return settings.model_copy(update=changes)


def _kind(section: str, tag: str) -> str:
    """What an element in a section of MJCF is; the engine's word for it."""
    return _SECTIONS.get(section, "joint" if tag == "freejoint" else tag)


def _refers(element: ET.Element, attribute: str, kind: str) -> bool:
    """Whether an attribute names something of this kind."""
    if attribute == "target":
        return kind == "body"
    for name, of in (("objname", "objtype"), ("refname", "reftype")):
        if attribute == name:
            return element.get(of, "").removeprefix("x") == kind
    return attribute.rstrip("12") == kind or (attribute == "jointinparent" and kind == "joint")
