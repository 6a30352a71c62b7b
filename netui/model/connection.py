"""A connection that the kernel tracks."""

from __future__ import annotations

from typing import NamedTuple

from netui.model.ruleset import Family


class Ends(NamedTuple):
    """One direction's addresses; ports are 0 where the protocol has none."""

    src: str
    dst: str
    sport: int
    dport: int


class Connection(NamedTuple):
    """An entry of conntrack.

    protocol: ``tcp``, ``udp``, ``icmp``, … or a number as text. state: TCP's in conntrack's words
    (``ESTABLISHED``), "" for others. original: the addresses of its first packet. reply: the addresses of
    answers; where the two differ, the connection is translated. packets, bytes: of both directions, None where the
    kernel does not count (net.netfilter.nf_conntrack_acct). answered: whether an answer was seen.
    """

    family: Family
    protocol: str
    state: str
    original: Ends
    reply: Ends
    packets: int | None = None
    bytes: int | None = None
    answered: bool = True
