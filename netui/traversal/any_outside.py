"""Any machine outside, and the set of all of them: how an address match answers for many addresses at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from netui.model import Family
from netui.net.addresses import Net, parse_net, width
from netui.net.intervals import IntervalSet, of_mask, with_bits
from netui.traversal.several import Several

#: Sources and destinations that no router carries: this network, loopback, multicast, class E
#: (RFC 6890, 1112); link-local, loopback, unspecified, IPv4-mapped, multicast (RFC 4291).
_NEVER_ROUTED: Mapping[int, tuple[str, ...]] = {
    32: ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4"),
    128: ("fe80::/10", "::/127", "::ffff:0.0.0.0/96", "ff00::/8"),
}
_NEVER: Mapping[int, tuple[Net, ...]] = {
    bits: tuple(net for text in texts if (net := parse_net(text, "ip" if bits == 32 else "ip6")) is not None)
    for bits, texts in _NEVER_ROUTED.items()
}


class AnyOutside:
    """Any machine outside: its address is only a representative.

    on_link: networks of neighbours that also count as outside (where there is no default route).
    inside: networks that hold no such machine: the host's own links and routes. Addresses that no router
    forwards are excluded, too.
    """

    __slots__ = ("_inside", "_known", "everyone", "family", "on_link")

    def __init__(self, on_link: Iterable[Net] = (), inside: Iterable[Net] = (), family: Family = "ip") -> None:
        self.family: Family = family
        self.on_link = tuple(on_link)
        #: the machines in parts, divided by the networks of policy rules; set by the first walk (see senders.partition)
        self.everyone: list[Senders] = []
        self._inside: dict[int, set[int]] = {}
        self._known: dict[Net, bool | None] = {}
        for net in inside:
            self._inside.setdefault(net.mask, set()).add(net.value)

    def fresh(self) -> AnyOutside:
        """Return a copy for another question, without what earlier matches asked."""
        copy = AnyOutside(self.on_link, (), self.family)
        copy._inside, copy._known, copy.everyone = self._inside, self._known, self.everyone
        return copy

    @property
    def token(self) -> object:
        """What is the same for all questions about the same machines."""
        return self._known

    def machines(self) -> IntervalSet:
        """Return the addresses of all such machines."""
        bits = width(self.family)
        full = (1 << bits) - 1
        if self.on_link:
            every = IntervalSet((net.value, net.value | (full ^ net.mask)) for net in self.on_link)
        else:
            every = IntervalSet([(0, full)])
        gone = [(net.value, net.value | (full ^ net.mask)) for net in _NEVER[bits]]
        gone += [(value, value | (full ^ mask)) for mask, values in self._inside.items() for value in values]
        return every - IntervalSet(gone)

    def within(self, net: Net) -> bool | None:
        """Return whether such a machine is in ``net``; None where only some are.

        A rule with a single address beyond the own link is about one machine. "Any machine" means one
        that no such rule names; name the machine to ask about it.
        """
        if net not in self._known:
            self._known[net] = self._within(net)
        return self._known[net]

    def within_range(self, first: int, last: int, bits: int) -> bool | None:
        """Return the same of a range of addresses."""
        if first > last:
            # the end is before the start (nft and iptables accept it): it holds nothing
            return False
        if first == 0 and last == (1 << bits) - 1:
            return True
        full = (1 << bits) - 1
        if first == last:
            return self.within(Net(first, full, bits))
        # the smallest network around the range: without a machine in it, there is none in the range
        host_bits = (first ^ last).bit_length()
        mask = full ^ ((1 << host_bits) - 1)
        return False if self.within(Net(first & mask, mask, bits)) is False else None

    def within_set(self, addresses: IntervalSet) -> bool | None:
        """Return the same of many addresses at once."""
        if len(addresses.lows) > _MANY:
            return self._meet_many(addresses)
        unknown = False
        full = (1 << width(self.family)) - 1
        for low, high in addresses:
            answer = self.within_range(low, min(high, full), width(self.family))
            if answer:
                return True
            unknown = unknown or answer is None
        return None if unknown else False

    def _meet_many(self, addresses: IntervalSet) -> bool | None:
        machines = self.machines()
        met = machines & addresses
        if not met or met == machines:
            return bool(met)
        single = not self.on_link and met.highs == met.lows
        return False if single else None

    def _within(self, net: Net) -> bool | None:
        if net.whole:
            return True
        if self._excluded(net):
            return False
        if net.single and not any(net.value in own for own in self.on_link):
            return False
        return None

    def _excluded(self, net: Net) -> bool:
        """Whether the whole network is one of those in which no machine outside is."""
        if any(net.mask & own.mask == own.mask and net.value & own.mask == own.value for own in _NEVER[net.width]):
            return True
        return any(net.mask & mask == mask and net.value & mask in values for mask, values in self._inside.items())

    def may_be(self, address: int) -> bool:
        """Return whether a rule for this one address could match; not for an address that no router forwards."""
        if any(address in own for own in self.on_link):
            return not any(address & mask in values for mask, values in self._inside.items())
        bits = width(self.family)
        return not self._excluded(Net(address, (1 << bits) - 1, bits))

    def may_meet(self, value: int, mask: int) -> bool:
        """Return whether a rule for this network could match."""
        return self._within(Net(value, mask, width(self.family))) is not False


#: With more intervals than this, they are compared as one set.
_MANY = 64


class Senders(AnyOutside):
    """Machines that one walk stands for: each match holds for all of them or for none; otherwise it raises Split."""

    __slots__ = ("representative", "several")

    def __init__(self, several: Several, family: Family, representative: int) -> None:
        super().__init__((), (), family)
        self.several = several
        #: one of their addresses, for texts that need one
        self.representative = representative

    def fresh(self) -> AnyOutside:
        """Return itself: it keeps nothing of a question."""
        return self

    @property
    def token(self) -> object:
        """What is the same for all questions about the same machines."""
        return self.several

    def machines(self) -> IntervalSet:
        """Return the set."""
        return self.several.numbers

    def within(self, net: Net) -> bool | None:
        """Return whether all or none of them are in ``net``; raise Split where only some are.

        None for a mask that is no prefix and would give too many intervals.
        """
        free = ((1 << net.width) - 1) ^ net.mask
        if free & (free + 1) == 0:
            return self.several.within(net.value, net.value | free)
        pieces = _pieces(net) or self._own_pieces(net)
        return None if pieces is None else self.several.within_set(pieces)

    def _own_pieces(self, net: Net) -> IntervalSet | None:
        """Those of them in ``net``, where all addresses of ``net`` would be too many intervals."""
        kept = self.several.kept
        if net not in kept:
            kept[net] = with_bits(net.value, net.value, net.mask, net.width, among=self.several.numbers)
        pieces: IntervalSet | None = kept[net]
        return pieces

    def within_range(self, first: int, last: int, bits: int) -> bool | None:
        """Return the same of a range of addresses."""
        return self.several.within(first, last)

    def within_set(self, addresses: IntervalSet) -> bool | None:
        """Return the same of many addresses at once; raise Split where only some are."""
        return self.several.within_set(addresses)

    def may_be(self, address: int) -> bool:
        """Return whether one of them has this address."""
        return address in self.several.numbers

    def may_meet(self, value: int, mask: int) -> bool:
        """Return whether one of them is in this network."""
        full = (1 << width(self.family)) - 1
        return self.several.numbers.meets(value, value | (full ^ mask)) is not False


@lru_cache(maxsize=256)
def _pieces(net: Net) -> IntervalSet | None:
    return of_mask(net.value, net.mask, net.width)
