"""The panes of the main screen, and the bars and drawers around them."""
