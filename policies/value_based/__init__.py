"""Learners of what each choice is worth, by a function of what is seen."""
