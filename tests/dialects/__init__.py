"""Tests of the dialects: a tool's text and JSON, and what it says."""
