"""Policy files, and a participant in a ROS 2 domain of its own, that every test of this folder may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ashore.deploy_ros.bundle import Policy, load_policy
from tests.deploy_ros.fake_rclpy import NODES
from tests.deploy_ros.policies import INPUTS, interface, make_policy, signal
from tests.deploy_ros.processes import new_domain
from tests.deploy_ros.rig import Rig
from tests.deploy_ros.stand_ins import stand_ins
from tests.deploy_ros.steady_clock import steady_nodes

if TYPE_CHECKING:
    from ashore.deploy_ros.dds import Participant


@pytest.fixture(autouse=True)
def steady() -> Iterator[None]:
    with steady_nodes():
        yield


@pytest.fixture(scope="session")
def policy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_policy(tmp_path_factory.mktemp("policy") / "policy.onnx")


@pytest.fixture(scope="session")
def patient_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `policy_file`, for tests in real time: a busy machine may keep its joint states late."""
    signals = tuple(signal(name, max_age=1.0) for name in INPUTS[:3])
    return make_policy(tmp_path_factory.mktemp("policy") / "policy.onnx", interface(signals=signals))


@pytest.fixture(scope="session")
def policy(policy_file: Path) -> Policy:
    return load_policy(policy_file)


@pytest.fixture
def rig(policy: Policy) -> Rig:
    return Rig(policy)


@pytest.fixture
def participant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Participant]:
    from ashore.deploy_ros.dds import Participant  # cyclonedds is an extra

    for name, value in new_domain().items():
        monkeypatch.setenv(name, value)
    with Participant() as participant:
        yield participant


@pytest.fixture
def module() -> Iterator[Any]:
    """`ashore.deploy_ros.rclpy_spin`, imported with stand-ins. No control thread outlives a test: those of the next ones that
    have a clock of their own would share it."""
    with stand_ins() as module:
        yield module
        for node in NODES:
            if (loop := getattr(node, "_loop", None)) is not None:
                loop.finish()
                loop.join(lambda: None)
