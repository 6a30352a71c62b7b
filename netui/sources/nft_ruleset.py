"""``nft -j list ruleset`` → base chains of tables that iptables did not make, and what they can do.

Rules of such tables are not walked. What each base chain could do to a packet
is found through the chains that it jumps to and the verdict maps that it looks
up (libnftables-json(5)).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from netui.model import BUILT_IN, NativeChain
from netui.sources import json_text as js
from netui.sources.errors import SourceError

_TableKey = tuple[str, str]
_ChainKey = tuple[str, str, str]

#: Statements that neither end a packet's way nor change what a later rule sees.
#: "xt" as a match is one too, see _statement.
_HARMLESS = {
    "match", "counter", "log", "accept", "return", "continue", "limit", "quota", "last", "set", "map", "dup", "flow",
    "ct helper", "ct timeout", "ct expectation", "ct count", "comment", "break",
}  # fmt: skip
_EFFECTS = {
    "drop": "drop",
    "reject": "reject",
    "snat": "nat",
    "dnat": "nat",
    "masquerade": "nat",
    "redirect": "nat",
    "queue": "queue",
}
#: ``meta … set`` that no rule's match of ours reads.
_HARMLESS_META = {"nftrace", "priority"}


def native_chains(document: object, iptables_tables: Collection[_TableKey]) -> tuple[NativeChain, ...]:
    """Build the base chains that iptables did not make, in the order printed.

    iptables_tables: (family, table) of all tables in the iptables-nft-save texts.
    A base chain in one of them is iptables' own if it has a built-in chain's name.
    Raises SourceError where the document is no ``nft -j list ruleset``.
    """
    entries = js.list_of_objects(js.obj(document).get("nftables"), "nft -j list ruleset output")
    ruleset = _Statements(entries)
    found: list[NativeChain] = []
    for entry in entries:
        chain = js.obj(entry.get("chain"))
        if not chain.get("hook"):
            continue
        family, table, name = (js.text(chain.get(key)) for key in ("family", "table", "name"))
        if (family, table) in iptables_tables and name in BUILT_IN.get(table, ()):
            continue
        policy = js.text(chain.get("policy")) or "accept"
        effects = ruleset.effects((family, table, name)) | ({"drop"} if policy == "drop" else set())
        found.append(
            NativeChain(
                family,
                table,
                name,
                js.text(chain.get("hook")),
                js.number(chain.get("prio")),
                js.text(chain.get("type")),
                policy,
                frozenset(effects),
            )
        )
    return tuple(found)


class _Statements:
    """The rules' statements by chain, and the verdict maps' elements."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        self._rules: dict[_ChainKey, list[Any]] = {}
        self._maps: dict[_ChainKey, Any] = {}
        for entry in entries:
            rule, mapping, chain = (js.obj(entry.get(kind)) for kind in ("rule", "map", "chain"))
            if rule:
                self._rules.setdefault(_key(rule, "chain"), []).extend(js.items(rule.get("expr")))
            elif mapping:
                self._maps[_key(mapping, "name")] = mapping.get("elem", [])
            elif chain:
                self._rules.setdefault(_key(chain, "name"), [])

    def effects(self, base: _ChainKey) -> set[str]:
        """Return what a packet can suffer in a base chain and in all that it reaches."""
        effects: set[str] = set()
        waiting, seen = [base], {base}
        while waiting:
            chain = waiting.pop()
            for statement in self._rules.get(chain, [{"unlisted": None}]):
                for effect, target in self._statement(chain, js.obj(statement)):
                    if effect:
                        effects.add(effect)
                    key = (chain[0], chain[1], target)
                    if target and key not in seen:
                        seen.add(key)
                        waiting.append(key)
        return effects

    def _statement(self, chain: _ChainKey, statement: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield (effect, "") or ("", name of a chain that is entered)."""
        for kind, value in statement.items() or [("unlisted", None)]:
            if kind in ("jump", "goto"):
                yield "", js.text(js.obj(value).get("target"))
            elif kind == "vmap":
                yield from self._verdict_map(chain, js.obj(value).get("data"))
            elif kind == "mangle":
                yield _mangle(js.obj(js.obj(value).get("key"))), ""
            elif kind in _EFFECTS:
                yield _EFFECTS[kind], ""
            elif kind == "xt" and js.obj(value).get("type") == "match":
                continue
            elif kind not in _HARMLESS:
                yield "unknown", ""

    def _verdict_map(self, chain: _ChainKey, data: object) -> Iterator[tuple[str, str]]:
        """Yield the same of a map, whose data is ``{"set": [[key, verdict], …]}``, or "@name" of a map of its table."""
        if isinstance(data, str) and data.startswith("@"):
            elements = self._maps.get((chain[0], chain[1], data[1:]))
        else:
            elements = js.obj(data).get("set")
        if elements is None:
            yield "unknown", ""
        for element in js.items(elements):
            verdict = js.items(element)[-1:]
            yield from self._statement(chain, js.obj(verdict[0]) if verdict else {})


def _key(entry: dict[str, Any], name: str) -> _ChainKey:
    return js.text(entry.get("family")), js.text(entry.get("table")), js.text(entry.get(name))


def _mangle(key: dict[str, Any]) -> str:
    """Return the effect of setting a header field, a meta key or a connection's key."""
    meta, conntrack = js.obj(key.get("meta")).get("key"), js.obj(key.get("ct")).get("key")
    if meta in _HARMLESS_META or "tcp option" in key:
        # A clamped MSS changes no rule's verdict on the packet.
        return ""
    return "mark" if meta == "mark" or conntrack == "mark" else "unknown"


def parse_native_chains(text: str, iptables_tables: Collection[_TableKey]) -> tuple[NativeChain, ...]:
    """Parse the command's text and build the native base chains; raise SourceError as above."""
    document = js.parse(text)
    if not isinstance(document, dict):
        raise SourceError("is not nft -j list ruleset output; capture it again")
    return native_chains(document, iptables_tables)
