"""Which sources a path needs, and why one of them is missing.

With less knowledge a verdict may become "undecided", never another verdict. So where a source that every
path needs was not read, no path is walked: it is undecided, and names the source.
"""

from __future__ import annotations

from netui.model import Family, Network, Snapshot
from netui.traversal.result import Undecided

#: The tables of the default policy rules.
_USUAL_TABLES = frozenset({"main", "local", "default", "254", "255", "253", ""})


def rules_unread(snapshot: Snapshot, family: Family) -> str:
    """Return why the family's iptables rules are not known, "" where they are.

    nft lists iptables-nft's tables, too. Legacy tables that were not read are taken to be empty, as on most hosts,
    unless no ruleset that was read has the engine's own rules.
    """
    stem = "iptables" if family == "ip" else "ip6tables"
    read = {key.backend for key in snapshot.rulesets if key.family == family}
    by_nft = snapshot.nft_chains is not None
    if "nft" not in read and not by_nft:
        return f"{stem}' rules were not read{_why(snapshot, f'{stem}-nft')}"
    if "legacy" not in read and family == "ip" and _engine_rules_missing(snapshot):
        return (
            f"the engine's rules are in none of the tables that were read, and iptables-legacy's were not read"
            f"{_why(snapshot, f'{stem}-legacy')}"
        )
    return ""


def _engine_rules_missing(snapshot: Snapshot) -> bool:
    """Whether an engine with bridge networks has no rule that was read: no chain and no table of Docker's."""
    if not snapshot.joined or not any(network.driver == "bridge" for network in snapshot.networks or ()):
        return False
    return not any(
        chain.name.startswith("DOCKER") or table.name.startswith("docker-")
        for ruleset in snapshot.rulesets.values()
        for table in ruleset.tables
        for chain in table.chains
    )


def blind(snapshot: Snapshot, family: Family) -> Undecided | None:
    """Return what every path of the family needs and was not read, None where nothing is missing."""
    if snapshot.alone:
        return None
    checks = (
        _interfaces(snapshot),
        _native(snapshot),
        _routes(snapshot, family),
        _policy_rules(snapshot, family),
        _docker(snapshot),
    )
    for what, reason in filter(None, checks):
        return Undecided(what, reason, family=family)
    return None


_Missing = tuple[str, str] | None


def _interfaces(snapshot: Snapshot) -> _Missing:
    if snapshot.interfaces is None:
        return "interfaces", f"the host's interfaces were not read{_why(snapshot, 'address')}"
    return None


def _native(snapshot: Snapshot) -> _Missing:
    if snapshot.nft_chains is None:
        return "nftables", f"native nftables tables were not read, which may do anything{_why(snapshot, 'nft')}"
    return None


def _routes(snapshot: Snapshot, family: Family) -> _Missing:
    if family not in snapshot.routes:
        return "routes", f"the host's routes were not read{_why(snapshot, 'route')}"
    return None


def _policy_rules(snapshot: Snapshot, family: Family) -> _Missing:
    """Policy rules that were not read: the default ones apply, unless another table has routes."""
    if family in snapshot.policy_rules:
        return None
    tables = sorted({route.table for route in snapshot.routes.get(family, ())} - _USUAL_TABLES)
    if tables:
        listed = ", ".join(tables[:3])
        return "policy rules", f"the rules that lead to routing table {listed} were not read{_why(snapshot, 'rule')}"
    return None


def _docker(snapshot: Snapshot) -> _Missing:
    """Only a part of the engine's data was read, so the owners of addresses are not known."""
    parts = {"networks": snapshot.networks, "containers": snapshot.containers}
    if snapshot.engine is None and all(part is None for part in parts.values()):
        return None
    for name, part in parts.items():
        if part is None:
            return f"docker's {name}", f"the engine's {name} were not read{_why(snapshot, 'docker')}"
    if snapshot.engine is None or not snapshot.engine.about:
        away = [network for network in snapshot.networks or () if _should_be_here(snapshot, network)]
        if away:
            return (
                "docker info",
                f"whether the engine's rules are these was not read: {away[0].name} has no bridge here"
                f"{_why(snapshot, 'docker')}",
            )
    return None


def _should_be_here(snapshot: Snapshot, network: Network) -> bool:
    """Whether a network that running containers use has no interface on this host."""
    if network.driver != "bridge" or not network.bridge:
        return False
    used = any(c.running and any(e.network_id == network.id for e in c.endpoints) for c in snapshot.containers or ())
    return used and not any(interface.name == network.bridge for interface in snapshot.interfaces or ())


def _why(snapshot: Snapshot, source: str) -> str:
    state = snapshot.sources.get(source)
    return f" ({state.error})" if state is not None and state.error else ""
