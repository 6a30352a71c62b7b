"""From the model to what a pane shows: pure, with no Textual in it."""
