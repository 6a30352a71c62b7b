"""The answers' lines."""
