"""Behaviour cloning on actions whose law is known, and files of episodes that are not what they say."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from ashore.configs.actor_memory import MemorySettings
from ashore.configs.cloning import CloneSettings
from ashore.configs.errors import UsageError
from ashore.policies.cloning import fit
from ashore.policies.networks import CategoricalActor, GaussianActor
from ashore.policies.normalize import Normalizer
from ashore.policies.recording import HEADER, Recording, RecordingError, RecordingHeader, joined, load, save

QUICK = CloneSettings(epochs=40, learning_rate=3e-3)


def header(**changes: Any) -> RecordingHeader:
    known: dict[str, Any] = {
        "task": "t",
        "robot": "r",
        "signals": (("x", 2),),
        "action": "position",
        "action_size": 1,
        "control_dt": 0.02,
        "settings_sha256": "",
        "settings": {},
    }
    return RecordingHeader(**(known | changes))


def recording(noise: float = 0.0, episodes: int = 16, length: int = 50) -> Recording:
    """Actions 0.5 x_0 - 0.3 x_1 of random observations, with noise."""
    random = torch.Generator().manual_seed(0)
    seen = torch.randn(episodes * length, 2, generator=random)
    action = seen @ torch.tensor([[0.5], [-0.3]]) + noise * torch.randn(len(seen), 1, generator=random)
    began = torch.arange(len(seen)) % length == 0
    return Recording(header(), seen, action.clip(-1, 1), began)


def test_the_mean_is_the_law_and_the_spread_the_noise() -> None:
    actor, normalizer = GaussianActor(2, 1, (32,), generator=torch.Generator().manual_seed(0)), Normalizer(2)
    done = fit(recording(noise=0.1), actor, normalizer, QUICK, seed=0)
    x = torch.tensor([[0.4, -0.2], [-0.5, 0.5]])
    with torch.no_grad():
        assert actor(normalizer(x)).squeeze(1).tolist() == pytest.approx([0.26, -0.4], abs=0.06)
    assert float(actor.log_std.detach().exp()) == pytest.approx(0.1, rel=0.2)
    assert done.held_out_loss == pytest.approx(0.01, rel=0.4), "the noise's variance"


def test_later_observations_move_the_statistics_little_for_the_network_is_fitted_to_them() -> None:
    actor, normalizer = GaussianActor(2, 1, (8,)), Normalizer(2)
    data = recording()
    fit(data, actor, normalizer, CloneSettings(epochs=1), seed=0)
    x, fresh = torch.tensor([[1.0, -1.0]]), Normalizer(2)
    fresh.update(data.actor)
    before = normalizer(x)
    assert torch.allclose(before, fresh(x), atol=0.1), "they are the recording's own"
    normalizer.update(3 + 5 * torch.randn(1000, 2, generator=torch.Generator().manual_seed(0)))
    assert torch.allclose(before, normalizer(x), atol=0.03)


def test_it_stops_early_and_keeps_the_best() -> None:
    few = recording(noise=0.3, episodes=3, length=10)
    actor, normalizer = GaussianActor(2, 1, (64, 64), generator=torch.Generator().manual_seed(0)), Normalizer(2)
    done = fit(few, actor, normalizer, CloneSettings(epochs=200, patience=5, learning_rate=3e-3), seed=0)
    assert len(done.epochs) == done.best + 6 < 200
    assert done.held_out_loss == min(epoch["held_out_loss"] for epoch in done.epochs)
    assert float(actor.log_std.detach().exp()) == pytest.approx(math.sqrt(done.held_out_loss), rel=1e-4)


def test_a_history_sees_what_came_before_in_its_own_episode() -> None:
    """The action is the observation of the step before; at an episode's start, the first one."""
    data = recording(episodes=24)
    before = torch.where(data.began.unsqueeze(1), data.actor, data.actor.roll(1, 0))[:, :1]
    echo = Recording(data.header, data.actor, (0.25 * before).clip(-1, 1), data.began)
    losses = {}
    for steps in (2, None):
        memory = MemorySettings(kind="history", steps=steps) if steps else MemorySettings()
        actor = GaussianActor(2, 1, (32,), generator=torch.Generator().manual_seed(0), memory=memory)
        losses[steps] = fit(echo, actor, Normalizer(2), QUICK, seed=0).held_out_loss
    assert losses[2] < 0.002 and losses[None] > 0.03


