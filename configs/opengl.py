"""Importing mujoco, which loads the OpenGL library that MUJOCO_GL names: one line where that library is missing."""

from __future__ import annotations

import os

from ashore.configs.errors import AshoreError


def import_mujoco() -> None:
    """Import mujoco before any module does; AshoreError names MUJOCO_GL and what is allowed."""
    try:
        import mujoco  # noqa: F401
    except ModuleNotFoundError:
        raise
    except Exception as error:  # of PyOpenGL: an AttributeError, ImportError or OSError, by what is missing
        raise AshoreError(
            f"MUJOCO_GL = {os.environ.get('MUJOCO_GL', '')!r} cannot be loaded ({' '.join(str(error).split())}); "
            "allowed: egl with libegl1 installed, osmesa with libosmesa6, glfw with a screen, or disable"
        ) from error
