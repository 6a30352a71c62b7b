"""Docker 29's own nftables rules by their purpose, which is in each rule's comment.

Source: moby, daemon/libnetwork/drivers/bridge/internal/nftabler; seen on Engine 29.7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from netui.dialects.conditions import first_asked
from netui.explain.docker.nat import split_socket
from netui.explain.names import Names
from netui.model import Chain, Rule
from netui.model.statements import VerdictMap
from netui.net.conditions import DESTINATION, DPORT, PROTOCOL, STATE

_FORWARD_IN, _FORWARD_OUT = "filter-forward-in__", "filter-forward-out__"


def purpose(names: Names, chain: Chain, rule: Rule) -> str:
    """Return the purpose of a rule of ``table ip docker-bridges``, "" where it is not known."""
    bridge = _bridge(chain.name)
    sentence = _BY_COMMENT.get(rule.spec.comment)
    if sentence is not None:
        return sentence(names, rule, bridge)
    for statement in rule.native.statements if rule.native is not None else ():
        if isinstance(statement, VerdictMap):
            return _sorted_by(statement, chain)
    target = rule.spec.target
    if target is not None and target.name == "nat-prerouting-and-output":
        return "Connections to an address of this machine are looked up among the published ports."
    if target is not None and target.name == "ACCEPT" and bridge:
        state = first_asked(rule, "ip", STATE)
        if state is not None and state.takes_name("established"):
            direction = "into" if chain.name.startswith(_FORWARD_IN) else "out of"
            return f"Answers of open connections may go {direction} {names.interface(bridge)}."
        return _published(names, rule, bridge)
    return ""


def _bridge(chain: str) -> str:
    return chain.partition("__")[2]


def _sorted_by(statement: VerdictMap, chain: Chain) -> str:
    side = "go to" if statement.words.startswith("oifname") else "come from"
    what = "translated" if chain.name.startswith("nat-") else "forwarded"
    return (
        f"Packets that are to be {what} are sorted by the Docker network that they {side}: each has a chain of its own."
    )


def _ports(rule: Rule) -> list[str]:
    """The ports that a rule matches, as ``80/tcp``."""
    protocol, port = first_asked(rule, "ip", PROTOCOL), first_asked(rule, "ip", DPORT)
    if protocol is None or port is None or port.number is None:
        return []
    return [f"{port.number}/{protocol.printed}"]


def _published(names: Names, rule: Rule, bridge: str) -> str:
    to = first_asked(rule, "ip", *DESTINATION)
    if to is None:
        return ""
    ports = _ports(rule)
    listed = f" on {', '.join(ports)}" if ports else ""
    where = names.address(to.printed)
    return f"Connections to {where}{listed} may enter {names.interface(bridge)}: the port is published."


def _dnat(names: Names, rule: Rule, _bridge: str) -> str:
    target = rule.spec.target
    option = target.option("--to-destination") if target is not None else None
    ports = _ports(rule)
    if option is None or not ports:
        return ""
    address, port = split_socket(option.value)
    where = names.address(address)
    asked = first_asked(rule, "ip", *DESTINATION)
    only = f" at {names.address(asked.printed)}" if asked is not None and not asked.negated else ""
    return f"The published port {', '.join(ports)}{only} leads to {where}:{port}." if port else ""


def _icc(names: Names, rule: Rule, bridge: str) -> str:
    dropped = rule.spec.target is not None and rule.spec.target.name == "DROP"
    fate = "may not reach each other (icc=false)" if dropped else "may reach each other"
    return f"Containers of {names.interface(bridge)} {fate}."


def _direct(names: Names, rule: Rule, _bridge: str) -> str:
    to = first_asked(rule, "ip", *DESTINATION)
    where = names.address(to.printed) if to is not None else "a container"
    return (
        f"Packets straight to {where}'s own address, from anywhere but its network, are dropped before anything else."
    )


def _fixed(text: str) -> Callable[[Names, Rule, str], str]:
    return lambda names, _rule, bridge: text.format(bridge=names.interface(bridge) if bridge else "a network")


_BY_COMMENT: Mapping[str, Callable[[Names, Rule, str], str]] = {
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
