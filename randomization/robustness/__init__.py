"""Robustness of a trained policy: sweeps, success curves with exact intervals, and the HTML report."""
