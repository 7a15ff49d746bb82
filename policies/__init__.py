"""Learning: what turns a vector environment into a policy file. Knows `configs` alone."""

import os

# Read once, when torch loads OpenMP. Waiting threads that spin make training 40 times slower where another process,
# or the physics engine's threads, want the same cores.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
