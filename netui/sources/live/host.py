"""The host's interfaces, routes, sysctls, sockets, sets and native nftables chains, live."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from netui.dialects import inside, iproute
from netui.dialects import ipset as ipset_save
from netui.dialects import sockets as socket_text
from netui.dialects.sysctl import key_of
from netui.model import Container, Family, Ruleset, Socket
from netui.model.engine import Inside
from netui.sources.live import iptables as iptables_live
from netui.sources.live.netns import read_netns
from netui.sources.live.proc_sockets import ProcSockets
from netui.sources.machine import Ask, Exists, Lines, Loaded, Machine, Read, Run, own_container
from netui.sources.machine.local import LOCAL
from netui.sources.outputs import BUILD, GROUPS, of_source
from netui.sources.reading import Reading, failed
from netui.text import json_text as js
from netui.text.errors import SourceError

if TYPE_CHECKING:
    from netui.sources.live.listed_sockets import ListedSockets

#: The files of sysctls that concern packets; ``*`` stands for each interface.
SYSCTLS = (
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/net/ipv4/ip_nonlocal_bind",
    "/proc/sys/net/ipv4/fwmark_reflect",
    "/proc/sys/net/ipv4/tcp_fwmark_accept",
    "/proc/sys/net/ipv4/ip_local_port_range",
    "/proc/sys/net/ipv6/bindv6only",
    "/proc/sys/net/bridge/*",
    "/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal",
    *(
        f"/proc/sys/net/ipv4/conf/*/{name}"
        for name in (
            "forwarding", "rp_filter", "route_localnet", "accept_local", "src_valid_mark", "bc_forwarding",
            "disable_xfrm", "proxy_arp", "arp_ignore", "mc_forwarding",
        )
    ),
    *(f"/proc/sys/net/ipv6/conf/*/{name}" for name in ("forwarding", "disable_ipv6", "accept_ra", "proxy_ndp")),
)  # fmt: skip
_NET_FILES = ("tcp", "tcp6", "udp", "udp6")
#: It exists where the kernel has IPv6.
IF_INET6 = "/proc/net/if_inet6"


Sockets: TypeAlias = "ProcSockets | ListedSockets"
#: The questions to a machine for a reading of the host, and of the sets.
HOST_ASKS: tuple[Ask, ...] = (
    *(Run(output.arguments) for name in GROUPS["host"].sources for output in of_source(name) if output.arguments),
    Exists(IF_INET6), Lines(SYSCTLS),
)  # fmt: skip
(_IPSET,) = of_source("ipset")
SET_ASKS: tuple[Ask, ...] = (Loaded(_IPSET.module), Run(_IPSET.arguments))


def sockets_of(machine: Machine) -> Sockets:
    """Return the reader of a machine's sockets: for this machine the fastest one."""
    if not machine.name:
        return ProcSockets()
    from netui.sources.live.listed_sockets import ListedSockets

    return ListedSockets()


def listed_asks(machine: Machine) -> tuple[Ask, ...]:
    """Return the questions of a first reading of a machine's sockets."""
    reader = sockets_of(machine)
    return () if isinstance(reader, ProcSockets) else reader.asks()


def read_sockets(reader: Sockets, machine: Machine) -> tuple[Socket, ...]:
    """Read a machine's sockets; raise SourceError where they cannot be read."""
    return reader.read() if isinstance(reader, ProcSockets) else reader.read(machine)


def container_asks(
    containers: Iterable[Container], read_before: Collection[tuple[str, int]], machine: Machine
) -> tuple[Ask, ...]:
    """Return the questions about containers; read_before: those whose rules were read before."""
    containers = tuple(containers)
    asks: list[Ask] = [Read(listening_files(entry.pid)) for entry in containers if entry.running and entry.pid > 0]
    if machine.is_root:
        for _, pid in own_namespaces(containers) - set(read_before):
            asks += iptables_live.namespace_asks(pid, machine)
    return tuple(asks)


def read_host(sockets: Sockets | None = None, machine: Machine = LOCAL) -> dict[str, Reading]:
    """Read interfaces, routes, policy rules, sysctls and sockets; each can fail without the others.

    sockets: the reader of sockets, which caches; None: a new one.
    """
    reader = sockets or sockets_of(machine)
    return {
        "address": _part("ip address", lambda: {"interfaces": _interfaces(machine)}),
        "route": _part("ip route", lambda: {"families": _by_family("route", machine)}),
        "rule": _part("ip rule", lambda: {"families": _by_family("rule", machine)}),
        "sysctl": _part("/proc/sys", lambda: {"sysctls": read_sysctls(machine)}),
        "sockets": replace(
            _part("/proc/net", lambda: {"sockets": read_sockets(reader, machine)}),
            note=_programs_note(machine),
        ),
    }


