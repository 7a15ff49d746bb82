"""The ROS 2 package: what is installed, what its launch file starts, and the configurations beside it."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ashore.deploy_ros.profile_files import read_profile
from tests.deploy_ros.policies import interface, make_policy

PACKAGE = Path(__file__).parents[2] / "deploy_ros" / "ros2_package"
LAUNCH = PACKAGE / "launch" / "policy.launch.py"
CONFIG = PACKAGE / "config"
INSTALLED = {  # as docs.ros.org, "Creating a package", and ament_python in colcon-ros expect it
    "share/ament_index/resource_index/packages/ashore_ros",
    "share/ashore_ros/package.xml",
    "share/ashore_ros/launch/policy.launch.py",
    *(f"share/ashore_ros/config/{path.name}" for path in CONFIG.iterdir()),
}
LIFECYCLE = ("change_state", "get_state", "get_available_states", "get_available_transitions", "get_transition_graph")


def copied(tmp_path: Path) -> Path:
    shutil.copytree(PACKAGE, source := tmp_path / "src" / "ashore_ros")
    return source


def test_its_wheel_installs_what_ament_python_expects(tmp_path: Path) -> None:
    source = copied(tmp_path)
    backend = f"from setuptools import build_meta as b; b.build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", backend], cwd=source, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    archive = zipfile.ZipFile(wheel)
    data = "ashore_ros-0.1.0.data/data/"
    assert {n.removeprefix(data) for n in archive.namelist() if n.startswith(data)} == INSTALLED
    entries = archive.read("ashore_ros-0.1.0.dist-info/entry_points.txt").decode()
    assert entries.split() == "[console_scripts] policy_node = ashore.deploy_ros.rclpy_node:main".split()
    assert importlib.util.find_spec("ashore.deploy_ros.rclpy_node") is not None
    # ros2 run and launch look for executables here, and nowhere else.
    assert "install_scripts=$base/lib/ashore_ros" in (source / "setup.cfg").read_text()


@pytest.mark.parametrize("options", [(), ("--symlink-install",)])
def test_colcon_builds_it(tmp_path: Path, options: tuple[str, ...]) -> None:
    """With `pip install colcon-common-extensions`, no ROS; ASHORE_COLCON names it where it is not on the path."""
    colcon = os.environ.get("ASHORE_COLCON") or shutil.which("colcon")
    if colcon is None:
        pytest.skip("no colcon here")
    copied(tmp_path)
    done = subprocess.run(
        [colcon, "build", *options], cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0 and "1 package finished" in done.stdout, done.stdout + done.stderr
    prefix = tmp_path / "install" / "ashore_ros"
    assert [name for name in sorted(INSTALLED) if not (prefix / name).exists()] == []
    assert os.access(prefix / "lib" / "ashore_ros" / "policy_node", os.X_OK)


@pytest.fixture
def launch(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The launch file, on stand-ins with the constructors of launch and launch_ros, as of Humble and later.

    github.com/ros2/launch: declare_launch_argument.py, opaque_function.py, launch_configuration.py;
    github.com/ros2/launch_ros: lifecycle_node.py, node.py.
    """

    def declared(name: str, *, default_value: Any = None, description: Any = None, choices: Any = None) -> Any:
        return SimpleNamespace(name=name, default=default_value, description=description)

    def opaque(*, function: Any, args: Any = None, kwargs: Any = None) -> Any:
        return SimpleNamespace(function=function)

    def configuration(variable_name: str, *, default: Any = None) -> Any:
        return SimpleNamespace(name=variable_name, perform=lambda context: context[variable_name])

    def lifecycle(*, name: str, namespace: str, package: Any, executable: Any, parameters: Any, output: Any) -> Any:
        return SimpleNamespace(name=name, package=package, executable=executable, parameters=parameters)

    parts: dict[str, dict[str, Any]] = {
        "ament_index_python": {},
        "ament_index_python.packages": {"get_package_share_directory": lambda name: f"/opt/share/{name}"},
        "launch": {"LaunchDescription": list},
        "launch.actions": {"DeclareLaunchArgument": declared, "OpaqueFunction": opaque},
        "launch.substitutions": {"LaunchConfiguration": configuration},
        "launch_ros": {},
        "launch_ros.actions": {"LifecycleNode": lifecycle},
    }
    for name, contents in parts.items():
        module = ModuleType(name)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location("policy_launch", LAUNCH)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def parameters(launch: Any, **words: str) -> tuple[str, dict[str, str]]:
    """The parameter file and the parameters that a command line leads to."""
    *arguments, function = launch.generate_launch_description()
    context = {a.name: a.default for a in arguments if a.default is not None} | words
    (node,) = function.function(context)
    assert (node.package, node.executable, node.name) == ("ashore_ros", "policy_node", "ashore")
    file, said = node.parameters
    return context[file.name], said


