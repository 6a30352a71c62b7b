"""The chain table's lines and cells."""
