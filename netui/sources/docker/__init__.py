"""The Docker Engine: its listing, its events, and what it answers."""
