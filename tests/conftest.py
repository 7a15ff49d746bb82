"""One core a test; what several tests need is made once."""

import os
import sys

import pytest

import ashore  # sets the environment variables that torch and mujoco read when they are first imported
from tests import untrained

assert ashore.__version__


@pytest.fixture(autouse=True)
def one_torch_thread(request: pytest.FixtureRequest) -> None:
    """Sums of floats depend on the number of threads, and the cores are shared."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def exports_for_all(tmp_path_factory: pytest.TempPathFactory) -> None:
    ours = tmp_path_factory.getbasetemp()
    untrained.FOLDER = (ours.parent if "PYTEST_XDIST_WORKER" in os.environ else ours) / "untrained"
    untrained.FOLDER.mkdir(exist_ok=True)
