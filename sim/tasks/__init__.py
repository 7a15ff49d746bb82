"""Every task, one line each: its name, and its class in a file of this folder."""

from importlib import import_module

from ashore.sim.tasks.task import Task, TaskError
from ashore.sim.tasks.task_source import GROUP, from_entry_point, from_file, installed

TASKS = {
    "arm_drawer": "arm_drawer.ArmDrawer",
    "arm_insert": "arm_insert.ArmInsert",
    "arm_lift": "arm_lift.ArmLift",
    "arm_push": "arm_push.ArmPush",
    "arm_reach": "arm_reach.ArmReach",
    "cartpole_swingup": "cartpole_swingup.CartpoleSwingup",
    "hand_reorient": "hand_reorient.HandReorient",
    "quadruped_getup": "quadruped_getup.QuadrupedGetup",
    "quadruped_rough": "quadruped_rough.QuadrupedRough",
    "quadruped_velocity": "quadruped_velocity.QuadrupedVelocity",
    # Mirrors of gymnasium's MuJoCo tasks.
    "ant": "ant.Ant",
    "half_cheetah": "half_cheetah.HalfCheetah",
    "hopper": "hopper.Hopper",
    "humanoid": "humanoid.Humanoid",
    "walker2d": "walker2d.Walker2d",
}


def find(name: str, source: str | None = None) -> type[Task]:
    """The class of a task: of ours by name, from a file of the user's by its source, or from an installed package."""
    if source is not None:
        if name in TASKS:
            raise TaskError(
                f"task.name = {name!r} is of a task of this package; allowed beside task.source: another name"
            )
        return from_file(source)
    if name not in TASKS:
        points = installed()
        if name in points:
            return from_entry_point(points[name])
        raise TaskError(
            f"task.name = {name!r}; allowed: {sorted({*TASKS, *points})}, an installed task of the group {GROUP!r}, "
            "or one of your own: --task FILE.py:CLASS"
        )
    file, _, task = TASKS[name].partition(".")
    found: type[Task] = getattr(import_module(f"ashore.sim.tasks.{file}"), task)
    return found
