"""Evaluates native rules for a packet: the values of keys, membership in sets, and a rule as a program."""
