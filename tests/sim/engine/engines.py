"""The engines that tests run on. Warp, where it is installed, with kernels that are compiled soon rather than run fast."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch import Tensor

from ashore.sim.env import Env
from tests.sim.worlds import make, short

if find_spec("mujoco_warp"):
    import warp as wp

    wp.config.optimization_level, wp.config.cpu_compiler_flags = 0, "-march=native"

DEVICE = os.environ.get("ASHORE_TEST_DEVICE", "cpu")  # of Warp: pytest --device
needs_warp = pytest.mark.skipif(
    find_spec("mujoco_warp") is None, reason="mujoco-warp is not installed: pip install '.[gpu]'"
)
ENGINES = ["cpu", pytest.param("warp", marks=needs_warp)]


def engine_settings(engine: str) -> dict[str, Any]:
    """Of a task."""
    return {"engine": engine, "device": DEVICE if engine == "warp" else "cpu"}


def on(engine: str, preset: str = "quadruped_velocity", num_envs: int = 3, pins: dict[str, float] | None = None) -> Env:
    """An environment on an engine, after its first reset."""
    return make(short(preset).model_copy(update=engine_settings(engine)), num_envs, pins=pins)


def everyone(env: Env) -> Tensor:
    return torch.arange(env.num_envs)
