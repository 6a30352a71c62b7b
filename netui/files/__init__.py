"""Files: reads others' files with care, and writes netui's own atomically."""
