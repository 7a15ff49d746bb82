"""The path of a command from action to actuators: targets, limits, delivery, actuation, and what disturbs the robot."""
