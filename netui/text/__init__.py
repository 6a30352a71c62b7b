"""Text and JSON from outside: parsed, phrased and made printable, without I/O."""
