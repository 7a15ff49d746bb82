"""Scenes: robot and task compiled into one model, with objects, fixtures, terrain, and start postures by inverse kinematics."""
