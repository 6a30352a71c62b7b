"""From the model to lines of panes; pure, without Textual."""
