"""What holds of the environment itself, whatever its task."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from ashore.configs.loader import load_run
from ashore.environments import make_env
from tests.sim.worlds import actions, make

WORLDS = 5


def stepped(stagger: bool) -> tuple[list[int], list[tuple[int, int]]]:
    """Worlds that end in each step over two episodes, and (step, world) of what the randomizer heard."""
    task = load_run("arm_reach", ["task.episode_seconds=0.2"]).task
    env = make_env(task, WORLDS, stagger=stagger)
    heard: list[tuple[int, int]] = []
    ended: list[int] = []
    assert env.randomizer is not None
    tell = env.randomizer.observe

    def listen(ids: torch.Tensor, success: torch.Tensor) -> None:
        assert len(ids) == len(success)
        heard.extend((len(ended), int(i)) for i in ids)
        tell(ids, success)

    env.randomizer.observe = listen  # type: ignore[method-assign]
    env.reset(seed=1)
    info: dict[str, Any]
    for _ in range(2 * env.settings.episode_steps):
        *_, info = env.step(torch.zeros(WORLDS, env.action_size))
        ended.append(len(info.get("final_ids", ())))
    return ended, heard


def test_worlds_end_together_unless_they_are_staggered() -> None:
    ended, heard = stepped(stagger=False)
    assert ended == ([0] * 9 + [WORLDS]) * 2
    assert len(heard) == 2 * WORLDS


def test_staggered_worlds_end_evenly_and_a_shortened_episode_is_not_counted() -> None:
    ended, heard = stepped(stagger=True)
    assert ended == [0, 1] * 10  # 5 worlds, 10 steps an episode: one every other step
    # World 4 began 8 steps into its first episode; only what began afresh is heard.
    assert heard == [(step, 4 - (step - 11) // 2) for step in (11, 13, 15, 17, 19)]


def test_the_critic_may_see_the_world_and_the_actor_never_does() -> None:
    task = load_run("arm_reach").task
    seen = {told: make_env(task, WORLDS, critic_sees_world=told).reset(seed=1) for told in (True, False)}
    dimensions = len(make_env(task, 1).randomizer.dimensions)  # type: ignore[union-attr]
    assert dimensions > 0 and torch.equal(seen[True]["actor"], seen[False]["actor"])
    assert torch.equal(seen[True]["critic"][:, :-dimensions], seen[False]["critic"])
    env = make_env(task, WORLDS, critic_sees_world=False)
    assert env.observation_sizes["critic"] == seen[False]["critic"].shape[1]


def test_began_marks_the_worlds_that_show_an_episodes_first_observation() -> None:
    env = make_env(load_run("arm_reach", ["task.episode_seconds=0.2"]).task, WORLDS, stagger=True)
    env.reset(seed=1)
    assert env.began.all()
    for _ in range(12):
        *_, terminated, truncated, _ = env.step(torch.zeros(WORLDS, env.action_size))
        assert torch.equal(env.began, terminated | truncated)
    other = make_env(env.settings, WORLDS)
    other.load_state_dict(env.state_dict())
    assert torch.equal(other.began, env.began)
    env.restart()
    assert env.began.all()


@pytest.mark.parametrize("preset", ["arm_lift", "arm_insert", "arm_drawer"])
def test_differences_are_of_what_the_sensors_say(preset: str) -> None:
    env = make(preset)
    starts = [0, *itertools.accumulate(s.size for s in env.interface.signals)]
    at = {s.name: slice(a, b) for s, (a, b) in zip(env.interface.signals, itertools.pairwise(starts), strict=True)}
    assert env.interface.differences
    for action in actions(env, env.settings.episode_steps + 5):
        seen, k = env.step(action)[0]["actor"], env.interface.actor_size
        for first, second in reversed(env.interface.differences):
            a, b = seen[:, at[first]], seen[:, at[second]]
            size = min(a.shape[1], b.shape[1])
            assert torch.equal(seen[:, k - size : k], a[:, :size] - b[:, :size])
            k -= size
