"""What a URDF says that MuJoCo does not read: velocity limits, and whether joints that need limits have them."""

from __future__ import annotations

import math
import re
from pathlib import Path
from xml.etree import ElementTree as ET

from ashore.sim.robots.robot import ModelError


def velocity_limits(path: Path) -> dict[str, float]:
    """Velocity limits of a URDF's joints, rad/s or m/s; none of an MJCF, which has no place for them."""
    text = _urdf_text(path)
    if text is None:
        return {}
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise ModelError(f"{path}: no velocity_limit can be read: {error}; give one value a joint") from None
    limits = {}
    for joint in root.iterfind("joint"):
        limit, name = joint.find("limit"), joint.get("name", "")
        written = "0" if limit is None else limit.get("velocity", "0")
        try:
            limits[name] = float(written)
        except ValueError:
            limits[name] = math.nan
        if not math.isfinite(limits[name]):
            raise ModelError(f"{path}: velocity of joint {name!r} = {written!r}; allowed: a number, rad/s or m/s")
    return {name: value for name, value in limits.items() if value > 0}


def unlimited_joints(path: Path) -> set[str]:
    """Joints that a URDF calls revolute or prismatic, whose limits it therefore must give, and does not."""
    names = set()
    for opening, inside in re.findall(r"<joint\b([^>]*)>(.*?)</joint>", _urdf_text(path) or "", flags=re.DOTALL):
        name, kind = (re.search(rf"\b{key}\s*=\s*[\"']([^\"']*)", opening) for key in ("name", "type"))
        if name and kind and kind[1] in ("revolute", "prismatic"):
            limit = re.search(r"<limit\b([^>]*)>", inside)
            if limit is None or not re.search(r"\b(lower|upper)\s*=", limit[1]):
                names.add(name[1])
    return names


def _urdf_text(path: Path) -> str | None:
    """A URDF without its comments, in which MuJoCo allows `--` and Python does not; None where the file is no URDF."""
    text = re.sub("<!--.*?-->", "", path.read_text(encoding="utf-8", errors="replace"), flags=re.DOTALL)
    first = re.search(r"<(\w+)", text)
    return None if first is None or first[1] != "robot" else text
