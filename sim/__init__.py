"""Worlds and tasks: robots, scenes, the batched engine, signals, environments."""
