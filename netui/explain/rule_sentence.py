"""A rule in one sentence: Docker's rules by their purpose, others by their matches."""

from __future__ import annotations

from netui.dialects.iptables.listed import untold_text
from netui.explain.chain_owners import chain_of_dockers, neighbour, owner_of_rule
from netui.explain.docker import filter as docker_filter
from netui.explain.docker import nat as docker_nat
from netui.explain.docker.nat import split_socket
from netui.explain.matches import describe
from netui.explain.names import Names
from netui.explain.native_chains import native_chain
from netui.explain.native_sentence import native_sentence
from netui.explain.pattern import RulePattern, shape_of
from netui.explain.targets import does
from netui.model import Chain, Rule, packet_family
from netui.text.visible import printable


def explain_rule(names: Names, chain: Chain, rule: Rule) -> str:
    """Return the rule in one sentence; its comment, if it has one, follows in quotes."""
    if rule.native is not None:
        return native_sentence(names, chain, rule, rule.native)
    if untold := untold_text(rule.spec):
        return f"The listing does not tell {printable(untold)}."
    shape = shape_of(rule.text, packet_family(chain.family))
    sentence = _sentence(names, chain, shape)
    comment = shape.spec.comment
    return f'{sentence} Its comment: "{printable(comment, 200)}".' if comment else sentence


def explain_policy(chain: Chain) -> str:
    """Return the fate of packets at the chain's end, as a sentence."""
    if chain.policy in (None, "-"):
        return "Packets that reach the end of this chain go back to the chain that called it."
    policy = printable(chain.policy or "")
    verb = {"ACCEPT": "let through by this table", "DROP": "dropped"}.get(policy, policy)
    return f"Packets that no rule decided are {verb} (policy {policy})."


def owner_of(chain: str) -> str:
    """Return a chain's owner: Docker, ufw, fail2ban, …; "" for a built-in or unknown chain."""
    if chain_of_dockers(chain):
        return "the administrator" if chain == "DOCKER-USER" else "Docker"
    return neighbour(chain)[0]


_ARP = "ARP alone, by which neighbours ask for hardware addresses: no IP packet comes here"


def whose_chain(chain: Chain) -> tuple[str, str]:
    """Return a chain's owner and, in a native table, its content; "" where the names do not tell."""
    if chain.backend != "nftables":
        return owner_of(chain.name), ""
    owner, purpose = native_chain(chain.table, chain.name)
    return owner, purpose or (_ARP if chain.family == "arp" else "")


def _sentence(names: Names, chain: Chain, shape: RulePattern) -> str:
    if shape.plain:
        purpose = _purpose(names, chain, shape)
        if purpose:
            return purpose
    words = describe(shape.spec, names, chain.family).text()
    if words == "Packets":
        words = "All packets that come this far"
    sentence = f"{words} {does(shape.spec.target, names, chain)}."
    jumps_to_owner = bool(neighbour(shape.target)[0])
    owner = neighbour(chain.name)[0] if jumps_to_owner else owner_of_rule(chain.name, shape.spec.comment)
    return f"{owner}: {sentence}" if owner else sentence


def _purpose(names: Names, chain: Chain, shape: RulePattern) -> str:
    if chain.table == "nat":
        purpose = docker_nat.purpose(shape, names)
    else:
        purpose = docker_filter.purpose(chain.table, shape, names)
    if purpose:
        return purpose
    target = shape.target
    if not shape.keys and target:
        if chain_of_dockers(target) and shape.spec.target is not None and not shape.spec.target.goto:
            return docker_filter.chain_link(target)
        if chain.name.startswith(("f2b-", "fail2ban-")) and target == "RETURN":
            return "fail2ban: packets from addresses that are not banned go back to the chain that called this one."
    if chain.name.startswith(("f2b-", "fail2ban-")) and shape.keys == ("-s",) and target in ("REJECT", "DROP"):
        jail = printable(chain.name.partition("-")[2])
        fate = "refused" if target == "REJECT" else "dropped"
        return f"fail2ban: the jail {jail} has banned {names.address(shape.values['-s'])}: its packets are {fate}."
    return ""


__all__ = ["Names", "explain_policy", "explain_rule", "owner_of", "split_socket", "whose_chain"]
