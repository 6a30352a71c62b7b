"""The Textual app: screens, panes, and the work beside them."""
