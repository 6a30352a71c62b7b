"""Conditions of rules as data, in one form for iptables' matches and for native rules.

A condition has a key in nft's words (``ip saddr``, ``th dport``, ``ct state``) and the values for which it holds. A
packet without the key does not fulfil it, inverted or not. Code that compares two rules, searches for a port or
indexes a rule uses its conditions, and knows no match module. :mod:`netui.dialects.conditions` has those of a rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from netui.model.statements import Text
from netui.net.addresses import Net
from netui.net.intervals import IntervalSet, of_mask


@dataclass(frozen=True, slots=True)
class SetReference:
    """A set by its name: an ipset, or a set of the rule's table."""

    name: str


#: Numbers, numbers under a mask (addresses and marks), names (any of these), or a set.
Values = IntervalSet | Net | tuple[Text, ...] | SetReference

IIF, OIF = INTERFACES = ("iifname", "oifname")
#: A rule's own addresses, in either family.
SOURCE, DESTINATION = ("ip saddr", "ip6 saddr"), ("ip daddr", "ip6 daddr")
ADDRESSES = (*SOURCE, *DESTINATION)
PROTOCOL, DPORT, SPORT, STATE = "meta l4proto", "th dport", "th sport", "ct state"
#: The number of bits of a key's numbers; 128 for others.
_BITS = {
    PROTOCOL: 8, "icmp type": 8, "icmp code": 8, "icmpv6 type": 8, "icmpv6 code": 8, "tcp flags": 8,
    DPORT: 16, SPORT: 16, "th port": 16,
    "ip frag-off": 16, "meta mark": 32, "ct mark": 32,
}  # fmt: skip
_MOST_BITS = 128


def bits_of(key: str) -> int:
    """Return the number of bits of a key's numbers."""
    if key.endswith(("saddr", "daddr")):
        return 128 if "ip6 " in key else 32
    return 16 if key.endswith(("proto-src", "proto-dst")) else _BITS.get(key, _MOST_BITS)


class Condition(NamedTuple):
    """A packet's ``key`` is among ``values``, or (``negated``) is none of them.

    words: the match as its tool prints it. printed: the values in it, without the option.
    """

    key: str
    values: Values
    negated: bool
    words: str
    printed: str

    def numbers(self) -> IntervalSet | None:
        """Return the numbers for which it holds; None for names, or where a mask gives too many intervals."""
        bits = bits_of(self.key)
        numbers = self.intervals()
        if numbers is None and isinstance(self.values, Net):
            numbers = of_mask(self.values.value, self.values.mask, bits)
        if numbers is None or not self.negated:
            return numbers
        return IntervalSet([(0, (1 << bits) - 1)]) - numbers

    def intervals(self) -> IntervalSet | None:
        """Return its numbers, negated or not; None for other values, or a mask that is no prefix."""
        values = self.values
        if not isinstance(values, Net):
            return values if isinstance(values, IntervalSet) else None
        if values.value & ~values.mask:
            # bits outside the mask: no number matches
            return IntervalSet()
        free = ((1 << bits_of(self.key)) - 1) ^ values.mask
        return None if free & (free + 1) else IntervalSet([(values.value, values.value | free)])

    @property
    def number(self) -> int | None:
        """The single number that it requires, None where it does not require one."""
        return None if self.negated else self.single

    @property
    def single(self) -> int | None:
        """The single number that it requires or (negated) excludes, None for other values."""
        values = self.values
        if isinstance(values, Net):
            return values.value if values.single else None
        if isinstance(values, IntervalSet) and len(values.lows) == 1 and values.lows == values.highs:
            return values.lows[0]
        return None

    @property
    def names(self) -> tuple[Text, ...]:
        """Its names, negated or not; () for other values."""
        return self.values if isinstance(self.values, tuple) and not isinstance(self.values, Net) else ()

    @property
    def name(self) -> str | None:
        """The single name that it requires or (negated) excludes, None for several names or a prefix."""
        names = self.names
        return names[0].text if len(names) == 1 and not names[0].prefix else None

    @property
    def required(self) -> int | str | None:
        """The single number or name that it requires, None where it does not require one."""
        return self.number if self.number is not None or self.negated else self.name

    def takes_name(self, name: str) -> bool:
        """Whether a packet with this name fulfils it."""
        return any(_covers(pattern, Text(name)) for pattern in self.names) != self.negated

    @property
    def net(self) -> Net | None:
        """The network that it requires, None for other values, or where it is negated."""
        return self.values if isinstance(self.values, Net) and not self.negated else None

    def implies(self, wanted: Condition) -> bool:
        """Whether each packet that fulfils this condition also fulfils the other, by their values."""
        if self.key != wanted.key:
            return False
        if self.values == wanted.values and self.negated == wanted.negated:
            return True
        if self.names and wanted.names:
            return self._names_imply(wanted)
        if isinstance(self.values, Net) and isinstance(wanted.values, Net):
            return _nets_imply(self.values, self.negated, wanted.values, wanted.negated)
        inner, outer = self.numbers(), wanted.numbers()
        return inner is not None and outer is not None and _within(inner, outer)

    def _names_imply(self, wanted: Condition) -> bool:
        if not self.negated and not wanted.negated:
            return all(any(_covers(outer, inner) for outer in wanted.names) for inner in self.names)
        if self.negated and wanted.negated:
            return all(any(_covers(outer, inner) for outer in self.names) for inner in wanted.names)
        if wanted.negated and self.key in INTERFACES:
            # a packet has one interface, and may have several states
            return not any(_covers(a, b) or _covers(b, a) for a in self.names for b in wanted.names)
        return False


@dataclass(frozen=True, slots=True)
class OpaqueCondition:
    """A condition that cannot be expressed by values.

    by_chance: the answer for the same packet can change (a limit, a counter, the time of day).
    """

    words: str
    by_chance: bool = False

    def implies(self, wanted: Requirement) -> bool:
        """Whether the other is the same condition, and its answer does not change."""
        return self == wanted and not self.by_chance


Requirement = Condition | OpaqueCondition


def implies(given: Requirement, wanted: Requirement) -> bool:
    """Whether each packet that fulfils one condition also fulfils the other."""
    if isinstance(given, OpaqueCondition):
        return given.implies(wanted)
    return isinstance(wanted, Condition) and given.implies(wanted)


def _covers(outer: Text, inner: Text) -> bool:
    """Whether all names of ``inner`` are among those of ``outer``."""
    if outer.prefix:
        return inner.text.startswith(outer.text)
    return outer == inner


def _nets_imply(inner: Net, not_inner: bool, outer: Net, not_outer: bool) -> bool:
    if not_inner and not_outer:
        inner, outer = outer, inner
    elif not_inner:
        return False
    elif not_outer:
        return bool((inner.value ^ outer.value) & inner.mask & outer.mask)
    return inner.mask & outer.mask == outer.mask and inner.value & outer.mask == outer.value


def _within(inner: IntervalSet, outer: IntervalSet) -> bool:
    """Whether there are such numbers, and all of them are in the other set."""
    if not inner:
        return False
    if len(outer.lows) == 1:
        return outer.lows[0] <= inner.lows[0] and inner.highs[-1] <= outer.highs[0]
    return not inner - outer
