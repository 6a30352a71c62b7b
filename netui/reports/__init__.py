"""Reports: text, JSON and exit status of each command."""
