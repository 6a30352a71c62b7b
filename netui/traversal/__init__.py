"""Pure: (snapshot, packet) → the rules that it meets and the verdict."""
