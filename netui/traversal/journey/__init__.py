"""The journey of a packet and of its answer: hooks, routing, bridges."""
