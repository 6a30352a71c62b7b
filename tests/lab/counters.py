"""Legacy tables' own verdict: the counters that one packet moved.

A table of our own stops every packet that is no flow's first one before any rule sees it, so that
what moved is what the first packet met: answers, acknowledgements and errors would count too.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from .hosts import Host
from .senders import FIRST_PORT, LAST_PORT, Attempt, Flow

_ONLY_FIRST = f"""
table inet first {{
  chain pre {{ type filter hook prerouting priority -500; jump pick; }}
  chain out {{ type filter hook output priority -500; jump pick; }}
  chain pick {{
    tcp flags & (syn|ack) == syn tcp sport {FIRST_PORT}-{LAST_PORT} return
    udp sport {FIRST_PORT}-{LAST_PORT} return
    icmp type echo-request return
    icmpv6 type {{ echo-request, nd-neighbor-solicit, nd-neighbor-advert }} return
    drop
  }}
}}
"""

Rule = tuple[str, str, str, int | None]
"""Family, table, chain and number; None is the policy of a base chain."""


class CounterJudge:
    """Counts what one packet at a time moves in a host's legacy tables."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def __enter__(self) -> CounterJudge:
        self._host.engine.tool("nft", "-f", "-", stdin=_ONLY_FIRST)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._host.engine.tool("nft", "delete", "table", "inet", "first")

    def moved(self, flows: Sequence[Flow]) -> list[set[Rule]]:
        """For each flow the rules and dropping policies whose counter its first packet moved."""
        places = {name: self._host.sandbox(name) for name in {flow.src for flow in flows}}
        before = {family: self._read(family) for family in (4, 6)}
        found = []
        for flow in flows:
            attempt = Attempt(flow, self._host.ports.take(), 0.0)
            attempt.start(places[flow.src])
            # Neighbours are known from the traced run; 10 ms without a change and it is through.
            after, changed = before[flow.family], time.monotonic()
            while time.monotonic() < changed + 0.01:
                now = self._read(flow.family)
                if now != after:
                    after, changed = now, time.monotonic()
            attempt.close()
            found.append({rule for rule, count in after.items() if count != before[flow.family].get(rule)})
            before[flow.family] = after
        return found

    def _read(self, family: int) -> dict[Rule, str]:
        """The packet and byte counters of each rule and dropping policy."""
        tool, name = ("iptables-legacy-save", "ip") if family == 4 else ("ip6tables-legacy-save", "ip6")
        counters: dict[Rule, str] = {}
        table, numbers = "", dict[str, int]()
        for line in self._host.engine.tool(tool, "-c").splitlines():
            if line.startswith("*"):
                table, numbers = line[1:], {}
            elif line.startswith(":"):
                chain, policy, count = line[1:].split()
                if policy == "DROP":
                    counters[(name, table, chain, None)] = count
            elif line.startswith("["):
                count, _, chain = line.split()[:3]
                numbers[chain] = numbers.get(chain, 0) + 1
                counters[(name, table, chain, numbers[chain])] = count
        return counters
