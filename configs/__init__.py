"""Settings, the parameter space, the joint-limit law and the policy contract: the ground every other folder stands on."""
