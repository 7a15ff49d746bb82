"""The fault matrix: whatever happens to a node in full motion, on either transport, the robot is brought to rest within its
limits and the cause is named. Time is counted in control periods."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("cyclonedds")

from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros.safety import limits_of
from tests.deploy_ros.fault_rig import RESET, STOP, Run
from tests.deploy_ros.fault_rows import HARMLESS, ROWS, Row
from tests.deploy_ros.fault_transports import a_run
from tests.deploy_ros.fault_world import ROBOTS

pytestmark = pytest.mark.slow
TRANSPORTS = ("DDS", "rclpy")
REACTION = 2  # control periods from when a fault can be told to the first command that brakes
FASTEST = 1.15  # of a velocity limit: what a trajectory controller's cubics add to targets within it


def cells(rows: tuple[Row, ...]) -> Any:
    """Rows, transports and robots, but for what a transport does not have."""
    found = [(row, transport, robot) for row in rows for transport in row.transports for robot in ROBOTS]
    ids = [f"{row.name}, {transport}, {robot}".replace(" ", "_") for row, transport, robot in found]
    return pytest.mark.parametrize(("row", "transport", "robot"), found, ids=ids)


def assert_within_limits(run: Run) -> None:
    """Of all that was sent, and of all that the robot did."""
    limits = limits_of(run.world.interface)
    for group in run.groups:
        sent = np.array([m.points[-1].velocities for _, topic, m in run.commands if topic == group.topic])
        assert (np.abs(sent) <= limits.velocity[list(group.joints)] + 1e-9).all()
    fastest, beyond = run.world.excess()
    assert fastest <= FASTEST and beyond <= 1e-4 and not run.world.rejected


def periods_to_brake(run: Run, since: int) -> int:
    """Control periods that the limits ask for, from the greatest velocities that were sent since a tick."""
    acceleration, most = limits_of(run.world.interface).acceleration, 0.0
    for tick, topic, message in run.commands:
        group = next(g for g in run.groups if g.topic == topic)
        if tick >= since:
            most = max(most, float((np.abs(message.points[-1].velocities) / acceleration[list(group.joints)]).max()))
    return math.ceil(most / run.dt)


@cells(ROWS)
def test_it_brakes_in_time_within_the_limits_and_names_the_cause(
    row: Row, transport: str, robot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_run(transport, monkeypatch, robot) as run:
        happened = rested = -1

        def script() -> None:
            nonlocal happened, rested
            run.tick_until(lambda: run.moves, "moving")
            happened = run.ticks
            row.happens(run)
            run.tick_until(lambda: run.rests, "at rest")
            rested = run.ticks
            for _ in range(20):
                run.tick()

        run.drive(script)
    in_time = happened + math.ceil(row.after(run.world.interface) / run.dt) + REACTION
    if row.status:
        stops = next(tick for tick, s in run.statuses if tick > happened and (s["latched"] or s["state"] != "active"))
        assert stops <= in_time, f"{stops - happened} periods; {run.reason}"
    assert rested <= in_time + periods_to_brake(run, happened)
    assert_within_limits(run)
    assert run.rests and np.abs(run.world.v).max() < 1e-9, "the last command, and the robot"
    told = [s["reason"] for tick, s in run.statuses if tick > happened]
    assert any(re.search(row.says, line) for line in [*told, *run.said]), (told[-1:], run.said)
    assert run.code == row.code


@cells(HARMLESS)
def test_what_is_harmless_does_not_stop_it(
    row: Row, transport: str, robot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_run(transport, monkeypatch, robot) as run:

        def script() -> None:
            run.tick_until(lambda: run.moves, "moving")
            row.happens(run)
            for _ in range(40):
                run.tick()
            assert run.reason.startswith("following the policy"), run.reason
            run.tick_until(lambda: run.moves, "moving on")

        run.drive(script)
    assert not any(s["latched"] for _, s in run.statuses)
    assert any(re.search(row.says, line) for line in ["", *run.said])
    assert_within_limits(run)
    assert run.code == 0 and run.rests


@pytest.mark.parametrize("robot", ROBOTS)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_never_arrives_is_named_and_nothing_is_sent(
    transport: str, robot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_run(transport, monkeypatch, robot, wait=1.0) as run:
        missing = "/imu/data" if robot == "legs" else "/ashore/goal_pose"
        run.world.alter[missing] = lambda _message: []
        run.drive(lambda: run.tick_until(lambda: run.over, "over"))
    what = "imu" if robot == "legs" else "goal"
    assert any(f"gave up after 1 s: no {what} on {missing}" in line for line in run.said), run.said
    assert run.code == 1 and not run.commands


@pytest.mark.parametrize("robot", ROBOTS)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_twin_that_was_killed_and_comes_back_is_not_moved_before_a_reset(
    transport: str, robot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_run(transport, monkeypatch, robot) as run:

        def script() -> None:
            run.tick_until(lambda: run.moves, "moving")
            run.world.dead = True
            run.tick_until(lambda: run.rests, "at rest")
            for _ in range(50):
                run.tick()
            run.world.dead = False
            run.world.restart()
            sent = len(run.commands)
            for _ in range(20):
                run.tick()
            held = {
                tuple(m.points[-1].positions) for _, topic, m in run.commands[sent:] if topic == run.groups[0].topic
            }
            assert len(held) == 1 and run.statuses[-1][1]["latched"] and run.rests
            run.press(RESET)
            run.tick_until(lambda: run.reason == "following the policy" and run.moves, "moving again")

        run.drive(script)
    assert_within_limits(run)
    assert run.code == 0 and run.rests


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_object_may_come_with_a_covariance(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def covariant(message: Any) -> list[Any]:
        pose = types.PoseWithCovariance(pose=message.pose, covariance=[0.01] * 36)
        return [types.PoseWithCovarianceStamped(header=message.header, pose=pose)]

    with a_run(transport, monkeypatch, "arm", object_type="PoseWithCovarianceStamped") as run:
        puck = "/ashore/puck_pose"
        run.world.alter[puck] = covariant

        def script() -> None:
            run.tick_until(lambda: run.moves, "moving")
            run.world.alter[puck] = lambda _message: []
            run.tick_until(lambda: run.rests, "at rest")
            assert run.reason.startswith("puck_position is stale")

        run.drive(script)
    told, seen = run.world.sent[puck].pose.position, run.policy.seen[-1]["puck_position"]
    np.testing.assert_allclose(seen, [told.x, told.y], rtol=0, atol=1e-6)


@pytest.mark.parametrize("ticks", range(0, 24, 3))
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_stop_at_any_tick_stops_it_and_nothing_but_a_reset_lets_it_go_on(
    transport: str, ticks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From before its first command to full motion and back to rest."""
    with a_run(transport, monkeypatch, "arm") as run:
        pressed = -1

        def script() -> None:
            nonlocal pressed
            run.tick_until(lambda: run.statuses or not ticks, "active")
            for _ in range(ticks):
                run.tick()
            pressed = run.ticks
            run.press(STOP)
            for _ in range(60):
                run.tick()
            assert run.rests
            run.press(RESET)
            run.tick_until(lambda: run.reason == "following the policy" and run.moves, "moving")

        run.drive(script)
    if ticks:
        stops = next(tick for tick, s in run.statuses if tick > pressed and s["reason"] == "stopped on request")
        assert stops - pressed <= REACTION
    assert_within_limits(run)
