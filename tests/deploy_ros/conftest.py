"""A policy file that every test of this folder may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy_ros.bundle import Policy, load_policy
from tests.deploy_ros.policies import make_policy


@pytest.fixture(scope="session")
def policy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_policy(tmp_path_factory.mktemp("policy") / "policy.onnx")


@pytest.fixture(scope="session")
def policy(policy_file: Path) -> Policy:
    return load_policy(policy_file)
