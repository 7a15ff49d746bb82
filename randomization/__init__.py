"""Which world next: effects make a world of lambda, samplers choose it, sweeps measure a policy over it."""

from ashore.configs.opengl import import_mujoco

import_mujoco()
