"""A native rule in iptables' words, as far as there are any, for columns and findings.

Other statements become a match of the module ``nft`` with nft's words.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from netui.dialects.nft import words
from netui.model.statements import (
    Compare,
    Elements,
    Interval,
    Key,
    Nat,
    Opaque,
    SetField,
    SetUpdate,
    Statement,
    Strange,
    Text,
    Untrack,
    Value,
    Verdict,
    VerdictMap,
)
from netui.model.words import Match, Option, RuleSpec, Target

_BASIC = {
    "iifname": "-i", "iif": "-i", "oifname": "-o", "oif": "-o",
    "ip saddr": "-s", "ip6 saddr": "-s", "ip daddr": "-d", "ip6 daddr": "-d",
}  # fmt: skip
_PROTOCOLS = ("tcp", "udp", "sctp", "dccp", "udplite")
_TARGETS = {"accept": "ACCEPT", "drop": "DROP", "reject": "REJECT", "return": "RETURN", "queue": "NFQUEUE"}
_NAT = {"snat": "SNAT", "dnat": "DNAT", "masquerade": "MASQUERADE", "redirect": "REDIRECT"}
_NAT_OPTION = {"snat": "--to-source", "dnat": "--to-destination", "redirect": "--to-ports"}


def spec_of(chain: str, statements: tuple[Statement, ...], printed: list[Any], comment: str) -> RuleSpec:
    """Return the rule in iptables' words; printed: its statements in nft's JSON, for the others."""
    basic: list[Option] = []
    matches: list[Match] = []
    target: Target | None = None
    for statement in statements:
        if isinstance(statement, Compare):
            _compare(statement, basic, matches)
        elif isinstance(statement, Verdict):
            target = _verdict(statement) or target
        elif isinstance(statement, Nat):
            option = _NAT_OPTION.get(statement.kind)
            to = statement.words.partition(" to ")[2].split(" ")[0]
            to = to.lstrip(":") if statement.kind == "redirect" else to
            target = Target(_NAT[statement.kind], (Option(option, (to,)),) if option and to else ())
        elif isinstance(statement, Opaque) and statement.reason:
            # the statement has no words of its own
            continue
        elif isinstance(statement, VerdictMap | Strange | Opaque):
            matches.append(Match("nft", (Option(statement.words),)))
        elif target is None and isinstance(statement, SetField | SetUpdate | Untrack):
            target = Target("nft", (Option("notrack" if isinstance(statement, Untrack) else statement.words),))
    if not statements and printed:
        matches.append(Match("nft", (Option(words.rule(printed)),)))
    if comment:
        matches.append(Match("comment", (Option("--comment", (comment,)),)))
    return RuleSpec(chain, (*((Match("", tuple(basic)),) if basic else ()), *matches), target)


def _verdict(statement: Verdict) -> Target | None:
    if statement.kind in ("jump", "goto"):
        return Target(statement.chain, (), statement.kind == "goto")
    name = _TARGETS.get(statement.kind)
    if name is None:
        return None
    options = (Option("--reject-with", (statement.how.replace(" ", "-"),)),) if statement.kind == "reject" else ()
    return Target(name, options)


def _compare(statement: Compare, basic: list[Option], matches: list[Match]) -> None:
    key = statement.left
    value = _only(statement.right)
    negated = statement.operator == "!="
    if isinstance(key, Key) and statement.operator in ("==", "!=") and value is not None:
        option = _BASIC.get(key.words)
        written = _written(value, key.words) if option is not None else ""
        if option is not None and written:
            basic.append(Option(option, (written,), negated))
            return
        protocol, _, name = key.words.partition(" ")
        if protocol in _PROTOCOLS and name in ("sport", "dport") and isinstance(value, Interval):
            span = f"{value.low}" if value.low == value.high else f"{value.low}:{value.high}"
            if not any(option.name == "-p" for option in basic):
                basic.append(Option("-p", (protocol,)))
            matches.append(Match(protocol, (Option(f"--{name}", (span,), negated),)))
            return
        if key.words in ("meta l4proto", "ip protocol", "ip6 nexthdr") and isinstance(value, Interval):
            shown = statement.words.rpartition(" ")[2]
            basic.append(Option("-p", (shown,), negated))
            return
    matches.append(Match("nft", (Option(statement.words),)))


def _only(right: Elements) -> Value:
    if right.name or len(right.elements) != 1 or len(right.elements[0].parts) != 1:
        return None
    return right.elements[0].parts[0]


def _written(value: Value, key: str) -> str:
    if isinstance(value, Text):
        return value.text + ("+" if value.prefix else "")
    if not isinstance(value, Interval) or key.startswith(("iif", "oif")):
        return ""
    bits = 128 if key.startswith("ip6") else 32
    size = value.high - value.low + 1
    length = bits - size.bit_length() + 1
    if size & (size - 1) or value.low & (size - 1) or not 0 <= length <= bits:
        return ""
    address = str(ipaddress.IPv6Address(value.low) if bits == 128 else ipaddress.IPv4Address(value.low))
    return address if length == bits else f"{address}/{length}"
