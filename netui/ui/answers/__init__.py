"""Answers about the whole host: a screen, its lines, and the threads that compute them."""
