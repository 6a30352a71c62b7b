"""Docker 29's own nftables rules by their purpose, which each rule's comment names.

Source: moby, daemon/libnetwork/drivers/bridge/internal/nftabler; seen on Engine 29.7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from netui.explain.docker.nat import split_socket
from netui.explain.names import Names
from netui.model import Chain, Rule, RuleSpec
from netui.model.statements import VerdictMap

_FORWARD_IN, _FORWARD_OUT = "filter-forward-in__", "filter-forward-out__"


def purpose(names: Names, chain: Chain, rule: Rule) -> str:
    """Return what a rule of ``table ip docker-bridges`` is for, "" where netui does not know it."""
    spec = rule.spec
    bridge = _bridge(chain.name)
    said = _BY_COMMENT.get(spec.comment)
    if said is not None:
        return said(names, spec, bridge)
    if rule.native is not None and any(isinstance(part, VerdictMap) for part in rule.native.statements):
        return _sorted_by(spec, chain)
    target = spec.target
    if target is not None and target.name == "nat-prerouting-and-output":
        return "Connections to an address of this machine are looked up among the published ports."
    if target is not None and target.name == "ACCEPT" and bridge:
        state = any("established" in option.name for match in spec.matches for option in match.options)
        if state:
            way = "into" if chain.name.startswith(_FORWARD_IN) else "out of"
            return f"Answers of open connections may go {way} {names.interface(bridge)}."
        return _published(names, spec, bridge)
    return ""


def _bridge(chain: str) -> str:
    return chain.partition("__")[2]


def _sorted_by(spec: RuleSpec, chain: Chain) -> str:
    words = " ".join(option.name for match in spec.matches for option in match.options)
    side = "go to" if words.startswith("oifname") else "come from"
    what = "translated" if chain.name.startswith("nat-") else "forwarded"
    return (
        f"Packets that are to be {what} are sorted by the Docker network that they {side}: each has a chain of its own."
    )


def _published(names: Names, spec: RuleSpec, bridge: str) -> str:
    to = spec.basic_option("-d")
    if to is None:
        return ""
    ports = [
        f"{option.value}/{match.module}"
        for match in spec.matches
        for option in match.options
        if option.name == "--dport"
    ]
    listed = f" on {', '.join(ports)}" if ports else ""
    return (
        f"Connections to {names.address(to.value)}{listed} may enter {names.interface(bridge)}: the port is published."
    )


def _dnat(names: Names, spec: RuleSpec, _bridge: str) -> str:
    target = spec.target
    option = target.option("--to-destination") if target is not None else None
    ports = [
        f"{option.value}/{match.module}"
        for match in spec.matches
        for option in match.options
        if option.name == "--dport"
    ]
    if option is None or not ports:
        return ""
    address, port = split_socket(option.value)
    where = names.address(address)
    asked = spec.basic_option("-d")
    only = f" at {names.address(asked.value)}" if asked is not None and not asked.negated else ""
    return f"The published port {', '.join(ports)}{only} leads to {where}:{port}." if port else ""


def _icc(names: Names, spec: RuleSpec, bridge: str) -> str:
    dropped = spec.target is not None and spec.target.name == "DROP"
    fate = "may not reach each other (icc=false)" if dropped else "may reach each other"
    return f"Containers of {names.interface(bridge)} {fate}."


def _direct(names: Names, spec: RuleSpec, _bridge: str) -> str:
    to = spec.basic_option("-d")
    where = names.address(to.value) if to is not None else "a container"
    return (
        f"Packets straight to {where}'s own address, from anywhere but its network, are dropped before anything else."
    )


def _fixed(text: str) -> Callable[[Names, RuleSpec, str], str]:
    return lambda names, _spec, bridge: text.format(bridge=names.interface(bridge) if bridge else "a network")


_BY_COMMENT: Mapping[str, Callable[[Names, RuleSpec, str], str]] = {
    "DNAT": _dnat,
    "ICC": _icc,
    "DROP DIRECT ACCESS": _direct,
    "DROP REMOTE LOOPBACK": _fixed(
        "A port that is published on the loopback address is dropped for packets that come by any other interface."
    ),
    "UNPUBLISHED PORT DROP": _fixed("Whatever else would enter {bridge} is dropped: only published ports are open."),
    "OUTGOING": _fixed("Containers of {bridge} may send to anywhere."),
    "MASQUERADE": _fixed("Packets that leave {bridge} get this machine's address as their source."),
    "MASQ TO OWN PORT": _fixed(
        "A container that calls its own published port gets this machine's address as its source."
    ),
    "INTERNAL NETWORK INGRESS": _fixed("{bridge} is internal: nothing from elsewhere may enter it."),
    "INTERNAL NETWORK EGRESS": _fixed("{bridge} is internal: nothing may leave it."),
    "SNAT": _fixed("Packets that leave {bridge} get the address that its network names as their source."),
}
