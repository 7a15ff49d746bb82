"""Finite problems: exact solutions where the model is known, tables of values where it is not, and bandits."""
