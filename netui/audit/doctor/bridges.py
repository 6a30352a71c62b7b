"""Findings about foreign bridges: virtual machines and other engines behind Docker's FORWARD policy."""

from __future__ import annotations

from collections.abc import Iterator

from netui.audit.doctor.checkup import View
from netui.audit.doctor.finding import Evidence, Finding
from netui.audit.doctor.shadowing import is_unconditional
from netui.audit.doctor.stops import client_sees, does, let_pass, where
from netui.audit.doctor.translations import translation
from netui.explain.chain_owners import neighbour
from netui.model import Interface, packet_family
from netui.net.addresses import address_text, parse_address, parse_net
from netui.traversal import Step

_WEB = "outside:443/tcp"


_MEANT = frozenset(f"{stem}_{zone}" for stem in ("FWD", "FWDI", "FWDO") for zone in ("drop", "block"))


def _foreign_bridges(view: View) -> Iterator[Interface]:
    dockers = {network.bridge for network in view.host.networks.values()}
    for interface in view.host.namespace.interfaces.values():
        if interface.kind == "bridge" and interface.name not in dockers and interface.up:
            yield interface


def stranded_bridges(view: View) -> Iterator[Finding]:
    """FORWARD's policy DROP drops the packets of virtual machines or other engines on the host."""
    if not view.judged or not view.forwards_to_docker("ip"):
        return
    for interface in _foreign_bridges(view):
        source = _guest(interface)
        answer = view.walk(source, _WEB) if source else None
        step = answer.deciding if answer is not None else None
        if answer is None or step is None or not _for_all(view, step) or answer.legs[0].packet.iif != interface.name:
            continue
        yield Finding(
            "bridge-stranded",
            "high",
            f"What is on {interface.name} (virtual machines, another engine's containers) cannot reach the outside: "
            f"no rule lets its packets pass before {where(step)} {does(step)} them.",
            f"{_whose(step)} Who is there {client_sees(step)}.",
            (view.step_evidence(step), Evidence("interface", f"{interface.name} is a bridge that is not Docker's")),
            (
                *let_pass(
                    view,
                    step,
                    "ip",
                    f"-i {interface.name} -j ACCEPT",
                    f"-o {interface.name} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                    inwards=interface.name,
                ),
                *_by_the_engine(step),
            ),
            (interface.name,),
        )


def _for_all(view: View, step: Step) -> bool:
    """Whether a step is a default: a policy, or a rule for every packet in FORWARD or at a zone's end."""
    if step.hook != "forward" or not step.verdict.stops:
        return False
    located = view.rule_of(step)
    if step.rule is None or located is None:
        return step.rule is None
    # a zone's target; the drops of the zones drop and block are intended
    zone = neighbour(located.chain.name)[0] == "firewalld" and located.chain.name not in _MEANT
    return is_unconditional(located.rule, packet_family(located.chain.family)) and (
        located.chain.base is not None or zone
    )


def _whose(step: Step) -> str:
    if step.rule is None and step.chain == "FORWARD" and step.backend != "nftables":
        return "Docker sets that policy when it turns forwarding on, and it holds for everybody on the host."
    return "It holds for everybody on the host."


def _by_the_engine(step: Step) -> Iterator[str]:
    if step.rule is None and step.chain == "FORWARD" and step.backend != "nftables":
        yield "Engine 28 and newer leave the policy alone with ip-forward-no-drop in daemon.json."


def _guest(interface: Interface) -> str:
    """An address on the bridge, other than the host's."""
    for address in interface.addresses:
        net = parse_net(f"{address.address}/{address.prefixlen}", "ip") if address.family == "ip" else None
        own = parse_address(address.address)
        if net is None or own is None or net.single:
            continue
        candidate = net.value + 2 if net.value + 2 != own[1] else net.value + 3
        return address_text("ip", candidate) if candidate in net else ""
    return ""


def stranded_publish(view: View) -> Iterator[Finding]:
    """A foreign DNAT leads to such a bridge, and FORWARD's policy DROP drops its packets."""
    if not view.judged or not view.forwards_to_docker("ip"):
        return
    bridges = {interface.name for interface in _foreign_bridges(view)}
    for located in view.rules("ip", "nat") if bridges else ():
        target = located.rule.spec.target
        if target is None or target.name != "DNAT" or located.chain.name == "DOCKER":
            continue
        asked = translation(located)
        answer = view.walk("outside", f"host:{asked}") if asked else None
        step = answer.deciding if answer is not None else None
        if answer is None or step is None or not _for_all(view, step):
            continue
        bridge = answer.legs[-1].packet.oif
        if bridge not in bridges:
            continue
        owner = neighbour(located.chain.name)[0]
        whose = f"{owner} publishes port {asked}" if owner else f"A rule of {located.chain.name} sends port {asked} on"
        yield Finding(
            "publish-stranded",
            "high",
            f"{whose} to a machine behind {bridge}, and nobody outside reaches it: no rule lets its packets pass "
            f"before {where(step)} {does(step)} them.",
            f"{_whose(step)} A client {client_sees(step)}.",
            (view.rule_evidence(located), view.step_evidence(step)),
            (
                *let_pass(view, step, "ip", f"-o {bridge} -m conntrack --ctstate DNAT -j ACCEPT"),
                *_by_the_engine(step),
            ),
            (bridge,),
        )
