"""Panes of lines: rows of spans, a cursor, a scroll bar."""
