"""The kernel as the judge: the rules that the first packet of each flow met, in order.

A table of our own (`inet trc`) turns tracing on for packets whose source port (or ICMP id) is
in the senders' range; it is there only while a Tracer is open. Lines are joined by that port:
the trace id of one packet changes on its way when it is bridged or looped back.
"""

from __future__ import annotations

import itertools
import json
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol

from .netlink import Event, Header, TraceSocket
from .nflog import LegacyEvent, LogSocket
from .senders import FIRST_PORT, LAST_PORT, PROTOCOLS, Sent

# 40000 and up are the host's own programs (hosts.py): docker-proxy's second connections.
_TABLE = f"""
table inet trc {{
  chain pre {{ type filter hook prerouting priority -450; jump pick; }}
  chain out {{ type filter hook output priority -450; jump pick; }}
  chain pick {{
    tcp flags & (syn|ack) == syn th sport {FIRST_PORT}-60999 meta nftrace set 1
    meta l4proto {{ udp, sctp, udplite }} th sport {FIRST_PORT}-{LAST_PORT} meta nftrace set 1
    icmp type echo-request icmp id {FIRST_PORT}-{LAST_PORT} meta nftrace set 1
    icmpv6 type echo-request icmpv6 id {FIRST_PORT}-{LAST_PORT} meta nftrace set 1
  }}
}}
"""


@dataclass(frozen=True)
class Step:
    """One rule that matched, or (rule None) the policy by which a base chain was left."""

    family: str
    backend: str
    table: str
    chain: str
    rule: int | None
    verdict: str

    def __str__(self) -> str:
        place = f"{self.family} {self.table} {self.chain}"
        if self.backend == "legacy":
            place = f"legacy {place}"
        return f"{place} {self.rule or 'policy'}: {self.verdict.removeprefix('policy ')}"


@dataclass
class Trace:
    """What the kernel said of one packet."""

    steps: list[Step] = field(default_factory=list)
    headers: list[tuple[str, Header]] = field(default_factory=list)
    """The packet at the entry of each base chain: (table and chain, header)."""
    raw: list[Event] = field(default_factory=list)


Key = tuple[int, int]
AGAIN: Key = (-1, 0)


class Tools(Protocol):
    """What runs a tool in a namespace."""

    def tool(self, *command: str, stdin: str | None = None, check: bool = True, sandbox: str = "") -> str:
        """Run it; its output."""


class Traced(Protocol):
    """A machine that can be traced: a lab host, or the fuzzer's router."""

    @property
    def engine(self) -> Tools:
        """Its own tools."""

    def sandbox(self, name: str) -> str:
        """Path of a network namespace by name."""


