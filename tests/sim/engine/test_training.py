"""A policy trained on MuJoCo Warp: exported, and played on the CPU engine."""

from __future__ import annotations

from pathlib import Path

from ashore.cli import main
from ashore.trained_policy import load_trained, measure
from tests.sim.engine.engines import DEVICE, needs_warp

SMALL = (
    "task.engine=warp", f"task.device={DEVICE}", "task.episode_seconds=0.4",
    "train.num_envs=4", "train.total_steps=32", "train.eval_episodes=4", "train.algorithm.rollout_steps=8",
)  # fmt: skip


@needs_warp
def test_a_policy_trained_on_warp_is_exported_and_evaluated_on_the_cpu_engine(tmp_path: Path) -> None:
    changes = [word for change in SMALL for word in ("--set", change)]
    assert main(["train", "quadruped_velocity", *changes, "--run", str(tmp_path / "run")]) == 0
    policy = tmp_path / "run" / "policy.onnx"
    measured = load_trained(str(policy))
    assert measured.run.task.engine == "cpu"
    assert measure(measured, 4, seed=0).returns.shape == (4,)
