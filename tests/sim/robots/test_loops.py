"""Robots with closed loops, which `connect` or `weld` equalities make: closed at home, their joints free to follow."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ashore.sim.robots import robot
from ashore.sim.robots.own_robot import adopt
from ashore.sim.robots.robot import ModelError
from ashore.sim.scene import ik
from tests.sim.robots.tiny_arm import arm, env_of, of

# A parallelogram: the crank's joint turns the last link through a rod.
LOOP = """<mujoco><worldbody><body name="base"><geom type="cylinder" size=".05 .02" mass="1" pos="0 0 .03"/>
<body name="b1" pos="0 0 .06"><joint name="j1" axis="0 0 1" range="-135 135"/>
 <geom type="capsule" fromto="0 0 .03 0 0 .1" size=".02" mass=".3"/>
 <body name="crank" pos="0 0 .12"><joint name="j3" axis="0 1 0" range="-135 135"/>
  <geom type="capsule" fromto="0 0 0 -.06 0 0" size=".005" mass=".05" contype="0" conaffinity="0"/>
  <body name="rod" pos="-.06 0 0"><joint name="p1" axis="0 1 0"/>
   <geom type="capsule" fromto="0 0 0 0 0 .22" size=".005" mass=".05" contype="0" conaffinity="0"/></body></body>
 <body name="b2" pos="0 0 .12"><joint name="j2" axis="0 1 0" range="-135 135"/>
  <geom type="capsule" fromto="0 0 .03 0 0 .18" size=".02" mass=".3"/>
  <body name="b3" pos="0 0 .22"><joint name="p2" axis="0 1 0"/>
   <geom type="capsule" fromto="0 0 .03 0 0 .15" size=".02" mass=".2"/><site name="tip" pos="0 0 .18"/>
  </body></body></body></body></worldbody>
<equality><connect body1="rod" body2="b3" anchor="0 0 .22"/></equality></mujoco>"""


def test_a_loop_is_closed_where_episodes_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ik, "CANDIDATES", 96)  # for 16 worlds enough
    monkeypatch.setattr(ik, "FEWEST", 16)
    (tmp_path / "loop.xml").write_text(LOOP)
    box = {"low": (0.1, -0.15, 0.08), "high": (0.3, 0.15, 0.35)}
    env = env_of(of(tmp_path / "loop.xml", home=(0, 0.3, 0.9), compensates_gravity=True, workspace=box), worlds=16)
    env.reset(0)
    before = arm(env).sensor("tool_position").clone()
    env.step(torch.zeros(16, 3))
    assert (arm(env).sensor("tool_position") - before).norm(dim=1).max() < 1e-3  # m


def test_a_loop_that_cannot_be_closed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ik, "CANDIDATES", 32)  # none can be closed: fewer tell as much
    (tmp_path / "loop.xml").write_text(LOOP.replace('joint name="p1" axis="0 1 0"', 'joint name="p1" axis="1 0 0"'))
    with pytest.raises(ModelError, match="has a loop of `connect` or `weld` equalities that its joints cannot close"):
        env_of(of(tmp_path / "loop.xml", home=(0, 0.3, 0.9)))


CONNECT = '<connect body1="rod" body2="b3" anchor="0 0 .22"/>'
SITES = '<connect site1="of_rod" site2="of_b3"/>'


@pytest.mark.parametrize(
    ("equality", "passive"),
    [
        (CONNECT, {"p1", "p2"}),
        (SITES, {"p1", "p2"}),
        ('<weld body1="rod" body2="b3"/>', {"p1", "p2"}),
        (CONNECT.replace("/>", ' active="false"/>'), set()),
    ],
)
def test_joints_of_an_active_loop_stay_free_and_those_of_another_are_held(
    tmp_path: Path, equality: str, passive: set[str]
) -> None:
    """Held, they would lock the joint that drives the loop."""
    text = LOOP.replace(CONNECT, equality).replace(
        ' pos="-.06 0 0">', ' pos="-.06 0 0"><site name="of_rod" pos="0 0 .22"/>'
    )
    text = text.replace('<site name="tip"', '<site name="of_b3"/><site name="tip"')
    (tmp_path / "loop.xml").write_text(text)
    spec = robot.load(adopt(of(tmp_path / "loop.xml", home=(0, 0.3, 0.9))))
    assert {joint.name for joint in spec.joints} == {"j1", "j2", "j3"} | passive


def test_a_joint_without_a_name_is_held_too_and_named_after_its_body(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = LOOP.replace(CONNECT, "").replace('<joint name="p1" axis="0 1 0"/>', '<joint axis="0 1 0"/>')
    (tmp_path / "loop.xml").write_text(text)
    spec = robot.load(adopt(of(tmp_path / "loop.xml", name="nameless", home=(0, 0.3, 0.9))))
    assert {joint.name for joint in spec.joints} == {"j1", "j2", "j3"}
    assert "2 joints that nobody drives are held at rest: joint_2_of_rod, p2" in capsys.readouterr().err
