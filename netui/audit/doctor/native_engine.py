"""Findings with Docker's nftables backend: leftover iptables rules that still have an effect, or have none any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from netui.audit.doctor.checkup import ChainRule, View
from netui.audit.doctor.finding import Change, Finding
from netui.audit.doctor.remedy import cure
from netui.dialects.conditions import conditions_of
from netui.model import Chain, Family, Rule
from netui.text.phrases import plural
from netui.traversal import Step

_FAMILIES: tuple[Family, Family] = ("ip", "ip6")
Check = Callable[[View], Iterator[Finding]]
_WEB = {"ip": "outside:443/tcp", "ip6": "outside:[2001:db8::1]:443/tcp"}
_HEADS = ("FORWARD", "DOCKER-FORWARD")


def native_engine(view: View) -> bool:
    """Whether the engine makes native nftables rules."""
    engine = view.host.snapshot.engine
    return engine is not None and engine.firewall == "nftables"


def forward_policy_left(view: View) -> Iterator[Finding]:
    """The policy of FORWARD in iptables, set by an engine with iptables' backend, drops what Docker accepts."""
    if not native_engine(view) or not view.walked:
        return
    for family in _FAMILIES:
        for chain in view.chains(family, "filter", "FORWARD"):
            if chain.policy != "DROP":
                continue
            step, about = _dropped(view, family, chain)
            if step is None:
                continue
            tool = view.tool(chain)
            change = Change("policy", chain.family, chain.backend, "filter", "FORWARD", words=("ACCEPT",))
            yield Finding(
                "forward-policy-left",
                "high",
                f"The policy of FORWARD in {tool} is DROP, and the engine makes nftables rules: what table "
                f"{family} docker-bridges lets through is dropped there all the same.",
                "An accept ends its own base chain only. An engine that made iptables' rules, or a firewall's script, "
                "set the policy; no rule of Docker's stands before it any more.",
                (view.step_evidence(step),),
                (
                    cure(view, "Let the tables decide that are in use: ", (change,)),
                    f"If rules of {tool} are to keep others out, write them into a table of your own in nft's words, "
                    "or let Docker's bridges pass here.",
                ),
                tuple(about),
            )


def _dropped(view: View, family: Family, chain: Chain) -> tuple[Step | None, list[str]]:
    """The policy as a step, and the networks whose packets it drops."""
    first: Step | None = None
    about: list[str] = []
    for container, _endpoint, network in view.bridged(family):
        if network.name in about:
            continue
        answer = view.walk(f"{container.id}@{network.name}", _WEB[family])
        step = answer.deciding if answer is not None and answer.verdict == "dropped" else None
        if step is not None and (step.family, step.backend, step.chain, step.rule) == (
            chain.family, chain.backend, chain.name, None,
        ):  # fmt: skip
            first = first or step
            about.append(network.name)
    return first, about


def by_one_cause(findings: Sequence[tuple[Check, Finding]]) -> list[tuple[Check, Finding]]:
    """Remove the findings with the policy as evidence that another finding is about."""
    causes = {finding.evidence[0].rule_ref for _, finding in findings if finding.id == "forward-policy-left"}
    return [
        (check, finding)
        for check, finding in findings
        if finding.id == "forward-policy-left" or not finding.evidence or finding.evidence[0].rule_ref not in causes
    ]


def docker_user_left(view: View) -> Iterator[Finding]:
    """DOCKER-USER has rules, but with the nftables backend nothing jumps to it."""
    if not native_engine(view):
        return
    for family in _FAMILIES:
        for chain in view.chains(family, "filter", "DOCKER-USER"):
            rules = [rule for rule in chain.rules if not _plain_return(rule)]
            if not rules or any(view.jumps(family, "filter", head, "DOCKER-USER") for head in _HEADS):
                continue
            tool = view.tool(chain)
            yield Finding(
                "docker-user-left",
                "high",
                f"{plural(len(rules), 'rule')} of DOCKER-USER {'is' if len(rules) == 1 else 'are'} met by no packet: "
                "the engine makes nftables rules, and no rule leads to that chain.",
                "They look as if they kept somebody out, or let somebody in, and do nothing.",
                tuple(view.rule_evidence(ChainRule(chain, rule)) for rule in rules[:4]),
                (
                    "Write them into a table of your own, in a base chain at the hook forward: a drop there is final, "
                    f"whatever table {family} docker-bridges accepts. nft's words for a rule: "
                    f"{'iptables' if family == 'ip' else 'ip6tables'}-translate -A FORWARD …",
                    f"{_table(family)}",
                    f"Then empty the chain: {tool} -F DOCKER-USER",
                ),
            )


def _plain_return(rule: Rule) -> bool:
    target = rule.spec.target
    return target is not None and target.name == "RETURN" and not conditions_of(rule, "ip")


def _table(family: Family) -> str:
    base = "type filter hook forward priority filter - 1"
    return (
        f"The table: nft 'table {family} admin {{ chain forward {{ {base}; }}; }}', and a rule: "
        f"nft add rule {family} admin forward iifname eth0 meta l4proto tcp ct original proto-dst 8080 drop"
    )


def own_rules(rules: Sequence[tuple[str, str, int]], interface: str) -> str:
    """Return the command that closes published ports to an interface, in a table of the user's own.

    rules: (family, protocol, published port) of each.
    """
    lines = " ".join(
        f"iifname {interface} meta nfproto ipv{6 if family == 'ip6' else 4} meta l4proto {protocol} "
        f"ct original proto-dst {port} drop;"
        for family, protocol, port in rules
    )
    return f"nft 'table inet admin {{ chain forward {{ type filter hook forward priority filter - 1; {lines} }}; }}'"
