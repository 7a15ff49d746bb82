"""The robot of a policy's task as a simulated twin behind ROS 2 topics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ashore.configs.errors import UsageError
from ashore.environments import TEST_SEED, make_randomizer
from ashore.trained_policy import load_trained


def serve_twin(
    where: str, overrides: Sequence[str], episodes: int, seed: int, wait: float, profile: str
) -> dict[str, Any]:
    """The robot of a policy's task as a twin on the wire, by the topics of a profile; gives what became of its episodes."""
    from ashore.deploy_ros.profile_files import with_profile
    from ashore.deploy_ros.settings import NodeSettings
    from ashore.deploy_ros.twin import PUBLISH_DT, run_twin, summarize
    from ashore.sim.robot_simulator import RobotSimulator

    task = load_trained(where, overrides).run.task
    if wait <= 0:
        raise UsageError(f"--wait = {wait:g} s; allowed: above 0")
    plant = RobotSimulator(task, make_randomizer(task), seed=TEST_SEED + seed, publish_dt=PUBLISH_DT)
    settings, _ = with_profile(NodeSettings(wait=wait, profile=profile))
    return summarize(run_twin(plant, episodes, settings=settings), episodes)
