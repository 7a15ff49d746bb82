"""The core runs where there is no trainer, no simulator, no ROS and no DDS; without ROS, its node says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if any(name == n or name.startswith(n + ".") for n in {names!r}):
            raise ImportError(f"{{name}} is blocked")
sys.meta_path.insert(0, Blocked())
"""
ABSENT = (
    "torch",
    "mujoco",
    "rclpy",
    "cyclonedds",
    "rosbags",
    "onnx",
    "gymnasium",
    "yaml",
    "scipy",
    "ashore.policies",
    "ashore.sim",
    "ashore.randomization",
)
DRIVE = """
from deploy_ros import bundle, control, jtc, messages, recording, replay, run_report, safety, schedule, settings
policy = bundle.load_policy(sys.argv[1])
node = control.Controller()
node.configure(policy)
zeros = [0.0, 0.0, 0.0]
node.on_joint_state(["c", "b", "a"], zeros, zeros, 1.0, 1.0)
node.on_goal([0.5, 0.5, 0.5], "base")
assert node.activate(1.0) == "", node.missing(1.0)
print(messages.trajectory_of(node.step(1.02).command, node.interface))
"""


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def test_the_core_drives_with_numpy_onnxruntime_and_pydantic_alone(policy_file: Path) -> None:
    done = python(BLOCK.format(names=ABSENT) + DRIVE, str(policy_file))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Trajectory(joint_names=('a', 'b', 'c')")


@pytest.mark.parametrize("call", ["main()", "run('policy.onnx', rclpy_node.NodeSettings())"])
def test_without_ros_the_ros_node_says_so_and_what_to_do(call: str) -> None:
    done = python(BLOCK.format(names=("rclpy",)) + f"from deploy_ros import rclpy_node\nsys.exit(rclpy_node.{call})")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "rclpy cannot be imported" in done.stderr and "Source a ROS 2 installation" in done.stderr
