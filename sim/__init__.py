"""Worlds and tasks: robots, scenes, the batched engine, signals, environments."""

import os
import sys

# Read by mujoco when it is first imported: without a screen on Linux, only EGL or OSMesa can draw.
if sys.platform == "linux" and not os.environ.get("DISPLAY"):
    os.environ.setdefault("MUJOCO_GL", "egl")
