"""Legacy iptables tables through python-iptables."""
