"""All input: Docker Engine, iptables, interfaces and routes, captures."""
