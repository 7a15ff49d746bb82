"""Learning from preferences between clips: a reward that explains them, and a policy improved against it."""
