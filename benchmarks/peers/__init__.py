"""Other people's libraries, beside us in the same call."""
