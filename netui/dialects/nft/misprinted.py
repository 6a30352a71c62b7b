"""Rules in iptables' own tables that iptables did not write and that its save program misprints.

``iptables-nft-save`` omits what it does not understand: ``tcp dport { 3306, 6379 }`` becomes all of TCP,
``ip saddr A-B`` the address B. The JSON tells whether iptables could have written a rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from netui.dialects.nft.document import native_rule
from netui.dialects.nft.tables import OpenTable, open_tables
from netui.model import Chain, Rule, Ruleset, Table, TableFamily
from netui.text.json_fields import items, number, obj, text

_INTERFACES = {"iifname": ("-i ",), "oifname": ("-o ",), "iif": ("-i ",), "oif": ("-o ",)}
_ADDRESSES = {"saddr": ("-s ",), "daddr": ("-d ",)}
_PORTS = {"sport": ("--sport ", "--sports "), "dport": ("--dport ", "--dports ")}
#: Native statements that iptables-nft writes, and their form in its line.
_PLAIN: Mapping[str, tuple[str, ...]] = {
    "counter": (),
    "xt": (),
    "accept": ("-j ACCEPT",),
    "drop": ("-j DROP",),
    "return": ("-j RETURN",),
    "limit": ("-m limit",),
    "log": ("-j LOG", "-j NFLOG"),
    "comment": (),
    "last": (),
}  # fmt: skip


def corrected(ruleset: Ruleset, entries: Iterable[object]) -> Ruleset | None:
    """Return an iptables-nft ruleset with such rules read from nft's JSON; None where it has none.

    entries: the ``nftables`` list of ``nft -j list``, with the ruleset's tables or some of them.
    """
    names = {table.name for table in ruleset.tables}
    opened = open_tables(entries, lambda family, name: family == ruleset.family and name in names)
    changed = False
    tables: list[Table] = []
    for table in ruleset.tables:
        given = opened.get((ruleset.family, table.name))
        chains = (
            table.chains if given is None else tuple(_chain(ruleset.family, chain, given) for chain in table.chains)
        )
        if any(new is not old for new, old in zip(chains, table.chains, strict=True)):
            changed = True
            assert given is not None
            tables.append(replace(table, chains=chains, sets=given.sets()))
        else:
            tables.append(table)
    return Ruleset(ruleset.family, ruleset.backend, tuple(tables), ruleset.skeleton) if changed else None


def _chain(family: TableFamily, chain: Chain, table: OpenTable) -> Chain:
    """Return the chain with its misprinted rules read from the JSON; the chain itself where it has none."""
    printed = table.rules.get(chain.name, [])
    expressions = table.expressions(family)

    def native(position: int, entry: dict[str, Any], index: int) -> Rule:
        return native_rule(position, entry, expressions, table.named, index)

    if len(printed) != len(chain.rules):
        # lines and rules do not correspond: the kernel's rules are taken
        return replace(chain, rules=tuple(native(number, entry, -1) for number, entry in enumerate(printed, 1)))
    rules = tuple(
        rule if could_be_iptables(entry, rule.text) else native(rule.number, entry, rule.index)
        for rule, entry in zip(chain.rules, printed, strict=True)
    )
    return (
        chain if all(new is old for new, old in zip(rules, chain.rules, strict=True)) else replace(chain, rules=rules)
    )


def could_be_iptables(rule: Mapping[str, Any], line: str) -> bool:
    """Return whether iptables could have written a rule, and its line is as complete as the JSON."""
    return all(_printed_truly(obj(statement), line) for statement in items(rule.get("expr")))


def _printed_truly(statement: dict[str, Any], line: str) -> bool:
    for kind, value in statement.items():
        if kind == "match":
            return _match(obj(value), line)
        if kind in ("jump", "goto"):
            target = text(obj(value).get("target"))
            return line.endswith(f" {target}") or f" {target} " in line
        if kind in _PLAIN:
            return any(words in line for words in _PLAIN[kind]) if _PLAIN[kind] else True
    return False


def _match(match: dict[str, Any], line: str) -> bool:
    """Return whether iptables writes such a native match: one value, prefix or mask, with its option in the line."""
    left, right = obj(match.get("left")), match.get("right")
    operator = text(match.get("op"))
    plain = operator in ("==", "!=", "in", "")
    masked = items(left.get("&"))
    if masked:
        left = obj(masked[0])
    meta = text(obj(left.get("meta")).get("key"))
    payload = obj(left.get("payload"))
    protocol, field = text(payload.get("protocol")), text(payload.get("field"))
    # a port range from 0 or to 65535 is one comparison; "no flag set" has its own operator
    if protocol in ("tcp", "udp", "sctp", "dccp", "udplite", "th") and field in _PORTS:
        return (isinstance(right, int) or (plain and "range" in obj(right))) and _named(line, _PORTS[field])
    if protocol == "tcp" and field == "flags":
        return "--tcp-flags" in line or "--syn" in line
    if not plain:
        return False
    if meta in _INTERFACES:
        return isinstance(right, str) and _named(line, _INTERFACES[meta])
    if meta == "l4proto":
        return isinstance(right, str | int) and "-p " in line
    if meta == "mark":
        return isinstance(right, int) and "mark" in line
    if protocol in ("ip", "ip6") and field in _ADDRESSES:
        single = isinstance(right, str) and not right.startswith("@")
        return (single or "prefix" in obj(right)) and _named(line, _ADDRESSES[field]) and _address(right, line)
    if protocol in ("ip", "ip6") and field in ("protocol", "nexthdr"):
        return isinstance(right, str | int) and "-p " in line
    if protocol == "ip" and field == "frag-off":
        return "-f " in f"{line} "
    return False


def _named(line: str, options: Sequence[str]) -> bool:
    return any(f" {option}" in line for option in options)


def _address(right: object, line: str) -> bool:
    prefix = obj(obj(right).get("prefix"))
    if prefix:
        return f"{text(prefix.get('addr'))}/{number(prefix.get('len'))}" in line
    return text(right) in line
