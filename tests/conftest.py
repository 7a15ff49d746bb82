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


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-models",
        action="store_true",
        help="have MuJoCo Warp compile its kernels for every robot and task: minutes",
    )
    parser.addoption("--engine", default="cpu", help="of the worlds in tests/sim/tasks/test_tasks.py: cpu or warp")
    parser.addoption("--device", default="cpu", help="where MuJoCo Warp computes in tests/sim/engine: cpu or cuda")


def pytest_configure(config: pytest.Config) -> None:
    os.environ["ASHORE_TEST_ENGINE"] = config.getoption("--engine")
    os.environ["ASHORE_TEST_DEVICE"] = config.getoption("--device")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--all-models"):
        skipped = pytest.mark.skip(reason="compiles MuJoCo Warp's kernels for every model: pytest --all-models")
        for item in items:
            if "all_models" in item.keywords:
                item.add_marker(skipped)


@pytest.fixture(scope="session", autouse=True)
def exports_for_all(tmp_path_factory: pytest.TempPathFactory) -> None:
    ours = tmp_path_factory.getbasetemp()
    untrained.FOLDER = (ours.parent if "PYTEST_XDIST_WORKER" in os.environ else ours) / "untrained"
    untrained.FOLDER.mkdir(exist_ok=True)
