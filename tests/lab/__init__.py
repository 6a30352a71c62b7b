"""The lab: real engines in network namespaces of their own, and the kernel as the judge."""
