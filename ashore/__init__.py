"""Train robot skills in randomized MuJoCo worlds, measure what they survive, and deploy them through ROS 2.

In Python: `run = ashore.train("arm_reach", total_steps=1_000_000)`, `run.evaluate()`, `run.sweep(["payload"])`, and on the
robot `ashore.load("policy.onnx")`; docs/python.md has it all. Each name is imported when it is first used: training needs
torch, running a policy does not.

The rooms below are `ashore.sim` (worlds and tasks), `ashore.randomization` (which world next), `ashore.policies` (learning),
`ashore.deploy_ros` (the robot) and `ashore.configs` (settings and the policy contract). Importing this registers every
task with gymnasium as `ashore/<task>`.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ashore.environment_variables import set_defaults
from ashore.version import __version__

if TYPE_CHECKING:
    from ashore.api import (
        Run,
        clone,
        compare,
        evaluate,
        gate,
        make_env,
        open_run,
        open_runs,
        play,
        prefer,
        record,
        sweep,
        train,
    )
    from ashore.configs.errors import AshoreError
    from ashore.deploy_ros.stepping import SteppedPolicy, Targets, load
    from ashore.results import Comparison, Evaluation, Exported, Recorded, Sweep, Video
    from ashore.run_sets import RunSet
    from ashore.verdicts import Judged

__all__ = [
    "AshoreError",
    "Comparison",
    "Evaluation",
    "Exported",
    "Judged",
    "Recorded",
    "Run",
    "RunSet",
    "SteppedPolicy",
    "Sweep",
    "Targets",
    "Video",
    "__version__",
    "clone",
    "compare",
    "evaluate",
    "gate",
    "load",
    "make_env",
    "open_run",
    "open_runs",
    "play",
    "prefer",
    "record",
    "sweep",
    "train",
]

_API = dict.fromkeys(
    (
        "Run",
        "clone",
        "compare",
        "evaluate",
        "gate",
        "make_env",
        "open_run",
        "open_runs",
        "play",
        "prefer",
        "record",
        "sweep",
        "train",
    ),
    "ashore.api",
)
_API |= dict.fromkeys(("Comparison", "Evaluation", "Exported", "Recorded", "Sweep", "Video"), "ashore.results")
_API |= dict.fromkeys(("SteppedPolicy", "Targets", "load"), "ashore.deploy_ros.stepping")
_API |= {"AshoreError": "ashore.configs.errors", "RunSet": "ashore.run_sets", "Judged": "ashore.verdicts"}

set_defaults()

# The command, `ashore` or `python -m ashore`, needs no gymnasium to start and should start fast.
_IS_COMMAND = bool(sys.argv) and (sys.argv[0] == "-m" or Path(sys.argv[0]).stem == "ashore")

if not _IS_COMMAND:
    from ashore.registration import register_environments

    register_environments()


def __getattr__(name: str) -> Any:
    if name not in _API:
        raise AttributeError(f"module 'ashore' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_API[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
