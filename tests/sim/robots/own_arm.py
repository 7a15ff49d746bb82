"""An arm of somebody's own: MJCF with a mesh, motors and a gripper, and the settings that name it."""

from __future__ import annotations

import struct
from itertools import product
from pathlib import Path
from typing import Any

from ashore.configs.schema import RobotSettings

# A collision mesh, a visual mesh whose file is not there, a gripper on a tendon, a base that stands turned: as the
# Menagerie's models have them.
ARM = """
<mujoco model="arm">
  <compiler angle="radian" meshdir="assets"/>
  <default>
    <default class="visual"><geom type="mesh" contype="0" conaffinity="0" group="2" mass="0"/></default>
    <default class="collision"><geom group="3"/></default>
    <position kp="200" kv="20"/>
  </default>
  <asset>
    <texture name="wood" type="2d" file="wood.png"/>
    <material name="wooden" texture="wood" rgba="0.5 0.3 0.1 1"/>
    <mesh name="pretty" file="pretty.obj"/>
    <mesh name="block" file="block.stl" scale="0.001 0.001 0.001"/>
  </asset>
  <worldbody>
    <body name="base" pos="0 0 0.02" quat="1 0 0 1">
      <geom class="collision" type="cylinder" size="0.05 0.02" mass="2"/>
      <geom class="visual" mesh="pretty" material="wooden"/>
      <body name="upper" pos="0 0 0.02">
        <joint name="lift" axis="1 0 0" range="-1.5 1.5" armature="0.01" damping="0.5"/>
        <geom class="collision" type="mesh" mesh="block" pos="0 0 0.12" quat="0.9 0.1 0.2 0.3" density="500"/>
        <geom class="collision" type="capsule" fromto="0 0 0 0 0 0.2" size="0.02" mass="0.3" material="wooden"/>
        <body name="lower" pos="0 0 0.25">
          <joint name="bend" axis="1 0 0" range="-2 2" armature="0.01"/>
          <geom class="collision" type="capsule" fromto="0 0 0.05 0 0 0.15" size="0.02" mass="0.2"/>
          <site name="tip" pos="0 0 0.2"/>
          <body name="left" pos="0 0.01 0.17">
            <joint name="left" type="slide" axis="0 1 0" range="0 0.02"/>
            <geom class="collision" type="box" size="0.005 0.002 0.02" mass="0.01"/>
          </body>
          <body name="right" pos="0 -0.01 0.17">
            <joint name="right" type="slide" axis="0 -1 0" range="0 0.02"/>
            <geom class="collision" type="box" size="0.005 0.002 0.02" mass="0.01"/>
          </body>
        </body>
      </body>
    </body>
  </worldbody>
  <tendon><fixed name="split"><joint joint="left" coef="0.5"/><joint joint="right" coef="0.5"/></fixed></tendon>
  <equality><joint joint1="right" joint2="left"/></equality>
  <actuator>
    <position name="lift" joint="lift" forcerange="-40 40"/>
    <position name="bend" joint="bend" gear="2" forcerange="-5 5"/>
    <position name="grip" tendon="split"/>
  </actuator>
  <sensor><actuatorfrc name="force" actuator="grip"/><jointpos joint="lift"/></sensor>
  <keyframe><key name="zero"/><key name="home" qpos="0.4 0.9 0.01 0.01"/></keyframe>
</mujoco>
"""


CORNERS = tuple(product((-20, 20), (-15, 15), (-40, 40)))  # mm


SETTINGS: dict[str, Any] = {
    "name": "arm",
    "joints": ("lift", "bend"),
    "gripper": {
        "joints": ("left", "right"), "open": 0.02, "closed": 0.0,
        "velocity_limit": 0.1, "acceleration_limit": 1.0, "kp": 500.0, "kd": 20.0,
    },
    "tool_site": "tip",
    "velocity_limit": (2.0, 2.0),
}  # fmt: skip


def write_stl(path: Path) -> None:
    """A box, 40 x 30 x 80 mm, as twelve triangles."""
    faces = []
    for axis, side in product(range(3), (0, 1)):
        ring = [i for i, corner in enumerate(CORNERS) if (corner[axis] > 0) == bool(side)]
        faces += [(ring[0], ring[1], ring[2]), (ring[1], ring[2], ring[3])]
    triangles = b"".join(struct.pack("<12fH", 0, 0, 0, *(x for i in face for x in CORNERS[i]), 0) for face in faces)
    path.write_bytes(bytes(80) + struct.pack("<I", len(faces)) + triangles)


def settings(folder: Path, **changes: Any) -> RobotSettings:
    return RobotSettings(**{**SETTINGS, "model": str(folder / "arm.xml"), **changes})
