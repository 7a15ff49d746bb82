"""What must stand before torch and mujoco are first imported, and one core a test."""

import os
import sys

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
if sys.platform == "linux":
    os.environ.setdefault("MUJOCO_GL", "egl")

import pytest


@pytest.fixture(autouse=True)
def one_torch_thread(request: pytest.FixtureRequest) -> None:
    """Sums of floats depend on the number of threads, and the cores are shared."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
