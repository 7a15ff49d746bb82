"""Figures that were once wrong without a word: what is counted, compared and called trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from ashore.configs.contract import Interface
from ashore.configs.errors import UsageError
from ashore.configs.loader import load_run, run_settings
from ashore.deploy_ros.bundle import load_policy
from ashore.environments import make_env
from ashore.randomization.robustness.curve import Curve, Point, clopper_pearson, fewest_episodes
from ashore.randomization.robustness.sweep import headroom_text, margin_texts
from ashore.runs import train_run
from ashore.sim.env import Env
from ashore.sim.evaluate import Episodes, run_episodes, worlds_and_rounds
from ashore.sweeps import with_ranges
from ashore.trained_policy import carried_settings, graph_act, load_trained, measure
from tests.untrained import export_untrained


@pytest.mark.parametrize(
    ("asked", "worlds", "rounds"), [(1, 1, 1), (256, 256, 1), (300, 150, 2), (512, 256, 2), (1000, 250, 4)]
)
def test_no_more_episodes_run_than_were_asked_for(asked: int, worlds: int, rounds: int) -> None:
    assert worlds_and_rounds(asked) == (worlds, rounds)


def test_odd_numbers_of_episodes_run_less_than_a_round_more() -> None:
    for asked in range(1, 2000):
        worlds, rounds = worlds_and_rounds(asked)
        assert worlds <= 256 and asked <= worlds * rounds < asked + rounds


def test_what_is_measured_and_what_training_evaluates_is_as_many_as_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = ["task.episode_seconds=0.04", "task.options.hold_seconds=0.02", "task.randomization={}"]
    export_untrained(load_run("cartpole_swingup", short), tmp_path / "policy.onnx")
    measured = measure(load_trained(str(tmp_path / "policy.onnx")), 257, seed=0)  # 129 worlds, two episodes each
    assert [len(values) for values in (measured.success, measured.returns, measured.lengths)] == [257] * 3
    assert {len(values) for values in measured.terms.values()} == {257}
    run: list[tuple[int, int]] = []

    def counted(env: Env, act: Any, rounds: int, **how: Any) -> Episodes:
        run.append((env.num_envs, rounds))
        return run_episodes(env, act, rounds, **how)

    monkeypatch.setattr("ashore.runs.run_episodes", counted)
    small = ["train.total_steps=64", "train.num_envs=4", "train.algorithm.rollout_steps=16", "train.eval_episodes=300"]
    train_run(load_run("cartpole_swingup", [*short, *small]), tmp_path / "run", resume=False)
    assert run == [(150, 2)]


def test_an_exported_policy_of_a_task_with_other_signals_is_refused_by_name(tmp_path: Path) -> None:
    run = load_run("arm_reach")
    export_untrained(run, tmp_path / "policy.onnx")
    policy = load_policy(tmp_path / "policy.onnx")
    env = make_env(run.task, 1)
    env.reset(0)
    graph_act(policy, env)
    face: Interface = env.interface
    swapped = (face.signals[1], face.signals[0], *face.signals[2:])  # as many columns, others than the policy knows
    env.interface = face.model_copy(update={"signals": swapped})
    with pytest.raises(UsageError, match=r"signals .*joint_position.*joint_velocity.*as it is now"):
        graph_act(policy, env)
    renamed = face.joints[0].model_copy(update={"name": "shoulder"})
    env.interface = face.model_copy(update={"joints": (renamed, *face.joints[1:])})
    with pytest.raises(UsageError, match=r"joints .*'joint1'.*as it is now, has \['shoulder'"):
        graph_act(policy, env)


def test_a_parameter_that_training_did_not_have_was_not_trained_on() -> None:
    dimensions = make_env(load_run("arm_reach").task, 1).randomizer.dimensions  # type: ignore[union-attr]
    trained = [d for d in dimensions if d.group != "payload"]
    (payload,) = (d for d in with_ranges(dimensions, trained) if d.group == "payload")
    assert payload.low == payload.high == payload.nominal


def test_a_staggered_first_episode_reports_the_steps_that_it_had() -> None:
    task = load_run("cartpole_swingup", ["task.episode_seconds=0.4", "task.options.hold_seconds=0.2"]).task
    env, resumed = (make_env(task, 4, stagger=True) for _ in range(2))
    env.reset(0)
    resumed.reset(0)
    half = task.episode_steps // 2  # world 3 is in its second episode by then, the others in their first
    lengths = stepped(env, half)
    resumed.load_state_dict(env.state_dict())
    later = stepped(env, 2 * task.episode_steps - half)
    assert stepped(resumed, 2 * task.episode_steps - half) == later, "a resumed training counts them as well"
    first = [task.episode_steps - i * task.episode_steps // 4 for i in range(4)]
    assert [(lengths[i] + later[i])[:2] for i in range(4)] == [[n, task.episode_steps] for n in first]


def stepped(env: Env, steps: int) -> list[list[float]]:
    """Lengths of the episodes that end within so many steps, for each world."""
    lengths: list[list[float]] = [[] for _ in range(env.num_envs)]
    for _ in range(steps):
        info = env.step(torch.zeros(env.num_envs, env.action_size))[4]
        for world, length in zip(info.get("final_ids", []), info.get("episode", {}).get("length", []), strict=True):
            lengths[int(world)].append(float(length))
    return lengths


def curve(episodes: int) -> Curve:
    points = tuple(
        Point(
            value=v,
            episodes=episodes,
            successes=episodes,
            success=1.0,
            interval=clopper_pearson(episodes, episodes),
            mean_return=1.0,
        )
        for v in (0.5, 1.0, 1.5)
    )
    return Curve(
        group="mass", unit="1", distribution="linear", members=("mass",), nominal=1.0, low=0.9, high=1.1, points=points
    )


def test_too_few_episodes_to_tell_is_not_zero_headroom() -> None:
    # (1 - 0.95) / 2 = 0.8^n at n = 16.5: 17 successes of 17 are the first whose lower bound reaches 0.8.
    assert fewest_episodes(0.8) == 17
    assert clopper_pearson(17, 17)[0] >= 0.8 > clopper_pearson(16, 16)[0]
    assert headroom_text(curve(8), 0.8) == "too few episodes: 8 of 17" and margin_texts(curve(8), 0.8) == ("-", "-")
    assert not curve(8).holds(0.8)
    assert headroom_text(curve(17), 0.8).startswith("over ") and curve(17).holds(0.8)


def test_angles_are_not_put_on_fingers_that_slide() -> None:
    task = load_run("arm_lift").task
    env = make_env(task, 2)
    env.reset(0)
    dimensions = env.randomizer.dimensions  # type: ignore[union-attr]
    slides = {i for i, unit in enumerate(env.actuation.joints.values()) if unit == "m"}
    assert slides
    biased = [d.name for d in dimensions if d.group == "position_bias"]
    assert biased and not any(f"joint_position.{i}]" in name for i in slides for name in biased)
    column = env.channel.columns("joint_position")
    assert (env.channel.table("noise")[:, [column.start + i for i in slides]] == 0).all()


def test_overrides_leave_the_contract_of_a_loaded_policy_alone(tmp_path: Path) -> None:
    export_untrained(load_run("arm_reach"), tmp_path / "policy.onnx")
    before = load_policy(tmp_path / "policy.onnx").contract
    contract = load_policy(tmp_path / "policy.onnx").contract
    carried = carried_settings(tmp_path / "policy.onnx", contract.settings)
    run_settings(carried, ["task.options.tolerance=0.05", "task.randomization={}"])
    assert contract == before and contract.settings == before.settings
