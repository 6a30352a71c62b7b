"""Tests of addresses and sets of intervals."""
