"""Text and JSON from outside, taken apart without I/O."""
