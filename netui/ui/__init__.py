"""The Textual app, one widget a module, and the poller that feeds them."""
