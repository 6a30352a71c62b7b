"""Parses and prints the tools' text and JSON; pure, no I/O."""
