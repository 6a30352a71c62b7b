"""The host prepared for walking: addresses, namespaces, routes, what the kernel checks."""
