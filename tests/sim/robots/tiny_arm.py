"""An arm of three joints in one MJCF text, with places for what a test adds to it, and environments of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ashore.configs.loader import load_run
from ashore.configs.schema import RobotSettings
from ashore.environments import make_env
from ashore.sim.env import Env
from ashore.sim.tasks.manipulation import ArmTask

RANGE = 'range="-135 135"'
ARM = """<mujoco>{before_world}<worldbody>{in_world}
<body name="base" {base}><geom type="cylinder" size=".05 .02" mass="1" pos="0 0 .03"/>
 <body name="b1" pos="0 0 .06"><joint name="j1" axis="0 0 1" {limits}/>
  <geom {geom} type="capsule" fromto="0 0 .03 0 0 .1" size=".02" mass=".3"/>
  <body name="b2" pos="0 0 .12"><joint name="j2" axis="0 1 0" range="-135 135" damping=".2"/>
   <geom type="capsule" fromto="0 0 .03 0 0 .18" size=".02" mass=".3"/>
   <body pos="0 0 .22"><joint name="j3" axis="0 1 0" range="-135 135"/>
    <geom type="capsule" fromto="0 0 .03 0 0 .15" size=".02" mass=".2"/>
    <site name="{site}" pos="0 0 .18"/>{in_tool}</body></body></body></body>
</worldbody>{after_world}</mujoco>"""


def settings(folder: Path, changes: dict[str, Any] | None = None, **text: str) -> RobotSettings:
    parts = {"before_world": "", "in_world": "", "base": "", "limits": RANGE, "geom": "", "site": "tip", "in_tool": ""}
    (folder / "arm.xml").write_text(ARM.format(**{**parts, "after_world": "", **text}))
    return of(folder / "arm.xml", **(changes or {}))


def of(path: Path, **changes: Any) -> RobotSettings:
    given: dict[str, Any] = {
        "name": "tiny", "model": str(path), "joints": ("j1", "j2", "j3"), "tool_site": "tip", "home": (0, 0.6, 1.2),
        "velocity_limit": (2, 2, 2), "workspace": {"low": (0.1, -0.15, 0.08), "high": (0.3, 0.15, 0.35)},
    }  # fmt: skip
    return RobotSettings(**{**given, **changes})


def env_of(own: RobotSettings, task: str = "arm_reach", worlds: int = 2) -> Env:
    run = load_run(task, ["task.randomization={}"]).task
    return make_env(run.model_copy(update={"robot": own}), worlds)


def arm(env: Env) -> ArmTask:
    assert isinstance(env.task, ArmTask)
    return env.task
