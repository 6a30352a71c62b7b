"""Prints rules and statements of nft's JSON as ``nft list ruleset`` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from netui.dialects.nft.expression_words import OPERATORS, expression, plain, set_words, target_of
from netui.text.json_fields import items, obj, text

_INTERFACES = frozenset({"iif", "oif", "iifname", "oifname", "ibrname", "obrname"})


def rule(statements: list[Any], comment: str = "") -> str:
    """Return a rule's statements in one line."""
    parts = [part for part in (statement(entry) for entry in statements) if part]
    if comment:
        parts.append(f'comment "{comment}"')
    return " ".join(parts)


def statement(printed: object) -> str:
    """Return one statement."""
    for kind, value in obj(printed).items():
        writer = _STATEMENTS.get(kind)
        if writer is not None:
            return writer(value)
        return plain(kind, value)
    return text(printed)


def _match(value: object) -> str:
    entry = obj(value)
    operator = text(entry.get("op"))
    written = _operand(entry.get("left"), entry.get("right"))
    between = f" {operator} " if operator not in ("==", "in", "") else " "
    left = expression(entry.get("left"))
    if any(sign in obj(entry.get("left")) for sign in OPERATORS) and operator == "==":
        between = " == "
    return f"{left}{between}{written}"


def _operand(left: object, right: object) -> str:
    """Return the right side of a match; interfaces are quoted."""
    if not _is_interface(left):
        return expression(right)
    listed = obj(right).get("set")
    if isinstance(listed, list):
        return f"{{ {', '.join(_quoted(name) for name in listed)} }}"
    return _quoted(right)


def _is_interface(left: object) -> bool:
    return (text(obj(obj(left).get("meta")).get("key"))) in _INTERFACES


def _quoted(name: object) -> str:
    return f'"{name}"' if isinstance(name, str) and not name.startswith("@") else expression(name)


def _counter(value: object) -> str:
    return f'counter name "{value}"' if isinstance(value, str) else "counter"


def _target(kind: str) -> Callable[[object], str]:
    return lambda value: f"{kind} {target_of(value)}"


def _reject(value: object) -> str:
    how = reject_kind(value)
    return f"reject with {how}" if how else "reject"


def reject_kind(value: object) -> str:
    """Return the answer of a reject: ``tcp reset``, ``icmp port-unreachable``; "" for the default."""
    entry = obj(value)
    return " ".join(filter(None, (text(entry.get("type")), expression(entry.get("expr")) if "expr" in entry else "")))


def _nat(kind: str) -> Callable[[object], str]:
    def write(value: object) -> str:
        entry = obj(value)
        address = expression(entry["addr"]) if "addr" in entry else ""
        if "port" in entry:
            port = expression(entry["port"])
            address = f"[{address}]" if ":" in address and "map" not in address else address
            address = f"{address}:{port}"
        flags = entry.get("flags")
        family = text(entry.get("family"))
        to = f"to {address}" if address else ""
        listed = [text(flag) for flag in (items(flags) or [flags]) if flag]
        return " ".join(filter(None, (kind, family if to else "", to, ",".join(listed))))

    return write


def _mangle(value: object) -> str:
    entry = obj(value)
    return f"{expression(entry.get('key'))} set {expression(entry.get('value'))}"


def _vmap(value: object) -> str:
    entry = obj(value)
    data = entry.get("data")
    return f"{expression(entry.get('key'))} vmap {set_words(data if isinstance(data, str) else obj(data).get('set'))}"


def _limit(value: object) -> str:
    if isinstance(value, str):
        return f'limit name "{value}"'
    entry = obj(value)
    over = "over " if entry.get("inv") else ""
    unit = f"{text(entry['rate_unit'])}/" if entry.get("rate_unit") not in (None, "packets") else "/"
    burst = f" burst {text(entry['burst'])} {text(entry.get('burst_unit')) or 'packets'}" if "burst" in entry else ""
    return (
        f"limit rate {over}{text(entry.get('rate'))}{' ' if unit != '/' else ''}{unit}{text(entry.get('per'))}{burst}"
    )


def _quota(value: object) -> str:
    if isinstance(value, str):
        return f'quota name "{value}"'
    entry = obj(value)
    over = "over " if entry.get("inv") else ""
    return f"quota {over}{text(entry.get('val'))} {text(entry.get('val_unit')) or 'bytes'}"


def _log(value: object) -> str:
    entry = obj(value)
    prefix = f' prefix "{text(entry["prefix"])}"' if "prefix" in entry else ""
    rest = [f"{name} {expression(entry[name])}" for name in ("group", "level", "flags", "snaplen") if name in entry]
    return " ".join([f"log{prefix}", *rest])


def _ct_count(value: object) -> str:
    entry = obj(value)
    return f"ct count {'over ' if entry.get('inv') else ''}{text(entry.get('val'))}"


def _update(value: object) -> str:
    entry = obj(value)
    with_ = " ".join(statement(part) for part in items(entry.get("stmt")))
    element = " ".join(filter(None, (expression(entry.get("elem")), with_)))
    name = text(entry.get("set")) or text(entry.get("map"))
    data = f" : {expression(entry['data'])}" if "data" in entry else ""
    return f"{text(entry.get('op'))} {name} {{ {element}{data} }}"


def _meter(value: object) -> str:
    entry = obj(value)
    inner = entry.get("stmt")
    statements = " ".join(statement(part) for part in ([inner] if isinstance(inner, dict) else items(inner)))
    size = f" size {text(entry['size'])}" if "size" in entry else ""
    return f"meter {text(entry.get('name'))}{size} {{ {expression(entry.get('key'))} {statements} }}"


def _dup(value: object) -> str:
    entry = obj(value)
    device = f' device "{text(entry["dev"])}"' if "dev" in entry else ""
    return f"dup to {expression(entry.get('addr'))}{device}"


def _xt(value: object) -> str:
    entry = obj(value)
    return f'xt {text(entry.get("type"))} "{text(entry.get("name"))}"'


def _flow(value: object) -> str:
    return f"flow {text(obj(value).get('op'))} {text(obj(value).get('flowtable'))}"


def _queue(value: object) -> str:
    entry = obj(value)
    return f"queue to {expression(entry['num'])}" if "num" in entry else "queue"


_STATEMENTS: Mapping[str, Callable[[object], str]] = {
    "match": _match,
    "counter": _counter,
    "jump": _target("jump"),
    "goto": _target("goto"),
    "reject": _reject,
    "snat": _nat("snat"),
    "dnat": _nat("dnat"),
    "masquerade": _nat("masquerade"),
    "redirect": _nat("redirect"),
    "mangle": _mangle,
    "vmap": _vmap,
    "limit": _limit,
    "quota": _quota,
    "log": _log,
    "ct count": _ct_count,
    "set": _update,
    "map": _update,
    "meter": _meter,
    "dup": _dup,
    "xt": _xt,
    "flow": _flow,
    "queue": _queue,
}
