"""Evaluates rules for a packet: matches, targets, translation, and the walk through base chains."""
