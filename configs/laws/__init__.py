"""Laws that simulation, exported graph and robot share: joint limits, kinematics, task frames, splines, keyed random numbers.

`kinematics` and `task_frame` act on batches of torch tensors; all others run without torch, as the robot side needs.
"""
