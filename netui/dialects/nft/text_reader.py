"""The text of ``nft list ruleset`` → the entries of ``nft -j list ruleset``, which other modules read.

Source: the printing functions of nftables (src/rule.c, src/statement.c, src/expression.c).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, get_args

from netui.dialects.nft.measures import DATA_UNITS
from netui.dialects.nft.text_expressions import ExpressionReader, NotRead
from netui.dialects.nft.text_statements import StatementReader
from netui.dialects.nft.text_words import Line, NotNftText, Words, words_of
from netui.model import TableFamily

__all__ = ["NotNftText", "read_text"]

_FAMILIES = get_args(TableFamily)
_PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}
_BRIDGE_PRIORITIES = {"dstnat": -300, "filter": -200, "out": 100, "srcnat": 300}
_HEADING = re.compile(r"[+-]?[0-9]{1,10}\Z")
#: The words of a named quota and a named limit.
_QUOTA = re.compile(r"(\d{1,18}) ([a-z]{1,10})(?: used (\d{1,18}) ([a-z]{1,10}))?")
_LIMIT = re.compile(
    r"rate (?:over )?(\d{1,18})(?: ([a-z]{1,10}))? ?/ ?([a-z]{1,10})(?: burst (\d{1,18}) ([a-z]{1,10}))?"
)
#: Objects of a table without an effect on a packet's fate, or with a limit of their own.
_OBJECTS = frozenset({"counter", "quota", "limit", "flowtable", "secmark", "synproxy"})


def read_text(lines: Iterable[Line]) -> list[object]:
    """Read the text; lines with their numbers. Raises NotNftText with the line and the reason."""
    return _Reader(Words(words_of(lines))).entries()


class _Reader:
    def __init__(self, words: Words) -> None:
        self.words = words
        self.statements = StatementReader(words)
        self.expressions = ExpressionReader(words)
        self._entries: list[object] = []

    def entries(self) -> list[object]:
        words = self.words
        while True:
            words.skip_lines()
            if words.ended:
                return self._entries
            if not words.takes("table"):
                raise NotNftText(f"line {words.line}: {words.next[:40]!r} stands where nft prints a table")
            family = words.take().text if words.next in _FAMILIES and words.ahead(1) != "{" else "ip"
            self._table(family, words.take().text)

    def _table(self, family: str, name: str) -> None:
        words = self.words
        table: dict[str, Any] = {"family": family, "name": name}
        self._entries.append({"table": table})
        words.needs("{")
        own = {"family": family, "table": name}
        while True:
            words.skip_lines()
            if words.takes("}"):
                return
            kind = words.take().text
            if kind == "#handle":
                table["handle"] = int(words.take().text)
            elif kind == "chain":
                self._chain(own, family)
            elif kind in ("set", "map"):
                self._set(own, kind)
            elif kind in _OBJECTS or kind == "ct":
                self._object(own, kind)
            elif kind == "flags":
                table["flags"] = self._list()
            elif kind == "comment":
                table["comment"] = words.take().text
            elif kind != ";" and not kind.startswith("#progname "):
                raise NotNftText(f"line {words.line}: {kind[:40]!r} is nothing that nft prints in a table")

    def _list(self) -> list[str]:
        listed: list[str] = []
        while self.words.next not in ("\n", ";", "}"):
            word = self.words.take().text
            listed += [word] if word != "," else []
        return listed

    # --- chains ---------------------------------------------------------------------------

    def _chain(self, own: dict[str, str], family: str) -> None:
        words = self.words
        name = words.take().text
        chain: dict[str, Any] = {**own, "name": name}
        self._entries.append({"chain": chain})
        words.needs("{")
        while True:
            words.skip_lines()
            if words.takes("}"):
                return
            if words.takes("#handle"):
                chain["handle"] = int(words.take().text)
            elif words.takes("type"):
                self._base(chain, family)
            elif words.takes("policy"):
                chain["policy"] = words.take().text
                words.takes(";")
            elif words.next == "comment" and words.ahead(2) in (";", "\n"):
                words.take()
                chain["comment"] = words.take().text
                words.takes(";")
            elif words.ended:
                # raises the error of a truncated text
                words.take()
            elif not words.takes(";"):
                line = words.line
                rule = self.statements.rule()
                if not rule["expr"] and "handle" not in rule and "comment" not in rule:
                    raise NotNftText(f"line {line} is no rule that nft prints")
                self._entries.append({"rule": {**own, "chain": name, **rule}})

    def _base(self, chain: dict[str, Any], family: str) -> None:
        """``type filter hook forward priority filter + 10; policy drop;``."""
        words = self.words
        chain["type"] = words.take().text
        words.needs("hook")
        chain["hook"] = words.take().text
        while words.next not in ("priority", "\n", ";"):
            if words.takes("device"):
                chain["dev"] = words.take().text
            elif words.takes("devices"):
                words.needs("=")
                words.needs("{")
                chain["dev"] = []
                while not words.takes("}"):
                    name = words.take().text
                    chain["dev"] += [name] if name not in (",", "\n") else []
            else:
                words.take()
        words.needs("priority")
        chain["prio"] = self._priority(family)
        words.takes(";")

    def _priority(self, family: str) -> int:
        words = self.words
        first = words.take()
        names = {**_PRIORITIES, **(_BRIDGE_PRIORITIES if family == "bridge" else {})}
        if first.text not in names and _HEADING.match(first.text) is None:
            raise NotNftText(f"line {first.line}: {first.text[:40]!r} is no priority")
        number = names[first.text] if first.text in names else int(first.text)
        if words.next in ("+", "-"):
            sign = -1 if words.take().text == "-" else 1
            offset = words.take()
            if _HEADING.match(offset.text) is None:
                raise NotNftText(f"line {offset.line}: {offset.text[:40]!r} is no priority")
            number += sign * int(offset.text)
        return number

    # --- sets and maps --------------------------------------------------------------------

    def _set(self, own: dict[str, str], kind: str) -> None:
        words = self.words
        entry: dict[str, Any] = {**own, "name": words.take().text}
        self._entries.append({kind: entry})
        words.needs("{")
        while True:
            words.skip_lines()
            if words.takes("}"):
                return
            line = words.line
            word = words.take().text
            if word == "#handle":
                entry["handle"] = int(words.take().text)
            elif word == "type":
                entry["type"], entry["map"] = self._types()
            elif word == "typeof":
                entry["type"], entry["map"] = self._typeof()
            elif word == "flags":
                entry["flags"] = self._list()
            elif word in ("timeout", "gc-interval", "size", "policy"):
                entry[word] = words.take().text
            elif word == "comment":
                entry["comment"] = words.take().text
            elif word == "elements":
                self._elements(entry, kind)
            elif word in ("auto-merge", "counter", "limit", "quota", "ct", "last"):
                if word not in ("auto-merge", "counter"):
                    entry["stmt"] = [{word: None}]
                self._list()
            elif word != ";":
                raise NotNftText(f"line {line}: {word[:40]!r} is nothing that nft prints in a set")
            if not entry.get("map"):
                entry.pop("map", None)

    def _types(self) -> tuple[Any, Any]:
        key = [self.words.take().text]
        while self.words.takes("."):
            key.append(self.words.take().text)
        data: list[str] = []
        if self.words.takes(":"):
            self.words.takes("interval")
            data.append(self.words.take().text)
            while self.words.takes("."):
                data.append(self.words.take().text)
        return _one(key), _one(data)

    def _typeof(self) -> tuple[Any, Any]:
        """Read ``typeof ip saddr . tcp dport : verdict``; an unknown expression has an unknown type."""
        try:
            key: object = {"typeof": self.expressions.left()}
            data: object = None
            if self.words.takes(":"):
                self.words.takes("interval")
                data = self.words.take().text if self.words.next == "verdict" else {"typeof": self.expressions.left()}
        except NotRead:
            self._list()
            return "", None
        return key, data

    def _elements(self, entry: dict[str, Any], kind: str) -> None:
        words = self.words
        words.needs("=")
        words.skip_lines()
        start = words.place
        try:
            entry["elem"] = self.expressions.elements(data=kind == "map")
        except NotRead:
            # an unknown flag may be any
            words.back(start)
            words.needs("{")
            words.skip_block()
            unknown: object = {"elem": {"val": None}}
            entry["elem"] = [[unknown, None] if kind == "map" else unknown]

    def _object(self, own: dict[str, str], kind: str) -> None:
        """Read a named counter, limit or another object; a limit or quota may be inverted (``over``)."""
        words = self.words
        if kind == "ct":
            kind = f"ct {words.take().text}"
        entry: dict[str, Any] = {**own, "name": words.take().text}
        self._entries.append({kind: entry})
        words.needs("{")
        start = words.place
        words.skip_block()
        body = words.since(start)
        if re.search(r"(?:^| )over ", body):
            entry["inv"] = True
        if kind == "counter" and (counted := re.search(r"packets (\d{1,20}) bytes (\d{1,20})", body)):
            entry |= {"packets": int(counted[1]), "bytes": int(counted[2])}
        if kind == "quota" and (quota := _QUOTA.search(body)):
            entry["bytes"] = int(quota[1]) * DATA_UNITS.get(quota[2], 1)
            if quota[3]:
                entry["used"] = int(quota[3]) * DATA_UNITS.get(quota[4], 1)
        if kind == "limit" and (limit := _LIMIT.search(body)):
            entry |= {"rate": int(limit[1]), "per": limit[3]}
            entry |= {"rate_unit": limit[2]} if limit[2] else {}
            entry |= {"burst": int(limit[4]), "burst_unit": limit[5]} if limit[4] else {}


def _one(listed: list[str]) -> str | list[str]:
    return listed[0] if len(listed) == 1 else listed
