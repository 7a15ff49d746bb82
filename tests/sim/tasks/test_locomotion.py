"""What tasks on legs share: readings against hand arithmetic, commands on their timetable."""

from __future__ import annotations

import math

import pytest
import torch

from ashore.sim.env import Env
from ashore.sim.tasks import locomotion
from ashore.sim.tasks.velocity_commands import SEGMENTS, Timetable
from tests.sim.worlds import task


@pytest.fixture(scope="module")
def env() -> Env:
    env = Env(task("quadruped_velocity", randomization={}), 3, seed=0, num_threads=1)
    env.reset()
    return env


def tilt(env: Env, axis: int, angle: float) -> dict[str, torch.Tensor]:
    """The signals of a robot at rest that is turned by `angle` about one axis of the world."""
    env.world.qpos[:, :7] = torch.tensor([0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    env.world.qpos[:, 3], env.world.qpos[:, 4 + axis] = math.cos(angle / 2), math.sin(angle / 2)
    env.world.qvel[:] = 0.0
    env.world.forward(torch.arange(3))
    values = env.task.measure().split([s.size for s in env.task.signals if s.kind != "command"], 1)
    return {s.name: v for s, v in zip(env.task.signals, values, strict=False)}


def test_projected_gravity_points_down_as_the_robot_sees_it(env: Env) -> None:
    s, c = math.sin(0.3), math.cos(0.3)
    for axis, angle, expected in (
        (2, 0.3, [0.0, 0.0, -1.0]),  # turning does not tilt
        (1, 0.3, [s, 0.0, -c]),  # nose down: gravity has a part ahead
        (0, 0.3, [0.0, -s, -c]),  # right side down: and a part to the right, which is -y
        (0, math.pi, [0.0, 0.0, 1.0]),  # on its back
    ):
        gravity = tilt(env, axis, angle)["projected_gravity"]
        torch.testing.assert_close(gravity, torch.tensor([expected]).expand(3, 3), atol=1e-6, rtol=0)


def test_velocities_are_those_of_the_base_in_its_own_frame(env: Env) -> None:
    tilt(env, 2, math.pi / 2)  # it faces along the world's y
    env.world.qvel[:, 0], env.world.qvel[:, 1] = 0.2, 0.7  # m/s in the world
    env.world.qvel[:, 5] = 0.4  # rad/s to the left
    env.world.forward(torch.arange(3))
    env.task.measure()
    reading = env.task.reading  # type: ignore[attr-defined]
    torch.testing.assert_close(reading.velocity[0], torch.tensor([0.7, -0.2, 0.0]))
    torch.testing.assert_close(reading.gyro[0], torch.tensor([0.0, 0.0, 0.4]))


def test_the_height_of_home_is_that_of_legs_bent_by_its_angles(env: Env) -> None:
    height = locomotion.home_height(env.world.model, env.settings)
    assert height == pytest.approx(2 * 0.213 * math.cos(0.9) + 0.02)


def timetable(stand: float = 0.0, worlds: int = 2) -> Timetable:
    return Timetable(torch.tensor([-1.0, 0.0, 2.0]), torch.tensor([1.0, 0.5, 3.0]), stand, 100, worlds)


def uniforms(first: float, rows: list[list[float]]) -> torch.Tensor:
    return torch.tensor([[first, *(x for row in rows for x in row)]], dtype=torch.float64)


def test_commands_change_when_and_to_what_the_draws_say() -> None:
    table = timetable()
    rows = [
        [0.0, 0.0, 0.0, 0.5],
        [1.0, 1.0, 1.0, 0.5],
        [0.5, 0.5, 0.5, 0.5],
        [0.25, 0.0, 0.5, 0.5],
        [0.0, 1.0, 0.0, 0.5],
    ]
    table.begin(torch.tensor([1]), uniforms(0.4, rows))
    expected = [[-1.0, 0.0, 2.0], [1.0, 0.5, 3.0], [0.0, 0.25, 2.5], [-0.5, 0.0, 2.5], [-1.0, 0.5, 2.0]]
    # A quarter of the episode is 25 steps; the first command lasts 0.4 of that, so changes come at 10, 35, 60 and 85.
    for step in range(100):
        due = sum(step >= change for change in (10, 35, 60, 85))
        assert table.present[1].tolist() == expected[due], step
        assert table.present[0].tolist() == [0.0, 0.0, 0.0], "the other world's table is its own"
        table.advance()


def test_some_commands_are_to_stand_still() -> None:
    table = timetable(stand=0.3, worlds=1)
    drawn = [0.29, 0.3, 0.0, 0.9, 0.1]
    table.begin(torch.tensor([0]), uniforms(0.0, [[0.75, 0.5, 0.5, u] for u in drawn]))
    still = (table.commands[:, :3] == 0).all(1)
    assert still.tolist() == [True, False, True, False, True]
    assert torch.equal(table.commands[:, 3], (~still).float())
    assert len(drawn) == SEGMENTS


def test_a_restored_timetable_goes_on_where_it_was() -> None:
    table, other = timetable(), timetable()
    table.begin(torch.arange(2), torch.rand(2, Timetable.num_uniforms, generator=torch.Generator().manual_seed(0)))
    for _ in range(20):
        table.advance()
    other.load_state_dict(table.state_dict())
    for _ in range(60):
        assert torch.equal(table.present, other.present)
        table.advance()
        other.advance()
