"""Learning: what turns a vector environment into a policy file. Knows `configs` alone."""
