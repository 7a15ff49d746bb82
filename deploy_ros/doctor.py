"""`ashore doctor`: what this machine can do, checked by doing it, and what to do about the rest."""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from ashore.configs.cores import usable_cores

TRAINING = ("mujoco", "torch", "gymnasium", "onnx", "yaml", "rich", "safetensors", "scipy", "plotly")
DRAW = "import mujoco; m = mujoco.MjModel.from_xml_string('<mujoco/>'); r = mujoco.Renderer(m, 32, 32); r.render(); r.close()"


class Finding(NamedTuple):
    """One check: `advice` is empty where all is well; `needed` where nothing works without it."""

    what: str
    found: str
    advice: str = ""
    needed: bool = False


def examine(say: Callable[[str], None] = print) -> bool:
    """Run every check, print a line each; whether nothing that is needed is missing."""
    good = True
    for check in (_python, _cores, _training, _drawing, _cyclone, _loopback, _ros):
        finding = check()
        mark = "ok  " if not finding.advice else "FAIL" if finding.needed else "note"
        say(f"{mark}  {finding.what:18} {finding.found}")
        if finding.advice:
            say(f"      {'':18} {finding.advice}")
        good &= not (finding.needed and finding.advice)
    return good


def _python() -> Finding:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    old = sys.version_info < (3, 10)
    return Finding(
        "Python", found, "Python 3.10 or newer runs policies, 3.11 or newer trains them" if old else "", needed=True
    )


def _cores() -> Finding:
    count = usable_cores()
    load = os.getloadavg()[0]
    busy = load > 0.5 * count
    advice = "other work is running here; training and the twin's real time will suffer" if busy else ""
    return Finding("cores", f"{count}, load {load:.1f}", advice)


def _training() -> Finding:
    missing = [name for name in TRAINING if importlib.util.find_spec(name) is None]
    if not missing:
        return Finding("training", "all packages are installed")
    return Finding("training", f"missing {', '.join(missing)}", "to train here, in a checkout: pip install '.[train]'")


def _drawing() -> Finding:
    if importlib.util.find_spec("mujoco") is None:
        return Finding("pictures", "not without mujoco")
    backend = os.environ.get("MUJOCO_GL") or ("glfw" if os.environ.get("DISPLAY") else "egl")
    # In a process of its own: a missing driver may end it.
    run = subprocess.run(
        [sys.executable, "-c", DRAW], env=os.environ | {"MUJOCO_GL": backend}, capture_output=True, timeout=60
    )
    if run.returncode == 0:
        return Finding("pictures", f"drawn through MUJOCO_GL={backend}")
    advice = "apt-get install libegl1 libgl1 libgl1-mesa-dri and MUJOCO_GL=egl; or libosmesa6 and MUJOCO_GL=osmesa"
    return Finding("pictures", f"MUJOCO_GL={backend} does not draw", advice)


def _cyclone() -> Finding:
    if importlib.util.find_spec("cyclonedds") is None:
        return Finding(
            "DDS",
            "cyclonedds is not installed",
            "in a checkout: pip install '.[dds]', or use a sourced ROS 2: --via rclpy",
        )
    from ashore.deploy_ros.dds import cyclone_config, domain_id

    reach = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE") or "SUBNET"
    cyclone_config()
    return Finding("DDS", f"domain {domain_id()}, discovery range {reach}")


def _loopback() -> Finding:
    """A message from one participant to another, over the loopback interface."""
    if importlib.util.find_spec("cyclonedds") is None:
        return Finding("DDS round trip", "not without cyclonedds")
    run = subprocess.run(
        [sys.executable, "-c", "from ashore.deploy_ros.doctor import round_trip; print(round_trip())"],
        env=os.environ | {"ROS_DOMAIN_ID": "88", "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    seconds = run.stdout.strip()
    if run.returncode == 0 and seconds and float(seconds) >= 0:
        return Finding("DDS round trip", f"{float(seconds) * 1e3:.2f} ms on loopback")
    if uri := os.environ.get("CYCLONEDDS_URI"):
        said = [line for line in run.stderr.strip().splitlines() if line][-1:]
        return Finding(
            "DDS round trip",
            f"no message came through ({said[0] if said else 'no error was told'})",
            f"CYCLONEDDS_URI = {uri!r}: do its interfaces exist here? `ip link`",
            needed=True,
        )
    return Finding(
        "DDS round trip", "no message came through", "is the loopback interface up, and UDP allowed on it? `ip link`"
    )


def round_trip() -> float:
    """Seconds a string takes to a topic's reader in this process; -1 where none comes within 10 s."""
    from ashore.deploy_ros import dds_types as types
    from ashore.deploy_ros.dds import Participant

    heard: list[str] = []
    with Participant() as participant:
        participant.reader("/ashore/doctor", types.String, lambda message: heard.append(message.data))
        writer = participant.writer("/ashore/doctor", types.String)
        until = time.monotonic() + 10.0
        while time.monotonic() < until:
            began = time.monotonic()
            writer.write(types.String(data="hello"))
            participant.spin(0.2)
            if heard:
                return time.monotonic() - began
    return -1.0


def _ros() -> Finding:
    distribution = os.environ.get("ROS_DISTRO")
    if distribution is None:
        return Finding("ROS 2", "none sourced; the DDS node needs none")
    if importlib.util.find_spec("rclpy") is None:
        return Finding(
            "ROS 2", f"{distribution}, but no rclpy for this Python", "make the environment with ROS's own Python"
        )
    middleware = os.environ.get("RMW_IMPLEMENTATION", "its default")
    return Finding("ROS 2", f"{distribution}, middleware {middleware}")
