"""gymnasium's own wrappers and checks around `ashore/arm_reach`, with the actor's observation and with both."""

from __future__ import annotations

import sys
import types
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import (
    FlattenObservation,
    NormalizeObservation,
    RecordEpisodeStatistics,
    RecordVideo,
    TimeLimit,
)
from gymnasium.wrappers import vector as vector_wrappers

import ashore  # noqa: F401 - registers every task

SHORT = ["task.episode_seconds=0.2", "task.options.hold_seconds=0.1"]
STEPS = 10  # of such an episode
BOTH = pytest.mark.parametrize("observation", ["dict", "actor"])


def make(observation: str, **how: Any) -> gymnasium.Env[Any, Any]:
    return gymnasium.make("ashore/arm_reach", overrides=SHORT, observation=observation, **how)


def make_vec(observation: str, num_envs: int = 3) -> Any:
    return gymnasium.make_vec("ashore/arm_reach", num_envs=num_envs, overrides=SHORT, observation=observation)


def episode(env: gymnasium.Env[Any, Any], seed: int | None = None) -> list[Any]:
    """What `step` gave, from a reset to an end."""
    first, _ = env.reset(seed=seed)
    assert env.observation_space.contains(first)
    env.action_space.seed(0)
    rows: list[Any] = []
    while not rows or not (rows[-1][2] or rows[-1][3]):
        rows.append(env.step(env.action_space.sample()))
        assert env.observation_space.contains(rows[-1][0]), "shape, type and range"
    return rows


@BOTH
def test_gymnasiums_check_passes_pictures_among_what_it_checks(observation: str) -> None:
    env = make(observation, render_mode="rgb_array")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*A Box observation space (min|max)imum value is.*infinity")
        check_env(env.unwrapped)
    env.close()


@BOTH
def test_a_time_limit_cuts_episodes_and_the_next_one_begins_as_any_other(observation: str) -> None:
    for env in (TimeLimit(make(observation), 4), make(observation, max_episode_steps=4)):
        for seed in (0, None):
            rows = episode(env, seed)
            assert [bool(row[3]) for row in rows] == [False, False, False, True]
            assert not any(row[2] for row in rows) and "outcome" not in rows[-1][4], "the task's own had not ended"
        env.close()
    rows = episode(TimeLimit(make(observation), 100))
    assert len(rows) == STEPS and rows[-1][4]["outcome"]["length"] == STEPS


def test_both_observations_flatten_to_actor_and_critic_one_behind_the_other() -> None:
    plain, flat = make("dict"), FlattenObservation(make("dict"))
    seen, row = plain.reset(seed=3)[0], flat.reset(seed=3)[0]
    np.testing.assert_array_equal(row, np.concatenate([seen["actor"], seen["critic"]]))
    assert len(episode(flat)) == STEPS


def test_the_actors_observation_is_flat_already() -> None:
    env = FlattenObservation(make("actor"))
    assert env.observation_space == make("actor").observation_space
    assert len(episode(env)) == STEPS


@BOTH
def test_observations_are_normalized_by_their_running_mean_and_variance(observation: str) -> None:
    env = NormalizeObservation(FlattenObservation(make(observation)))
    rows = [row[0] for seed in range(20) for row in episode(env, seed)]
    late = np.array(rows[len(rows) // 2 :])
    moving = late.std(0) > 1e-3  # some columns, as a randomized mass, may stand still
    assert late.dtype == np.float32 and moving.sum() > 20
    assert np.abs(late[:, moving].mean(0)).max() < 1.0 and 0.3 < np.median(late[:, moving].std(0)) < 1.5


def test_what_an_observation_showed_stays_as_it_was() -> None:
    """Replay buffers and frame stacks keep what they were given."""
    envs: tuple[Any, ...] = (make("actor"), make_vec("actor"))
    for env in envs:
        first, _ = env.reset(seed=0)
        before = first.copy()
        seen = env.step(np.ones(env.action_space.shape, np.float32))[0]
        np.testing.assert_array_equal(first, before)
        assert not np.array_equal(seen, first)


@BOTH
def test_statistics_of_an_episode_are_the_outcomes(observation: str) -> None:
    info = episode(RecordEpisodeStatistics(make(observation)), 0)[-1][4]
    assert info["episode"]["l"] == info["outcome"]["length"] == STEPS
    assert info["episode"]["r"] == pytest.approx(info["outcome"]["return"], rel=1e-4)


@BOTH
def test_statistics_of_many_worlds_are_the_outcomes(observation: str) -> None:
    env = vector_wrappers.RecordEpisodeStatistics(make_vec(observation))
    seen, _ = env.reset(seed=0)
    assert env.observation_space.contains(seen)
    for _ in range(STEPS):
        _, _, terminated, truncated, info = env.step(np.zeros((3, 7), np.float32))
    assert (terminated | truncated).all()
    np.testing.assert_allclose(info["episode"]["r"], info["final_info"]["outcome"]["return"], rtol=1e-4)
    assert (info["episode"]["l"] == STEPS).all()
    assert env.single_observation_space.contains(info["final_obs"][0])
    env.close()


def test_vector_wrappers_of_observations_take_worlds_one_by_one() -> None:
    """They refuse same-step autoreset, which batched worlds have: `vectorization_mode` makes N single ones."""
    with pytest.raises(ValueError, match="SAME_STEP"):
        vector_wrappers.NormalizeObservation(make_vec("actor"))
    separate = gymnasium.make_vec(
        "ashore/arm_reach", num_envs=2, vectorization_mode="sync", overrides=SHORT, observation="actor"
    )
    env = vector_wrappers.NormalizeObservation(separate)
    env.reset(seed=0)
    for _ in range(2 * STEPS + 1):
        seen = env.step(env.action_space.sample())[0]
        assert env.observation_space.contains(seen)
    env.close()


@BOTH
def test_a_video_is_recorded_at_the_speed_of_the_control_steps(
    observation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a stand-in for moviepy, which gymnasium hands the pictures to: what it would write is looked at."""
    written: dict[str, tuple[list[np.ndarray], float]] = {}

    class Clip:
        def __init__(self, frames: list[np.ndarray], fps: float) -> None:
            self.frames, self.fps = frames, fps

        def write_videofile(self, path: str, **_: Any) -> None:
            written[Path(path).name] = self.frames, self.fps

    for name in ("moviepy", "moviepy.video", "moviepy.video.io", "moviepy.video.io.ImageSequenceClip"):
        module = types.ModuleType(name)
        module.ImageSequenceClip = Clip  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, module)
    env = RecordVideo(make(observation, render_mode="rgb_array"), str(tmp_path / "videos"), lambda _: True)
    for seed in (0, None):
        episode(env, seed)
    env.close()
    assert sorted(written) == ["rl-video-episode-0.mp4", "rl-video-episode-1.mp4"]
    for frames, fps in written.values():
        assert fps == 50 and len(frames) == STEPS + 1  # control_dt = 0.02 s
        assert frames[0].dtype == np.uint8 and frames[0].ndim == 3 and frames[0].std() > 10
        assert not np.array_equal(frames[0], frames[-1]), "the arm has moved"
    assert isinstance(env.observation_space, spaces.Dict) == (observation == "dict")
