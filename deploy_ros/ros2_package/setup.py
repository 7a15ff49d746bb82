"""The ROS 2 package around the Python package: launch files, settings and the executable.

The code itself is `pip install ashore` into the Python that builds this package; its shebang then finds onnxruntime.
"""
# mypy: disable-error-code="import-untyped"

from glob import glob

from setuptools import setup

NAME = "ashore_ros"  # not "ashore": the Python package has that name, and scripts find themselves by it

setup(
    name=NAME,
    version="0.1.0",
    packages=[],
    py_modules=[],
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", glob("launch/*.launch.py")),
        (f"share/{NAME}/config", glob("config/*.yaml") + glob("config/*.xml")),
    ],
    zip_safe=True,
    license="Apache-2.0",
    description="Drives a robot with a policy trained by Ashore",
    entry_points={"console_scripts": ["policy_node = ashore.deploy_ros.rclpy_node:main"]},
)
