"""Every task, one line each: its name, and its class in a file of this folder."""

from importlib import import_module

from ashore.sim.tasks.task import Task, TaskError

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


def find(name: str) -> type[Task]:
    """The task of this name, or an error that lists all."""
    if name not in TASKS:
        raise TaskError(f"task.name = {name!r}; allowed: {sorted(TASKS)}")
    file, _, task = TASKS[name].partition(".")
    found: type[Task] = getattr(import_module(f"ashore.sim.tasks.{file}"), task)
    return found
