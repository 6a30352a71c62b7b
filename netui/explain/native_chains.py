"""The purposes of chains in other programs' native tables, by their names.

Seen on firewalld 1.3 and 2.3, netavark 1.14, libvirt 11.3, Incus 6.0, CrowdSec's bouncer 0.0.31, fail2ban 1.0,
Docker 29.7; LXD's names are Incus's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from netui.explain.native_tables import table_owner


@dataclass(frozen=True, slots=True)
class FirewalldChain:
    """A chain of one of firewalld's zones or policies.

    kind: "zone" or "policy". place: the packets that it sees ("packets for this machine"). part: its part of the zone,
    "" for the chain that jumps to the parts.
    """

    kind: str
    name: str
    place: str
    part: str = ""

    @property
    def words(self) -> str:
        """In words: ``zone public, packets for this machine: what it refuses``."""
        part = f": {self.part}" if self.part else ""
        return f"{self.kind} {self.name}, {self.place}{part}"


_PLACES: Mapping[str, str] = {
    "filter_IN": "packets for this machine",
    "filter_FWD": "forwarded packets",
    "filter_FWDI": "packets that are forwarded from it",
    "filter_FWDO": "packets that are forwarded to it",
    "filter_OUT": "packets that this machine sends",
    "nat_PRE": "forward ports",
    "nat_OUT": "forward ports for what this machine sends",
    "nat_POST": "masquerading",
    "mangle_PRE": "marks",
}
_PARTS: Mapping[str, str] = {
    "pre": "rich rules with a priority below 0",
    "log": "what it logs",
    "deny": "what it refuses",
    "allow": "what it lets through",
    "post": "rich rules with a priority above 0",
}
_FIREWALLD = re.compile(
    rf"({'|'.join(sorted(_PLACES, key=len, reverse=True))})_(policy_)?(.+?)(?:_({'|'.join(_PARTS)}))?"
)
_HOOKS = re.compile(r"(raw|mangle|nat|filter)_(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)(_[A-Za-z_]+)?")


@lru_cache(maxsize=4096)
def firewalld_chain(name: str) -> FirewalldChain | None:
    """Return firewalld's zone or policy of a chain; None for its other chains."""
    match = _FIREWALLD.fullmatch(name)
    if match is None:
        return None
    hook, policy, whose, part = match.groups()
    content = _PARTS.get(part or "", "")
    if part == "allow" and not hook.startswith("filter"):
        content = "what it translates" if hook.startswith("nat") else "what it marks"
    return FirewalldChain("policy" if policy else "zone", whose, _PLACES[hook], content)


def _firewalld(name: str) -> str:
    hook = _HOOKS.fullmatch(name)
    if hook is not None:
        if not hook[3]:
            return "where it begins, before zones and policies"
        if "ZONES" in hook[3]:
            return "which zone a packet is of, by its source or interface"
        which = {"_POLICIES_pre": ", those before the zones", "_POLICIES_post": ", those behind the zones"}
        return f"which zone and policies a packet meets, by its source and interfaces{which.get(hook[3], '')}"
    zone = firewalld_chain(name)
    return zone.words if zone is not None else ""


_NETAVARK: Mapping[str, str] = {
    "INPUT": "what its containers may ask of this machine (DNS)",
    "FORWARD": "what its containers may send, and the answers to them",
    "POSTROUTING": "which of its containers' packets are masqueraded",
    "PREROUTING": "connections to its published ports",
    "OUTPUT": "connections of this machine to its published ports",
    "NETAVARK-HOSTPORT-DNAT": "its published ports, each sent on to its network's chain",
    "NETAVARK-HOSTPORT-SETMARK": "a mark by which a packet is masqueraded later: the container calls its own port",
    "NETAVARK-ISOLATION-1": "packets that leave an isolated network",
    "NETAVARK-ISOLATION-2": "isolated networks, which packets of other networks may not enter",
    "NETAVARK-ISOLATION-3": "networks that a strictly isolated network may not reach",
}
#: nv_706f646d_10_88_0_0_nm16: the prefix of the network's hash, and its subnet.
_NETWORK = re.compile(r"nv_[0-9a-f]+_([0-9a-f_]+)_nm(\d+)(_dnat)?")


