"""Algorithms that learn from what the current policy just did."""
