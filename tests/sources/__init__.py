"""Tests of the sources, over captured hosts and hostile texts."""
