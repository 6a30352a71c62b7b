"""A step that stops packets: its name, what the client sees, its owner, and the advice that would let packets pass."""

from __future__ import annotations

from collections.abc import Iterator

from netui.audit.doctor.checkup import ChainRule, View
from netui.audit.doctor.finding import Change, Cure
from netui.audit.doctor.remedy import at_the_head, at_the_head_of, cure, words_of
from netui.explain.chain_owners import chain_of_dockers, owner_of_rule, owner_of_table
from netui.model import Family, packet_family
from netui.net.addresses import Net, parse_net
from netui.net.conditions import ADDRESSES, INTERFACES, SOURCE
from netui.traversal import Path, Step

#: The error of a client's connect() for each answer (icmp_err_convert of net/ipv4/icmp.c, net/ipv6/icmp.c), by the
#: suffix of the answer's name in iptables and nft.
_SEEN = {
    "reset": "connection refused",
    "port-unreachable": "connection refused",
    "host-unreachable": "no route to host",
    "host-prohibited": "no route to host",
    "admin-prohibited": "no route to host",
    "addr-unreachable": "no route to host",
    "net-unreachable": "network is unreachable",
    "net-prohibited": "network is unreachable",
    "no-route": "network is unreachable",
    "proto-unreachable": "protocol not available",
    "prot-unreachable": "protocol not available",
    "adm-prohibited": "permission denied",
    "policy-fail": "permission denied",
    "reject-route": "permission denied",
}


_ANSWERS = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"


def where(step: Step) -> str:
    """Return ``rule 3 of filter FORWARD`` or ``the policy of filter FORWARD``."""
    rule = f"rule {step.rule}" if step.rule is not None else "the policy"
    return f"{rule} of {step.table} {step.chain}"


def does(step: Step) -> str:
    """Return ``drops`` or ``rejects``."""
    return "rejects" if step.verdict.kind == "reject" else "drops"


def client_sees(step: Step) -> str:
    """Return what the client's program sees."""
    if step.verdict.kind != "reject":
        return "waits until it times out"
    how = step.verdict.how or "port-unreachable"
    seen = next((seen for end, seen in _SEEN.items() if how.endswith(end)), "")
    if how.endswith("admin-prohibited") and ("icmpv6" in how or (step.family == "ip6" and "icmpx" in how)):
        seen = "permission denied"
    return f'sees "{seen}" at once' if seen else "is refused at once"


def owner(view: View, step: Step) -> str:
    """Return the owner of the stopping rule: Docker, ufw, …; "" for the administrator's and built-in chains' own."""
    if step.backend == "nftables":
        return owner_of_table(step.table)
    if step.chain != "DOCKER-USER" and chain_of_dockers(step.chain):
        return "Docker"
    located = view.rule_of(step)
    by_chain = owner_of_rule(step.chain, located.rule.spec.comment if located is not None else "")
    direct = view.chains(packet_family(step.family), step.table, f"{step.chain}_direct")
    if not by_chain and step.chain in ("FORWARD", "INPUT") and any(c.backend == step.backend for c in direct):
        # firewalld also owns the last REJECT of built-in chains to which it added its own chains
        return "firewalld"
    if not by_chain and step.rule is None and step.chain in ("FORWARD", "INPUT") and ufw_active(view):
        # ufw sets the policies of built-in chains
        return "ufw"
    return by_chain


def ufw_active(view: View) -> bool:
    """Whether ufw's rules are in use."""
    return view.jumps("ip", "filter", "INPUT", "ufw-before-input") and any(
        True for _ in view.rules("ip", "filter", "ufw-before-input")
    )


def led_to(view: View, path: Path, step: Step) -> Iterator[ChainRule]:
    """Yield the rule of a step and the rules whose jumps led to it, the last jump first."""
    steps = [met for leg in path.legs for met in leg.steps]
    own = view.rule_of(step)
    if own is not None:
        yield own
    chain, before = step.chain, steps[: steps.index(step)] if step in steps else []
    for earlier in reversed(before):
        if earlier.hook == step.hook and earlier.verdict.chain == chain:
            located = view.rule_of(earlier)
            if located is not None:
                yield located
            chain = earlier.chain


