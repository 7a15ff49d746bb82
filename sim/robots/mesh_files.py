"""Finding the mesh files that a model names: `package://` and `file://` as in ROS, and formats that MuJoCo cannot read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

import mujoco
import numpy as np

from ashore.sim.robots.robot import ModelError

PACKAGE, FILE = "package://", "file://"
READ_BY_MUJOCO = (".stl", ".obj", ".msh")
CONVERTED = (".dae", ".ply", ".glb", ".gltf", ".off", ".3mf")  # through trimesh


def resolve(spec: mujoco.MjSpec, path: Path, packages: Mapping[str, str]) -> None:
    """Give every mesh of a model that was read from `path` a file that MuJoCo can open, or its vertices.

    packages: folders by ROS package name, relative to `path`'s folder; those win over what is found. A mesh whose file is
    missing keeps its name: it may be one that nothing needs. Raises ModelError where a package is found nowhere.
    """
    for mesh in spec.meshes:
        if mesh.file.startswith(PACKAGE):
            mesh.file = str(_in_package(mesh.file, path, packages))
        elif mesh.file.startswith(FILE):
            mesh.file = unquote(mesh.file.removeprefix(FILE))


def convert(spec: mujoco.MjSpec, path: Path) -> None:
    """Read the meshes that MuJoCo cannot, Collada for one, through trimesh: their vertices and faces stand in the spec then."""
    for mesh in spec.meshes:
        file = path.parent / spec.meshdir / mesh.file
        if mesh.file and file.suffix.lower() in CONVERTED and file.is_file():
            vertices, faces = _load(file)
            mesh.file, mesh.content_type = "", ""
            mesh.uservert, mesh.userface = vertices.flatten(), faces.flatten()


def _in_package(uri: str, path: Path, packages: Mapping[str, str]) -> Path:
    name, _, rest = unquote(uri.removeprefix(PACKAGE)).partition("/")
    if name in packages:
        folder = (path.parent / Path(packages[name]).expanduser()).resolve()
        if not folder.is_dir():
            raise ModelError(f"robot.packages.{name} = {packages[name]!r} is no folder: {folder}")
        return folder / rest
    looked = list(_folders(name, path))
    for folder in looked:
        if (folder / rest).is_file():
            return folder / rest
    known = [folder for folder in looked if folder.is_dir()]
    if known:  # the package is there, the file is not: an error if something needs it
        return known[0] / rest
    raise ModelError(
        f"{path} names {uri!r}, and package {name!r} is in none of {[str(f) for f in looked]}; "
        f"say where it is: `packages: {{{name}: FOLDER}}` in the robot's YAML"
    )


def _folders(name: str, path: Path) -> Iterator[Path]:
    """Where a package of this name may be: above the model, in sourced ROS workspaces, on ROS_PACKAGE_PATH."""
    for parent in path.resolve().parents:
        if (parent / name).is_dir():
            yield parent / name
    for prefix in filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)):
        yield Path(prefix) / "share" / name
    for folder in filter(None, os.environ.get("ROS_PACKAGE_PATH", "").split(os.pathsep)):
        yield Path(folder) if Path(folder).name == name else Path(folder) / name


def _load(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [n, 3] m and triangles [m, 3] of a whole file, its own transforms and units applied."""
    try:
        import trimesh  # the extra `meshes`

        mesh = trimesh.load_mesh(file)
        if mesh.units is not None:  # trimesh reads a file's unit, and leaves the vertices in it
            mesh.convert_units("meters")
    except ImportError as error:
        raise ModelError(
            f"{file} is no format that MuJoCo reads ({', '.join(READ_BY_MUJOCO)}), and converting it needs {error.name}: "
            "pip install trimesh pycollada, or the extra `meshes`"
        ) from None
    except Exception as error:  # trimesh and the readers under it raise whatever they meet
        raise ModelError(f"{file} cannot be read: {error}") from None
    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    if not len(mesh.faces) or not np.isfinite(vertices).all():
        raise ModelError(f"{file} holds no triangles, or vertices that are not finite")
    return vertices, np.asarray(mesh.faces, dtype=np.int32)
