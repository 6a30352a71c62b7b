"""Analyses that walk packets: what is exposed, who reaches whom, what is wrong."""
