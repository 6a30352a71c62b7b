"""Reads outputs of this host or of another machine, live."""
