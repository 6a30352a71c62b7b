"""The signs of containers and ports in the tree: who reaches a port, and new connections a second."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from netui.model import RulesetKey, Snapshot
from netui.ui.presenters.chains.counters import CounterTrack, Identity, counter_index
from netui.ui.presenters.spans import Role

if TYPE_CHECKING:
    from netui.audit.cells import Cell
    from netui.audit.exposure import Exposure

#: A port of a container: its ID, number and protocol.
Port = tuple[str, int, str]
#: Who reaches a port, in a word, and the word's role.
Reach = tuple[str, Role]

_WORLD: Reach = ("world", "warn")
_LISTED: Reach = ("listed", "name")
_LAN: Reach = ("LAN", "name")
_NETWORKS: Reach = ("networks", "dim")
_HOST: Reach = ("host", "dim")
_NOBODY: Reach = ("nobody", "dim")
_UNDECIDED: Reach = ("?", "warn")

#: From the widest origin to the narrowest.
_PLACES = (("world", _WORLD), ("lan", _LAN), ("networks", _NETWORKS), ("own", _NETWORKS), ("host", _HOST))

#: The new destination of a DNAT in iptables-save and nft: IPv4, or IPv6 with or without brackets.
_TO = re.compile(
    r"(?:--to-destination |\bdnat (?:ip6? )?to )"
    r"(?:(?P<v4>\d+\.\d+\.\d+\.\d+)|\[(?P<v6>[0-9a-fA-F:]+)\]|(?P<bare>[0-9a-fA-F]*:[0-9a-fA-F:]*))"
)


def who_reaches(exposures: Iterable[Exposure]) -> dict[Port, Reach]:
    """Return the widest origin that reaches each port; undecided where a wider origin is unknown."""
    return {(one.container_id, one.port, one.protocol): _widest(one.cells) for one in exposures}


def _widest(cells: Iterable[Cell]) -> Reach:
    at: dict[str, set[str]] = {}
    listed = False
    for cell in cells:
        at.setdefault(cell.origin.where, set()).add(cell.state)
        listed = listed or (cell.origin.where == "world" and bool(cell.listed))
    for where, reach in _PLACES:
        states = at.get(where, set())
        if "open" in states:
            return reach
        if "undecided" in states:
            return _UNDECIDED
        if where == "world" and listed:
            return _LISTED
    return _NOBODY


class Inbound:
    """The DNAT rules to each container's address, by container ID."""

    def __init__(self, snapshot: Snapshot) -> None:
        owners = {
            address: container.id
            for container in snapshot.containers or ()
            for endpoint in container.endpoints
            for address in (endpoint.ipv4, endpoint.ipv6)
            if address
        }
        self._rules: dict[str, list[tuple[RulesetKey, Identity]]] = {}
        for key, ruleset in snapshot.rulesets.items() if owners and snapshot.joined else ():
            known = counter_index(ruleset)
            for table in ruleset.tables:
                for chain in table.chains if key.backend == "nftables" or table.name == "nat" else ():
                    for rule in chain.rules:
                        to = _TO.search(rule.text) if "dnat" in rule.text or "DNAT" in rule.text else None
                        owner = owners.get(to["v4"] or to["v6"] or to["bare"]) if to is not None else None
                        if owner is not None:
                            self._rules.setdefault(owner, []).append((key, known.of_rule(chain, rule)))

    def rate(self, container_id: str, track: CounterTrack) -> float:
        """Return new connections a second: a nat rule counts the first packet of each."""
        return sum(track.reading(*rule).rate for rule in self._rules.get(container_id, ()))
