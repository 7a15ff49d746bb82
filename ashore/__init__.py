"""Train robot skills in randomized MuJoCo worlds, measure what they survive, and deploy them through ROS 2.

The rooms below are `ashore.sim` (worlds and tasks), `ashore.randomization` (which world next), `ashore.policies` (learning),
`ashore.deploy_ros` (the robot) and `ashore.configs` (settings and the policy contract). Importing this registers every
task with gymnasium as `ashore/<task>`.
"""

import sys
from pathlib import Path

from ashore.environment_variables import set_defaults
from ashore.version import __version__

__all__ = ["__version__"]

set_defaults()

# The command, `ashore` or `python -m ashore`, needs no gymnasium to start and should start fast.
_IS_COMMAND = bool(sys.argv) and (sys.argv[0] == "-m" or Path(sys.argv[0]).stem == "ashore")

if not _IS_COMMAND:
    from ashore.registration import register_environments

    register_environments()
