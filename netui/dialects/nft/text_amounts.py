"""Parses counters, limits, quotas and counts of connections in nft's text, after their first word."""

from __future__ import annotations

import re
from typing import Any

from netui.dialects.nft.text_expressions import NotRead
from netui.dialects.nft.text_words import Words

_RATE = re.compile(r"([0-9]{1,20})/(second|minute|hour|day|week)\Z")
_UNIT = re.compile(r"([kmg]?bytes)/(second|minute|hour|day|week)\Z")


def counter(words: Words) -> object:
    """Read a counter, its numbers or its name."""
    if words.takes("name"):
        return {"counter": words.take().text}
    if words.takes("packets"):
        packets = whole(words)
        if not words.takes("bytes"):
            raise NotRead("counter")
        return {"counter": {"packets": packets, "bytes": whole(words)}}
    return {"counter": None}


def limit(words: Words) -> object:
    """Read a limit, or its name."""
    if words.takes("name"):
        return {"limit": words.take().text}
    if not words.takes("rate"):
        raise NotRead(words.next)
    rate = _rate(words)
    return {"limit": rate}


def _rate(words: Words) -> dict[str, Any]:
    """``over 25/second burst 5 packets``, ``10 mbytes/second``."""
    rate: dict[str, Any] = {"inv": True} if words.takes("over") else {}
    first = words.take().text
    packets = _RATE.match(first)
    if packets is not None:
        rate |= {"rate": int(packets[1]), "per": packets[2]}
    else:
        unit = _UNIT.match(words.take().text)
        if not first.isdecimal() or len(first) > 20 or unit is None:
            raise NotRead(first)
        rate |= {"rate": int(first), "rate_unit": unit[1], "per": unit[2]}
    if words.takes("burst"):
        rate |= {"burst": whole(words), "burst_unit": words.take().text}
        if rate["burst_unit"] == "packets":
            del rate["burst_unit"]
    return rate


def quota(words: Words) -> object:
    """Read a quota, or its name."""
    if words.takes("name"):
        return {"quota": words.take().text}
    amount: dict[str, Any] = {"inv": True} if words.takes("over") else {}
    amount |= {"val": whole(words), "val_unit": words.take().text}
    if words.takes("used"):
        amount |= {"used": whole(words), "used_unit": words.take().text}
    return {"quota": amount}


def ct_count(words: Words) -> object:
    """Read a count of connections."""
    words.take()
    words.take()
    inverted: dict[str, Any] = {"inv": True} if words.takes("over") else {}
    return {"ct count": {"val": whole(words), **inverted}}


def whole(words: Words) -> int:
    """Read a number of at most 20 digits; raise NotRead."""
    written = words.take().text
    if not written.isdecimal() or len(written) > 20:
        raise NotRead(written)
    return int(written)
