"""Samplers choose the next world: `sample`, `observe`, `state_dict`."""
