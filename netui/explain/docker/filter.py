"""Docker's own rules of the filter and raw tables, 17 to 29, recognised by their purpose.

Each purpose is a table, a set of chains and a pattern of options. The sentence tells what the rule does and why
Docker made it. A rule with any other match is not Docker's.
"""

from __future__ import annotations

from collections.abc import Mapping

from netui.explain.chain_owners import chain_of_dockers
from netui.explain.docker.isolation import APART, RAW, Key, Sentence, at, bare, same_bridge
from netui.explain.names import Names
from netui.explain.pattern import RulePattern
from netui.text.phrases import ports, protocol
from netui.text.visible import printable

_FORWARDING = ("FORWARD", "DOCKER-FORWARD", "DOCKER-CT", "DOCKER-BRIDGE")
_OPEN = ("RELATED,ESTABLISHED", "ESTABLISHED,RELATED")


def chain_link(target: str) -> str:
    """Return the sentence of an unconditional jump into one of Docker's chains, "" for any other."""
    purpose = chain_of_dockers(target)
    return f"Every packet that comes this far goes through {target}, {purpose}." if purpose else ""


# --- forwarding ------------------------------------------------------------------------------


def _open_connections(shape: RulePattern, names: Names) -> str:
    if shape.values["--ctstate"] not in _OPEN:
        return ""
    return f"Answers and other packets of connections that are already open may enter {at(shape, names, '-o')}."


def _into_network(shape: RulePattern, names: Names) -> str:
    return (
        f"Packets on their way into {at(shape, names, '-o')} go through DOCKER, "
        "where Docker keeps the ports that containers publish."
    )


def _out_of_network(shape: RulePattern, names: Names) -> str:
    if not same_bridge(shape):
        return ""
    network = at(shape, names, "-i")
    return f"Packets that come from {network} and leave it are let through: its containers may reach the outside."


def _within_network(shape: RulePattern, names: Names) -> str:
    if not same_bridge(shape):
        return ""
    return f"Packets from one container of {at(shape, names, '-i')} to another are let through."


def _no_icc(shape: RulePattern, names: Names) -> str:
    if not same_bridge(shape):
        return ""
    return (
        f"Packets from one container of {at(shape, names, '-i')} to another are dropped: "
        "the network was made so that its containers do not talk to each other (icc=false)."
    )


def _anything_from(shape: RulePattern, names: Names) -> str:
    network = at(shape, names, "-i")
    return f"Packets that come from {network} are let through: its containers may reach each other and the outside."


def _accept_mark(shape: RulePattern, _names: Names) -> str:
    mark = printable(shape.values["--mark"])
    return (
        f"Packets that carry the mark {mark} are let through, whatever they are for: "
        "the engine's option bridge-accept-fwmark."
    )


def _ext_bridges(shape: RulePattern, _names: Names) -> str:
    words = shape.values["--match-set"].split()
    if words[:1] not in (["docker-ext-bridges-v4"], ["docker-ext-bridges-v6"]) or words[1:] != ["dst"]:
        return ""
    into = f"one of Docker's subnets (set {words[0]})"
    if shape.target == "DOCKER":
        return f"Packets for {into} go through DOCKER, where Docker keeps the ports that containers publish."
    if shape.values.get("--ctstate") in _OPEN:
        return f"Answers and other packets of connections that are already open may enter {into}."
    return ""


# --- the ports that containers publish --------------------------------------------------------


def published_as(shape: RulePattern, names: Names, address: str) -> str:
    """Return how the container publishes the rule's port, "" where that is not known."""
    places = names.publications(address, shape.values.get("--dport", ""), shape.values.get("-p", ""))
    return " and ".join(printable(binding) for binding in places)


def _publish(shape: RulePattern, names: Names) -> str:
    if not same_bridge(shape):
        return ""
    address = bare(shape.values["-d"])
    container = names.container(address)
    packets = f"{protocol(shape.values['-p'])} packets to {ports(shape.values['--dport'])} of {names.address(address)}"
    as_ = published_as(shape, names, address)
    why = f"{printable(container)} publishes this port as {as_}" if as_ else "Docker opened this port of it"
    return f"{packets} that come from outside {at(shape, names, '-o')} are let in: {why}."


def _rest_of_network(shape: RulePattern, names: Names) -> str:
    if not same_bridge(shape):
        return ""
    return (
        f"Packets into {at(shape, names, '-o')} from outside it that no rule before this one let in are dropped: "
        "ports that its containers do not publish stay closed."
    )


def _unprotected(shape: RulePattern, names: Names) -> str:
    if not same_bridge(shape):
        return ""
    return (
        f"Packets into {at(shape, names, '-o')} from outside it are let in, whatever port they are for: "
        "its gateway mode is nat-unprotected."
    )


def _routed_ping(shape: RulePattern, names: Names) -> str:
    if shape.values["-p"] not in ("icmp", "ipv6-icmp", "icmpv6"):
        return ""
    kind = protocol(shape.values["-p"])
    return (
        f"{kind} packets into {at(shape, names, '-o')} are let in, pings among them: "
        "its gateway mode is routed, so that its containers are reached by their own addresses."
    )


