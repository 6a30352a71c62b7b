"""Native nftables rules on the screen: their text and their effect."""

from __future__ import annotations

import re
from collections.abc import Sequence

from netui.model import NativeRule, Rule
from netui.model.statements import (
    Element,
    Nat,
    Note,
    SetField,
    SetUpdate,
    Strange,
    Untrack,
    Verdict,
    VerdictMap,
)
from netui.ui.presenters.names import Names

_WORD = re.compile(r'"[^"]*"|[^\s"]+')
#: A quoted name, or what may be an address with or without a port.
_NAMED = re.compile(r'(prefix |comment )?"([^"]*)"|[\w.:/-]+')
_COUNTED = frozenset({"counter", "comment"})


# --- what a rule says and does ----------------------------------------------------------


def effect(native: NativeRule) -> str:
    """Return a rule's effect for the column of targets; "" for a rule that only counts."""
    for statement in native.statements:
        if isinstance(statement, Verdict):
            return statement.chain or statement.kind
        if isinstance(statement, VerdictMap):
            name = statement.elements.name
            return f"vmap @{name}" if name else ", ".join(_verdicts(statement.elements.elements))
        if isinstance(statement, Nat):
            return statement.kind
        if isinstance(statement, Strange):
            return statement.words.partition(" ")[0]
    for statement in native.statements:
        if isinstance(statement, SetField):
            return f"{statement.key} set"
        if isinstance(statement, SetUpdate):
            return " ".join(statement.words.split(" ")[:2])
        if isinstance(statement, Untrack):
            return "notrack"
        if isinstance(statement, Note) and statement.kind not in _COUNTED:
            return statement.kind
    return "" if any(isinstance(each, Note) and each.kind == "counter" for each in native.statements) else "(nothing)"


def _verdicts(elements: Sequence[Element]) -> list[str]:
    """Return the verdicts of a map, each once."""
    data = (element.data for element in elements)
    return list(dict.fromkeys(each.chain or each.kind for each in data if isinstance(each, Verdict)))


def body(rule: Rule, native: NativeRule) -> str:
    """Return a rule in nft's words, without its counter and plain verdict, which have columns of their own."""
    comment = f'comment "{native.comment}"' if native.comment else ""
    text = rule.text.removesuffix(comment).rstrip() if comment else rule.text
    words = _WORD.findall(text)
    kept: list[str] = []
    depth = 0
    for position, word in enumerate(words):
        depth += word.count("{") - word.count("}") if not word.startswith('"') else 0
        follows = words[position + 1] if position + 1 < len(words) else ""
        if word == "counter" and depth == 0 and follows != "name":
            continue
        kept.append(word)
    said = _plain_verdict(native)
    if said and kept[-len(said) :] == said:
        del kept[-len(said) :]
    return " ".join([*kept, *([comment] if comment else [])])


def _plain_verdict(native: NativeRule) -> list[str]:
    """Return the words of a last statement that the column of targets shows completely."""
    last = native.statements[-1] if native.statements else None
    if isinstance(last, Verdict) and last.kind in ("accept", "drop", "return", "continue", "queue", "jump"):
        return [last.kind, last.chain] if last.chain else [last.kind]
    if isinstance(last, Nat) and last.words == last.kind:
        return [last.kind]
    return []


def with_names(text: str, names: Names) -> tuple[str, tuple[str, ...]]:
    """Return nft's words with Docker's names for interfaces and addresses, and the list of these names."""
    used: list[str] = []

    def named(match: re.Match[str]) -> str:
        spoken, quoted, word = match[1], match[2], match[0]
        if quoted is not None:
            name = "" if spoken else names.interface(quoted)
            port = ""
        else:
            name, port = names.address(word), ""
            if not name and word.count(":") == 1:
                address, _, number = word.partition(":")
                name, port = names.address(address), f":{number}"
        if not name:
            return word
        used.append(name)
        return name + port

    return _NAMED.sub(named, text), tuple(dict.fromkeys(used))
