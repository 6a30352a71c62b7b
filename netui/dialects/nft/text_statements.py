"""Statements of a rule in nft's text → the JSON that ``nft -j`` prints for them (libnftables-json(5)).

From the first unknown word, the rest of a rule is one unknown statement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from netui.dialects.nft import text_amounts
from netui.dialects.nft.text_expressions import ExpressionReader, NotRead
from netui.dialects.nft.text_translation import translation
from netui.dialects.nft.text_values import plain_value
from netui.dialects.nft.text_words import UNSAID, Words
from netui.text.json_fields import obj, text

_VERDICTS = ("accept", "drop", "return", "continue")
#: Keys whose values are bits: without an operator, a match asks whether any is set.
_BIT_KEYS = ("state", "status", "label", "event")
_ENDS = ("", "\n", ";", "}")


class StatementReader:
    """Reads the statements of one rule after another."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.expressions = ExpressionReader(words)

    def rule(self) -> dict[str, Any]:
        """Read a rule to the end of its line: its statements, its comment and its handle."""
        words = self.words
        statements: list[Any] = []
        rule: dict[str, Any] = {"expr": statements}
        while words.next not in ("\n", ";", "}") and not words.ended:
            start = words.place
            if words.takes("comment"):
                rule["comment"] = words.take().text
                continue
            if words.takes("#handle"):
                rule["handle"] = int(words.take().text)
                continue
            try:
                if words.next.startswith(UNSAID):
                    raise NotRead(words.next)
                statements.append(self._statement())
                if words.next not in _ENDS and words.place == start:
                    raise NotRead(words.next)
            except NotRead:
                words.back(start)
                self._rest(rule, statements)
        return rule

    def _rest(self, rule: dict[str, Any], statements: list[Any]) -> None:
        """Take the rest of a rule unread; braces in it may span lines."""
        words = self.words
        start, depth = words.place, 0
        end = start
        while not words.ended:
            if not depth and words.next in ("\n", "}"):
                break
            if not depth and words.next == "#handle":
                end = words.place
                statements.append({words.since(start): None})
                words.take()
                rule["handle"] = int(words.take().text)
                return
            depth += {"{": 1, "}": -1}.get(words.next, 0)
            words.take()
            end = words.place
        words.back(end)
        statements.append({words.since(start).removeprefix(UNSAID): None})

    def _statement(self) -> object:
        words = self.words
        kind = words.next
        if kind in _VERDICTS:
            words.take()
            return {kind: None}
        if kind in ("jump", "goto"):
            words.take()
            return {kind: {"target": words.take().text}}
        if kind == "ct" and words.ahead(1) == "count":
            return text_amounts.ct_count(self.words)
        if kind == "ct" and words.ahead(1) in ("helper", "timeout", "expectation") and words.ahead(2) == "set":
            words.take()
            what = words.take().text
            words.take()
            return {f"ct {what}": words.take().text}
        reader = _READERS.get(kind)
        if reader is not None:
            words.take()
            return reader(self)
        return self._about_a_key()

    def _about_a_key(self) -> object:
        """Read a match, a verdict map, or a ``set`` statement."""
        words = self.words
        left = self.expressions.left()
        if words.takes("vmap"):
            if words.next.startswith("@"):
                return {"vmap": {"key": left, "data": words.take().text}}
            return {"vmap": {"key": left, "data": {"set": self.expressions.elements(data=True)}}}
        if words.takes("set"):
            return {"mangle": {"key": left, "value": self._computed()}}
        operator = ""
        if words.next in ("==", "!=", "<", ">", "<=", ">=", "!"):
            operator = words.take().text
        right = self.expressions.right()
        if words.takes("/"):
            # tcp flags syn / fin,syn,rst,ack: these bits of those
            return {"match": {"op": operator or "==", "left": {"&": [left, self.expressions.right()]}, "right": right}}
        return {"match": {"op": operator or _implied(left, right), "left": left, "right": right}}

    def _computed(self) -> object:
        """Read the value of a ``set`` statement or an address: a map, an operation, or a value."""
        words = self.words
        if not self.expressions.is_key():
            return self.expressions.right()
        left = self.expressions.left()
        if words.takes("map"):
            if words.next.startswith("@"):
                return {"map": {"key": left, "data": words.take().text}}
            return {"map": {"key": left, "data": {"set": self.expressions.elements(data=True)}}}
        return left

    # --- one reader a kind; its first word was taken --------------------------------------

    def _reject(self) -> object:
        words = self.words
        if not words.takes("with"):
            return {"reject": None}
        kind = words.take().text
        if kind == "tcp":
            if not words.takes("reset"):
                raise NotRead(words.next)
            return {"reject": {"type": "tcp reset"}}
        if kind not in ("icmp", "icmpv6", "icmpx"):
            raise NotRead(kind)
        words.takes("type")
        return {"reject": {"type": kind, "expr": words.take().text}}

    def _log(self) -> object:
        words = self.words
        fields: dict[str, Any] = {}
        while words.next in ("prefix", "level", "group", "snaplen", "queue-threshold", "flags"):
            name = words.take().text
            if name == "flags":
                start = words.place
                words.take()
                while words.next in (",", "sequence", "options"):
                    words.take()
                fields[name] = words.since(start).replace(" , ", ",")
            else:
                fields[name] = plain_value(words.take().text) if name != "prefix" else words.take().text
        return {"log": fields or None}

    def _queue(self) -> object:
        words = self.words
        fields: dict[str, Any] = {}
        while words.next in ("num", "to", "flags", "bypass", "fanout", ","):
            word = words.take().text
            if word in ("num", "to"):
                fields["num"] = self.expressions.value()
        return {"queue": fields or None}

    def _notrack(self) -> object:
        return {"notrack": None}

    def _last(self) -> object:
        if self.words.takes("used"):
            self.words.take()
        return {"last": None}

    def _translated(self, kind: str) -> object:
        return translation(self.words, kind, self.expressions.is_key, self._computed)

    def _update(self, operation: str) -> object:
        """``add @s { ip saddr timeout 1m limit rate over 5/minute }``, ``update @m { k : v }``."""
        words = self.words
        if not words.next.startswith("@"):
            raise NotRead(words.next)
        name = words.take().text
        words.needs("{")
        element: object = self.expressions.left()
        if words.takes("timeout"):
            element = {"elem": {"val": element, "timeout": words.take().text}}
        inner: list[Any] = []
        while words.next in ("limit", "counter", "quota", "ct", "last"):
            inner.append(self._statement())
        fields: dict[str, Any] = {"op": operation, "elem": element}
        if inner:
            fields["stmt"] = inner
        if words.takes(":"):
            fields["data"] = self.expressions.left() if self.expressions.is_key() else self.expressions.values()
            words.needs("}")
            return {"map": {**fields, "map": name}}
        words.needs("}")
        return {"set": {**fields, "set": name}}

    def _flow(self) -> object:
        words = self.words
        operation = words.take().text
        if operation not in ("add", "offload") or not words.next.startswith("@"):
            raise NotRead(operation)
        return {"flow": {"op": "add", "flowtable": words.take().text}}

    def _meter(self) -> object:
        """``meter ssh size 100 { ip saddr timeout 10s limit rate 5/second }``, as nft printed sets of that kind."""
        words = self.words
        fields: dict[str, Any] = {"name": words.take().text}
        if words.takes("size"):
            fields["size"] = text_amounts.whole(self.words)
        words.needs("{")
        element: object = self.expressions.left()
        if words.takes("timeout"):
            element = {"elem": {"val": element, "timeout": words.take().text}}
        fields |= {"key": element, "stmt": self._statement()}
        words.needs("}")
        return {"meter": fields}

    def _dup(self) -> object:
        words = self.words
        words.needs("to")
        fields: dict[str, Any] = {"addr": self._computed()}
        if words.takes("device"):
            fields["dev"] = words.take().text
        return {"dup": fields}

    def _fwd(self) -> object:
        words = self.words
        words.takes("to")
        return {"fwd": {"dev": words.take().text}}

    def _xt(self) -> object:
        words = self.words
        kind = words.take().text
        if kind not in ("match", "target", "watcher"):
            raise NotRead(kind)
        return {"xt": {"type": kind, "name": words.take().text}}


