"""A tool's text or JSON and what it says: pure, no I/O."""
