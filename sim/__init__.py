"""Worlds and tasks: robots, scenes, the batched engine, signals, environments."""

from ashore.configs.opengl import import_mujoco

import_mujoco()