def names_containers(view: View, located: ChainRule) -> bool:
    """Whether a rule names one of Docker's networks: its bridge, its subnet or an address in it."""
    family = packet_family(located.chain.family)
    bridges = {network.bridge for network in view.host.networks.values() if network.bridge}
    for condition in located.conditions():
        if condition.key in INTERFACES and condition.name in bridges:
            return True
        net = condition.net if condition.key in ADDRESSES else None
        if net is not None and any(net.value & s.mask == s.value for s in _subnets(view, family)):
            return True
    return False


def _subnets(view: View, family: Family) -> Iterator[Net]:
    for network in view.host.networks.values():
        for subnet in network.subnets:
            net = parse_net(subnet.subnet, family) if (":" in subnet.subnet) == (family == "ip6") else None
            if net is not None:
                yield net


def let_pass(view: View, step: Step, family: Family, *rules: str, inwards: str = "") -> Iterator[str]:
    """Yield the advice that lets packets pass a step: with the owner's own tool where it is known.

    rules: words of rules that accept the packets, for the head of the chains of forwarded packets.
    inwards: the interface by which they come in, for tools that need one.
    """
    whose = owner(view, step)
    located = view.rule_of(step)
    if whose == "mailcow" and located is not None and "--dport" in located.rule.text:
        # its netfilter container reads this
        changes = [Change("delete", *view.key(family, step), step.table, step.chain, located.rule.number)]
        yield Cure(
            "mailcow's own switch: DISABLE_NETFILTER_ISOLATION_RULE=y in mailcow.conf, then "
            "docker compose up -d in its folder",
            tuple(changes),
        )
    if whose == "fail2ban" and located is not None and (source := located.asked(*SOURCE)) is not None:
        jail, address = step.chain.partition("-")[2], source.printed.partition("/")[0]
        changes = [Change("delete", *view.key(family, step), step.table, step.chain, located.rule.number)]
        yield Cure(f"Lift the ban: fail2ban-client set {jail} unbanip {address}", tuple(changes))
    if whose == "ufw" and inwards:
        chain = "ufw6-user-forward" if family == "ip6" else "ufw-user-forward"
        accept = Change("append", *view.key(family, step), "filter", chain, 0, ("-i", inwards, "-j", "ACCEPT"))
        yield Cure(f"Let them pass in ufw: ufw route allow in on {inwards}", (accept,))
    if whose == "firewalld" and inwards:
        words = ("-i", inwards, "-j", "ACCEPT")
        accept = Change("insert", *view.key(family, step), "filter", "FORWARD_direct", 1, words)
        kind = "ipv6" if family == "ip6" else "ipv4"
        yield Cure(
            # without a reload, which would remove Docker's rules for a moment
            f"Let them pass in firewalld: firewall-cmd --direct --add-rule {kind} filter FORWARD 0 {' '.join(words)}; "
            "with --permanent as well it is there after a reload",
            (accept,),
        )
    with_answers = (*rules, _ANSWERS)
    if step.backend != "nftables":
        cures = at_the_head(view, view.key(family, step), "Let them pass: ", *rules)
        yield cures.or_else(at_the_head(view, view.key(family, step), "Let them and answers pass: ", *with_answers))
    elif not whose:
        native = at_the_head_of(view, step, "Let them pass: ", *rules)
        both = at_the_head_of(view, step, "Let them and answers pass: ", *with_answers)
        if native is not None and both is not None:
            yield native.or_else(both)
    if whose and whose not in ("Docker", "ufw", "mailcow", "fail2ban"):
        yield f"The rule is {whose}'s, which makes it anew when it starts: change it there."


def only_new(view: View, step: Step, family: Family) -> Cure | None:
    """Return the step's own rule with one more match, for new connections only."""
    located = view.rule_of(step)
    if located is None or owner(view, step):
        return None
    words = words_of(located.rule)
    if "--ctstate" in words or "--state" in words or "-j" not in words:
        return None
    at = words.index("-j")
    words = (*words[:at], "-m", "conntrack", "--ctstate", "NEW", *words[at:])
    chain = located.chain
    change = Change("replace", *view.key(family, step), chain.table, chain.name, located.rule.number, words)
    return cure(view, "Let the rule take new connections only: ", (change,))
