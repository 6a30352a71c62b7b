"""Docker's rules of isolation: networks from each other, and containers' own addresses from outside (raw, 28)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from netui.explain.names import Names
from netui.explain.pattern import RulePattern
from netui.text.phrases import ports, protocol
from netui.text.visible import printable

Sentence = Callable[[RulePattern, Names], str]
Key = tuple[tuple[str, ...], str]


def at(shape: RulePattern, names: Names, key: str) -> str:
    """Return the described interface of an option."""
    return names.interface(shape.values[key])


def same_bridge(shape: RulePattern) -> bool:
    """Whether the rule names the same interface twice."""
    return shape.values["-i"] == shape.values["-o"]


def bare(address: str) -> str:
    """Return a single address without its prefix length."""
    return address.removesuffix("/128") if ":" in address else address.removesuffix("/32")


# --- keeping networks apart -------------------------------------------------------------------


def _leaves_network(shape: RulePattern, names: Names) -> str:
    if not same_bridge(shape):
        return ""
    return (
        f"Packets that leave {at(shape, names, '-i')} go through DOCKER-ISOLATION-STAGE-2, "
        "which drops those that would enter another Docker network."
    )


def _enters_other(shape: RulePattern, names: Names) -> str:
    return f"Packets from another Docker network that would enter {at(shape, names, '-o')} are dropped."


def _pair(shape: RulePattern, names: Names) -> str:
    if same_bridge(shape):
        return ""
    return (
        f"Packets from {at(shape, names, '-i')} to {at(shape, names, '-o')} are dropped: "
        "Docker keeps its networks apart."
    )


def _internal_in(shape: RulePattern, names: Names) -> str:
    subnet = printable(shape.values["-s"])
    return (
        f"Packets into {at(shape, names, '-o')} that do not come from its own addresses ({subnet}) are dropped: "
        "it is an internal network."
    )


def _internal_out(shape: RulePattern, names: Names) -> str:
    subnet = printable(shape.values["-d"])
    return (
        f"Packets from {at(shape, names, '-i')} that are not for its own addresses ({subnet}) are dropped: "
        "it is an internal network, without a way out."
    )


def _not_crossing(shape: RulePattern, _names: Names) -> str:
    chain = shape.spec.chain
    if chain.endswith("STAGE-2"):
        return "Packets that enter no other Docker network go back: they do not cross from one network to another."
    return "Packets that no rule before this one dropped go back to the chain that called this one."


# --- raw (28 and newer) -----------------------------------------------------------------------


def _raw_direct(shape: RulePattern, names: Names) -> str:
    address = names.address(bare(shape.values["-d"]))
    network = at(shape, names, "-i")
    if "--dport" in shape.values:
        kind, port = protocol(shape.values["-p"]), ports(shape.values["--dport"])
        if shape.values["-i"] == "lo":
            return (
                f"{kind} packets to {port} of {bare(shape.values['-d'])} that do not come from this machine itself "
                "are dropped: the port is published for this machine only."
            )
        return (
            f"{kind} packets straight to {port} of {address} that do not come from {network} are dropped: "
            "the port is to be reached as it is published, not at the container's own address."
        )
    if shape.values["-i"] == "lo":
        return ""
    return (
        f"Packets straight to {address} that do not come from {network} are dropped, before any other table sees "
        "them: from outside, a container is reached by its published ports only (28 and newer)."
    )


def _raw_trusted(shape: RulePattern, names: Names) -> str:
    address = names.address(bare(shape.values["-d"]))
    return (
        f"Packets straight to {address} that come in by {at(shape, names, '-i')} are accepted, ahead of "
        "the drop of what comes from elsewhere: its network names that interface in trusted_host_interfaces."
    )


APART: Mapping[Key, Sentence] = {
    (("!-o", "-i"), "DOCKER-ISOLATION-STAGE-2"): _leaves_network,
    (("-o",), "DROP"): _enters_other,
    (("-i", "-o"), "DROP"): _pair,
    (("!-s", "-o"), "DROP"): _internal_in,
    (("!-d", "-i"), "DROP"): _internal_out,
    ((), "RETURN"): _not_crossing,
}
RAW: Mapping[Key, Sentence] = {
    (("!-i", "-d"), "DROP"): _raw_direct,
    (("!-i", "--dport", "-d", "-p"), "DROP"): _raw_direct,
    (("-d", "-i"), "ACCEPT"): _raw_trusted,
}
