"""Docker's own rules of the nat table, on the host and in a container's namespace, by their purpose."""

from __future__ import annotations

from collections.abc import Mapping

from netui.explain.docker.isolation import Sentence
from netui.explain.names import Names
from netui.explain.pattern import RulePattern
from netui.text.phrases import ports, protocol
from netui.text.visible import printable

_RESOLVER = "127.0.0.11/32"


def _bare(address: str) -> str:
    return address.removesuffix("/128") if ":" in address else address.removesuffix("/32")


def split_socket(text: str) -> tuple[str, str]:
    """Split ``172.18.0.3:443`` or ``[fd00::3]:443`` into address and port ("" where none)."""
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        return address, port.lstrip(":")
    if text.count(":") > 1:
        return text, ""
    address, _, port = text.partition(":")
    return address, port


def _look_up(shape: RulePattern, _names: Names) -> str:
    if shape.values["--dst-type"] != "LOCAL":
        return ""
    swarm = shape.target == "DOCKER-INGRESS"
    where = "the ports that swarm services publish" if swarm else "the ports that containers publish"
    if shape.spec.chain == "PREROUTING":
        return f"New connections to any address of this machine are looked up in {shape.target}: {where}."
    besides = ""
    if "-d" in shape.values:
        besides = f", {printable(shape.values['-d'])} excepted (docker-proxy answers there),"
    return (
        f"New connections that this machine opens to one of its own addresses{besides} are looked up in "
        f"{shape.target}: {where}."
    )


def _own_call(shape: RulePattern, names: Names) -> str:
    network = names.interface(shape.values["-i"])
    return (
        f"Connections from {network} to this machine are not translated: "
        "where its containers call a published port, docker-proxy answers."
    )


def _dnat(shape: RulePattern, names: Names) -> str:
    address, port = split_socket(shape.target_value("--to-destination"))
    if not address:
        return ""
    where = "this machine"
    if "-d" in shape.values:
        given = _bare(shape.values["-d"])
        where = "this machine's 127.0.0.1" if given == "127.0.0.1" else f"this machine's address {given}"
    limits: list[str] = []
    if "-i" in shape.values:
        network = names.interface(shape.values["-i"])
        limits.append(f"do not come from {network} itself")
    if "-s" in shape.values:
        limits.append(f"have no source in {printable(shape.values['-s'])} (link-local)")
    only = f" that {' and '.join(limits)}" if limits else ""
    kind = protocol(shape.values["-p"])
    to = names.socket(address, port, dockers=True)
    return f"{kind} packets to {ports(shape.values['--dport'])} of {where}{only} are sent to {to}."


def _masquerade(shape: RulePattern, names: Names) -> str:
    who = names.address(shape.values["-s"])
    network = names.bridges.get(shape.values["-o"])
    own = network is not None and names.subnets.get(shape.values["-s"]) == network.name
    interface = (
        "any interface but its own bridge" if own else f"any interface but {names.interface(shape.values['-o'])}"
    )
    if shape.target == "SNAT":
        to = printable(shape.target_value("--to-source"))
        return (
            f"Packets from {who} that leave by {interface} get {to} as their source, so that answers find the way back."
        )
    return (
        f"Packets from {who} that leave by {interface} get that interface's address as their source, "
        "so that answers find the way back."
    )


def _hairpin(shape: RulePattern, names: Names) -> str:
    if shape.values["-s"] != shape.values["-d"]:
        return ""
    address = names.address(_bare(shape.values["-s"]))
    return (
        f"{protocol(shape.values['-p'])} packets from {address} to {ports(shape.values['--dport'])} of itself get the "
        "address of the network's bridge as their source: so a container that calls its own published port is answered."
    )


def _from_this_machine(shape: RulePattern, names: Names) -> str:
    if shape.values["--src-type"] != "LOCAL":
        return ""
    network = names.interface(shape.values["-o"])
    return (
        f"Packets from this machine's own addresses into {network} get the address of its bridge as their source: "
        "so a published port can be called at 127.0.0.1 too, without docker-proxy."
    )


def _resolver(shape: RulePattern, _names: Names) -> str:
    if shape.values.get("-d") != _RESOLVER:
        return ""
    return f"Packets to Docker's resolver (127.0.0.11) go through {shape.target}."


