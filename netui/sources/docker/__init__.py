"""The Docker Engine: its objects and its events."""
