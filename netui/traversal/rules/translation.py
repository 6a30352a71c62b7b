"""Network address translation: DNAT, SNAT, MASQUERADE, REDIRECT, NETMAP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from netui.model import Family, Option, Target
from netui.model.statements import Verdict
from netui.net.addresses import Net, address_text, host_port, parse_address, parse_net
from netui.traversal.host.route_table import Lookup, RoutingUnknown
from netui.traversal.packet_state import PacketState
from netui.traversal.result import Change, Undecided
from netui.traversal.rules.target_action import Action, Effect, TargetContext, Unknowable


@dataclass(frozen=True, slots=True)
class Span:
    """Where to translate: ``--to-destination`` or ``--to-source``: addresses (None: kept) and ports (None: kept)."""

    first: int | None
    last: int | None
    ports: tuple[int, int] | None
    base: int | None
    random: bool


def _is_random(target: Target) -> bool:
    return target.option("--random", "--random-fully") is not None


def _parse_range(text: str, family: Family, random: bool) -> Span | None:
    """Parse ``A[-B][:P[-Q[/BASE]]]``, IPv6 in brackets where there is a port."""
    address, ports_text = text, ""
    if text.startswith("["):
        address, _, ports_text = text[1:].partition("]")
        ports_text = ports_text.lstrip(":")
        if address.endswith("]"):
            address = address[:-1]
    elif family == "ip":
        address, _, ports_text = text.partition(":")
    first_text, _, last_text = address.replace("[", "").replace("]", "").partition("-")
    first = last = None
    if first_text:
        low, high = parse_address(first_text), parse_address(last_text or first_text)
        if low is None or high is None or low[0] != family or high[0] != family:
            return None
        first, last = low[1], high[1]
    ports: tuple[int, int] | None = None
    base: int | None = None
    if ports_text:
        span, _, base_text = ports_text.partition("/")
        low_text, _, high_text = span.partition("-")
        try:
            ports = (int(low_text), int(high_text or low_text))
            base = int(base_text) if base_text else None
        except ValueError:
            return None
    return Span(first, last, ports, base, random)


def translate(target: Target, option_name: str, family: Family, make: Callable[[Span], Effect]) -> Action:
    """Compile DNAT or SNAT. option_name: its option; make: returns its effect."""
    option = target.option(option_name)
    parsed = _parse_range(option.value, family, _is_random(target)) if option else None
    if option is None or parsed is None:
        return Action("unknown", Verdict("unknown", how=f"target {target.name}"))
    return Action("nat", Verdict(target.name.lower(), how=option.value), effect=make(parsed))


def _choose_address(span: Span, current: int, context: TargetContext) -> int:
    if span.first is None or span.last is None:
        return current
    size = span.last - span.first + 1
    if size == 1:
        return span.first
    if size > 8:
        raise Unknowable(_because(context, f"the kernel chooses one of {size} addresses by a hash"))
    drawn = replace(_because(context, "the kernel chooses one of these addresses by a hash"), chance=True)
    return span.first + context.unknowns.branch(size, drawn)


def _because(context: TargetContext, reason: str) -> Undecided:
    rule = context.rule
    return Undecided(
        rule.match, reason, rule.hook, rule.family, rule.backend, rule.table, rule.chain, rule.rule, rule.text
    )


def _choose_port(span: Span, current: int | None, *, destination: bool) -> int | None:
    """nf_nat_l4proto_unique_tuple: a port within the range is kept; one port is that port."""
    if span.ports is None:
        return None if span.random and not destination else current
    low, high = span.ports
    if low == high:
        return low
    if span.base is not None:
        return None if current is None else low + (current - span.base) % (high - low + 1)
    if current is not None and low <= current <= high and not span.random:
        return current
    return None


def _source_port(span: Span, packet: PacketState) -> int | None:
    """Choose a source port; an unknown one lies in the span's ports, or above 1023 where the kernel chooses."""
    if packet.is_echo:
        return packet.sport
    before = packet.sport
    port = _choose_port(span, before, destination=False)
    if port is None and (before is not None or span.ports is not None):
        packet.sport_range = span.ports or (1024, 65535)
    return port


def _destination_port(span: Span, packet: PacketState) -> int | None:
    """Choose a destination port; many ports are divided where they do not all become one port, or all stay."""
    several = packet.any_dport
    if several is not None and span.ports is not None:
        low, high = span.ports
        if low == high:
            # a port that stays the same is not translated
            if several.within(low, low):
                return packet.dport
            packet.any_dport = None
        elif span.base is not None:
            first = several.numbers.lows[0]
            several.within(first, first)
        elif not several.within(low, high):
            packet.any_dport = None
    return _choose_port(span, packet.dport, destination=True)


def dnat(span: Span) -> Effect:
    """The effect of DNAT."""

    def effect(packet: PacketState, context: TargetContext) -> tuple[Change, ...]:
        dst = _choose_address(span, packet.dst, context)
        return rewrite_destination(packet, dst, packet.dport if packet.is_echo else _destination_port(span, packet))

    return effect


