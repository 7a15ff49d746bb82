"""What follows from a model is computed once of models that are alike in every bit, and shared as copies."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
import torch

from ashore.sim.env import Env
from ashore.sim.scene import computed_once as module
from ashore.sim.scene import ik
from ashore.sim.scene.computed_once import Arrays, computed_once
from ashore.sim.tasks.manipulation import ArmTask
from tests.sim.worlds import task

BALL = "<mujoco><worldbody><body><freejoint/><geom size='{}'/></body></worldbody></mujoco>"


def ball(size: float = 0.1) -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(BALL.format(size))


class Counted:
    calls = 0

    def __call__(self) -> Arrays:
        self.calls += 1
        return (np.full(3, self.calls, dtype=np.float64),)


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_kept", {})


def test_the_same_model_and_settings_are_computed_once_and_given_as_copies() -> None:
    compute = Counted()
    (first,) = computed_once(ball(), "a", compute)
    first[:] = 7.0
    (second,) = computed_once(ball(), "a", compute)
    assert compute.calls == 1 and second.tolist() == [1.0, 1.0, 1.0]


def test_another_model_or_other_settings_are_computed_anew() -> None:
    compute, changed = Counted(), ball()
    changed.body_mass[1] = np.nextafter(changed.body_mass[1], 9.0)
    found = [
        computed_once(m, s, compute)[0][0] for m, s in ((ball(), "a"), (ball(), "b"), (ball(0.2), "a"), (changed, "a"))
    ]
    assert found == [1.0, 2.0, 3.0, 4.0]


def test_the_oldest_result_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    compute = Counted()
    for settings in "abcba":
        computed_once(ball(), settings, compute)
    assert compute.calls == 4 and len(module._kept) == 2


def test_an_error_is_not_kept() -> None:
    def fails() -> Arrays:
        raise ValueError("no start")

    with pytest.raises(ValueError, match="no start"):
        computed_once(ball(), "a", fails)
    assert computed_once(ball(), "a", Counted())[0][0] == 1.0


def test_start_postures_of_an_arm_are_the_same_bits_each_time_they_are_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ik, "CANDIDATES", 192)
    settings = task("arm_lift")
    first = Env(settings, 1).task
    module._kept.clear()
    second = Env(settings, 1).task
    assert isinstance(first, ArmTask) and isinstance(second, ArmTask)
    assert torch.equal(first._starts, second._starts) and torch.equal(first._start_tools, second._start_tools)
