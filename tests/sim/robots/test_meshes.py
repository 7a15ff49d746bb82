"""Robots with collision meshes as published: odd files, ROS paths, shapes fitted to meshes, joints that nobody drives."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import mujoco
import numpy as np
import pytest

from ashore.configs.schema import RobotSettings
from ashore.sim.robots import robot
from ashore.sim.robots.model_check import compare
from ashore.sim.robots.own_robot import adopt
from ashore.sim.robots.robot import ModelError

URDF = """<robot name="arm">
  <link name="base">
    <inertial><mass value="2"/><inertia ixx="0.01" iyy="0.01" izz="0.01" ixy="0" ixz="0" iyz="0"/></inertial>
  </link>
  <link name="upper">
    <inertial><origin xyz="0 0 0.1"/>
      <mass value="1"/><inertia ixx="0.01" iyy="0.01" izz="0.01" ixy="0" ixz="0" iyz="0"/></inertial>
    <collision><origin xyz="0 0.01 0.15" rpy="0.1 0.2 0.3"/>
      <geometry><mesh filename="{mesh}" scale="0.05 0.05 0.1"/></geometry>
    </collision>
  </link>
  <link name="tip">
    <inertial><mass value="0.1"/><inertia ixx="1e-4" iyy="1e-4" izz="1e-4" ixy="0" ixz="0" iyz="0"/></inertial></link>
  <link name="finger">
    <inertial><mass value="0.1"/><inertia ixx="1e-4" iyy="1e-4" izz="1e-4" ixy="0" ixz="0" iyz="0"/></inertial></link>
  <link name="thumb">
    <inertial><mass value="0.1"/><inertia ixx="1e-4" iyy="1e-4" izz="1e-4" ixy="0" ixz="0" iyz="0"/></inertial></link>
  <joint name="shoulder" type="revolute"><parent link="base"/><child link="upper"/><origin xyz="0 0 0.1"/><axis xyz="0 1 0"/>
    <limit lower="-2" upper="2" effort="20" velocity="3"/></joint>
  <joint name="elbow" type="revolute"><parent link="upper"/><child link="tip"/><origin xyz="0 0 0.3"/><axis xyz="0 1 0"/>
    <limit lower="-2" upper="2" effort="20" velocity="3"/></joint>
  <joint name="grip" type="prismatic"><parent link="tip"/><child link="finger"/><origin xyz="0 0 0.05"/><axis xyz="1 0 0"/>
    <limit lower="0.01" upper="0.04" effort="20" velocity="1"/></joint>
  <joint name="follow" type="prismatic"><parent link="tip"/><child link="thumb"/><origin xyz="0 0 0.05"/><axis xyz="-1 0 0"/>
    <limit lower="0" upper="0.04" effort="20" velocity="1"/><mimic joint="grip"/></joint>
