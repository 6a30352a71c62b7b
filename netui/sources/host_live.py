"""The host's interfaces, routes, sysctls, sockets, sets and native nftables chains, live."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from netui.model import Container, Family, Ruleset, Socket
from netui.sources import command, iproute, ipset_save, iptables_live, permits, socket_text
from netui.sources import json_text as js
from netui.sources.errors import SourceError
from netui.sources.parts import Part
from netui.sources.proc_sockets import ProcSockets
from netui.sources.sysctl import key_of

#: Files under /proc/sys that decide over packets; ``*`` stands for each interface.
_SYSCTLS = (
    "net/ipv4/ip_forward",
    "net/ipv4/ip_nonlocal_bind",
    "net/ipv4/fwmark_reflect",
    "net/ipv4/tcp_fwmark_accept",
    "net/ipv4/ip_local_port_range",
    "net/ipv6/bindv6only",
    "net/bridge/*",
    "net/netfilter/nf_conntrack_tcp_be_liberal",
    *(
        f"net/ipv4/conf/*/{name}"
        for name in (
            "forwarding", "rp_filter", "route_localnet", "accept_local", "src_valid_mark", "bc_forwarding",
            "disable_xfrm", "proxy_arp", "arp_ignore", "mc_forwarding",
        )
    ),
    *(f"net/ipv6/conf/*/{name}" for name in ("forwarding", "disable_ipv6", "accept_ra", "proxy_ndp")),
)  # fmt: skip
_NET_FILES = ("tcp", "tcp6", "udp", "udp6")
#: The commands behind a capture's files.
ADDRESS = ("ip", "-j", "-d", "address")
ROUTES: dict[Family, tuple[str, ...]] = {
    "ip": ("ip", "-4", "-j", "route", "show", "table", "all"),
    "ip6": ("ip", "-6", "-j", "route", "show", "table", "all"),
}
RULES: dict[Family, tuple[str, ...]] = {"ip": ("ip", "-4", "-j", "rule"), "ip6": ("ip", "-6", "-j", "rule")}
IPSET = ("ipset", "save")


def read_host(sockets: ProcSockets | None = None) -> dict[str, Part]:
    """Read interfaces, routes, policy rules, sysctls and sockets, each failing alone.

    sockets: reads them again and again; another one for each reading where it is None.
    """
    reader = sockets or ProcSockets()
    return {
        "address": _part("ip address", lambda: {"interfaces": iproute.interfaces(_json(ADDRESS))}),
        "route": _part("ip route", lambda: {"families": _by_family(ROUTES, iproute.routes)}),
        "rule": _part("ip rule", lambda: {"families": _by_family(RULES, iproute.policy_rules)}),
        "sysctl": _part("/proc/sys", lambda: {"sysctls": read_sysctls()}),
        "sockets": replace(
            _part("/proc/net", lambda: {"sockets": reader.read()}),
            note="" if os.geteuid() == 0 else "programs of other users need root",
        ),
    }


def read_sysctls() -> dict[str, str]:
    """Read the files of _SYSCTLS that exist, by the key that sysctl prints."""
    root = Path("/proc/sys")
    found: dict[str, str] = {}
    for pattern in _SYSCTLS:
        for path in root.glob(pattern):
            try:
                text = path.read_text("utf-8", "replace")
            except OSError:
                continue
            key = key_of(path.relative_to(root).as_posix())
            found[key] = " ".join(text.split())
    if not found:
        raise SourceError("/proc/sys/net cannot be read")
    return found


def read_listening(containers: Iterable[Container]) -> Part:
    """Read the sockets in each running container's namespace, by its process's /proc/PID/net."""
    found: dict[str, tuple[Socket, ...]] = {}
    error = ""
    for container in containers:
        if not container.running or container.pid <= 0:
            continue
        try:
            found[container.id] = socket_text.proc_sockets(listening_text(container.pid))
        except PermissionError:
            error = command.NEEDS_ROOT
        except (OSError, SourceError):
            # It ended meanwhile, or lives in another machine's /proc: not known.
            error = error or "some containers' processes are not to be seen from here"
    if error and not found:
        return Part(error=error)
    return Part({"listening": found}, error=error, via="/proc/PID/net", time=time.time())


def listening_text(pid: int) -> str:
    """Return a process's /proc/PID/net files, one after the other; raise OSError."""
    folder = Path(f"/proc/{pid}/net")
    texts = [path.read_text("utf-8", "replace") for name in _NET_FILES if (path := folder / name).exists()]
    if not texts:
        raise FileNotFoundError(folder)
    return "".join(texts)


def read_ipsets() -> Part:
    """Read ``ipset save``; where ip_set is not loaded there are no sets, and the question would load it."""
    if not permits.loaded("ip_set"):
        return Part({"sets": {}}, via="no ip_set loaded", time=time.time())
    return _part("ipset save", lambda: {"sets": ipset_save.ipsets(command.run(IPSET))})


def namespace_part(containers: Iterable[Container], known: dict[tuple[str, int], tuple[Ruleset, ...]]) -> Part:
    """Read the rules in running containers' own namespaces, each process once.

    known: what was read before, by (container ID, process ID); it is brought up to date.
    """
    running = {
        (entry.id, entry.pid): entry
        for entry in containers
        if entry.running and entry.pid > 0 and entry.network_mode not in ("host",)
    }
    for gone in known.keys() - running.keys():
        del known[gone]
    for key in running.keys() - known.keys():
        try:
            known[key] = iptables_live.namespace_rulesets(key[1])
        except SourceError:
            continue
    return Part({identity: rulesets for (identity, _), rulesets in known.items()}, time=time.time())


def _part(via: str, read: Callable[[], dict[str, object]]) -> Part:
    try:
        return Part(read(), via=via, time=time.time())
    except SourceError as error:
        return Part(error=str(error))


def _by_family(
    commands: dict[Family, tuple[str, ...]], build: Callable[[object, Family], object]
) -> dict[Family, object]:
    """Read both families; IPv4 must be there, IPv6 may be off in the kernel."""
    found: dict[Family, object] = {"ip": build(_json(commands["ip"]), "ip")}
    try:
        found["ip6"] = build(_json(commands["ip6"]), "ip6")
    except SourceError:
        if Path("/proc/net/if_inet6").exists():
            raise
    return found


def _json(arguments: tuple[str, ...]) -> object:
    text = command.run(arguments)
    if not text.strip():
        # iproute2 before 5.x prints nothing for an empty list.
        return []
    try:
        return js.parse(text)
    except SourceError as error:
        raise SourceError(f"{' '.join(arguments[:2])}: output {error}") from None


def as_text(sysctls: dict[str, str]) -> str:
    """Print sysctls as ``sysctl`` does."""
    return "".join(f"{key} = {value}\n" for key, value in sorted(sysctls.items()))
