"""The detail pane's lines."""
