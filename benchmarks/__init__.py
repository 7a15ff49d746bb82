"""Figures: always beside the raw engine or a peer, in the same run on the same machine."""