def _link(shape: RulePattern, names: Names) -> str:
    if not same_bridge(shape):
        return ""
    source, target = names.address(bare(shape.values["-s"])), names.address(bare(shape.values["-d"]))
    kind = protocol(shape.values["-p"])
    if "--dport" in shape.values:
        port = ports(shape.values["--dport"])
        return f"{kind} packets from {source} to {port} of {target} are let through: the two are linked (--link)."
    port = ports(shape.values["--sport"])
    return f"{kind} packets from {port} of {source} to {target} are let through: answers over a link (--link)."


# --- swarm --------------------------------------------------------------------------------------


def _ingress_in(shape: RulePattern, _names: Names) -> str:
    port = ports(shape.values["--dport"])
    return f"{protocol(shape.values['-p'])} packets to {port} are let through: a swarm service publishes it."


def _ingress_answer(shape: RulePattern, _names: Names) -> str:
    if shape.values["--ctstate"] not in _OPEN:
        return ""
    port = ports(shape.values["--sport"])
    return (
        f"{protocol(shape.values['-p'])} packets from {port} that belong to open connections are let through: "
        "answers of a swarm service."
    )


def _ingress_return(_shape: RulePattern, _names: Names) -> str:
    return "Packets for no port of a swarm service go back to the chain that called this one."


def _user_return(_shape: RulePattern, _names: Names) -> str:
    return (
        "Packets that no rule before this one took go on to Docker's own rules: "
        "Docker puts this line here, and the administrator's rules belong before it."
    )


_ANY_FORWARDING: Mapping[Key, Sentence] = {
    (("--ctstate", "-o"), "ACCEPT"): _open_connections,
    (("-o",), "DOCKER"): _into_network,
    (("!-o", "-i"), "ACCEPT"): _out_of_network,
    (("-i", "-o"), "ACCEPT"): _within_network,
    (("-i", "-o"), "DROP"): _no_icc,
    (("-i",), "ACCEPT"): _anything_from,
    (("--match-set",), "DOCKER"): _ext_bridges,
    (("--ctstate", "--match-set"), "ACCEPT"): _ext_bridges,
}
_FILTER_DOCKER: Mapping[Key, Sentence] = {
    (("!-i", "--dport", "-d", "-o", "-p"), "ACCEPT"): _publish,
    (("!-i", "-o"), "DROP"): _rest_of_network,
    (("!-i", "-o"), "ACCEPT"): _unprotected,
    (("-o", "-p"), "ACCEPT"): _routed_ping,
    (("--dport", "-d", "-i", "-o", "-p", "-s"), "ACCEPT"): _link,
    (("--sport", "-d", "-i", "-o", "-p", "-s"), "ACCEPT"): _link,
}
_INGRESS: Mapping[Key, Sentence] = {
    (("--dport", "-p"), "ACCEPT"): _ingress_in,
    (("--ctstate", "--sport", "-p"), "ACCEPT"): _ingress_answer,
    ((), "RETURN"): _ingress_return,
}
_BY_CHAIN: Mapping[tuple[str, str], Mapping[Key, Sentence]] = {
    **{("filter", chain): _ANY_FORWARDING for chain in _FORWARDING},
    ("filter", "DOCKER-FORWARD"): {**_ANY_FORWARDING, (("--mark",), "ACCEPT"): _accept_mark},
    ("filter", "DOCKER"): _FILTER_DOCKER,
    ("filter", "DOCKER-USER"): {((), "RETURN"): _user_return},
    ("filter", "DOCKER-INTERNAL"): APART,
    ("filter", "DOCKER-ISOLATION"): APART,
    ("filter", "DOCKER-ISOLATION-STAGE-1"): APART,
    ("filter", "DOCKER-ISOLATION-STAGE-2"): APART,
    ("filter", "DOCKER-INGRESS"): _INGRESS,
    ("raw", "PREROUTING"): RAW,
}


def purpose(table: str, shape: RulePattern, names: Names) -> str:
    """Return the sentence of one of Docker's filter or raw rules, "" for any other rule."""
    chain = shape.spec.chain
    by_shape = _BY_CHAIN.get((table, chain))
    sentence = by_shape.get((shape.keys, shape.target)) if by_shape is not None else None
    if sentence is None:
        return ""
    if chain in ("FORWARD", "PREROUTING") and not _names_docker(shape, names):
        # in a built-in chain, such a rule may be anybody's
        return ""
    return sentence(shape, names)


def _names_docker(shape: RulePattern, names: Names) -> bool:
    if "--match-set" in shape.values:
        return True
    bridges = [shape.values[key] for key in ("-i", "-o") if key in shape.values]
    if any(names.is_dockers(bridge) for bridge in bridges):
        return True
    address = bare(shape.values.get("-d", ""))
    loopback = bridges == ["lo"] and "--dport" in shape.values and address.startswith("127.")
    return shape.spec.chain == "PREROUTING" and (loopback or bool(names.container(address)))
