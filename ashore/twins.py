"""The robot of a policy's task as a simulated twin behind ROS 2 topics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ashore.configs.errors import UsageError
from ashore.configs.failing_world import read_world_for
from ashore.environments import TEST_SEED, make_randomizer
from ashore.trained_policy import load_trained


def serve_twin(
    where: str,
    overrides: Sequence[str],
    episodes: int,
    seed: int,
    wait: float,
    *,
    profile: str = "",
    faults: str = "",
    world: Path | None = None,
) -> dict[str, Any]:
    """The robot of a policy's task as a twin on the wire; gives what became of its episodes.

    profile: of the robot whose topics it has; faults: what goes wrong, see `ashore.deploy_ros.twin_faults`; world: a file
    that holds parameters at one value each, of `ashore falsify` or a plain mapping.
    """
    from ashore.deploy_ros.profile_files import with_profile
    from ashore.deploy_ros.settings import NodeSettings
    from ashore.deploy_ros.twin import PUBLISH_DT, run_twin
    from ashore.deploy_ros.twin_faults import Faults, read_faults
    from ashore.deploy_ros.twin_results import summarize
    from ashore.sim.robot_simulator import RobotSimulator

    task = load_trained(where, overrides).run.task
    if wait <= 0:
        raise UsageError(f"--wait = {wait:g} s; allowed: above 0")
    rates = read_faults(faults)
    pins = read_world_for(world, task.name, task.robot.name)[0] if world is not None else None
    if pins and not task.randomization:
        raise UsageError(f"--world {world} pins {sorted(pins)}; task {task.name} randomizes nothing")
    plant = RobotSimulator(task, make_randomizer(task, pins), seed=TEST_SEED + seed, publish_dt=PUBLISH_DT)
    settings, _ = with_profile(NodeSettings(wait=wait, profile=profile))
    wrong = Faults(rates, TEST_SEED + seed) if rates else None
    return summarize(run_twin(plant, episodes, settings=settings, faults=wrong), episodes)
