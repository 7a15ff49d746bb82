"""Worlds and tasks: robots, scenes, the batched engine, signals, environments."""

import os

from ashore.configs.errors import AshoreError

try:
    import mujoco  # noqa: F401 - loads the library that MUJOCO_GL names
except ModuleNotFoundError:
    raise
except Exception as error:  # of PyOpenGL: an AttributeError, ImportError or OSError, by what is missing
    raise AshoreError(
        f"MUJOCO_GL = {os.environ.get('MUJOCO_GL', '')!r} cannot be loaded ({' '.join(str(error).split())}); "
        "allowed: egl with libegl1 installed, osmesa with libosmesa6, glfw with a screen, or disable"
    ) from error
