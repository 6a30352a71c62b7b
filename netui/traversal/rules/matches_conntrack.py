"""``-m conntrack`` and ``-m state``, after xt_conntrack.c."""

from __future__ import annotations

from collections.abc import Callable

from netui.model import Family, Match, Option
from netui.net.addresses import Net, parse_net, parse_ports, protocol_number
from netui.traversal.any_outside import AnyOutside
from netui.traversal.packet_state import Connection, PacketState

Answer = bool | None
Predicate = Callable[[PacketState], Answer]


def conntrack_predicates(match: Match, family: Family) -> list[tuple[Predicate, Option | None]]:
    """Return one predicate for each option of the match."""
    return [(_option(option, family), option) for option in match.options]


def _option(option: Option, family: Family) -> Predicate:
    match option.name:
        case "--ctstate" | "--state":
            return _state(frozenset(option.value.split(",")), option.negated)
        case "--ctdir":
            return _of_connection(lambda _p, c: c.is_reply == (option.value == "REPLY"), option.negated)
        case "--ctproto":
            number = protocol_number(option.value)
            if number is None:
                return _unknown
            return _of_connection(lambda p, _c: p.protocol == number, option.negated)
        case "--ctstatus":
            return _of_connection(_status(frozenset(option.value.split(","))), option.negated)
        case "--ctorigsrc" | "--ctorigdst" | "--ctreplsrc" | "--ctrepldst":
            net = parse_net(option.value, family)
            if net is None:
                return _unknown
            return _of_connection(_address(option.name, net), option.negated)
        case "--ctorigsrcport" | "--ctorigdstport" | "--ctreplsrcport" | "--ctrepldstport":
            limits = parse_ports(option.value)
            if limits is None:
                return _unknown
            return _of_connection(_port(option.name, limits), option.negated)
        case _:
            return _unknown


def _unknown(_packet: PacketState) -> Answer:
    return None


def _state(states: frozenset[str], negated: bool) -> Predicate:
    new, established, untracked, invalid = (name in states for name in ("NEW", "ESTABLISHED", "UNTRACKED", "INVALID"))
    snat, dnat = "SNAT" in states, "DNAT" in states

    def matches(packet: PacketState) -> Answer:
        connection = packet.connection
        if connection is None:
            # before conntrack sees the packet (raw tables), or untracked
            found = untracked if packet.untracked else invalid
        else:
            found = new if connection.new else established
            found = found or (snat and connection.snat) or (dnat and connection.dnat)
        return found != negated

    return matches


def _of_connection(asked: Callable[[PacketState, Connection], Answer], negated: bool) -> Predicate:
    """Without a connection only the state can match; any other option fails, inverted or not."""

    def matches(packet: PacketState) -> Answer:
        if packet.connection is None:
            return False
        answer = asked(packet, packet.connection)
        return None if answer is None else answer != negated

    return matches


def _status(names: frozenset[str]) -> Callable[[PacketState, Connection], Answer]:
    def matches(_packet: PacketState, connection: Connection) -> Answer:
        found = set()
        if connection.confirmed or not connection.new:
            found.add("CONFIRMED")
        if connection.is_reply or not connection.new:
            found.add("SEEN_REPLY")
        if "ASSURED" in names and not connection.new and not found & names:
            return None
        return bool(found & names)

    return matches


def _side(name: str, connection: Connection) -> tuple[int, int | None, bool]:
    tuple5 = connection.original if "orig" in name else connection.reply
    if "src" in name:
        return tuple5.src, tuple5.sport, True
    return tuple5.dst, tuple5.dport, False


def _address(name: str, net: Net) -> Callable[[PacketState, Connection], Answer]:
    # the original source and the reply's destination are the client's side
    client = name in ("--ctorigsrc", "--ctrepldst")

    def matches(packet: PacketState, connection: Connection) -> Answer:
        vague: AnyOutside | None = packet.any_src if client != connection.is_reply else packet.any_dst
        value = _side(name, connection)[0]
        if vague is not None and value in (packet.src, packet.dst):
            return vague.within(net)
        return value in net

    return matches


def _port(name: str, limits: tuple[int, int]) -> Callable[[PacketState, Connection], Answer]:
    client = name in ("--ctorigsrcport", "--ctrepldstport")

    def matches(packet: PacketState, connection: Connection) -> Answer:
        several = {"--ctorigdstport": connection.any_dport, "--ctreplsrcport": connection.any_reply_sport}.get(name)
        if several is not None:
            return several.within(*limits)
        port = _side(name, connection)[1]
        if port is not None:
            return limits[0] <= port <= limits[1]
        if packet.is_echo:
            return None
        if client:
            low, high = packet.sport_range
            if limits[0] <= low and high <= limits[1]:
                return True
            if limits[1] < low or high < limits[0]:
                return False
        return None

    return matches
