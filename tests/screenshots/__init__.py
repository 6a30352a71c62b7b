"""Pictures of the real program on the lab's host."""
