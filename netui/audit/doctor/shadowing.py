"""Whether one rule takes every packet that another would: by their words, never by a guess."""

from __future__ import annotations

import re

from netui.model import Family, Option, Rule
from netui.net.addresses import Net, parse_net, parse_ports
from netui.traversal.rules.index import Buckets

#: Matches of which the same packet can be taken once and not the next time.
_BY_CHANCE = frozenset({"limit", "hashlimit", "statistic", "recent", "quota", "time", "nth", "random", "connlimit"})
_SPELT = {
    "--dports": "--dport",
    "--destination-port": "--dport",
    "--destination-ports": "--dport",
    "--sports": "--sport",
    "--source-port": "--sport",
}


#: Matches that say nothing without an option (rpfilter or socket would).
_SILENT = frozenset({"", "tcp", "udp", "sctp", "icmp", "icmp6", "conntrack", "multiport", "addrtype"})
#: Matches whose options mean the same in each of them.
_SHARED = frozenset({"", "tcp", "udp", "sctp", "multiport", "conntrack", "state"})
#: Options that a narrower one than the same implies (see :func:`_implies`).
_WIDER = frozenset({"-s", "-d", "-i", "-o", "--dport", "--sport", "--ctstate", "--state", "--src-type", "--dst-type"})

#: A rule that begins with an option of its own asks for something; the rest need not be parsed.
_CONDITION = re.compile(r'-A [^\s"]+ (?:! )?-[sdiop] ')


def is_unconditional(rule: Rule) -> bool:
    """Whether the rule takes every packet."""
    if _CONDITION.match(rule.text):
        return False
    return all(m.module == "comment" or (not m.options and m.module in _SILENT) for m in rule.spec.matches)


def _options(rule: Rule) -> list[Option]:
    """All options under one spelling, with the module's name where it changes their meaning."""
    found: list[Option] = []
    for match in rule.spec.matches:
        if match.module == "comment":
            continue
        prefix = "" if match.module in _SHARED else f"{match.module} "
        if not match.options and match.module not in _SILENT:
            found.append(Option(match.module))
        for option in match.options:
            name = _SPELT.get(option.name, option.name)
            found.append(Option(f"{prefix}{name}", option.values, option.negated))
    return found


class Earlier:
    """The rules of a chain so far, found again by what they ask for: a rule at a time, whatever their number.

    It only leaves out rules that cannot cover; :func:`covers` has the word.
    """

    def __init__(self, family: Family) -> None:
        self._family: Family = family
        self._rules: list[Rule] = []
        self._by_option: dict[Option, list[int]] = {}
        #: by option and mask, then by address: a number each, for there may be 50,000 rules
        self._by_net: dict[tuple[str, int], Buckets[int]] = {}
        self._others: list[int] = []

    def add(self, rule: Rule) -> None:
        """Take the next rule."""
        keys = sorted(filter(None, map(self._key, _options(rule))), key=lambda pair: pair[0])
        position = len(self._rules)
        self._rules.append(rule)
        if not keys:
            self._others.append(position)
            return
        key = keys[0][1]
        if isinstance(key, Option):
            self._by_option.setdefault(key, []).append(position)
        else:
            name, net = key
            self._by_net.setdefault((name, net.mask), Buckets()).add(net.value, position)

    def covering(self, rule: Rule) -> Rule | None:
        """Return the first rule so far that takes every packet of this one."""
        positions = set(self._others)
        for option in _options(rule):
            positions.update(self._by_option.get(option, ()))
            net = parse_net(option.value, self._family) if option.name in ("-s", "-d") else None
            if net is not None:
                for (name, mask), nets in self._by_net.items():
                    if name == option.name:
                        positions.update(nets.at(net.value & mask) or ())
            span = parse_ports(option.value.split(",")[0]) if option.name in ("--dport", "--sport") else None
            if span is not None and span[0] == span[1]:
                positions.update(self._by_option.get(Option(option.name, (str(span[0]),)), ()))
        for position in sorted(positions):
            if covers(self._rules[position], rule, self._family):
                return self._rules[position]
        return None

    def _key(self, option: Option) -> tuple[int, Option | tuple[str, Net]] | None:
        """Return how telling an option is (0: most) and what a covered rule must be found by; None for neither."""
        if option.negated or option.name not in _WIDER:
            return 2, option
        net = parse_net(option.value, self._family) if option.name in ("-s", "-d") else None
        if net is not None:
            return (0 if net.single else 1), (option.name, net)
        if option.name in ("--dport", "--sport") and option.value.isdigit():
            # nothing but the same port is within one port
            return 1, option
        return None


def covers(earlier: Rule, later: Rule, family: Family) -> bool:
    """Whether every packet that ``later`` takes is taken by ``earlier``."""
    if any(match.module in _BY_CHANCE for match in earlier.spec.matches):
        return False
    there = _options(later)
    return all(any(_implies(option, wanted, family) for option in there) for wanted in _options(earlier))


def _implies(given: Option, wanted: Option, family: Family) -> bool:
    """Whether a packet for which ``given`` holds must satisfy ``wanted``."""
    if given == wanted:
        return True
    if given.name != wanted.name or given.negated or wanted.negated:
        return False
    match given.name:
        case "-s" | "-d":
            inner, outer = parse_net(given.value, family), parse_net(wanted.value, family)
            return (
                inner is not None
                and outer is not None
                and inner.mask & outer.mask == outer.mask
                and inner.value & outer.mask == outer.value
            )
        case "--dport" | "--sport":
            spans = [parse_ports(part) for part in wanted.value.split(",")]
            for part in given.value.split(","):
                span = parse_ports(part)
                if span is None or not any(s is not None and s[0] <= span[0] and span[1] <= s[1] for s in spans):
                    return False
            return True
        case "--ctstate" | "--state" | "--src-type" | "--dst-type":
            return set(given.value.split(",")) <= set(wanted.value.split(","))
        case "-i" | "-o":
            return wanted.value.endswith("+") and given.value.startswith(wanted.value[:-1])
    return False
