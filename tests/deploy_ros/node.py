"""`python -m tests.deploy_ros.node policy.onnx '{"wait": 5}'`: the DDS node as a process."""

import json
import sys

from ashore.deploy_ros.dds_node import run_node
from ashore.deploy_ros.settings import NodeSettings

if __name__ == "__main__":
    sys.exit(run_node(sys.argv[1], NodeSettings(**json.loads(sys.argv[2]))))