</robot>"""
BALL = [
    (np.cos(a) * np.cos(b), np.sin(a) * np.cos(b), np.sin(b))
    for a in np.linspace(0, 6, 24)
    for b in np.linspace(-1.5, 1.5, 12)
]
OFF_CENTRE = [(x + 1.0, 2 * y + 0.5, z - 0.5) for x, y, z in BALL]
BOX = [(x, y, z) for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)]


def faces_of(vertices: Sequence[tuple[float, ...]]) -> list[list[int]]:
    from scipy.spatial import ConvexHull

    return [list(map(int, face)) for face in ConvexHull(np.array(vertices)).simplices]


def stl(path: Path, vertices: Sequence[tuple[float, ...]], copies: int = 1) -> None:
    faces = faces_of(vertices) * copies
    body = b"".join(struct.pack("<12fH", 0, 0, 0, *(float(x) for i in f for x in vertices[i]), 0) for f in faces)
    path.write_bytes(b"\0" * 80 + struct.pack("<I", len(faces)) + body)


def obj_with_normals(path: Path, vertices: Sequence[tuple[float, ...]]) -> None:
    lines = [f"v {x} {y} {z}" for x, y, z in vertices] + [f"vn {x} {y} {z}" for x, y, z in vertices]
    inner = "v 0.1 0.1 0.1\nvn 0 0 1"
    path.write_text(
        "\n".join([*lines, inner, *("f " + " ".join(f"{i + 1}//{i + 1}" for i in f) for f in faces_of(vertices))])
    )


MESHES: dict[str, Callable[[Path], None]] = {
    "many_corners.stl": lambda path: stl(path, BALL),
    "off_centre.stl": lambda path: stl(path, OFF_CENTRE),
    "duplicate_corners.stl": lambda path: stl(path, BOX, copies=3),
    "normals.obj": lambda path: obj_with_normals(path, BALL),
}


def settings(model: Path, **changes: object) -> RobotSettings:
    given: dict[str, object] = {
        "name": "arm",
        "model": str(model),
        "joints": ("shoulder", "elbow"),
        "home": (0.5, 0.5),
        "tool_body": "tip",
        "velocity_limit": (3.0, 3.0),
    }
    return RobotSettings.model_validate(given | changes)


@pytest.mark.parametrize("name", MESHES)
def test_a_collision_mesh_of_any_kind_loads_where_its_file_has_it(tmp_path: Path, name: str) -> None:
    MESHES[name](tmp_path / name)
    (tmp_path / "arm.urdf").write_text(URDF.format(mesh=name))
    given = settings(tmp_path / "arm.urdf")
    own = adopt(given)
    assert compare(given, own) == []
    ours, theirs = robot.load(own).compile(), mujoco.MjModel.from_xml_path(str(tmp_path / "arm.urdf"))
    assert ours.mesh_vertnum.tolist() == [ours.mesh_vertnum.max()] and ours.mesh_vertnum.max() <= 64
    (geom,) = (i for i in range(ours.ngeom) if ours.geom_type[i] == mujoco.mjtGeom.mjGEOM_MESH)
    corners = []
    for model, body, g in ((ours, "upper", geom), (theirs, "upper", int(np.flatnonzero(theirs.geom_dataid >= 0)[0]))):
        data = mujoco.MjData(model)
        mujoco.mj_kinematics(model, data)
        start, count = model.mesh_vertadr[model.geom_dataid[g]], model.mesh_vertnum[model.geom_dataid[g]]
        at = model.mesh_vert[start : start + count] @ data.geom_xmat[g].reshape(3, 3).T + data.geom_xpos[g]
        corners.append(at - data.body(body).xpos)
    for side in (np.min, np.max):  # the hull reaches as far as the mesh, but for the corners that 64 leave out
        np.testing.assert_allclose(side(corners[0], 0), side(corners[1], 0), atol=0.003)


def test_a_flat_mesh_that_mujoco_refuses_is_named_in_one_error(tmp_path: Path) -> None:
    square = [(-1.0, -1.0, 0.0), (1.0, -1.0, 0.0), (1.0, 1.0, 0.0), (-1.0, 1.0, 0.0)]
    body = b"".join(
        struct.pack("<12fH", 0, 0, 0, *(x for i in f for x in square[i]), 0) for f in ((0, 1, 2), (0, 2, 3))
    )
    (tmp_path / "flat.stl").write_bytes(b"\0" * 80 + struct.pack("<I", 2) + body)
    (tmp_path / "arm.urdf").write_text(URDF.format(mesh="flat.stl"))
    with pytest.raises(ValueError, match="flat"):
        mujoco.MjModel.from_xml_path(str(tmp_path / "arm.urdf"))
    with pytest.raises(ModelError, match=r"arm\.urdf does not compile.*flat"):
        adopt(settings(tmp_path / "arm.urdf"))


@pytest.mark.parametrize("shape", ["box", "capsule", "ellipsoid", "sphere", "cylinder"])
@pytest.mark.parametrize("inertia", ["legacy", "shell", "convex"])
def test_a_shape_fitted_to_a_mesh_becomes_that_primitive(tmp_path: Path, shape: str, inertia: str) -> None:
    stl(tmp_path / "ball.stl", OFF_CENTRE)
    (tmp_path / "arm.xml").write_text(f"""<mujoco><compiler angle="radian"/>
      <asset><mesh name="ball" file="ball.stl" scale="0.05 0.06 0.1" inertia="{inertia}"/></asset>
      <worldbody><body name="base"><geom type="box" size="0.05 0.05 0.01"/>
        <body name="upper" pos="0 0 0.1"><joint name="shoulder" axis="0 1 0" range="-2 2"/>
          <geom name="fitted" type="{shape}" mesh="ball" pos="0 0 0.15" euler="0.1 0.2 0.3"/>
          <body name="tip" pos="0 0 0.3"><joint name="elbow" axis="0 1 0" range="-2 2"/><geom size="0.02"/></body>
        </body></body></worldbody></mujoco>""")
    given = settings(tmp_path / "arm.xml")
    own = adopt(given)
    assert compare(given, own) == []
    ours, theirs = robot.load(own).compile(), mujoco.MjModel.from_xml_path(str(tmp_path / "arm.xml"))
    a, b = ours.geom("fitted").id, theirs.geom("fitted").id
    assert ours.geom_type[a] == theirs.geom_type[b]
    np.testing.assert_allclose(ours.geom_size[a], theirs.geom_size[b], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ours.geom_pos[a], theirs.geom_pos[b], atol=1e-5)
    turned = np.zeros((2, 9))
    mujoco.mju_quat2Mat(turned[0], ours.geom_quat[a])
    mujoco.mju_quat2Mat(turned[1], theirs.geom_quat[b])
    np.testing.assert_allclose(turned[0], turned[1], atol=1e-4)


def test_package_paths_are_found_above_the_file_in_workspaces_and_where_the_yaml_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = "package://my_arm/meshes/ball.stl"
    for name in ("AMENT_PREFIX_PATH", "ROS_PACKAGE_PATH"):
        monkeypatch.delenv(name, raising=False)

    def package(folder: Path) -> Path:
        (folder / "meshes").mkdir(parents=True)
        stl(folder / "meshes" / "ball.stl", BALL)
        return folder

    above = package(tmp_path / "a" / "my_arm") / "urdf"
    above.mkdir()
    elsewhere = tmp_path / "b"
    elsewhere.mkdir()
    for folder in (above, elsewhere):
        (folder / "arm.urdf").write_text(URDF.format(mesh=uri))
    assert adopt(settings(above / "arm.urdf")).model.startswith("<")
    with pytest.raises(ModelError, match=r"package 'my_arm' is in none of .*packages: \{my_arm: FOLDER\}"):
        adopt(settings(elsewhere / "arm.urdf"))
    assert adopt(settings(elsewhere / "arm.urdf", packages={"my_arm": "../a/my_arm"})).packages == {}
    package(tmp_path / "ws" / "share" / "my_arm")
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path / "ws"))
    assert adopt(settings(elsewhere / "arm.urdf")).model.startswith("<")
    monkeypatch.delenv("AMENT_PREFIX_PATH")
    monkeypatch.setenv("ROS_PACKAGE_PATH", str(tmp_path / "a"))
    assert adopt(settings(elsewhere / "arm.urdf")).model.startswith("<")
    monkeypatch.setenv("ROS_PACKAGE_PATH", str(tmp_path / "a" / "my_arm"))  # the package itself may be on it
    assert adopt(settings(elsewhere / "arm.urdf")).model.startswith("<")
    monkeypatch.delenv("ROS_PACKAGE_PATH")
    with pytest.raises(ModelError, match=r"robot\.packages\.my_arm = '\.\./nowhere' is no folder: .*/nowhere"):
        adopt(settings(elsewhere / "arm.urdf", packages={"my_arm": "../nowhere"}))
    file = f"file://{tmp_path}/a/my_arm/meshes/ball.stl"
    (elsewhere / "arm.urdf").write_text(URDF.format(mesh=file))
    assert adopt(settings(elsewhere / "arm.urdf")).model.startswith("<")


def test_a_package_may_stand_beside_the_one_that_describes_the_robot(tmp_path: Path) -> None:
    (tmp_path / "my_arm_description").mkdir()
    (tmp_path / "my_arm").mkdir()
    stl(tmp_path / "my_arm" / "ball.stl", BALL)
    (tmp_path / "my_arm_description" / "arm.urdf").write_text(URDF.format(mesh="package://my_arm/ball.stl"))
    assert adopt(settings(tmp_path / "my_arm_description" / "arm.urdf")).model.startswith("<")


@pytest.mark.parametrize("uri", ["package://my_arm/a%20ball.stl", "file://{folder}/my_arm/a%20ball.stl"])
def test_percent_codes_of_a_path_are_read(tmp_path: Path, uri: str) -> None:
    (tmp_path / "my_arm").mkdir()
    stl(tmp_path / "my_arm" / "a ball.stl", BALL)
    (tmp_path / "my_arm" / "arm.urdf").write_text(URDF.format(mesh=uri.format(folder=tmp_path)))
    assert adopt(settings(tmp_path / "my_arm" / "arm.urdf")).model.startswith("<")


def test_a_picture_that_a_package_lacks_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "my_arm").mkdir()
    stl(tmp_path / "my_arm" / "ball.stl", BALL)
    picture = '<visual><geometry><mesh filename="package://my_arm/gone.stl"/></geometry></visual><collision>'
    text = URDF.format(mesh="package://my_arm/ball.stl").replace("<collision>", picture)
    text = text.replace("</robot>", '<mujoco><compiler discardvisual="false"/></mujoco></robot>')
    (tmp_path / "my_arm" / "arm.urdf").write_text(text)
    assert robot.load(adopt(settings(tmp_path / "my_arm" / "arm.urdf"))).compile().nmesh == 1


def test_a_package_that_lacks_the_file_says_which_file(tmp_path: Path) -> None:
    (tmp_path / "my_arm").mkdir()
    (tmp_path / "my_arm" / "arm.urdf").write_text(URDF.format(mesh="package://my_arm/gone.stl"))
    with pytest.raises(ModelError, match=r"needs .*my_arm/gone\.stl"):
        adopt(settings(tmp_path / "my_arm" / "arm.urdf"))


def test_collada_is_converted_by_trimesh_and_without_it_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trimesh = pytest.importorskip("trimesh")
    pytest.importorskip("collada")
    trimesh.creation.box(extents=(2.0, 2.0, 2.0)).export(tmp_path / "box.dae")
    (tmp_path / "arm.urdf").write_text(URDF.format(mesh="box.dae"))
    model = robot.load(adopt(settings(tmp_path / "arm.urdf"))).compile()
    (mesh,) = range(model.nmesh)
    assert np.ptp(model.mesh_vert[: model.mesh_vertnum[mesh]], axis=0).max() == pytest.approx(0.2, abs=1e-4)
    monkeypatch.setitem(sys.modules, "trimesh", None)
    with pytest.raises(ModelError, match=r"box\.dae.*trimesh.*extra `meshes`"):
        adopt(settings(tmp_path / "arm.urdf"))


def test_collada_in_another_unit_is_read_in_metres_and_one_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    pytest.importorskip("collada")
    trimesh.creation.box(extents=(200.0, 200.0, 200.0)).export(tmp_path / "box.dae")
    text = (tmp_path / "box.dae").read_text()
    assert "<unit" not in text
    (tmp_path / "box.dae").write_text(text.replace("</asset>", '<unit name="centimeter" meter="0.01"/></asset>', 1))
    (tmp_path / "arm.urdf").write_text(URDF.format(mesh="box.dae"))
    model = robot.load(adopt(settings(tmp_path / "arm.urdf"))).compile()
    assert np.ptp(model.mesh_vert, axis=0).max() == pytest.approx(0.2, abs=1e-4)  # of 2 m, scaled by 0.1 at most
    (tmp_path / "box.dae").write_text("no XML")
    with pytest.raises(ModelError, match=r"box\.dae cannot be read"):
        adopt(settings(tmp_path / "arm.urdf"))


def test_a_xacro_says_how_it_is_expanded(tmp_path: Path) -> None:
    (tmp_path / "arm.urdf.xacro").write_text("<robot/>")
    with pytest.raises(ModelError, match=r"`xacro arm\.urdf\.xacro > arm\.urdf`"):
        adopt(settings(tmp_path / "arm.urdf.xacro"))


def test_joints_that_nobody_drives_are_held_named_and_may_be_freed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stl(tmp_path / "ball.stl", BALL)
    (tmp_path / "arm.urdf").write_text(URDF.format(mesh="ball.stl"))
    own = robot.load(adopt(settings(tmp_path / "arm.urdf", name="held"))).compile()
    assert [own.joint(i).name for i in range(own.njnt)] == ["shoulder", "elbow"]
    said = capsys.readouterr().err
    assert "held: 2 joints that nobody drives are held at rest: grip, follow" in said
    assert own.body("finger").pos[0] == pytest.approx(0.01), "held at the nearest end of its range"
    assert own.body("thumb").pos[0] == pytest.approx(-0.01), "and what follows it, where it follows to"
    free = robot.load(adopt(settings(tmp_path / "arm.urdf", name="loose", free_joints=("grip",))))
    assert {joint.name for joint in free.joints} == {"shoulder", "elbow", "grip", "follow"}
    assert [e.name1 for e in free.equalities] == ["follow"], "it still follows"