def _netavark(name: str) -> str:
    match = _NETWORK.fullmatch(name)
    if match is None:
        return _NETAVARK.get(name, "")
    numbers = match[1].split("_")
    four = len(numbers) == 4 and all(number.isdigit() for number in numbers)
    subnet = f"{'.' if four else ':'}".join(numbers) + f"/{match[2]}"
    return f"published ports of network {subnet}" if match[3] else f"sources that leave network {subnet}"


_LIBVIRT: Mapping[str, str] = {
    "forward": "where it begins with forwarded packets",
    "guest_output": "what may come out of virtual machines",
    "guest_input": "what may go in to virtual machines",
    "guest_cross": "what virtual machines of one network may send each other",
    "guest_nat": "how virtual machines' addresses are translated on the way out",
}
_BRIDGES: Mapping[str, str] = {
    "pstrt": "sources of bridge {} that are masqueraded",
    "fwd": "what may go in and out of bridge {}",
    "in": "what instances on bridge {} may ask of this machine (DNS, DHCP)",
    "out": "what this machine may answer instances on bridge {} (DNS, DHCP)",
    "prert": "ports of proxy devices of {}",
    "fwdprert": "network forwards to bridge {}",
    "fwdout": "network forwards to bridge {}, of what this machine sends",
    "fwdpstrt": "network forwards that an instance on bridge {} asks for itself",
    "acl": "rules of the ACLs of bridge {}",
    "aclin": "the ACLs of bridge {}, packets for this machine",
    "aclout": "the ACLs of bridge {}, packets that this machine sends",
    "aclfwd": "the ACLs of bridge {}, forwarded packets",
}


def _bridges(name: str) -> str:
    kind, _, bridge = name.partition(".")
    return _BRIDGES[kind].format(bridge) if bridge and kind in _BRIDGES else ""


_DOCKER: Mapping[str, str] = {
    "filter-FORWARD": "forwarded packets, sorted by the network that they go to and come from",
    "nat-PREROUTING": "connections to an address of this machine, looked up among the published ports",
    "nat-OUTPUT": "this machine's own connections to its addresses, looked up among the published ports",
    "nat-POSTROUTING": "packets that leave, sorted by the network that they come from and go to",
    "nat-prerouting-and-output": "the published ports",
    "raw-PREROUTING": "what is dropped before anything else: direct access to containers' addresses",
}
_DOCKER_BRIDGES: Mapping[str, str] = {
    "filter-forward-in": "what may enter bridge {}",
    "filter-forward-out": "what may leave bridge {}",
    "nat-postrouting-in": "sources of packets that go to bridge {}",
    "nat-postrouting-out": "sources of packets that leave bridge {}",
}


def _docker(name: str) -> str:
    kind, _, bridge = name.partition("__")
    return _DOCKER_BRIDGES[kind].format(bridge) if bridge and kind in _DOCKER_BRIDGES else _DOCKER.get(name, "")


_BY_OWNER: Mapping[str, Callable[[str], str]] = {
    "Docker": _docker,
    "firewalld": _firewalld,
    "podman (netavark)": _netavark,
    "libvirt": lambda name: _LIBVIRT.get(name, ""),
    "LXD": _bridges,
    "Incus": _bridges,
    "CrowdSec": lambda _name: "packets from addresses in its sets are stopped",
    "fail2ban": lambda _name: "packets from addresses in its jails' sets are stopped",
}


def native_chain(table: str, chain: str) -> tuple[str, str]:
    """Return the owner and content of a native table's chain; "" where the names do not tell."""
    owner = table_owner(table)
    content = _BY_OWNER.get(owner)
    return owner, content(chain) if content is not None else ""
