"""Feeds for the screen: the readings of a host or of a recording."""
