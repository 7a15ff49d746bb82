"""Algorithms that learn from a replay of whatever was done."""