class Tracer:
    """Traces a host (or one container's namespace) while it is open."""

    def __init__(self, host: Traced, sandbox: str = "host") -> None:
        self._host = host
        self._path = host.sandbox(sandbox)
        self._traces: dict[Key, Trace] = defaultdict(Trace)
        self._current: dict[int, Key] = {}
        self._order: list[Event] = []
        self._steps: list[Step] = []
        self._idents: dict[Key, int] = {}
        self._numbers: dict[tuple[str, str, str, int], int] = {}
        self._targets: dict[tuple[str, str, str, int], str] = {}

    def __enter__(self) -> Tracer:
        self._trace_socket = TraceSocket(self._path)
        self._log_socket = LogSocket(self._path)
        self._nft("-f", "-", stdin=_TABLE)
        self.read_rules()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._nft("delete", "table", "inet", "trc")
        self._trace_socket.close()
        self._log_socket.close()

    def _nft(self, *arguments: str, stdin: str | None = None) -> str:
        return self._host.engine.tool("nft", *arguments, stdin=stdin, sandbox=self._path)

    def read_rules(self, listing: dict[str, Any] | None = None) -> None:
        """Learn which handle is which rule's number; again after the rules have changed.

        `listing` is what `nft -j -a list ruleset` said, where the caller has it.
        """
        listing = listing or json.loads(self._nft("-j", "-a", "list", "ruleset"))
        count: dict[tuple[str, str, str], int] = defaultdict(int)
        self._numbers.clear()
        for item in listing["nftables"]:
            if rule := item.get("rule"):
                chain = (rule["family"], rule["table"], rule["chain"])
                count[chain] += 1
                self._numbers[(*chain, rule["handle"])] = count[chain]
        self._targets.clear()
        for family, tool in (("ip", "iptables-legacy-save"), ("ip6", "ip6tables-legacy-save")):
            if legacy_tables(self._path, family):
                saved = self._host.engine.tool(tool, sandbox=self._path)
                self._targets |= legacy_targets(family, saved)

    # ---- joining -------------------------------------------------------------------------

    def drain(self) -> None:
        """Take what the kernel has said so far."""
        for event in self._trace_socket.drain():
            if event.table != "trc":
                self._add(event)
        for legacy in self._log_socket.drain():
            self._add_legacy(legacy)

    def _add(self, event: Event) -> None:
        if event.header is not None:
            key = event.header.key
            # A packet whose source port was changed on the way: its trace id still tells.
            known = self._current.get(event.trace_id)
            if key not in self._traces and known is not None and event.header.src:
                key = known if not FIRST_PORT <= key[1] <= 60999 else key
            self._current[event.trace_id] = key
            # Another IP id: the sender's second try, which is not the first packet any more.
            if self._idents.setdefault(key, event.header.ident) != event.header.ident:
                self._current[event.trace_id] = key = AGAIN
            self._traces[key].headers.append((f"{event.table} {event.chain}", event.header))
        key = self._current.get(event.trace_id, (0, 0))
        trace = self._traces[key]
        trace.raw.append(event)
        self._order.append(event)
        step = self._step(event)
        if step is not None:
            trace.steps.append(step)
            self._steps.append(step)

    def _step(self, event: Event) -> Step | None:
        if event.verdict == "end":
            return None
        number = None
        if event.handle is not None:
            number = self._numbers.get((event.family, event.table, event.chain, event.handle), 0)
        return Step(event.family, "nft", event.table, event.chain, number, event.verdict)

    def _add_legacy(self, event: LegacyEvent) -> None:
        if event.header is None:
            return
        place = (event.family, event.table, event.chain)
        number: int | None = event.number
        verdict = self._targets.get((*place, event.number))
        if verdict is None:
            if event.kind == "return":
                return  # A user chain's end.
            number, verdict = None, self._targets.get((*place, 0), "policy ?")
        key = event.header.key
        if self._idents.setdefault(key, event.header.ident) != event.header.ident:
            return  # The sender's second try.
        step = Step(event.family, "legacy", event.table, event.chain, number, verdict)
        self._traces[key].steps.append(step)
        self._steps.append(step)

    def trace(self, sent: Sent) -> Trace:
        """The trace of one flow (empty when this host's rules never saw it)."""
        return self._traces.get((PROTOCOLS[sent.flow.protocol], sent.sport), Trace())

    def collect(self, sent: Sequence[Sent]) -> list[Trace]:
        """The traces of these flows, in order."""
        self.drain()
        return [self.trace(one) for one in sent]

    def others(self) -> list[Trace]:
        """Traces of the host's own programs: docker-proxy's connections to containers."""
        self.drain()
        return [trace for (_, port), trace in self._traces.items() if port > LAST_PORT]

    def take(self) -> Trace:
        """All that was said since the last time as one trace: for packets sent one at a time."""
        self.drain()
        whole = Trace(list(self._steps), [], list(self._order))
        self._traces.clear()
        self._current.clear()
        self._order.clear()
        self._steps.clear()
        self._idents.clear()
        return whole


def legacy_tables(sandbox: str, family: str) -> list[str]:
    """The legacy tables that a namespace has; asking iptables-legacy would make them."""
    name = "ip_tables_names" if family == "ip" else "ip6_tables_names"
    done = subprocess.run(
        ["nsenter", f"--net={sandbox}", "cat", f"/proc/net/{name}"], check=False, capture_output=True, text=True
    )
    return done.stdout.split()


def legacy_targets(family: str, saved: str) -> dict[tuple[str, str, str, int], str]:
    """From `iptables-legacy-save`: the verdict of each rule by number; 0 is the policy."""
    found: dict[tuple[str, str, str, int], str] = {}
    count: dict[str, int] = defaultdict(int)
    table, chains = "", set[str]()
    for line in saved.splitlines():
        if line.startswith("*"):
            table, count, chains = line[1:], defaultdict(int), set()
        elif line.startswith(":"):
            chain, policy = line[1:].split()[:2]
            chains.add(chain)
            if policy != "-":
                found[(family, table, chain, 0)] = f"policy {policy.lower()}"
        elif line.startswith("-A "):
            chain = line.split()[1]
            count[chain] += 1
            found[(family, table, chain, count[chain])] = _target_verdict(line, chains)
    return found


def _target_verdict(rule: str, chains: set[str]) -> str:
    """What a rule's target does to a packet, in the trace's words."""
    words = rule.split()
    for flag, word in itertools.pairwise(words):
        if flag == "-g":
            return f"goto {word}"
        if flag == "-j":
            return f"jump {word}" if word in chains else TARGET_VERDICTS.get(word, "continue")
    return "continue"


TARGET_VERDICTS = {
    **dict.fromkeys(("ACCEPT", "DNAT", "SNAT", "MASQUERADE", "REDIRECT", "NETMAP"), "accept"),
    **dict.fromkeys(("DROP", "REJECT"), "drop"),
    "RETURN": "return",
}


def without_accepting_policies(steps: Iterable[Step]) -> list[Step]:
    """The steps that two sides must agree on: a base chain that does nothing may be missing."""
    return [step for step in steps if step.verdict != "policy accept"]