def _to_resolver(shape: RulePattern, _names: Names) -> str:
    if shape.values.get("-d") != _RESOLVER:
        return ""
    to = printable(shape.target_value("--to-destination"))
    kind = protocol(shape.values["-p"])
    return f"{kind} DNS queries to 127.0.0.11 are sent to {to}, where Docker's resolver listens in this container."


def _from_resolver(shape: RulePattern, _names: Names) -> str:
    if shape.values.get("-s") != _RESOLVER:
        return ""
    kind, port = protocol(shape.values["-p"]), ports(shape.values["--sport"])
    to = printable(shape.target_value("--to-source"))
    return (
        f"{kind} answers of Docker's resolver from its {port} get back the source {to}, which the container had asked."
    )


def _resolver_answers(shape: RulePattern, _names: Names) -> str:
    if shape.values.get("-s", shape.values.get("-d")) != _RESOLVER:
        return ""
    which = "from" if "-s" in shape.values else "to"
    return f"Packets {which} Docker's resolver (127.0.0.11) go through {shape.target}."


def _ingress_dnat(shape: RulePattern, _names: Names) -> str:
    address, port = split_socket(shape.target_value("--to-destination"))
    where = f"{address}:{port}" if port else address
    return (
        f"{protocol(shape.values['-p'])} packets to {ports(shape.values['--dport'])} are sent to {where}, "
        "the swarm's ingress sandbox: a service publishes this port."
    )


def _ingress_return(_shape: RulePattern, _names: Names) -> str:
    return "Packets for no port of a swarm service go back to the chain that called this one."


_Key = tuple[tuple[str, ...], str]
_DNATS: Mapping[_Key, Sentence] = {
    (tuple(sorted(keys)), "DNAT"): _dnat
    for keys in (
        ("-p", "--dport"),
        ("-p", "--dport", "-d"),
        ("-p", "--dport", "!-i"),
        ("-p", "--dport", "!-i", "-d"),
        ("-p", "--dport", "!-i", "!-s"),
        ("-p", "--dport", "!-i", "!-s", "-d"),
        ("-p", "--dport", "!-s"),
        ("-p", "--dport", "!-s", "-d"),
    )
}
_BY_CHAIN: Mapping[str, Mapping[_Key, Sentence]] = {
    "PREROUTING": {
        (("--dst-type",), "DOCKER"): _look_up,
        (("--dst-type",), "DOCKER-INGRESS"): _look_up,
    },
    "OUTPUT": {
        (("!-d", "--dst-type"), "DOCKER"): _look_up,
        (("--dst-type",), "DOCKER"): _look_up,
        (("--dst-type",), "DOCKER-INGRESS"): _look_up,
        (("-d",), "DOCKER_OUTPUT"): _resolver,
    },
    "POSTROUTING": {
        (("!-o", "-s"), "MASQUERADE"): _masquerade,
        (("!-o", "-s"), "SNAT"): _masquerade,
        (("--dport", "-d", "-p", "-s"), "MASQUERADE"): _hairpin,
        (("--src-type", "-o"), "MASQUERADE"): _from_this_machine,
        (("-d",), "DOCKER_POSTROUTING"): _resolver_answers,
        (("-s",), "DOCKER_POSTROUTING"): _resolver_answers,
    },
    "DOCKER": {**_DNATS, (("-i",), "RETURN"): _own_call},
    "DOCKER-INGRESS": {(("--dport", "-p"), "DNAT"): _ingress_dnat, ((), "RETURN"): _ingress_return},
    "DOCKER_OUTPUT": {(("--dport", "-d", "-p"), "DNAT"): _to_resolver},
    "DOCKER_POSTROUTING": {(("--sport", "-p", "-s"), "SNAT"): _from_resolver},
}


def purpose(shape: RulePattern, names: Names) -> str:
    """Return the sentence of one of Docker's nat rules, "" for any other rule."""
    by_shape = _BY_CHAIN.get(shape.spec.chain)
    sentence = by_shape.get((shape.keys, shape.target)) if by_shape is not None else None
    if sentence is None:
        return ""
    if (shape.target in ("MASQUERADE", "SNAT") and "-o" in shape.values) and not names.is_dockers(shape.values["-o"]):
        return ""
    return sentence(shape, names)
