"""``sysctl -a`` text → key and value.

Keys are as sysctl prints them: a dot in an interface's name is a slash (``net.ipv4.conf.eth0/100.forwarding``).
"""

from __future__ import annotations

from netui.text.errors import SourceError, quoted

#: The parts of the tree that concern packets.
PREFIXES = ("net.ipv4.", "net.ipv6.", "net.bridge.", "net.netfilter.")


def sysctls(text: str) -> dict[str, str]:
    """Parse ``key = value`` lines (``key=value``, too); trees other than ``net`` are skipped.

    Messages of sysctl (``sysctl: permission denied on key …``) are skipped. Raises SourceError where no line
    has a key and a value.
    """
    values: dict[str, str] = {}
    first = ""
    for line in text.split("\n"):
        key, equals, value = line.partition("=")
        key = key.strip()
        if equals and key.startswith(PREFIXES):
            values[key] = value.strip()
        first = first or line.strip()
    if not values:
        raise SourceError(f"holds no net.* keys, it begins with {quoted(first)}; capture it again with sysctl -a")
    return values


def key_of(path: str) -> str:
    """Return the key of a file under /proc/sys: ``net/ipv4/conf/eth0.100/forwarding``."""
    return path.translate(str.maketrans("./", "/."))
