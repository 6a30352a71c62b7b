"""The question: SRC and DST as they were typed, resolved against a host."""
