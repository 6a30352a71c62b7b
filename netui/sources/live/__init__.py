"""Outputs of this host and of another machine, read now."""
