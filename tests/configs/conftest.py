"""A folder of small presets to load, spoil and override."""

from pathlib import Path

import pytest

ROBOT = """
name: two_link
model: two_link.xml
joints: [shoulder, elbow]
home: [0, 0.5]
velocity_limit: [2, 2]
acceleration_limit: [10, 10]
kp: [100, 50]
kd: [10, 5]
"""
TASK = """
name: reach
robot: two_link
physics_dt: 2e-3
control_dt: 0.02
episode_seconds: 4
options: {tolerance: 0.02}
randomization:
  preset: gentle
  link_mass: {high: 1.4}
  latency: {effect: field, field: [actuator_delay], op: set, unit: s, nominal: 0.01, low: 0, high: 0.04}
"""
GENTLE = """
link_mass: {field: [body_mass], op: scale, unit: "1", nominal: 1, low: 0.8, high: 1.2, bounds: [0.5, 2]}
encoder_noise: {effect: signal, kind: noise, signal: joint_.*, unit: rad, nominal: 0, low: 0, high: 0.01}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "robots/two_link": ROBOT,
        "tasks/reach": TASK,
        "train/reach": "total_steps: 1000\nalgorithm: {clip: 0.1}\n",
        "randomization/gentle": GENTLE,
    }
    for name, text in files.items():
        path = tmp_path / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path
