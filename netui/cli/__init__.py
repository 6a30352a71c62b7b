"""The command line: what can be asked for, and who answers it."""
