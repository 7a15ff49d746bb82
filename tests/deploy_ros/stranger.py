"""Somebody else who commands a robot, but says nothing: `python -m tests.deploy_ros.stranger TOPIC`, until killed."""

from __future__ import annotations

import sys
import time

from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros.dds import Participant

if __name__ == "__main__":
    with Participant() as participant:
        writer = participant.writer(sys.argv[1], types.JointTrajectory)
        print("there", flush=True)
        time.sleep(120)
