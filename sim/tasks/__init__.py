"""Every task, one line each."""

from sim.task import Task, TaskError
from sim.tasks.arm_lift import ArmLift
from sim.tasks.arm_push import ArmPush
from sim.tasks.arm_reach import ArmReach
from sim.tasks.cartpole_swingup import CartpoleSwingup

TASKS: dict[str, type[Task]] = {
    "arm_lift": ArmLift,
    "arm_push": ArmPush,
    "arm_reach": ArmReach,
    "cartpole_swingup": CartpoleSwingup,
}


def find(name: str) -> type[Task]:
    """The task of this name, or an error that lists all."""
    if name not in TASKS:
        raise TaskError(f"task.name = {name!r}; allowed: {sorted(TASKS)}")
    return TASKS[name]
