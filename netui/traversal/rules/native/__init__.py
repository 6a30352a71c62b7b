"""Native rules carried out for a packet: what a key reads, whether a set holds it, a rule as a program."""
