"""The robot side: a policy file drives a robot through ROS 2, and a twin plays the robot. Knows `configs` alone."""
