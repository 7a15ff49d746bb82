"""EnvPool in a process and a virtual environment of its own, stepped in stretches that `envpool.py` asks for.

    envpool_process.py HalfCheetah-v5 256 2    task, environments, threads

It writes "ready" once it can step. A number of steps in is the seconds they took out, until the input ends.
"""

import sys
import time

import numpy as np

try:
    import envpool
except ImportError as error:
    sys.exit(f"this interpreter has no envpool: {error}")

task, num_envs, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
env = envpool.make_gymnasium(task, num_envs=num_envs, num_threads=threads, seed=0)
space = env.action_space
generator = np.random.default_rng(0)
actions = [generator.uniform(space.low, space.high, (num_envs, *space.shape)).astype(space.dtype) for _ in range(32)]
env.reset()
print("ready", flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    for k in range(int(line)):
        env.step(actions[k % 32])
    print(time.perf_counter() - start, flush=True)
