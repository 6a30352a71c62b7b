"""Addresses and ports as numbers and sets of intervals; pure."""