def test_the_launch_file_leaves_to_the_profile_what_the_command_line_does_not_say(launch: ModuleType) -> None:
    file, said = parameters(launch, policy="/p.onnx")
    assert file == "/opt/share/ashore_ros/config/policy.yaml" and said == {"policy": "/p.onnx"}
    _, said = parameters(launch, policy="/p.onnx", profile="ur5e")
    assert said == {"policy": "/p.onnx", "profile": "ur5e"}  # and no controller, which would go before the profile's
    file, said = parameters(launch, policy="/p.onnx", controller="own", params="/mine.yaml")
    assert file == "/mine.yaml" and said == {"policy": "/p.onnx", "controller": "own"}


def test_the_launch_file_needs_its_declared_dependencies_alone() -> None:
    tree = ast.parse(LAUNCH.read_text())
    needed = {(n.module or "").split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    declared = {e.text for e in ET.parse(PACKAGE / "package.xml").getroot().iter("exec_depend")}
    assert {name for name in needed if name not in sys.stdlib_module_names} <= declared


@pytest.mark.parametrize(("file", "profile"), [("ur5e", "ur5e"), ("fr3", "fr3"), ("so101", "so101")])
def test_a_robots_controller_is_the_profiles_and_takes_a_stream_of_targets(file: str, profile: str) -> None:
    yaml = pytest.importorskip("yaml")
    content = yaml.safe_load((CONFIG / f"controllers_{file}.yaml").read_text().replace("$(var tf_prefix)", ""))
    known = read_profile(profile)
    ((name, controller),) = content.get("/**", content).items()
    says = controller["ros__parameters"]
    assert name == known.settings["controller"]
    assert says["joints"] == [joint for joint in known.joints if "finger" not in joint and joint != "gripper"]
    assert says["allow_nonzero_velocity_at_trajectory_end"] is True and says["interpolate_from_desired_state"] is True
    # Without feedback a controller of torques would let go of the arm.
    assert says.get("open_loop_control", False) is (says["command_interfaces"] == ["position"])
    assert says["state_interfaces"] == ["position", "velocity"]


def test_the_sros2_policy_allows_what_the_node_uses_and_nothing_else(module: Any, tmp_path: Path) -> None:
    root = ET.parse(CONFIG / "sros2_policy.xml").getroot()
    topics = {
        kind: {e.text for t in root.iter("topics") if kind in t.attrib for e in t} for kind in ("publish", "subscribe")
    }
    robot = read_profile("ur5e").settings
    joints = tuple(read_profile("ur5e").joints)[:3]
    names = dict(zip(("a", "b", "c"), joints, strict=True))
    joint_map = ",".join(f"{ours}={theirs}" for ours, theirs in names.items())
    path = make_policy(tmp_path / "policy.onnx", interface())
    node = module.PolicyNode({"policy": str(path), "profile": "ur5e", "joint_map": joint_map})
    assert node.trigger_configure().name == "SUCCESS", node.log
    node._commands.open(node._controller.groups, lambda: None)
    rclpys = {"/rosout", "/parameter_events"}  # of every node
    assert topics["publish"] == {*node.sent, *rclpys, "/ashore/transition_event"}
    assert topics["subscribe"] == {*node.listeners, "/parameter_events"}
    assert f"/{robot['controller']}/joint_trajectory" in topics["publish"]
    services = {e.text for e in root.iter("service")}
    assert {f"/ashore/{name}" for name in LIFECYCLE} <= services
    node.end()
