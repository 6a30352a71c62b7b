"""A network namespace prepared for walking: base chains by hook, routes, bridges, sysctls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from netui.model import (
    Chain,
    Family,
    Hook,
    Interface,
    NativeChain,
    Socket,
)
from netui.traversal.host.prepared_chain import PreparedChain, PreparedTable
from netui.traversal.host.routing import Fib

#: Priorities of the two translations (NF_IP_PRI_NAT_DST, NF_IP_PRI_NAT_SRC).
_DST_NAT, _SRC_NAT = -100, 100


@dataclass(slots=True)
class BaseChain:
    """A base chain at a hook: one of iptables', or a native one of which only the effects are known."""

    priority: int
    type: str
    backend: str
    chain: PreparedChain | None = None
    native: NativeChain | None = None

    @property
    def does_something(self) -> bool:
        """Whether it has an effect, so that its order could matter."""
        if self.native is not None:
            return bool(self.native.effects)
        assert self.chain is not None
        return bool(self.chain.chain.rules) or self.chain.chain.policy not in (None, "ACCEPT", "-")

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices of a chain at ingress or egress, () where they were not printed."""
        if self.native is not None:
            return self.native.devices
        assert self.chain is not None
        return self.chain.chain.devices

    @property
    def place(self) -> tuple[str, str, str]:
        """Family, table and name."""
        chain: NativeChain | Chain | None = self.native or (self.chain.chain if self.chain is not None else None)
        assert chain is not None
        return chain.family, chain.table, chain.name


@dataclass(frozen=True, slots=True)
class HookChains:
    """The base chains of a hook.

    groups: those that are not nat's, by priority (an empty group at the priorities of nat chains). nat: the nat
    chains, which run at priority nat_at. tracks: whether conntrack runs at this hook. unread: why the rules
    are not known, "" where they are.
    """

    nat: tuple[BaseChain, ...]
    groups: tuple[tuple[int, tuple[BaseChain, ...]], ...]
    nat_at: int
    tracks: bool
    unread: str


@dataclass(slots=True)
class Namespace:
    """One network namespace, prepared. name: "" for the host's own."""

    name: str
    fibs: Mapping[Family, Fib]
    bases: Mapping[tuple[Family, Hook], Sequence[Sequence[BaseChain]]]
    interfaces: Mapping[str, Interface]
    sysctls: Mapping[str, str] | None
    sockets: Sequence[Socket] | None
    rules_read: Mapping[Family, str]
    #: the tables of the base chains
    tables: Sequence[PreparedTable] = ()
    #: whether conntrack is active for the family
    tracks: Mapping[Family, bool] = field(default_factory=dict)
    bridge_of: Mapping[str, str] = field(default_factory=dict)
    #: base chains outside the IP hooks, by (family, hook): of devices ("netdev") and of bridges
    low: Mapping[tuple[str, Hook], Sequence[BaseChain]] = field(default_factory=dict)
    #: base chains of the arp family, which see ARP requests and answers
    arp: Mapping[Hook, Sequence[BaseChain]] = field(default_factory=dict)
    #: the functions at a (family, hook), in the kernel's order (see Snapshot.hook_order)
    order: Mapping[tuple[str, str], Sequence[tuple[str, ...]]] = field(default_factory=dict)
    #: the tables' handles: a newer table has a greater one (see Snapshot.table_handles)
    handles: Mapping[tuple[str, str], int] = field(default_factory=dict)
    #: cache: IPv4 sources whose reverse path leads by the interface by which they came in
    right_ways: set[tuple[int, str]] = field(default_factory=set)
    #: whether the reverse path is checked; False: it is assumed to be right (see alone.by_hand)
    filters_sources: bool = True
    #: cache: whether packets that come in by an interface are forwarded
    forwarding: dict[tuple[Family, str], bool] = field(default_factory=dict)
    #: whether conntrack sees frames on bridges before the IP hooks (nf_conntrack_bridge; a rule there needs it)
    bridges_track: bool = False
    #: the port of a bridge that leads to a container's address, where it is known (see own_routes.bridge_ports)
    guests: Mapping[tuple[str, Family, int], str] = field(default_factory=dict)
    _low_names: tuple[frozenset[str], tuple[str, ...]] | None = None
    _stages: dict[tuple[Family, Hook], HookChains] = field(default_factory=dict)
    _ports: dict[str, list[Interface]] = field(default_factory=dict)
    _of_device: dict[tuple[str, str, str], int | None] = field(default_factory=dict)

    def let_go(self) -> None:
        """Free what was made of its rules, when no walk uses it any more."""
        for table in self.tables:
            table.let_go()
        self.tables = ()

    def hook_chains(self, family: Family, hook: Hook) -> HookChains:
        """Return the base chains at a hook."""
        chains = self._stages.get((family, hook))
        if chains is None:
            groups = self.bases.get((family, hook), ())
            first = hook in ("prerouting", "output")
            chains = self._stages[family, hook] = HookChains(
                tuple(base for group in groups for base in group if base.type == "nat"),
                tuple((group[0].priority, tuple(base for base in group if base.type != "nat")) for group in groups),
                _DST_NAT if first else _SRC_NAT,
                first and self.tracks.get(family, True),
                self.rules_read.get(family, ""),
            )
        return chains

    def in_order(self, family: str, hook: Hook, bases: Sequence[BaseChain]) -> list[BaseChain] | None:
        """Return base chains in the kernel's order; None where it was not printed."""
        order = self.order.get((family, hook))
        if order is None or not all(base.place in order for base in bases):
            return None
        return sorted(bases, key=lambda base: order.index(base.place))

    def youngest_first(self, bases: Sequence[BaseChain]) -> list[BaseChain] | None:
        """Return base chains of equal priority in the kernel's order, if each is as old as its table.

        The kernel puts a new chain first (nf_hook_entries_grow). The age of a chain is not printed, that of its
        table is its handle. None where the handles are not known either.
        """
        numbers = {base.place: self.handles.get(base.place[:2], 0) for base in bases if base.backend != "legacy"}
        if len(numbers) < len(bases) or not all(numbers.values()):
            return None
        # of the chains of one table, the last one printed is the newest
        return sorted(bases, key=lambda base: numbers[base.place])[::-1]

    def behind(self, base: BaseChain, hook: Hook, function: str) -> bool | None:
        """Return whether a chain of the bridge family runs after a function; None where it was not printed."""
        order = self.order.get(("bridge", hook), ())
        where = next((at for at, entry in enumerate(order) if len(entry) == 1 and entry[0].startswith(function)), None)
        return None if where is None or base.place not in order else order.index(base.place) > where

    def low_names(self) -> tuple[frozenset[str], tuple[str, ...]]:
        """Return the names and name prefixes of interfaces that the chains outside the IP hooks may compare with."""
        if self._low_names is None:
            names: set[str] = set()
            tables: dict[int, PreparedTable] = {}
            for base in (base for bases in self.low.values() for base in bases):
                names.update(base.devices)
                if base.chain is not None:
                    tables[id(base.chain.table)] = base.chain.table
            for prepared in tables.values():
                names.update(prepared.words())
            prefixes = tuple(sorted(name[:-1] for name in names if name.endswith("*")))
            self._low_names = frozenset(name for name in names if not name.endswith("*")), prefixes
        return self._low_names

    def sysctl(self, name: str) -> str | None:
        """Return a sysctl's value; None where it was not read."""
        return None if self.sysctls is None else self.sysctls.get(name)

    def device_sysctl(self, family: str, device: str, name: str) -> int | None:
        """Return ``net.<family>.conf.<device>.<name>``; None where it is not known."""
        key = (family, device, name)
        if key not in self._of_device:
            value = self.sysctl(f"net.{family}.conf.{device}.{name}")
            if value is None and "." in device:
                value = self.sysctl(f"net.{family}.conf.{device.replace('.', '/')}.{name}")
            self._of_device[key] = int(value) if value is not None and value.lstrip("-").isdigit() else None
        return self._of_device[key]

    def calls_iptables(self, bridge: str, family: Family) -> bool | None:
        """Return whether the IP hooks see the bridge's frames (br_netfilter); None if not known."""
        interface = self.interfaces.get(bridge)
        own = None
        if interface is not None:
            own = interface.nf_call_iptables if family == "ip" else interface.nf_call_ip6tables
        if own:
            return True
        if self.sysctls is None:
            return None
        name = "iptables" if family == "ip" else "ip6tables"
        # no key under net.bridge: br_netfilter is not loaded
        return self.sysctls.get(f"net.bridge.bridge-nf-call-{name}", "0") == "1"

    def ports(self, bridge: str) -> list[Interface]:
        """Return the bridge's ports."""
        ports = self._ports.get(bridge)
        if ports is None:
            ports = self._ports[bridge] = [i for i in self.interfaces.values() if i.master == bridge]
        return ports
