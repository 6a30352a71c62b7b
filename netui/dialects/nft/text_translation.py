"""Parses snat, dnat, masquerade and redirect in nft's text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from netui.dialects.nft.text_expressions import NotRead
from netui.dialects.nft.text_values import plain_value
from netui.dialects.nft.text_words import Words


def translation(words: Words, kind: str, is_key: Callable[[], bool], computed: Callable[[], object]) -> object:
    """Read the words after snat, dnat, masquerade or redirect.

    is_key: whether an expression comes next. computed: reads it, with the map after it.
    """
    fields: dict[str, Any] = {}
    if words.next in ("ip", "ip6") and words.ahead(1) in ("to", "prefix", "addr", "interval"):
        fields["family"] = words.take().text
    if words.takes("prefix"):
        fields["type_flags"] = "prefix"
    while words.next in ("addr", ".", "port", "interval"):
        # dnat ip addr . port to …: the map gives address and port
        words.take()
    if words.takes("to"):
        _to(words, fields, is_key, computed)
    elif kind in ("snat", "dnat"):
        raise NotRead(words.next)
    flags: list[str] = []
    while words.next in ("random", "fully-random", "persistent", "netmap", ","):
        word = words.take().text
        flags += [word] if word != "," else []
    if flags:
        fields["flags"] = flags if len(flags) > 1 else flags[0]
    return {kind: fields or None}


def _to(words: Words, fields: dict[str, Any], is_key: Callable[[], bool], computed: Callable[[], object]) -> None:
    """Read ``172.17.0.2:80``, ``[2001:db8::2]:80``, ``:8080``, ``10.0.0.1-10.0.0.9``, or a map."""
    if is_key():
        fields["addr"] = computed()
        if words.next.startswith(":") and len(words.next) > 1:
            fields["port"] = plain_value(words.take().text[1:])
        elif words.takes(":"):
            fields["port"] = computed()
        return
    written = words.take().text
    port = ""
    bracketed = re.match(r"\[([^\]]+)\](?:-\[([^\]]+)\])?(?::(\S*))?\Z", written)
    if bracketed is not None:
        address = f"{bracketed[1]}-{bracketed[2]}" if bracketed[2] else bracketed[1]
        port = bracketed[3] or ""
        given_port = bracketed[3] is not None
    elif written.count(":") > 1:
        address, given_port = written, False
    else:
        address, colon, port = written.partition(":")
        given_port = bool(colon)
    if address:
        value = plain_value(address)
        if not isinstance(value, dict) and plain_value(f"{address}/1") == f"{address}/1":
            raise NotRead(written)
        fields["addr"] = value
    if port:
        fields["port"] = plain_value(port)
    elif given_port:
        # ``:`` and then a map
        fields["port"] = computed()
