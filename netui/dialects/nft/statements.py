"""Statements in nft's JSON → the model, with one function for each kind; unknown statements are named, not guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from netui.dialects.nft import expression_words, words
from netui.dialects.nft.expressions import Expressions, type_of
from netui.dialects.nft.measures import Named
from netui.dialects.nft.values import verdict_of
from netui.model.references import keys_of
from netui.model.statements import (
    Compare,
    Concat,
    Expression,
    Literal,
    Lookup,
    Nat,
    Note,
    Opaque,
    SetField,
    SetUpdate,
    Statement,
    Strange,
    Unread,
    Untrack,
    Verdict,
    VerdictMap,
)
from netui.text.json_fields import items, obj, text

#: Statements without an effect that a match can see; the rule goes on after them.
_NOTES = frozenset(
    {"counter", "log", "dup", "flow", "last", "comment", "ct helper", "ct timeout", "ct expectation", "secmark",
     "reset", "ct secmark", "audit"}
)  # fmt: skip
#: iptables' targets of the same kind, which nft prints as opaque ``xt``.
_XT_NOTES = frozenset(
    {"LOG", "NFLOG", "ULOG", "AUDIT", "TRACE", "CLASSIFY", "CHECKSUM", "DSCP", "TOS", "ECN", "TTL", "HL", "TCPMSS",
     "TCPOPTSTRIP", "SECMARK", "CONNSECMARK", "RATEEST", "LED", "IDLETIMER", "TEE"}
)  # fmt: skip
_OVER = {"limit": "inv", "quota": "inv", "ct count": "inv"}


def statements_of(printed: list[Any], expressions: Expressions, named: Named) -> tuple[Statement, ...]:
    """Return the statements of one rule in order.

    named: the table's limits and quotas by (kind, name).
    """
    statements: list[Statement] = []
    for entry in printed:
        if isinstance(entry, dict) and len(entry) == 1:
            kind, value = next(iter(entry.items()))
            statements.extend(_statement(kind, value, entry, expressions, named))
        else:
            statements.append(Strange(words.statement(entry)))
    return tuple(statements)


#: Families whose chains see IPv4 and IPv6, and the match that distinguishes the two.
_BOTH = frozenset({"inet", "bridge", "netdev"})
_TELLS_FAMILY = ("ip ", "ip6 ", "icmp ", "icmpv6 ", "meta nfproto", "meta protocol", "ether type",
                 "ct original ip", "ct reply ip")  # fmt: skip


def with_lost_family(statements: tuple[Statement, ...], family: str) -> tuple[Statement, ...]:
    """Return a rule's statements with the match that nft may have omitted: the family of ``reject with tcp reset``.

    nft (seen: 1.0.6, 1.1.3) omits a match of the family directly before it (stmt_reject_postprocess), so a rule
    for IPv4 only looks like a rule for both.
    """
    last = statements[-1] if statements else None
    if family not in _BOTH or not isinstance(last, Verdict) or last.how != "tcp reset":
        return statements
    keys = (key.words for statement in statements for key in keys_of(statement))
    if any(key.startswith(_TELLS_FAMILY) for key in keys):
        return statements
    lost = Opaque("reject with tcp reset", likely=True, reason="nft does not print for which family this rule is")
    return (*statements[:-1], lost, last)


def _statement(
    kind: str, value: object, printed: object, expressions: Expressions, named: Named
) -> Iterator[Statement]:
    verdict = verdict_of(printed)
    if verdict is not None:
        yield verdict
    elif kind in _OVER:
        given = named.get((kind, value), {}) if isinstance(value, str) else obj(value)
        yield _counting(words.statement(printed), bool(given.get(_OVER[kind])))
    elif kind in _NOTES:
        yield Note(kind, words.statement(printed))
    elif kind in ("set", "map", "meter"):
        yield from _update(value, expressions, printed)
    elif kind == "xt":
        yield from _xt(obj(value), printed)
    else:
        reader = _READERS.get(kind)
        yield reader(value, expressions, words.statement(printed)) if reader else Strange(words.statement(printed))


def _counting(written: str, over: bool) -> Opaque:
    """Parse a limit, a quota or a count of connections: a quiet sender does not exceed it."""
    amount = written
    for beginning in ("limit rate over ", "limit rate ", "quota over ", "quota ", "ct count over ", "ct count "):
        if written.startswith(beginning):
            amount = written.removeprefix(beginning).partition(" burst ")[0]
            break
    amount = f"{amount} connections" if written.startswith("ct count") else amount
    return Opaque(written, not over, f"up to {amount}")


def _match(value: object, expressions: Expressions, written: str) -> Statement:
    entry = obj(value)
    left = expressions.read(entry.get("left"))
    operator = text(entry.get("op")) or "=="
    if isinstance(left, Unread | Literal) or operator not in ("==", "!=", "<", ">", "<=", ">=", "in", "!"):
        return Opaque(written)
    if operator == "in" and (type_of(left) == "ifname" or isinstance(left, Concat)):
        operator = "=="
    return Compare(left, operator, expressions.elements(left, entry.get("right")), written)


def _vmap(value: object, expressions: Expressions, written: str) -> Statement:
    entry = obj(value)
    key = expressions.read(entry.get("key"))
    return VerdictMap(key, expressions.map(key, entry.get("data"), ()), written)


def _reject(value: object, expressions: Expressions, _written: str) -> Statement:
    default = {"ip": "icmp port-unreachable", "ip6": "icmpv6 port-unreachable"}
    return Verdict("reject", how=words.reject_kind(value) or default.get(expressions.family, "icmpx port-unreachable"))


def _queue(_value: object, _expressions: Expressions, _written: str) -> Statement:
    return Verdict("queue")


def _untrack(_value: object, _expressions: Expressions, _written: str) -> Statement:
    return Untrack()


def _mangle(value: object, expressions: Expressions, written: str) -> Statement:
    entry = obj(value)
    key = expression_words.expression(entry.get("key"))
    kind = type_of(expressions.read(entry.get("key")))
    return SetField(key, expressions.read(entry.get("value"), kind or "integer"), written)


def _nat(kind: str) -> Callable[[object, Expressions, str], Statement]:
    def read(value: object, expressions: Expressions, written: str) -> Statement:
        entry = obj(value)
        flags = [text(flag) for flag in (items(entry.get("flags")) or [entry.get("flags")])]
        families = {"ip": "ip", "ip6": "ip6"}
        family = text(entry.get("family")) or families.get(expressions.family, "")
        address, last_address = _ends(
            entry.get("addr"), expressions, {"ip": "ipv4_addr", "ip6": "ipv6_addr"}.get(family, "")
        )
        port, last_port = _ends(entry.get("port"), expressions, "inet_service")
        type_flags = [text(flag) for flag in (items(entry.get("type_flags")) or [entry.get("type_flags")])]
        both = address if isinstance(address, Lookup) and port is None else None
        return Nat(
            kind,
            written,
            family,
            None if both is not None else address,
            last_address,
            port,
            last_port,
            both,
            random="random" in flags or "fully-random" in flags,
            prefix="prefix" in type_flags or "netmap" in flags,
        )

    return read


def _ends(printed: object, expressions: Expressions, kind: str) -> tuple[Expression | None, Expression | None]:
    """Return a value's or a range's two ends."""
    if printed is None:
        return None, None
    ends = items(obj(printed).get("range"))
    if len(ends) == 2:
        return expressions.read(ends[0], kind), expressions.read(ends[1], kind)
    return expressions.read(printed, kind), None


def _update(value: object, expressions: Expressions, printed: object) -> Iterator[Statement]:
    """Parse ``add @s { … limit … }``: an inner match that fails ends the rule."""
    entry = obj(value)
    written = words.statement(printed)
    stmt = entry.get("stmt")
    # a meter has one statement instead of a list
    inner = [stmt] if isinstance(stmt, dict) else items(stmt)
    for statement in inner:
        for name, given in obj(statement).items():
            if name in _OVER:
                yield replace(_counting(words.statement(statement), bool(obj(given).get(_OVER[name]))), words=written)
            elif name not in _NOTES:
                yield Opaque(written)
    name = text(entry.get("set")) or text(entry.get("map")) or text(entry.get("name"))
    element = entry.get("elem", entry.get("key"))
    key = expressions.read(obj(obj(element).get("elem")).get("val", element))
    yield SetUpdate(name.lstrip("@"), written, key)


def _xt(value: dict[str, Any], printed: object) -> Iterator[Statement]:
    written = words.statement(printed)
    if text(value.get("type")) == "match":
        yield Opaque(written)
    elif text(value.get("name")) in _XT_NOTES:
        yield Note("xt", written)
    elif text(value.get("name")) == "REJECT":
        yield Verdict("reject", how="")
    else:
        yield Strange(written)


_READERS: Mapping[str, Callable[[object, Expressions, str], Statement]] = {
    "match": _match,
    "vmap": _vmap,
    "reject": _reject,
    "queue": _queue,
    "notrack": _untrack,
    "mangle": _mangle,
    "snat": _nat("snat"),
    "dnat": _nat("dnat"),
    "masquerade": _nat("masquerade"),
    "redirect": _nat("redirect"),
}
