"""The channel from the truth to what a policy is told: signals, their noise, bias, delay and dropouts, and outages in time."""
