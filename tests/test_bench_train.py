"""`ashore bench train --peer` and `bench update`: who runs, what is reported. No time is judged here."""

from __future__ import annotations

from typing import Any

import pytest

from ashore.benchmarks import beside
from ashore.benchmarks.beside import bench_beside
from ashore.benchmarks.peers import training
from ashore.benchmarks.peers.training import Ours, make_peer
from ashore.benchmarks.update import products_of
from ashore.configs.errors import UsageError
from ashore.configs.loader import load_run

SMALL = ["train.num_envs=4", "task.episode_seconds=0.5", "train.eval_episodes=4"]
PPO = [*SMALL, "train.algorithm.rollout_steps=8", "train.algorithm.minibatch_size=16"]
SAC = [
    *SMALL,
    "train.algorithm=sac",
    "train.num_envs=4",
    "train.algorithm.learning_starts=16",
    "train.algorithm.batch_size=8",
    "train.algorithm.buffer_size=512",
]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_small(task: str, overrides: list[str]) -> Any:
        return load_run(task, [*(SAC if "train.algorithm=sac" in overrides else PPO), *overrides])

    monkeypatch.setattr(beside, "load_run", load_small)
    monkeypatch.setattr(beside, "EVALUATE_EVERY", 32)
    monkeypatch.setattr(beside, "SUCCESS", 2.0)  # never


def bench(task: str, peer: str, algorithm: str | None = None, steps: int | None = None) -> dict[str, Any]:
    how: dict[str, Any] = {"seeds": [3], "seconds": 0.01, "steps": steps, "command": "ashore bench"}
    return bench_beside(task, peer, algorithm, say=lambda text: None, **how)


@pytest.mark.usefixtures("small")
def test_both_make_the_same_number_of_updates_from_the_same_number_of_steps() -> None:
    pytest.importorskip("stable_baselines3")
    result = bench("cartpole_swingup", "sb3", steps=64)
    ours, peer = result["speed"]["ours"], result["speed"]["sb3"]
    assert ours["num_envs"] == peer["num_envs"] == 4
    for row in (ours, peer):  # 8 * 4 rows in minibatches of 16, 4 epochs
        assert row["updates_per_second"] / row["learning_steps_per_second"] == pytest.approx(8 / 32, rel=0.05)
    assert set(result["speed"]["ratio"]) == set(ours) - {"num_envs"}
    to_goal = [row for pair in result["to_success"] for name, row in pair.items() if name != "seed"]
    assert [[at["steps"] for at in row["curve"]] for row in to_goal] == [[32, 64]] * 2
    assert [row["steps_to_success"] for row in to_goal] == [None, None]


@pytest.mark.usefixtures("small")
def test_soft_actor_critic_runs_beside_its_peer() -> None:
    pytest.importorskip("stable_baselines3")
    result = bench("cartpole_swingup", "sb3", "sac")
    ours, peer = result["speed"]["ours"], result["speed"]["sb3"]
    for row in (ours, peer):
        assert row["updates_per_second"] / row["learning_steps_per_second"] == pytest.approx(0.5, rel=0.05)


@pytest.mark.usefixtures("small")
def test_rsl_rl_runs_where_it_is_installed() -> None:
    pytest.importorskip("rsl_rl")
    result = bench("cartpole_swingup", "rsl_rl", steps=32)
    assert result["speed"]["rsl_rl"]["updates_per_second"] > 0


def test_a_peer_that_is_not_there_is_told_how_to_get(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"--peer rsl_rl.*no rsl_rl; pip install rsl-rl-lib"):
        make_peer("rsl_rl", load_run("cartpole_swingup", PPO))


def test_an_update_is_held_against_the_products_it_needs() -> None:
    run = load_run(
        "cartpole_swingup", [*PPO, "train.algorithm.actor_hidden=[7]", "train.algorithm.critic_hidden=[5,3]"]
    )
    ours = Ours(run)
    sees, critic = (ours.env.observation_sizes[name] for name in ("actor", "critic"))
    assert [(shape[1:], which) for shape, which in products_of(ours.learner)] == [
        ((sees, 7), "y"),
        ((sees, 7), "dW"),
        *(((7, 1), which) for which in ("y", "dW", "dx")),
        ((critic, 5), "y"),
        ((critic, 5), "dW"),
        *(((5, 3), which) for which in ("y", "dW", "dx")),
        *(((3, 1), which) for which in ("y", "dW", "dx")),
    ]
