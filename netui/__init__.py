"""netui: what Docker's networks really do to your packets."""

__version__ = "0.1.0"
