"""Compiles matches: each answers yes, no or unknown (None) for a packet.

:func:`compile_match` compiles a match into predicates once; each packet is then asked of the
predicates. Most matches are conditions (`netui/dialects/iptables/conditions.py`), and a condition is
compiled by its key. Matches that need the host or keep state have a function of their own here.
Semantics follow the kernel's xt_*.c. Where a module keeps state that a snapshot does not hold
(limit, recent, quota …), the answer is unknown. It is also unknown for a module or an option that
netui does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from netui.dialects.iptables.conditions import match_conditions
from netui.dialects.iptables.option_conditions import match_text, option_text
from netui.model import Family, Match, Option
from netui.net.conditions import OpaqueCondition
from netui.traversal.rules.condition_predicates import predicate_of
from netui.traversal.rules.matches_counted import connlimit, hashlimit, limit, recent, statistic, string
from netui.traversal.rules.matches_header import icmp, sctp
from netui.traversal.rules.matches_packet import helper, length, never, owner, pkttype
from netui.traversal.rules.matches_place import addrtype, mac, match_set, physdev, rpfilter
from netui.traversal.rules.predicates import Compiled, CompiledMatch, MatchContext, Unsure, unknown


def compile_match(match: Match, family: Family, around: MatchContext) -> list[CompiledMatch]:
    """Return the predicates of a match; all must hold."""
    special = MODULES.get(match.module)
    if special is not None:
        return [
            CompiledMatch(
                predicate,
                f"{match.module} {option_text(option)}" if option is not None else match_text(match),
                match.module,
            )
            for predicate, option in special(match, family, around)
        ]
    if match.module == "":
        # option by option: the next rule has the same interface and another address
        return [asked for option in match.options for asked in _of_option(option, family)]
    return [*_of_match(match, family)]


#: Rules share their predicates: most have the same few interfaces, protocols and ports.
@lru_cache(maxsize=1024)
def _of_match(match: Match, family: Family) -> tuple[CompiledMatch, ...]:
    return tuple(
        CompiledMatch(unknown, required.words, "")
        if isinstance(required, OpaqueCondition)
        else CompiledMatch(predicate_of(required), required.words, required.key)
        for required in match_conditions(match, family)
    )


@lru_cache(maxsize=1024)
def _of_option(option: Option, family: Family) -> tuple[CompiledMatch, ...]:
    return _of_match.__wrapped__(Match("", (option,)), family)


def _untold(match: Match, _family: Family, _around: MatchContext) -> Compiled:
    """What ``iptables -L`` did not print of a rule, or printed in words that netui does not understand."""
    option = match.option("--text")
    return [(Unsure(why=f"the listing does not tell {option.value if option else ''}"), None)]


#: The compiler of each match module that conditions do not tell; a new one goes into the Python module of its theme.
MODULES: Mapping[str, Callable[[Match, Family, MatchContext], Compiled]] = {
    "sctp": sctp,
    "icmp": icmp,
    "icmp6": icmp,
    "icmpv6": icmp,
    "ipv6-icmp": icmp,
    "addrtype": addrtype,
    "set": match_set,
    "mac": mac,
    "physdev": physdev,
    "owner": owner,
    "length": length,
    "pkttype": pkttype,
    "rpfilter": rpfilter,
    "limit": limit,
    "hashlimit": hashlimit,
    "connlimit": connlimit,
    "recent": recent,
    "statistic": statistic,
    "string": string,
    "untold": _untold,
    "helper": helper,
    # IPv6 extension headers: an ordinary first packet has none, and without the header
    # these do not match, inverted or not.
    "rt": never,
    "frag": never,
    "hbh": never,
    "dst": never,
}
