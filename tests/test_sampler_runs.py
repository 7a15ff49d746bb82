"""Runs whose worlds a sampler chooses, through the front door: settings, resume to the bit, and what a policy says of them."""

import json
from pathlib import Path

import pytest

from ashore.configs.contract import Contract
from ashore.configs.errors import AshoreError
from ashore.configs.loader import load_run
from ashore.configs.schema import RunSettings
from ashore.deploy_ros.bundle import load_policy
from ashore.deploy_ros.inspect import describe
from ashore.environments import make_env
from ashore.policies.checkpoint import latest, load
from ashore.runs import POLICY_FILE, train_run
from ashore.trained_policy import load_trained
from tests.policies.test_checkpoint import assert_same
from tests.sim.worlds import randomizer_of

SMALL = ["num_envs=16", "eval_every=768", "checkpoint_every=1", "eval_episodes=8", "algorithm.rollout_steps=12"]
SMALL += ["algorithm.minibatch_size=96", "torch_threads=1", "task.episode_seconds=0.2"]
# Buffers so small that ranges move within seconds. No episode of 0.2 s succeeds: the thresholds are met, or are not.
SAMPLERS = {
    "adr": ["sampler=adr", "sampler.buffer=2", "sampler.widen_at=0.01", "sampler.narrow_at=0.0"],
    "doraemon": ["sampler=doraemon", "sampler.episodes=40", "sampler.wait=false"],
}


def settings(kind: str, steps: int) -> RunSettings:
    return load_run("cartpole_swingup", [*SMALL, *SAMPLERS[kind], f"total_steps={steps}"])


def metrics(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: x for name, x in line.items() if not name.startswith("time/")} for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize("kind", SAMPLERS)
def test_a_run_resumed_ends_in_the_bits_of_one_that_never_stopped(tmp_path: Path, kind: str) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    train_run(settings(kind, 1920), whole, resume=False)
    train_run(settings(kind, 960), stopped, resume=False)
    train_run(settings(kind, 1920), stopped, resume=True)
    one, other = (latest(folder / "checkpoints") for folder in (whole, stopped))
    assert one is not None and other is not None
    same = {"seconds": None, "settings": None, "evaluation": None}  # evaluated where the first half ended, too
    assert_same(load(one) | same, load(other) | same)
    moved = load(one)["env"]["randomizer"]["sampler"]
    assert moved["count"].sum() if kind == "adr" else len(moved["history"]) > 2
    a, b = (
        [{k: x for k, x in row.items() if not k.startswith(("eval/", "randomization/"))} for row in metrics(folder)]
        for folder in (whole, stopped)
    )
    assert a == b
    changed = settings(kind, 1920).model_copy(update={"sampler": load_run("arm_reach").sampler})
    with pytest.raises(AshoreError, match=r"other settings in \['sampler'\]"):
        train_run(changed, stopped, resume=True)


@pytest.mark.slow
def test_a_policy_says_where_its_ranges_ended(tmp_path: Path) -> None:
    """The real sampler of a real run, moved on by hand where so short a run would not: half of a range from nominal."""
    run = settings("adr", 960)
    train_run(run, tmp_path, resume=False)
    contract = load_policy(tmp_path / POLICY_FILE).contract
    assert contract.card is not None and contract.card.sampler["kind"] == "adr"
    final = metrics(tmp_path)[-1]
    env = make_env(run.task, 1, sampler=run.sampler)
    declared = {d.name: d for d in randomizer_of(env).dimensions}
    for d, row in zip(contract.trained_on, contract.card.parameters, strict=True):
        assert (d.low, d.high) == (row.low, row.high)
        assert (d.low, d.high) == (final[f"randomization/low/{d.name}"], final[f"randomization/high/{d.name}"])
        assert row.declared == (declared[d.name].low, declared[d.name].high) and d.widest == declared[d.name].widest
    assert load_trained(str(tmp_path)).trained_on() == contract.trained_on
    assert load_trained(str(tmp_path / POLICY_FILE)).trained_on() == contract.trained_on
    text = describe(contract)
    assert "sampler adr" in text and "pole_mass" in text.split("Trained on")[1] and "command_jitter" in text
    old = contract.model_dump(mode="json", exclude={"card"})
    assert "0.8" in describe(
        Contract.model_validate_json(json.dumps(old | {"trained_on": [declared["pole_mass"].model_dump()]}))
    )


def test_a_sampler_is_for_training_alone() -> None:
    run = load_run("cartpole_swingup", ["sampler=none"])
    test, training = make_env(run.task, 8), make_env(run.task, 8, sampler=run.sampler)
    for env in (test, training):
        env.reset(0)
    assert (randomizer_of(training).lambdas.std(0) == 0).all() and (randomizer_of(test).lambdas.std(0) > 0).all()
    assert training.report()["randomization/zero_width"] == 3.0
    assert test.report()["randomization/entropy"] == pytest.approx(0.0, abs=1e-12)
