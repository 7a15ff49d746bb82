"""Looking at worlds: rendered frames, cameras with lenses and latency, randomized visuals, viewers in browser and window."""
