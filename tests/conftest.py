"""One core a test."""

import sys

import pytest

import ashore  # sets the environment variables that torch and mujoco read when they are first imported

assert ashore.__version__


@pytest.fixture(autouse=True)
def one_torch_thread(request: pytest.FixtureRequest) -> None:
    """Sums of floats depend on the number of threads, and the cores are shared."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
