"""Answers about the whole host: a screen, its lines, and who works them out."""
