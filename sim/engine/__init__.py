"""The physics engine: the interface of N worlds that advance by one call, and its implementation on `mujoco.batch`."""
