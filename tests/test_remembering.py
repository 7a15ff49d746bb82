"""Memory through the front door's functions: trained, evaluated from the run and from its file, played, swept."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ashore.configs.errors import UsageError
from ashore.configs.loader import load_run
from ashore.deploy_ros.bundle import load_policy
from ashore.environments import make_env, policy_act
from ashore.policies.acting import Acting
from ashore.policies.networks import make_actor
from ashore.policies.normalize import Normalizer
from ashore.runs import POLICY_FILE, train_run
from ashore.sweeps import plan_for, run_sweep
from ashore.trained_policy import load_trained, measure

SMALL = [
    "task.episode_seconds=0.4",
    "task.options.hold_seconds=0.2",
    "train.total_steps=960",
    "train.num_envs=16",
    "train.eval_episodes=4",
    "train.eval_every=480",
    "train.algorithm.rollout_steps=12",
    "train.algorithm.actor_hidden=[16]",
    "train.critic_sees_world=false",
    "train.algorithm.memory.size=12",
    "train.algorithm.memory.steps=3",
]


@pytest.mark.parametrize(("preset", "kind"), [("arm_push", "history"), ("arm_reach", "lstm")])
def test_the_run_and_its_file_do_the_same_through_resets(tmp_path: Path, preset: str, kind: str) -> None:
    run = load_run(preset, [*SMALL, f"train.algorithm.memory.kind={kind}"])
    outcome = train_run(run, tmp_path / "run", resume=False)
    assert outcome.steps == 960
    trained, exported = load_trained(str(tmp_path / "run")), load_trained(str(tmp_path / "run" / POLICY_FILE))
    a, b = (measure(policy, 6, seed=5) for policy in (trained, exported))
    assert (a.lengths == b.lengths).all() and (a.success == b.success).all()
    # One world through three episodes: the file, handed its memory, acts as the trained policy does at every step.
    env = make_env(run.task, 1)
    asked, act = trained.act_in(env), exported.act_in(env)
    obs, ended = env.reset(3), 0
    for _ in range(60):
        target = act(obs)
        obs, _, terminated, truncated, _ = env.step(asked(obs))
        ended += int(terminated | truncated)
        if not (terminated | truncated):
            torch.testing.assert_close(env.command.target, target, rtol=0, atol=1e-5)  # type: ignore[attr-defined]
    assert ended == 3
    if kind == "lstm":
        result, *_ = run_sweep(exported, plan_for(None, ["command_latency"], 2, 2))
        assert [curve.group for curve in result.curves] == ["command_latency"]
        names = [m.name for m in load_policy(tmp_path / "run" / POLICY_FILE).contract.interface.memory]
        assert names == ["target", "target_velocity", "recurrent.output", "recurrent.cell"]


def test_a_policy_that_was_trained_on_another_shape_is_refused_with_both_sizes() -> None:
    run = load_run("arm_push")
    env = make_env(run.task, 1)
    shows = env.interface.actor_size
    actor = make_actor(run.train.algorithm, shows + 1, env.action_size)
    with pytest.raises(UsageError, match=rf"trained on {shows + 1} values.*arm_push.*shows {shows}"):
        policy_act(Acting(actor, Normalizer(shows + 1)), env)
