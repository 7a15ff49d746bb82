"""The control thread keeps to its grid, never catches up, and cuts a period into a forward controller's ticks."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ashore.deploy_ros import loop
from ashore.deploy_ros.groups import groups_of
from ashore.deploy_ros.loop import ControlLoop
from ashore.deploy_ros.safety import Command
from ashore.deploy_ros.schedule import next_due
from ashore.deploy_ros.settings import NodeSettings
from tests.deploy_ros.policies import interface


@pytest.mark.parametrize(
    ("now", "due", "skipped"),
    [(0.0, 1.0, 0), (0.9, 1.0, 0), (1.4, 1.0, 0), (1.6, 2.0, 1), (2.9, 3.0, 2), (59.2, 59.0, 58), (-3.0, 1.0, 0)],
)
def test_it_runs_on_the_grid_and_skips_what_is_late_by_more_than_half(now: float, due: float, skipped: int) -> None:
    assert next_due(0.0, now, 1.0) == (due, skipped)


@given(st.lists(st.floats(0, 0.3), max_size=50))
def test_steps_are_never_closer_than_half_a_period(durations: list[float]) -> None:
    period, due, now, last = 0.02, 0.0, 0.0, -1.0
    for duration in durations:
        now = max(now, due)
        assert now - last >= period / 2 - 1e-9
        last = now
        now += duration
        due, _ = next_due(due, now, period)


class Clock:
    """Time that passes only in `sleep`, which may oversleep."""

    def __init__(self, oversleep: float = 0.0) -> None:
        self.now, self.oversleep = 10.0, oversleep

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds + (self.oversleep if seconds > 0 else 0.0)


def sent(clock: Clock, monkeypatch: pytest.MonkeyPatch, **settings: object) -> list[tuple[float, list[float]]]:
    """When, after the period's beginning, which values go out in a period at 0.5 rad/s from 0: s, [3] rad."""
    monkeypatch.setattr(loop, "time", clock)
    out: list[tuple[float, list[float]]] = []
    speed = np.full(3, 0.5)
    face, own = interface(), NodeSettings.model_validate(settings)
    part = SimpleNamespace(
        _controller=SimpleNamespace(interface=face, settings=own),
        _groups=groups_of(face, own),
        _commanded=Command(np.zeros(3), speed),
        _send=lambda _topic, values: out.append((round(clock.now - 10.0, 9), values)),
    )
    ControlLoop._publish(part, Command(0.02 * speed, speed), 10.0)  # type: ignore[arg-type]
    return out


def test_a_forward_controller_gets_a_period_in_equal_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = sent(Clock(), monkeypatch, output="forward", rate=250.0)
    assert [t for t, _ in ticks] == pytest.approx([0.0, 0.004, 0.008, 0.012, 0.016])
    assert [q[0] for _, q in ticks] == pytest.approx([0.002, 0.004, 0.006, 0.008, 0.01])


def test_ticks_that_are_over_are_left_out_but_never_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = sent(Clock(oversleep=0.009), monkeypatch, output="forward", rate=250.0)
    assert [q[0] for _, q in ticks] == pytest.approx([0.002, 0.008, 0.01])


def test_a_trajectory_controller_gets_one_point_a_period(monkeypatch: pytest.MonkeyPatch) -> None:
    ((when, trajectory),) = sent(Clock(), monkeypatch)
    assert when == 0.0 and trajectory.points[0].position == pytest.approx((0.02, 0.02, 0.02))  # type: ignore[attr-defined]
