"""The owner of a native table, by its name: Docker, firewalld, podman, libvirt, LXD, CrowdSec, fail2ban."""

from __future__ import annotations

import re
from functools import lru_cache

#: (pattern of the whole name, owner, content); the first that fits counts.
_TABLES: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern), owner, purpose)
    for pattern, owner, purpose in (
        (r"docker-bridges", "Docker", "its bridge networks and published ports (nftables backend)"),
        (r"docker-overlay.*", "Docker", "its swarm's overlay networks (nftables backend)"),
        (r"firewalld.*", "firewalld", "its zones and policies"),
        (r"netavark", "podman (netavark)", "its networks and published ports"),
        (r"libvirt_network", "libvirt", "its virtual networks"),
        (r"lxd|lxd\..*", "LXD", "its bridges"),
        (r"incus|incus\..*", "Incus", "its bridges"),
        (r"crowdsec6?(-.*)?", "CrowdSec", "the addresses that it has blocked"),
        (r"f2b-table", "fail2ban", "the addresses that its jails have banned"),
        (r"kube-proxy|kube-firewall", "Kubernetes (kube-proxy)", "its services"),
        (r"nixos-fw|nixos-nat", "NixOS", "its firewall"),
        (r"tailscale|ts-.*", "Tailscale", "its own rules"),
        (r"wg-quick-.*", "wg-quick (WireGuard)", "what keeps packets inside the tunnel"),
        (r"fw4", "OpenWrt", "its firewall"),
        (r"sshguard", "sshguard", "the addresses that it has blocked"),
        (r"nm-.*", "NetworkManager", "a shared connection"),
    )
)


@lru_cache(maxsize=256)
def native_table(name: str) -> tuple[str, str]:
    """Return a table's owner and content; ("", "") where its name does not tell."""
    for pattern, owner, purpose in _TABLES:
        if pattern.fullmatch(name):
            return owner, purpose
    return "", ""


def table_owner(name: str) -> str:
    """Return a table's owner, "" where its name does not tell."""
    return native_table(name)[0]