def snat(span: Span) -> Effect:
    """The effect of SNAT."""

    def effect(packet: PacketState, context: TargetContext) -> tuple[Change, ...]:
        src = _choose_address(span, packet.src, context)
        return rewrite_source(packet, src, _source_port(span, packet))

    return effect


def rewrite_destination(packet: PacketState, dst: int, port: int | None) -> tuple[Change, ...]:
    """Bind the connection's destination; return the change."""
    connection = packet.connection
    changed = dst != packet.dst or port != packet.dport
    if dst != packet.dst:
        packet.any_dst = None
    if port != packet.dport:
        packet.any_dport = None
    packet.dst, packet.dport = dst, port
    if connection is not None:
        connection.any_reply_sport = packet.any_dport
        connection.dst_done = True
        connection.dnat = connection.dnat or changed
        connection.reply.src, connection.reply.sport = dst, port
    return (Change("destination", host_port(address_text(packet.family, dst), port)),) if changed else ()


def rewrite_source(packet: PacketState, src: int, port: int | None) -> tuple[Change, ...]:
    """Bind the connection's source; return the change."""
    connection = packet.connection
    changed = src != packet.src or port != packet.sport
    if src != packet.src:
        packet.any_src = None
    packet.src, packet.sport = src, port
    if connection is not None:
        connection.src_done = True
        connection.snat = connection.snat or changed
        connection.reply.dst, connection.reply.dport = src, port
    return (Change("source", host_port(address_text(packet.family, src), port)),) if changed else ()


def masquerade(target: Target) -> Action:
    """MASQUERADE: the out-interface's own address."""
    return Action(
        "nat", Verdict("masquerade"), effect=masquerade_effect(_span(target.option("--to-ports"), _is_random(target)))
    )


def _span(ports: Option | None, random: bool) -> Span:
    """The ports of ``--to-ports``, as a range without addresses."""
    span = None
    if ports is not None:
        low, _, high = ports.value.partition("-")
        if low.isdigit() and (high or low).isdigit():
            span = (int(low), int(high or low))
    return Span(None, None, span, None, random)


def masquerade_effect(span: Span) -> Effect:
    """The effect of MASQUERADE; of the span only the ports count."""

    def effect(packet: PacketState, context: TargetContext) -> tuple[Change, ...]:
        source = _masquerade_address(packet, context)
        return rewrite_source(packet, source, _source_port(span, packet))

    return effect


def _masquerade_address(packet: PacketState, context: TargetContext) -> int:
    """nf_nat_masquerade_ipv4: the out-interface's address for the next hop."""
    gateway = ""
    try:
        route = context.fib.lookup(Lookup(packet.dst, packet.src, packet.mark, packet.iif or "lo"))
        gateway = route.gateway if route is not None and packet.oif in context.fib.devices(route) else ""
    except RoutingUnknown:
        pass
    source = context.fib.select_source(packet.oif, packet.dst, gateway)
    if source is None:
        raise Unknowable(
            _because(context, f"{packet.oif or 'the out-interface'} has no known address to masquerade as")
        )
    return source


def netmap(target: Target, family: Family) -> Action:
    """NETMAP: the network is replaced, the rest of the address kept."""
    option = target.option("--to")
    net = parse_net(option.value, family) if option else None
    if option is None or net is None:
        return Action("unknown", Verdict("unknown", how="target NETMAP"))

    def effect(packet: PacketState, context: TargetContext) -> tuple[Change, ...]:
        if context.hook in ("prerouting", "output"):
            return rewrite_destination(packet, _mapped(packet.dst, net), packet.dport)
        return rewrite_source(packet, _mapped(packet.src, net), packet.sport)

    return Action("nat", Verdict("netmap", how=option.value), effect=effect)


def _mapped(address: int, net: Net) -> int:
    full = (1 << net.width) - 1
    return (address & (full ^ net.mask)) | net.value


def redirect(target: Target) -> Action:
    """REDIRECT: to this machine."""
    option = target.option("--to-ports", "--to-port")
    span: tuple[int, int] | None = None
    if option is not None:
        low, _, high = option.value.partition("-")
        if not low.isdigit() or not (high or low).isdigit():
            return Action("unknown", Verdict("unknown", how="target REDIRECT"))
        span = (int(low), int(high or low))
    rule = Span(None, None, span, None, _is_random(target))
    return Action("nat", Verdict("redirect", how=option.value if option else ""), effect=redirect_effect(rule))


def redirect_effect(rule: Span) -> Effect:
    """The effect of REDIRECT; of the span only the ports count."""

    def effect(packet: PacketState, context: TargetContext) -> tuple[Change, ...]:
        """nf_nat_redirect: the in-interface's first address; sent from here: loopback."""
        if context.hook == "output":
            dst = 0x7F000001 if packet.family == "ip" else 1
        else:
            addresses = [a for a in context.fib.addresses(packet.iif) if a.scope != "host"]
            if packet.family == "ip6":
                addresses = [a for a in addresses if a.scope == "global"] or addresses
            parsed = parse_address(addresses[0].address) if addresses else None
            if parsed is None:
                raise Unknowable(_because(context, f"{packet.iif} has no known address to redirect to"))
            dst = parsed[1]
        return rewrite_destination(packet, dst, _destination_port(rule, packet))

    return effect
