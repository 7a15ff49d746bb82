"""A model that needs no file but itself: what only a camera sees is dropped, meshes are written out as convex hulls."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import mujoco
import numpy as np
from numpy.typing import NDArray

from ashore.sim.robots.file_model import INERTIA_TRUE, free_name
from ashore.sim.robots.robot import ModelError

HULL = 64  # corners that a collision mesh's convex hull may keep
BASE = "robot_base"


def compiled(spec: mujoco.MjSpec, path: Path) -> mujoco.MjModel:
    """The compiled model; where a file is missing, an error that lists what is there instead."""
    try:
        return spec.compile()
    except ValueError as error:
        folder = path.parent / spec.meshdir
        missing = sorted({m.file for m in spec.meshes if m.file and not (folder / m.file).is_file()})
        if not missing:
            raise ModelError(f"{path} does not compile: {error}") from None
        there = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else "no such folder"
        raise ModelError(f"{path} needs {missing} for contacts or masses; {folder} has {there}") from None


def drop_pictures(spec: mujoco.MjSpec) -> None:
    """Take away what only a camera would see and has a file: meshes that neither collide nor weigh, textures, skins."""
    first, last = spec.compiler.inertiagrouprange
    for geom in list(spec.geoms):
        by_shape = spec.compiler.inertiafromgeom == INERTIA_TRUE or not geom.parent.explicitinertial
        weighs = by_shape and geom.mass != 0 and geom.density != 0 and first <= geom.group <= last
        if geom.meshname and not (geom.contype or geom.conaffinity or weighs):
            spec.delete(geom)
    colours = {m.name: m.rgba for m in spec.materials}
    for geom in spec.geoms:
        if geom.material:
            geom.rgba, geom.material = colours[geom.material], ""
    used = {geom.meshname for geom in spec.geoms}
    unused = [m for m in spec.meshes if m.name not in used]
    for thing in (*unused, *spec.skins, *spec.textures):
        spec.delete(thing)
    for material in spec.materials:  # they stay, without pictures: sites and default classes may name them
        for role in range(len(material.textures)):
            material.textures[role] = ""
    if spec.geoms and not any(geom.group < 3 for geom in spec.geoms):
        for geom in spec.geoms:
            geom.group = 2  # nothing else is left to see


def state_inertias(spec: mujoco.MjSpec, model: mujoco.MjModel) -> None:
    """Write down what follows from shapes now, since the shapes are about to change."""
    for body, i in zip(spec.bodies[1:], range(1, model.nbody), strict=True):
        body.explicitinertial = True
        body.mass, body.inertia = float(model.body_mass[i]), model.body_inertia[i]
        body.ipos, body.iquat, body.fullinertia = model.body_ipos[i], model.body_iquat[i], [np.nan] * 6
    for geom in list(spec.geoms):
        if geom.meshname and not (geom.contype or geom.conaffinity):
            spec.delete(geom)  # it weighed something; now the body says so itself


def limit_hulls(spec: mujoco.MjSpec) -> None:
    """Keep at most `HULL` corners of each mesh's convex hull. Masses must be stated before: some follow from the hull."""
    for mesh in spec.meshes:
        mesh.maxhullvert = HULL if mesh.maxhullvert < 0 else min(mesh.maxhullvert, HULL)


def write_out_fitted_shapes(spec: mujoco.MjSpec, model: mujoco.MjModel) -> None:
    """Geoms that fit a box, sphere, capsule, cylinder or ellipsoid to a mesh become that primitive, where it was fitted."""
    for geom in spec.geoms:
        if geom.meshname and geom.type != mujoco.mjtGeom.mjGEOM_MESH:
            i = geom.id
            geom.meshname, geom.fromto = "", [np.nan] * 6
            geom.size, geom.pos, geom.quat = model.geom_size[i], model.geom_pos[i], model.geom_quat[i]
            geom.alt.type = mujoco.mjtOrientation.mjORIENTATION_QUAT


def embed_meshes(spec: mujoco.MjSpec, model: mujoco.MjModel) -> None:
    """Replace every mesh by its convex hull, which is all that contacts use of it.

    A mesh is deleted and a fresh one added: emptied, the old one keeps what its file said of normals and faces.
    """
    users: dict[str, list[mujoco.MjsGeom]] = {}
    for geom in spec.geoms:
        if geom.meshname:
            users.setdefault(geom.meshname, []).append(geom)
    corners = {name: _hull(model, model.mesh(name).id) for name in users}
    names = {name: f"hull_{i}" for i, name in enumerate(users)}
    for name, hull in corners.items():
        fresh = spec.add_mesh(name=names[name], uservert=hull.astype(np.float32).flatten())
        fresh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_CONVEX
        for geom in users[name]:
            geom.meshname = names[name]
    for mesh in [m for m in spec.meshes if m.name not in names.values()]:
        spec.delete(mesh)


def _hull(model: mujoco.MjModel, mesh: int) -> NDArray[np.float64]:
    """Corners of a mesh's convex hull in the frame of its file, scaled: [n, 3] m."""
    start, count = int(model.mesh_vertadr[mesh]), int(model.mesh_vertnum[mesh])
    corners: NDArray[np.float64] = model.mesh_vert[start : start + count].astype(np.float64)
    graph = int(model.mesh_graphadr[mesh])
    if graph >= 0:  # number of corners and of faces, an address for each corner, then the corners' own numbers
        kept = int(model.mesh_graph[graph])
        corners = corners[model.mesh_graph[graph + 2 + kept : graph + 2 + 2 * kept]]
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, model.mesh_quat[mesh])
    return corners @ rotation.reshape(3, 3).T + model.mesh_pos[mesh]


def standing(text: str) -> str:
    """The model's text with all that stands in the world inside one fixed body at its origin, the base that tasks measure from.

    Left as it is where the first body is that already, or floats.
    """
    root = ET.fromstring(text)
    world = root.find("worldbody")
    if world is None:
        raise ModelError("the robot's model has no bodies")
    bodies = world.findall("body")
    if not bodies:
        raise ModelError("the robot's model has no bodies")
    joints = [child for child in bodies[0] if child.tag.endswith("joint")]
    floats = any(joint.tag == "freejoint" or joint.get("type") == "free" for joint in joints)
    placed = any(name in bodies[0].attrib for name in ("pos", "quat", "mocap"))
    if not floats and (len(bodies) > 1 or joints or placed):
        base = ET.Element("body", {"name": free_name(BASE, {body.get("name", "") for body in world.iter("body")})})
        for child in [c for c in world if c.tag in ("body", "geom", "site")]:
            world.remove(child)
            base.append(child)
        world.append(base)
    for compiler in root.findall("compiler"):
        for folder in ("meshdir", "texturedir", "assetdir"):
            compiler.attrib.pop(folder, None)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"
