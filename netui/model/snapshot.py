"""A snapshot: all that the sources read at one time, and what they could not read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netui.model.engine import Container, Engine, Network
from netui.model.host import Interface, PolicyRule, Route, Socket
from netui.model.kernel import DaemonSettings, Kernel
from netui.model.ruleset import Counter, Counters, Family, IpSet, NativeChain, Ruleset, RulesetKey

#: The sources by name, in the order in which the screen shows them.
SOURCES = (
    "docker",
    "iptables-nft",
    "ip6tables-nft",
    "iptables-legacy",
    "ip6tables-legacy",
    "nft",
    "ipset",
    "address",
    "route",
    "rule",
    "sysctl",
    "sockets",
    "listening",
)


@dataclass(frozen=True, slots=True)
class SourceState:
    """The state of a source.

    read: whether its part of the snapshot is present. time: when it was last read (seconds since 1970), None
    if never. error: why it was not read this time, in one line that says what to do. via: the program or
    library that read it. note: a remark to show, although it was read. disconnected: whether the error is
    that the connection to another machine is lost.
    """

    name: str
    read: bool
    time: float | None = None
    error: str = ""
    via: str = ""
    note: str = ""
    disconnected: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The host at one time. A part that is None was not read; it is never "empty".

    routes and policy_rules: by family. nft_chains: base chains of tables that
    iptables did not make. time: seconds since 1970. origin: "live", "replay" or "demo".
    """

    time: float
    hostname: str = ""
    origin: str = "live"
    engine: Engine | None = None
    networks: tuple[Network, ...] | None = None
    containers: tuple[Container, ...] | None = None
    rulesets: Mapping[RulesetKey, Ruleset] = field(default_factory=dict)
    counters: Mapping[RulesetKey, Counters] = field(default_factory=dict)
    nft_chains: tuple[NativeChain, ...] | None = None
    #: what is registered at a (family, hook), in the kernel's order if known: (family, table, chain), or a function
    hook_order: Mapping[tuple[str, str], tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    #: the handle of each native table (family, name): a newer table has a greater one
    table_handles: Mapping[tuple[str, str], int] = field(default_factory=dict)
    ipsets: Mapping[str, IpSet] | None = None
    interfaces: tuple[Interface, ...] | None = None
    routes: Mapping[Family, tuple[Route, ...]] = field(default_factory=dict)
    policy_rules: Mapping[Family, tuple[PolicyRule, ...]] = field(default_factory=dict)
    sysctls: Mapping[str, str] | None = None
    sockets: tuple[Socket, ...] | None = None
    #: modules of the running kernel, and the engine's settings in daemon.json
    kernel: Kernel | None = None
    daemon: DaemonSettings | None = None
    #: rules in containers' own namespaces, by container ID, where they were read
    namespaces: Mapping[str, tuple[Ruleset, ...]] = field(default_factory=dict)
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    #: whether it holds pasted rules alone, so the other sources are not missed
    alone: bool = False
    #: files of a capture that could not be read, each with the line and the reason
    damaged: tuple[str, ...] = ()

    def counter(self, key: RulesetKey, index: int) -> Counter:
        """Return a counter by ruleset and index; zero for an unknown one."""
        counters = self.counters.get(key)
        if counters is None or index >= len(counters):
            return Counter(0, 0)
        return counters[index]

    @property
    def joined(self) -> bool:
        """Whether engine and rules are of the same machine and namespace, so that names apply to the rules."""
        return self.engine is None or (self.engine.local and self.engine.here)
