"""A plant without physics: joints that follow their setpoint with a lag. `python -m tests.deploy_ros.gantry` is its twin."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from typing import NamedTuple

import numpy as np

from ashore.deploy_ros.settings import NodeSettings
from ashore.deploy_ros.twin import run_twin
from tests.deploy_ros.policies import interface

LAG = 0.03  # s, of the servos
GOALS = np.array([[0.5, -0.4, 0.3], [-0.6, 0.5, -0.2], [0.2, 0.1, 0.7], [-0.3, -0.3, -0.3]])


class Episode(NamedTuple):
    index: int  # type: ignore[assignment]
    world: dict[str, float]


class Progress(NamedTuple):
    success: bool
    failed: str
    elapsed: float
    time_limit: float
    metrics: dict[str, float]


class Gantry:
    """Success: within 0.02 of the goal for 0.2 s. From `broken` s on (of all time), its encoders say NaN."""

    physics_dt = 0.004
    publish_dt = 0.008
    interface, starts_anew = interface(), False
    home = np.zeros(3)

    def __init__(self, time_limit: float = 4.0, nan_at: float = np.inf, slow: float = 0.0) -> None:
        self.q, self.v = self.home.copy(), np.zeros(3)
        self.time_limit, self.nan_at, self.slow = time_limit, nan_at, slow
        self.index, self.steps, self.total, self.held = -1, 0, 0, 0

    def begin_episode(self) -> Episode:
        self.index += 1
        self.steps = self.held = 0
        self.goal = GOALS[self.index % len(GOALS)]
        return Episode(self.index, {"lag": LAG})

    def step(self, setpoint: np.ndarray) -> None:
        time.sleep(self.slow)
        self.v = (setpoint - self.q) / LAG
        self.q = self.q + self.v * self.physics_dt
        self.steps += 1
        self.total += 1
        self.held = self.held + 1 if np.abs(self.q - self.goal).max() < 0.02 else 0

    def measure(self) -> dict[str, np.ndarray]:
        broken = self.total * self.physics_dt >= self.nan_at
        q = np.array([self.q[0], np.nan, self.q[2]]) if broken else self.q
        return {"joint_position": q, "joint_velocity": self.v, "goal_position": self.goal}

    def joints(self) -> tuple[np.ndarray, np.ndarray]:
        return self.q, self.v

    def progress(self) -> Progress:
        return Progress(self.held >= 50, "", self.steps * self.physics_dt, self.time_limit, {"held": float(self.held)})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--episodes", type=int, default=1)
    parser.add_argument("--time-limit", type=float, default=4.0)
    parser.add_argument("--nan-at", type=float, default=np.inf)
    parser.add_argument("--wait", type=float, default=20.0)
    options = parser.parse_args()
    gantry = Gantry(options.time_limit, options.nan_at)
    results = run_twin(gantry, options.episodes, settings=NodeSettings(wait=options.wait))
    print(json.dumps({"results": [asdict(r) for r in results], "q": gantry.q.tolist()}), flush=True)


if __name__ == "__main__":
    main()