def _implied(left: object, right: object) -> str:
    """Return the implied operator."""
    if "set" in obj(right) or text(right).startswith("@"):
        return "=="
    if text(obj(obj(left).get("ct")).get("key")) in _BIT_KEYS:
        return "in"
    payload = obj(obj(left).get("payload"))
    return "in" if payload.get("protocol") == "tcp" and payload.get("field") == "flags" else "=="


_READERS: Mapping[str, Callable[[StatementReader], Any]] = {
    "counter": lambda reader: text_amounts.counter(reader.words),
    "reject": StatementReader._reject,
    "limit": lambda reader: text_amounts.limit(reader.words),
    "quota": lambda reader: text_amounts.quota(reader.words),
    "log": StatementReader._log,
    "queue": StatementReader._queue,
    "notrack": StatementReader._notrack,
    "last": StatementReader._last,
    "snat": lambda reader: reader._translated("snat"),
    "dnat": lambda reader: reader._translated("dnat"),
    "masquerade": lambda reader: reader._translated("masquerade"),
    "redirect": lambda reader: reader._translated("redirect"),
    "add": lambda reader: reader._update("add"),
    "update": lambda reader: reader._update("update"),
    "delete": lambda reader: reader._update("delete"),
    "flow": StatementReader._flow,
    "meter": StatementReader._meter,
    "dup": StatementReader._dup,
    "fwd": StatementReader._fwd,
    "xt": StatementReader._xt,
}
