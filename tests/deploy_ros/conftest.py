"""A policy file that every test of this folder may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from ashore.deploy_ros.bundle import Policy, load_policy
from tests.deploy_ros.policies import INPUTS, interface, make_policy, signal
from tests.deploy_ros.rig import Rig


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
