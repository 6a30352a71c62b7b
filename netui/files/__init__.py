"""Files: strangers' read with care, netui's own written whole or not at all."""
