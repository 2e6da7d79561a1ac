"""Lottery tickets: subset sums, exact and by the million, and random networks pruned to a given one."""
