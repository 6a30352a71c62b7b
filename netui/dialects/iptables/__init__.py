"""The outputs of iptables: ``iptables-save``, ``iptables -S`` and ``iptables -L``."""
