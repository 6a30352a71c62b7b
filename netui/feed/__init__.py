"""Feeds for the screen: readings of a host or of a recording, one after the other."""
