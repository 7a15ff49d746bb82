"""Memory: sequences give what steps gave, episodes begin anew, and what it is for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ashore.configs.actor_memory import MemorySettings
from ashore.configs.algorithms import PPOSettings
from ashore.policies.acting import Acting
from ashore.policies.memory import History, Recurrent
from ashore.policies.networks import make_actor
from ashore.policies.normalize import Normalizer
from ashore.policies.on_policy.ppo import PPO
from ashore.policies.trainer import train
from tests.policies.hidden_gain import HiddenGain, evaluate, settings
from tests.policies.test_resume import assert_same_run

WORLDS, STEPS = 6, 12
KINDS = [
    {"kind": "history", "steps": 3},
    {"kind": "gru", "size": 16},
    {"kind": "lstm", "size": 16},
    {"kind": "gru", "size": 16, "sequence": 4},
    {"kind": "lstm", "size": 16, "sequence": 4, "burn_in": 7},
    {"kind": "gru", "size": 16, "burn_in": 12},
]


def learner_after(rollouts: int, **memory: Any) -> PPO:
    """A learner that has acted, but not learned; the worlds end at different times, in every rollout some."""
    ppo = PPOSettings(rollout_steps=STEPS, actor_hidden=(16,), memory=MemorySettings(**memory))
    env = HiddenGain(WORLDS)
    env.age[:] = torch.arange(WORLDS) * 40 // WORLDS
    learner = PPO(ppo, env, 0)
    with torch.no_grad():
        # So that what is remembered is seen in the action.
        list(torch.nn.Sequential(*learner.actor.layers()).parameters())[-2].mul_(100)
    learner.observe({"actor": torch.randn(50, 3), "critic": torch.randn(50, 4)})
    for _ in range(rollouts):
        learner.collect(env)
    learner.last = env.observation  # type: ignore[attr-defined]
    return learner


@pytest.mark.parametrize("rollouts", [1, 3])
@pytest.mark.parametrize("memory", KINDS)
def test_sequences_give_the_means_of_the_steps_through_resets(memory: dict[str, Any], rollouts: int) -> None:
    learner = learner_after(rollouts, **memory)
    ended = learner.rollout.terminated | learner.rollout.truncated
    assert ended[:-1].any() and not ended.all(0).any()
    batch = learner.batch(learner.rollout, learner.last)  # type: ignore[attr-defined]
    means = learner.actor(learner._features(batch))
    assert means.shape == batch["head"].shape and batch["head"].std() > 0.1
    torch.testing.assert_close(means, batch["head"], rtol=0, atol=1e-5)
    sequence = memory.get("sequence", STEPS) if memory["kind"] != "history" else 1
    assert batch["action"].numel() == WORLDS * STEPS and len(batch["action"]) == WORLDS * STEPS // sequence


@pytest.mark.parametrize("memory", KINDS[:3])
def test_memory_matters_and_begins_anew_only_where_an_episode_does(memory: dict[str, Any]) -> None:
    learner = learner_after(1, **memory)
    acting = Acting(learner.actor, learner.actor_normalizer)
    path = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(1))
    for seen in path[:3]:
        acting(seen)
    here = acting(path[3], torch.tensor([True, False]))
    fresh = Acting(learner.actor, learner.actor_normalizer)(path[3])
    assert torch.equal(here[0], fresh[0]) and (here[1] - fresh[1]).abs().item() > 1e-3
    elsewhere = Acting(learner.actor, learner.actor_normalizer)
    unbroken = [elsewhere(seen) for seen in path[:4]][-1]
    assert torch.equal(here[1], unbroken[1])


def test_a_history_is_the_last_observations_oldest_first() -> None:
    history, normalizer = History(2, 3), Normalizer(2)
    state = history.begin(torch.tensor([[1.0, 10.0]]))
    windows: list[Any] = []
    for t in (1.0, 2.0, 3.0, 4.0):
        features, state = history(normalizer, torch.tensor([[t, 10.0]]), state)
        windows.append(features[0, ::2].tolist())
    assert windows == [[1, 1, 1], [1, 1, 2], [1, 2, 3], [2, 3, 4]]


def _recurrent(kind: str) -> Recurrent:
    actor = make_actor(PPOSettings(memory=MemorySettings(kind=kind, size=8)), 3, 1)
    assert isinstance(actor.memory, Recurrent)
    return actor.memory


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_gradients_go_back_in_time_but_neither_over_a_reset_nor_into_the_burn_in(kind: str) -> None:
    memory = _recurrent(kind)
    seen = torch.randn(2, 6, 3, requires_grad=True)
    begins = torch.zeros(2, 6, dtype=torch.bool)
    begins[1, 4] = True
    memory.replay(seen, begins, torch.zeros(2, memory.size), burn_in=2)[:, -1].sum().backward()
    assert seen.grad is not None
    reached = seen.grad.abs().sum(-1) > 0
    assert reached.tolist() == [[False, False, True, True, True, True], [False, False, False, False, True, True]]


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_burn_in_brings_the_state_to_what_the_present_parameters_make_of_it(kind: str) -> None:
    memory, normalizer = _recurrent(kind), Normalizer(3)
    seen, begins = torch.randn(4, 5, 3), torch.zeros(4, 5, dtype=torch.bool)
    stored = torch.randn(4, memory.size)
    state: Tensor = stored
    with torch.no_grad():
        for t in range(3):
            _, state = memory(normalizer, seen[:, t], state)
    burned = memory.replay(seen, begins, stored, burn_in=3)
    torch.testing.assert_close(burned, memory.replay(seen[:, 3:], begins[:, 3:], state))


def test_no_memory_is_the_actor_as_it_was() -> None:
    learner = learner_after(1, kind="none")
    assert sorted(learner.actor.state_dict()) == [
        "log_std",
        "mean.0.bias",
        "mean.0.weight",
        "mean.2.bias",
        "mean.2.weight",
    ]
    assert "memory" not in learner.state_dict() and set(learner.rollout.past) == {"actor"}


@pytest.mark.parametrize("memory", [KINDS[0], KINDS[5], {"kind": "lstm", "size": 8, "sequence": 10}])
def test_a_resumed_run_with_memory_ends_in_the_same_bits(tmp_path: Path, memory: dict[str, Any]) -> None:
    whole = settings(110, **memory).model_copy(update={"total_steps": 6 * 16 * 20, "num_envs": 16})
    env = HiddenGain(16)
    train(whole, env, tmp_path / "whole")
    half = whole.model_copy(update={"total_steps": 3 * 16 * 20})
    for each, again in ((half, False), (whole, True)):
        train(each, HiddenGain(16), tmp_path / "halves", resume=again)
    assert_same_run(tmp_path / "whole", tmp_path / "halves")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"sequence": 7}, "memory.sequence = 7; allowed: a divisor of rollout_steps = 12"),
        ({"burn_in": 13}, "memory.burn_in = 13; allowed: at most rollout_steps = 12"),
        ({"size": 10**9}, "less than or equal to 1024"),
        ({"steps": 1}, "greater than or equal to 2"),
    ],
)
def test_memories_that_cannot_be_are_refused(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        PPOSettings.model_validate({"rollout_steps": 12, "memory": {"kind": "gru"} | changes})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("memory", "rollouts", "least", "most"),
    [
        ({"kind": "none"}, 60, 0.0, 0.6),  # half of the worlds: those whose gain has the sign that it bets on
        ({"kind": "history", "steps": 8}, 110, 0.7, 1.0),
        ({"kind": "gru", "size": 32}, 60, 0.85, 1.01),
    ],
)
def test_a_hidden_gain_is_found_out_by_those_who_remember(
    tmp_path: Path, memory: dict[str, Any], rollouts: int, least: float, most: float
) -> None:
    train(settings(rollouts, **memory), HiddenGain(128), tmp_path, evaluate=evaluate)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    last = [row["eval/success"] for row in rows if "eval/success" in row][-3:]
    assert least < sum(last) / len(last) < most
