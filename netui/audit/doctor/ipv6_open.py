"""The finding about ports that are open over IPv6, although IPv4's rules close them or open them to a few."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netui.audit.doctor.checkup import View, decided_by_the_administrator
from netui.audit.doctor.finding import Change, Finding, Severity
from netui.audit.doctor.remedy import cure
from netui.model import PublishedPort
from netui.text.phrases import some
from netui.traversal import Path

#: The most ports of programs that are checked.
_MOST_PORTS = 64


def ipv6_left_open(view: View) -> Iterator[Finding]:
    """A port that a rule closes over IPv4, or opens to a few, is open to everyone over IPv6."""
    six = next(
        (origin.address for origin in view.origins.outer if origin.family == "ip6" and origin.where == "world"), ""
    )
    if not six or not view.walked or view.host.namespace.rules_read.get("ip6"):
        return
    ports_of: dict[Severity, dict[str, _Open]] = {"high": {}, "note": {}}
    for name, port, protocol, bound in _both_families(view):
        four = view.walk("outside", f"host:{port}/{protocol}")
        if four is None or four.verdict not in ("dropped", "rejected") or not _on_purpose(four, bound):
            continue
        other = view.walk("outside", f"[{six}]:{port}/{protocol}", reply=True)
        answered = other is not None and other.delivered_to is not None and not other.delivered_to.refuses
        if other is not None and other.verdict == "delivered" and answered:
            # an allow list, or INPUT, shows the intention; a rule that closes a port to everyone may be for IPv4 only
            meant = not bound or any(part.path.verdict == "delivered" for part in four.senders)
            ports_of["high" if meant else "note"][f"{port}/{protocol} ({name})"] = _Open(
                four, other, port, protocol, name
            )
    for severity, ports in ports_of.items():
        if ports:
            yield _left_open(view, severity, ports)


@dataclass(frozen=True, slots=True)
class _Open:
    """A port that is closed over IPv4 and open over IPv6: both paths, and the port's owner."""

    four: Path
    six: Path
    port: int
    protocol: str
    name: str


def _left_open(view: View, severity: Severity, ports: Mapping[str, _Open]) -> Finding:
    first = next(iter(ports.values()))
    steps = [step for step in (first.four.deciding, first.six.deciding) if step is not None]
    changes = [change for port in ports.values() if (change := _closing(view, port)) is not None]
    who = " but to those that its rules name" if any(port.four.senders for port in ports.values()) else ""
    return Finding(
        "ipv6-left-open",
        severity,
        f"Over IPv4 {some(list(ports))} {'is' if len(ports) == 1 else 'are'} closed to the outside{who}; over IPv6 "
        "everyone outside comes in.",
        "iptables' rules are for IPv4 alone; ip6tables has rules of its own.",
        tuple(view.step_evidence(step) for step in steps),
        (cure(view, "Close it there too: ", changes),) if changes else (),
        tuple(dict.fromkeys(port.name for port in ports.values())),
    )


def _both_families(view: View) -> Iterator[tuple[str, int, str, bool]]:
    """Ports with IPv4 and IPv6 addresses: published (True), or a program's."""
    bound: dict[tuple[str, int, str], set[str]] = {}
    for container, one in view.published():
        bound.setdefault((container.name, one.host_port, one.protocol), set()).add(_side(one))
    published = {(port, protocol) for _name, port, protocol in bound}
    yield from ((n, p, t, True) for (n, p, t), sides in bound.items() if {"ip", "ip6"} <= sides or "both" in sides)
    programs: dict[tuple[int, str], tuple[str, set[str]]] = {}
    for socket in view.host.namespace.sockets or ():
        protocol = socket.protocol.removesuffix("6")
        side = {"*": "both", "0.0.0.0": "ip", "::": "ip6"}.get(socket.address)
        if side is not None and not socket.device and (socket.port, protocol) not in published:
            programs.setdefault((socket.port, protocol), (socket.program, set()))[1].add(side)
    wide = [(name, port, protocol, False) for (port, protocol), (name, sides) in programs.items()
            if "both" in sides or {"ip", "ip6"} <= sides]  # fmt: skip
    yield from wide[:_MOST_PORTS]


def _side(bound: PublishedPort) -> str:
    return {"": "both", "0.0.0.0": "ip", "::": "ip6"}.get(bound.host_ip, "one")


def _on_purpose(path: Path, published: bool) -> bool:
    """Whether the administrator closed it, not an engine without rules: in INPUT, or in DOCKER-USER."""
    if published:
        return decided_by_the_administrator(path)
    return path.deciding is not None and path.deciding.hook == "input"


def _closing(view: View, left: _Open) -> Change | None:
    """The rule for ip6tables that closes it."""
    six, port, protocol = left.six, left.port, left.protocol
    step = six.deciding
    if step is not None and step.backend == "nftables":
        return None
    key = view.key("ip6", step if step is not None and step.family == "ip6" else None)
    ports = ("-p", protocol, "-m", protocol, "--dport", str(port))
    outer = view.host.outer("ip6")
    inwards = ("-i", outer.interface) if outer is not None else ()
    # docker-proxy's connection is a leg of its own
    if len(six.legs) > 1 or (six.delivered_to is not None and six.delivered_to.kind == "host"):
        return Change("insert", "ip6", key.backend, "filter", "INPUT", 1, (*inwards, *ports, "-j", "DROP"))
    asked = ("-p", protocol, "-m", "conntrack", "--ctorigdstport", str(port), "--ctdir", "ORIGINAL")
    has_user = any(True for _ in view.chains("ip6", "filter", "DOCKER-USER"))
    chain = "DOCKER-USER" if has_user else "FORWARD"
    return Change("insert", "ip6", key.backend, "filter", chain, 1, (*inwards, *asked, "-j", "DROP"))
