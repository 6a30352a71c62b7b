"""iptables' own texts that are no save: ``iptables -S`` and ``iptables -L``."""
