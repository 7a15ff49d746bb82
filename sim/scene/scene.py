"""Robot and task into one compiled model, its delay buffers sized from the parameter space."""

from __future__ import annotations

import mujoco

from ashore.configs.entries import longest_command_delay
from ashore.configs.schema import TaskSettings
from ashore.sim.robots import robot
from ashore.sim.scene.visual_assets import furnish
from ashore.sim.tasks.task import Task, TaskError

MOST_PHYSICS_STEPS = 1000  # in a control step: beyond, delay buffers alone take a megabyte a world


def compile_scene(task: type[Task], settings: TaskSettings, visual: bool = False) -> mujoco.MjModel:
    """The model that worlds of this task run on; `visual` keeps what only a camera sees. Same state layout either way."""
    if settings.decimation > MOST_PHYSICS_STEPS:
        raise TaskError(
            f"task.physics_dt = {settings.physics_dt:g} s; allowed: at least control_dt / {MOST_PHYSICS_STEPS} = "
            f"{settings.control_dt / MOST_PHYSICS_STEPS:g} s"
        )
    settings = task.resolve(settings)
    spec = robot.load(settings.robot)
    spec.option.timestep = settings.physics_dt
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    if not task.raw_actuators:
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        if task.uses_gripper:
            robot.couple_gripper(spec, settings.robot)
        else:
            robot.weld_gripper(spec, settings.robot, task.grip(settings))
        robot.add_servos(spec, settings.robot, longest_command_delay(settings.randomization))
    task.build(spec, settings)
    if not task.raw_actuators:
        # The engine's shortcut for bodies whose frame is their inertia's would forbid to move their centres of mass.
        for body in spec.bodies:
            body.simple = False
    if visual:
        furnish(spec, settings.randomization)
    else:
        spec.discard_visual()
    try:
        return spec.compile()
    except ValueError as error:
        raise robot.ModelError(
            f"task {settings.name} on robot {settings.robot.name} does not compile: {' '.join(str(error).split())}"
        ) from None


def add_lighting(spec: mujoco.MjSpec) -> None:
    """Sky, floor texture and two lights, as every rendered scene has them."""
    sky = spec.add_texture(
        name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT
    )
    sky.rgb1, sky.rgb2, sky.width, sky.height = [0.86, 0.9, 0.95], [0.45, 0.55, 0.68], 256, 256
    spec.worldbody.add_light(pos=[0.6, -1.2, 2.6], dir=[-0.1, 0.45, -1], diffuse=[0.75, 0.75, 0.75], castshadow=True)
    spec.worldbody.add_light(pos=[-1.5, 1.5, 2.5], dir=[0.6, -0.6, -1], diffuse=[0.35, 0.35, 0.35], castshadow=False)
    spec.visual.headlight.ambient = [0.35, 0.35, 0.35]
    spec.visual.headlight.diffuse = [0.25, 0.25, 0.25]
    spec.visual.global_.offwidth, spec.visual.global_.offheight = 1920, 1080
