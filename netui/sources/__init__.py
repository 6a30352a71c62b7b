"""The only I/O: Docker Engine, iptables, interfaces and routes, captures."""
