"""Worlds and tasks: robots, scenes, the batched engine, signals, environments."""

import os
import sys

from configs.errors import AshoreError

# Read by mujoco when it is first imported: without a screen on Linux, only EGL or OSMesa can draw.
if sys.platform == "linux" and not os.environ.get("DISPLAY"):
    os.environ.setdefault("MUJOCO_GL", "egl")

try:
    import mujoco  # noqa: F401 - loads the library that MUJOCO_GL names
except ModuleNotFoundError:
    raise
except Exception as error:  # of PyOpenGL: an AttributeError, ImportError or OSError, by what is missing
    raise AshoreError(
        f"MUJOCO_GL = {os.environ.get('MUJOCO_GL', '')!r} cannot be loaded ({' '.join(str(error).split())}); "
        "allowed: egl with libegl1 installed, osmesa with libosmesa6, glfw with a screen, or disable"
    ) from error