def test_choices_are_fitted_by_their_probability() -> None:
    data = recording()
    choice = (data.actor[:, 0] > 0).long()
    chosen = Recording(header(discrete=True, action_size=2), data.actor, choice, data.began)
    actor, normalizer = CategoricalActor(2, 2, (32,), generator=torch.Generator().manual_seed(0)), Normalizer(2)
    assert fit(chosen, actor, normalizer, QUICK, seed=0).held_out_loss < 0.2
    with torch.no_grad():
        assert actor.mode(actor(normalizer(torch.tensor([[1.0, 0.0], [-1.0, 0.0]])))).tolist() == [1, 0]


def test_what_cannot_be_cloned_is_refused() -> None:
    recurrent = GaussianActor(2, 1, (8,), memory=MemorySettings(kind="gru", size=4))
    with pytest.raises(UsageError, match="none or history"):
        fit(recording(), recurrent, Normalizer(2), QUICK, seed=0)
    with pytest.raises(UsageError, match="at least 2"):
        fit(recording(episodes=1), GaussianActor(2, 1, (8,)), Normalizer(2), QUICK, seed=0)


def test_a_file_gives_what_was_saved_and_files_are_joined(tmp_path: Path) -> None:
    data = recording(episodes=3)
    save(data, tmp_path / "a.safetensors")
    again = load(tmp_path / "a.safetensors")
    assert again.header == data.header
    for name in ("actor", "action", "began"):
        assert torch.equal(getattr(again, name), getattr(data, name))
    assert joined([data, again]).num_episodes == 6
    with pytest.raises(RecordingError, match="differ in control_dt"):
        joined([data, Recording(header(control_dt=0.01), data.actor, data.action, data.began)])


def write(path: Path, metadata: dict[str, str] | None, **changes: torch.Tensor) -> Path:
    data = recording(episodes=2)
    tensors = {"actor": data.actor, "action": data.action, "began": data.began} | changes
    safetensors.torch.save_file(tensors, path, metadata)
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"actor": torch.zeros(100, 3)}, "actor is .100, 3"),
        ({"action": torch.zeros(99, 1)}, "action is .99, 1"),
        ({"action": torch.full((100, 1), 2.0)}, "beyond 1"),
        ({"actor": torch.full((100, 2), math.nan)}, "not finite"),
        ({"actor": torch.zeros(100, 2, dtype=torch.float64)}, "float64"),
        ({"began": torch.zeros(100, dtype=torch.bool)}, "begins no episode"),
        ({"extra": torch.zeros(1)}, "extra"),
        ({"actor": torch.zeros(100, 2, 1)}, "allowed"),
    ],
)
def test_tensors_that_are_not_what_the_header_says_are_refused(
    tmp_path: Path, changes: dict[str, torch.Tensor], message: str
) -> None:
    path = write(tmp_path / "x", {HEADER: header().model_dump_json()}, **changes)
    with pytest.raises(RecordingError, match=message):
        load(path)


def test_headers_and_files_that_are_none_are_refused(tmp_path: Path) -> None:
    good = json.loads(header().model_dump_json())
    for metadata in (
        None,
        {HEADER: "{"},
        {HEADER: json.dumps(good | {"more": 1})},
        {HEADER: json.dumps(good | {"format": "2"})},
    ):
        with pytest.raises(RecordingError, match="no recording"):
            load(write(tmp_path / "x", metadata))
    whole = write(tmp_path / "x", {HEADER: json.dumps(good)}).read_bytes()
    for data in (b"", b"\xff" * 64, whole[:-10], whole[:40]):
        (tmp_path / "y").write_bytes(data)
        with pytest.raises(RecordingError, match="no recording"):
            load(tmp_path / "y")
