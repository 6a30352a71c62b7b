"""Captures and recordings: read from a folder, an archive or a single file, and written."""
