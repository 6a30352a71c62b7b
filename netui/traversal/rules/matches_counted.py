"""Matches that count or use chance: limit, hashlimit, connlimit, recent, statistic; and string.

Their answers depend on earlier packets. The rate of a limit is known, though: each of these gives its
answer for one packet of a quiet sender, and the bound up to which this answer holds.
"""

from __future__ import annotations

from netui.model import Family, Match
from netui.net.addresses import TCP
from netui.traversal.packet_state import PacketState
from netui.traversal.rules.predicates import Answer, Compiled, MatchContext, Predicate, Unsure, maybe, no, unknown, yes

_UNITS = {"s": "s", "sec": "s", "second": "s", "m": "min", "min": "min", "minute": "min"}
_UNITS |= {"h": "h", "hour": "h", "d": "day", "day": "day"}
_KEYS = {"srcip": "source address", "srcport": "source port", "dstip": "destination", "dstport": "destination port"}
#: A text of at most this length could be in a packet's header; a first TCP segment has no payload.
_SHORT = 4


def limit(match: Match, _family: Family, _around: MatchContext) -> Compiled:
    """``-m limit``: matches until the rate is used up."""
    option = match.option("--limit")
    rate = _rate(option.value) if option is not None else "3/h"
    return [(Unsure(f"up to {rate}", usual=True) if rate else unknown, None)]


def hashlimit(match: Match, _family: Family, _around: MatchContext) -> Compiled:
    """``-m hashlimit``: a limit for each source, destination or port."""
    upto = match.option("--hashlimit-upto", "--hashlimit")
    above = match.option("--hashlimit-above")
    option = upto or above
    rate = _rate(option.value) if option is not None else ""
    if option is None or not rate:
        return [(unknown, None)]
    mode = match.option("--hashlimit-mode")
    keys = [_KEYS.get(key, key) for key in mode.value.split(",")] if mode is not None else []
    for_each = f" for each {' and '.join(keys)}" if keys else ""
    return [(Unsure(f"up to {rate}{for_each}", usual=(option is upto) != option.negated), None)]


def connlimit(match: Match, _family: Family, _around: MatchContext) -> Compiled:
    """``-m connlimit``: so many connections at once of a client."""
    upto, above = match.option("--connlimit-upto"), match.option("--connlimit-above")
    option = upto or above
    if option is None or not option.value.isdigit():
        return [(unknown, None)]
    of = "to a destination" if match.option("--connlimit-daddr") else "from a source"
    mask = match.option("--connlimit-mask")
    if mask is not None and mask.value not in ("32", "128"):
        of += f" network (/{mask.value})"
    usual = (option is upto) != option.negated
    if option.value == "0":
        # the packet's own connection is the first
        return [((no if usual else yes), None)]
    return [(Unsure(f"up to {option.value} connections at once {of}", usual=usual), None)]


def recent(match: Match, _family: Family, _around: MatchContext) -> Compiled:
    """``-m recent``: --set lists the address and matches; the others read a list that is not captured."""
    named = match.option("--name")
    name = named.value if named is not None else "DEFAULT"
    side = "--rdest" if match.option("--rdest") else "--rsource"
    listed = f"recent {name} {side}"
    for option in match.options:
        if option.name == "--set":
            return [(maybe(_lists(listed), option), None)]
    asked = match.option("--rcheck", "--update", "--remove")
    if asked is None:
        return [(unknown, None)]
    hits, seconds = match.option("--hitcount"), match.option("--seconds")
    count = int(hits.value) if hits is not None and hits.value.isdigit() else 1
    who = "destination" if side == "--rdest" else "source"
    if count > 1:
        within = f" within {seconds.value} s" if seconds is not None else ""
        bound = f"until its {who} came {count} times{within} (list {name})"
    else:
        bound = f"as long as its {who} is not in the list {name}"
    on_list: Predicate = Unsure(bound, asked=_listed_now(listed, count))
    return [(maybe(on_list, asked), None)]


def _lists(listed: str) -> Predicate:
    def matches(packet: PacketState) -> Answer:
        packet.touched.add(listed)
        return True

    return matches


def _listed_now(listed: str, count: int) -> Predicate:
    """Whether an earlier rule listed this packet's address: that is one hit."""
    return lambda packet: True if count == 1 and listed in packet.touched else None


def statistic(_match: Match, _family: Family, _around: MatchContext) -> Compiled:
    """``-m statistic``: by chance, or every nth packet."""
    return [(Unsure(chance=True), None)]


def string(match: Match, _family: Family, _around: MatchContext) -> Compiled:
    """``-m string``: a first TCP segment has no payload to search."""
    compiled: Compiled = []
    for option in match.options:
        if option.name in ("--string", "--hex-string"):
            size = _pattern_size(option.value, hexadecimal=option.name == "--hex-string")
            compiled.append((maybe(_in_payload if size >= _SHORT else unknown, option), option))
    return compiled or [(unknown, None)]


def _pattern_size(text: str, *, hexadecimal: bool) -> int:
    if not hexadecimal:
        return len(text)
    plain = text.split("|")
    return sum(len("".join(part.split())) // 2 if odd % 2 else len(part) for odd, part in enumerate(plain))


def _in_payload(packet: PacketState) -> Answer:
    return False if packet.protocol == TCP and "SYN" in packet.tcp_flags else None


def _rate(text: str) -> str:
    """Return ``25/s`` for ``25/sec``, ``512kb/s`` unchanged, "" for what is no rate."""
    amount, slash, unit = text.partition("/")
    if not slash or not amount[:1].isdigit():
        return ""
    return f"{amount}/{_UNITS.get(unit, unit)}"
