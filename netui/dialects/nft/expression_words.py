"""Prints expressions and values of nft's JSON as nft's text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from netui.text.json_fields import items, obj, text

#: Meta keys that nft prints without the word "meta" (nft's src/meta.c).
_UNQUALIFIED = frozenset({"iif", "oif", "iifname", "oifname", "iifgroup", "oifgroup"})
OPERATORS = ("&", "|", "^", "<<", ">>")


def expression(printed: object) -> str:
    """Return one expression or value."""
    if isinstance(printed, bool):
        return "exists" if printed else "missing"
    if isinstance(printed, str) and " " in printed:
        # a time: nft quotes it because it has a blank
        return f'"{printed}"'
    if isinstance(printed, str | int | float):
        return str(printed)
    if isinstance(printed, list):
        return ",".join(expression(part) for part in printed)
    for kind, value in obj(printed).items():
        if kind in OPERATORS:
            return f" {kind} ".join(expression(part) for part in items(value))
        writer = _EXPRESSIONS.get(kind)
        return writer(value) if writer is not None else plain(kind, value)
    return ""


def plain(kind: str, value: object) -> str:
    """Return an unknown expression as text, so that nothing is lost."""
    if value is None:
        return kind
    entry = obj(value)
    if entry:
        return " ".join([kind, *(f"{name} {expression(part)}" for name, part in entry.items() if part is not None)])
    return f"{kind} {expression(value)}".strip()


def _payload(value: object) -> str:
    entry = obj(value)
    if "base" in entry:
        return f"@{text(entry.get('base'))},{text(entry.get('offset'))},{text(entry.get('len'))}"
    return f"{text(entry.get('protocol'))} {text(entry.get('field'))}"


def _meta(value: object) -> str:
    key = text(obj(value).get("key")) or text(value)
    return key if key in _UNQUALIFIED else f"meta {key}"


def _ct(value: object) -> str:
    entry = obj(value)
    return " ".join(filter(None, ("ct", text(entry.get("dir")), text(entry.get("family")), text(entry.get("key")))))


def _fib(value: object) -> str:
    entry = obj(value)
    flags = entry.get("flags")
    listed = items(flags) or [flags]
    return f"fib {' . '.join(text(flag) for flag in listed)} {text(entry.get('result'))}"


def set_words(value: object) -> str:
    """Return the elements of a set in braces, or its name."""
    if isinstance(value, str):
        return value
    return f"{{ {', '.join(_element(entry) for entry in items(value))} }}"


def _element(entry: object) -> str:
    pair = items(entry)
    if len(pair) == 2:
        return f"{expression(pair[0])} : {_verdict_or_value(pair[1])}"
    return expression(entry)


def _verdict_or_value(printed: object) -> str:
    for kind, value in obj(printed).items():
        if kind in ("accept", "drop", "return", "continue", "jump", "goto"):
            return f"{kind} {target_of(value)}".strip()
    return expression(printed)


def target_of(value: object) -> str:
    """Return the chain of a jump or goto."""
    return text(obj(value).get("target")) or text(value)


def _prefix(value: object) -> str:
    entry = obj(value)
    return f"{expression(entry.get('addr'))}/{text(entry.get('len'))}"


def _range(value: object) -> str:
    return "-".join(expression(part) for part in items(value))


def _concat(value: object) -> str:
    return " . ".join(expression(part) for part in items(value))


def _map(value: object) -> str:
    entry = obj(value)
    data = entry.get("data")
    return f"{expression(entry.get('key'))} map {set_words(data if isinstance(data, str) else obj(data).get('set'))}"


def _numgen(value: object) -> str:
    entry = obj(value)
    offset = f" offset {entry['offset']}" if entry.get("offset") else ""
    return f"numgen {text(entry.get('mode'))} mod {text(entry.get('mod'))}{offset}"


def _jhash(value: object) -> str:
    entry = obj(value)
    seed = f" seed {text(entry.get('seed'))}" if entry.get("seed") is not None else ""
    offset = f" offset {text(entry.get('offset'))}" if entry.get("offset") else ""
    return f"jhash {expression(entry.get('expr'))} mod {text(entry.get('mod'))}{seed}{offset}"


def _symhash(value: object) -> str:
    entry = obj(value)
    return f"symhash mod {text(entry.get('mod'))}"


def _named(kind: str) -> Callable[[object], str]:
    def write(value: object) -> str:
        entry = obj(value)
        return " ".join(filter(None, (kind, text(entry.get("name")), text(entry.get("field")))))

    return write


def _elem(value: object) -> str:
    entry = obj(value)
    extras = [f"{name} {expression(entry[name])}" for name in ("timeout", "expires") if name in entry]
    return " ".join([expression(entry.get("val")), *extras])


def _key_of(kind: str) -> Callable[[object], str]:
    def write(value: object) -> str:
        entry = obj(value)
        return " ".join([kind, *(text(part) for part in entry.values() if text(part))])

    return write


_EXPRESSIONS: Mapping[str, Callable[[object], str]] = {
    "payload": _payload,
    "meta": _meta,
    "ct": _ct,
    "fib": _fib,
    "set": set_words,
    "prefix": _prefix,
    "range": _range,
    "concat": _concat,
    "map": _map,
    "numgen": _numgen,
    "jhash": _jhash,
    "symhash": _symhash,
    "elem": _elem,
    "exthdr": _named("exthdr"),
    "tcp option": _named("tcp option"),
    "ip option": _named("ip option"),
    "sctp chunk": _named("sctp chunk"),
    "rt": _key_of("rt"),
    "socket": _key_of("socket"),
    "osf": _key_of("osf"),
    "ipsec": _key_of("ipsec"),
}
