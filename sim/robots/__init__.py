"""Robots: model files of ours, anybody's MJCF or URDF made self-contained, and the servos that drive them."""
