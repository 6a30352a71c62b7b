"""Analyses that walk packets: exposure, reach, egress, differences, and findings."""
