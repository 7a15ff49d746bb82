"""Environment variables that libraries read once, when they are first imported; what the user has set stays."""

from __future__ import annotations

import ctypes
import os
import sys


def set_defaults() -> None:
    """Set what torch, numpy and mujoco should find; `ashore/__init__` calls this before anything can import them."""
    # Waiting threads that spin make training 40 times slower where another process, or the engine, wants the same cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's: for small matrices, two threads are slower than one
    if sys.platform == "linux" and not os.environ.get("DISPLAY") and "MUJOCO_GL" not in os.environ:
        os.environ["MUJOCO_GL"] = _headless_opengl()


def _headless_opengl() -> str:
    """What MuJoCo can draw with where there is no screen: EGL, else OSMesa, else nothing, and importing it still works."""
    for name, library in (("egl", "libEGL.so.1"), ("osmesa", "libOSMesa.so.8")):
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        return name
    return "disable"