def _programs_note(machine: Machine) -> str:
    if not machine.name:
        return own_container.programs_note()
    return "" if machine.is_root else "programs of other users need root"


def read_sysctls(machine: Machine = LOCAL) -> dict[str, str]:
    """Read the existing files of SYSCTLS; the keys are those of sysctl."""
    values = {
        key_of(path.removeprefix("/proc/sys/")): " ".join(" ".join(lines).split())
        for path, lines in machine.lines(SYSCTLS).items()
    }
    if not values:
        raise SourceError("/proc/sys/net cannot be read")
    return values


def read_listening(containers: Iterable[Container], machine: Machine = LOCAL) -> Reading:
    """Read the sockets and routes in each running container's namespace, from /proc/PID/net of its process."""
    listening: dict[str, tuple[Socket, ...]] = {}
    insides: dict[str, Inside] = {}
    containers = tuple(containers)
    error = ""
    for container in containers:
        if not container.running or container.pid <= 0:
            continue
        try:
            text = listening_text(container.pid, machine)
            listening[container.id] = socket_text.proc_sockets(text)
            own = inside.read_inside(text)
            if own is not None:
                insides[container.id] = own
        except PermissionError:
            error = machine.needs_root
        except (OSError, SourceError):
            # it has ended, or its /proc is not this one: unknown
            error = error or "some containers' processes are not to be seen from here"
    if error and not listening:
        return Reading(error=error)
    # they are not read on another machine
    numbers = {} if machine.name else read_netns(c.pid for c in containers if c.id in insides)
    return Reading(
        {"listening": listening, "insides": insides, "netns": numbers},
        error=error,
        via="/proc/PID/net",
        time=time.time(),
    )


def listening_files(pid: int) -> tuple[str, ...]:
    """Return the files under /proc/PID/net with the sockets, devices and routes of a process's namespace."""
    return tuple(f"/proc/{pid}/net/{name}" for name in (*_NET_FILES, *inside.FILES))


def listening_text(pid: int, machine: Machine = LOCAL) -> str:
    """Return the text of a process's files under /proc/PID/net; raise OSError."""
    return machine.read(*listening_files(pid))


def read_ipsets(machine: Machine = LOCAL) -> Reading:
    """Read ``ipset save``; where ip_set is not loaded there are no sets, and ipset would load it."""
    if not machine.loaded(_IPSET.module):
        return Reading({"sets": {}}, via="no ip_set loaded", time=time.time())
    return _part("ipset save", lambda: {"sets": ipset_save.ipsets(machine.run(_IPSET.arguments))})


def own_namespaces(containers: Iterable[Container]) -> set[tuple[str, int]]:
    """Return (container ID, process ID) of the running containers with their own network namespace."""
    return {
        (entry.id, entry.pid)
        for entry in containers
        if entry.running and entry.pid > 0 and entry.network_mode not in ("host",)
    }


def namespace_part(
    containers: Iterable[Container], rules_of: dict[tuple[str, int], tuple[Ruleset, ...]], machine: Machine = LOCAL
) -> Reading:
    """Read the rules in running containers' own namespaces, once for each process.

    rules_of: the earlier results by (container ID, process ID); it is updated.
    """
    running = own_namespaces(containers)
    for gone in rules_of.keys() - running:
        del rules_of[gone]
    for key in running - rules_of.keys():
        try:
            rules_of[key] = iptables_live.namespace_rulesets(key[1], machine)
        except SourceError:
            continue
    return Reading({identity: rulesets for (identity, _), rulesets in rules_of.items()}, time=time.time())


def _part(via: str, read: Callable[[], dict[str, object]]) -> Reading:
    try:
        return Reading(read(), via=via, time=time.time())
    except SourceError as error:
        return failed(error)


def _interfaces(machine: Machine) -> object:
    (output,) = of_source("address")
    return iproute.interfaces(_json(output.arguments, machine))


def _by_family(source: str, machine: Machine) -> dict[Family, object]:
    """Read both families; IPv4 is required, IPv6 may be off in the kernel."""
    families: dict[Family, object] = {}
    for output in of_source(source):
        assert output.family is not None
        try:
            families[output.family] = BUILD[source](_json(output.arguments, machine), output.family)
        except SourceError:
            if output.family == "ip" or machine.exists(IF_INET6):
                raise
    return families


def _json(arguments: tuple[str, ...], machine: Machine) -> object:
    text = machine.run(arguments)
    if not text.strip():
        # iproute2 before 5.x prints nothing for an empty list
        return []
    try:
        return js.parse(text)
    except SourceError as error:
        raise SourceError(f"{' '.join(arguments[:2])}: output {error}") from None


def as_text(sysctls: dict[str, str]) -> str:
    """Print sysctls as ``sysctl`` does."""
    return "".join(f"{key} = {value}\n" for key, value in sorted(sysctls.items()))
