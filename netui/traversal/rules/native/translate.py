"""snat, dnat, masquerade and redirect of native rules, with the effects of iptables' targets."""

from __future__ import annotations

from netui.model.statements import Expression, Interval, Literal, Nat
from netui.net.addresses import width
from netui.traversal.packet_state import PacketState
from netui.traversal.result import Change, Undecided
from netui.traversal.rules.native.evaluate import Evaluation
from netui.traversal.rules.native.reading import ABSENT
from netui.traversal.rules.target_action import TargetContext, Unknowable
from netui.traversal.rules.translation import Span, dnat, masquerade_effect, redirect_effect, snat


class OtherFamily(Exception):
    """The translation is for the other family: it does nothing, and the rule goes on (nft_nat_inet_eval)."""


def translate(
    nat: Nat, packet: PacketState, context: TargetContext, evaluation: Evaluation
) -> tuple[Change, ...] | None:
    """Translate the packet; return the changes, None where the rule does not match the packet.

    Raises Unknowable where an address or port is not known, OtherFamily where the packet's family is not the
    translation's; it looks maps up before.
    """
    ports = _ports(nat, context, evaluation)
    addresses = _addresses(nat, context, evaluation)
    if ports == () or addresses is None:
        return None
    if nat.family in ("ip", "ip6") and nat.family != packet.family:
        raise OtherFamily
    if nat.kind == "masquerade":
        return masquerade_effect(Span(None, None, ports or None, None, nat.random))(packet, context)
    if nat.kind == "redirect":
        return redirect_effect(Span(None, None, ports or None, None, nat.random))(packet, context)
    first, last, port = addresses
    if port is not None:
        ports = (port, port)
    if last is not None and last >= 1 << width(packet.family):
        raise Unknowable(_because(context, "the address is not of the packet's family"))
    if nat.prefix and first is not None and last is not None:
        first = last = _kept(nat, packet, first, last)
    span = Span(first, last, ports or None, None, nat.random)
    return (dnat if nat.kind == "dnat" else snat)(span)(packet, context)


def _kept(nat: Nat, packet: PacketState, first: int, last: int) -> int:
    """Replace the network and keep the rest of the address."""
    rest = last - first
    own = packet.dst if nat.kind == "dnat" else packet.src
    return first | (own & rest)


def _ports(nat: Nat, context: TargetContext, evaluation: Evaluation) -> tuple[int, int] | tuple[()] | None:
    """Return the ports, None where the port is kept, () where a map has none for the packet."""
    if nat.port is None:
        return None
    low = _number(nat.port, context, evaluation)
    if low is None:
        return ()
    if nat.last_port is None:
        return low
    high = _number(nat.last_port, context, evaluation)
    return () if high is None else (low[0], high[1])


def _addresses(
    nat: Nat, context: TargetContext, evaluation: Evaluation
) -> tuple[int | None, int | None, int | None] | None:
    """Return the first and last address and the port that a map gives beside it; None: no element for the packet."""
    if nat.both is not None and nat.prefix:
        element = evaluation.element(nat.both.key, nat.both.elements, nat.words)
        data = element.data if element is not None else ()
        if element is None:
            return None
        if not isinstance(data, tuple) or len(data) != 1 or not isinstance(data[0], Interval):
            raise Unknowable(_because(context, "netui cannot tell what this map gives"))
        return data[0].low, data[0].high, None
    if nat.both is not None:
        readings = evaluation.readings(nat.both)
        if readings[0] is ABSENT:
            return None
        if not all(isinstance(part, int) for part in readings) or len(readings) > 2:
            raise Unknowable(_because(context, "netui cannot tell what this map gives"))
        address = readings[0]
        port = readings[1] if len(readings) == 2 else None
        assert isinstance(address, int) and not isinstance(port, str)
        return address, address, port if isinstance(port, int) else None
    if nat.address is None:
        return None, None, None
    span = _number(nat.address, context, evaluation)
    if span is None:
        return None
    low, high = span
    if nat.last_address is not None:
        last = _number(nat.last_address, context, evaluation)
        if last is None:
            return None
        high = last[1]
    return low, high, None


def _number(expression: Expression, context: TargetContext, evaluation: Evaluation) -> tuple[int, int] | None:
    """Return an expression's number or interval; None where it is absent."""
    if isinstance(expression, Literal) and isinstance(expression.value, Interval):
        return expression.value.low, expression.value.high
    reading = evaluation.reading(expression)
    if reading is ABSENT:
        return None
    if not isinstance(reading, int):
        raise Unknowable(_because(context, "netui cannot tell to what this translates"))
    return reading, reading


def _because(context: TargetContext, reason: str) -> Undecided:
    rule = context.rule
    return Undecided(
        rule.match, reason, rule.hook, rule.family, rule.backend, rule.table, rule.chain, rule.rule, rule.text
    )
