"""Random native nftables tables out of everything that netui claims to know.

A ruleset is plain lines by chain, as in rules.py, so that a failing one can be shrunk rule by rule and printed.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from .rules import V4, V6, Addresses

#: Where each type of chain may hang, and from which priority on.
HOOKS = ("prerouting", "input", "forward", "output", "postrouting")
PORTS = (22, 53, 80, 443, 8080, 9000)
INTERFACES = ("ea", "eb", "ec", "br0", "lo", "nope0")
#: Priorities of iptables' own chains, which no chain here may share: their order would not be defined.
TAKEN = frozenset({-450, -400, -300, -225, -200, -150, -100, 0, 50, 100, 150})


@dataclass(frozen=True)
class Chain:
    """A chain: its head (type, hook, priority, policy; "" for one that is jumped to) and its rules."""

    name: str
    head: str
    rules: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table with its sets and maps, written out, and its chains."""

    family: str
    name: str
    sets: tuple[str, ...]
    chains: tuple[Chain, ...]

    def text(self) -> str:
        """For ``nft -f``."""
        lines = [f"table {self.family} {self.name} {{", *(f"  {line}" for line in self.sets)]
        for chain in self.chains:
            lines.append(f"  chain {chain.name} {{")
            lines += [f"    {line}" for line in ((chain.head,) if chain.head else ()) + chain.rules]
            lines.append("  }")
        return "\n".join([*lines, "}"])


@dataclass(frozen=True)
class NativeRules:
    """Several tables."""

    tables: tuple[Table, ...] = field(default_factory=tuple)

    def text(self) -> str:
        """For ``nft -f``."""
        return "\n".join(table.text() for table in self.tables) + "\n"

    def count(self) -> int:
        """How many rules there are."""
        return sum(len(chain.rules) for table in self.tables for chain in table.chains)

    def without(self, numbers: Iterable[int]) -> NativeRules:
        """The tables without the rules of these numbers (counted over all chains from 0)."""
        gone, at, tables = set(numbers), 0, []
        for table in self.tables:
            chains = []
            for chain in table.chains:
                kept = tuple(rule for i, rule in enumerate(chain.rules, at) if i not in gone)
                at += len(chain.rules)
                chains.append(replace(chain, rules=kept))
            tables.append(replace(table, chains=tuple(chains)))
        return NativeRules(tuple(tables))

    def tidied(self) -> NativeRules:
        """The tables without those that have no rule and no policy drop."""
        busy = [table for table in self.tables if any(c.rules or "policy drop" in c.head for c in table.chains)]
        return NativeRules(tuple(busy))


class NativeGenerator:
    """Makes random native tables.

    wild: with what no snapshot tells (numgen, hashes, limits, what packets add to sets, header fields of which
    netui knows nothing): there the answer may be undecided, never wrong.
    """

    def __init__(self, chance: random.Random, *, wild: bool = False) -> None:
        self.r = chance
        self.wild = wild
        self._priorities: set[int] = set()

    def rules(self) -> NativeRules:
        """A few tables of random families."""
        families = [self.r.choice(("ip", "ip6", "inet", "inet")) for _ in range(self.r.randint(1, 3))]
        return NativeRules(tuple(self._table(family, f"t{i}") for i, family in enumerate(families)))

    # ---- tables and chains ------------------------------------------------------------------

    def _table(self, family: str, name: str) -> Table:
        self.family = family
        bases = [self._base(i) for i in range(self.r.randint(1, 4))]
        chains: list[Chain] = []
        for i, (kind, hook, priority) in enumerate(bases):
            subs = [f"s{i}{letter}" for letter in "abc"[: self.r.randint(0, 3)]]
            policy = "drop" if kind == "filter" and self.r.random() < 0.06 else "accept"
            head = f"type {kind} hook {hook} priority {priority}; policy {policy};"
            where = (kind, hook, priority)
            rules = [self._rule(where, subs) for _ in range(self.r.choice((1, 2, 3, 5)))]
            chains += [
                Chain(sub, "", tuple(self._rule(where, subs[n + 1 :]) for _ in range(self.r.choice((0, 1, 2, 3)))))
                for n, sub in enumerate(subs)
            ]
            chains.append(Chain(f"b{i}", head, tuple(rules)))
        return Table(family, name, self._sets(), tuple(chains))

    def _base(self, _number: int) -> tuple[str, str, int]:
        kind = self.r.choice(("filter", "filter", "filter", "nat"))
        if kind == "nat":
            hook = self.r.choice(("prerouting", "output", "input", "postrouting"))
            return kind, hook, self._priority(-190, 200)
        if self.r.random() < 0.1:
            return "route", "output", self._priority(-390, 200)
        return kind, self.r.choice(HOOKS), self._priority(-390, 200)

    def _priority(self, low: int, high: int) -> int:
        while True:
            priority = self.r.randint(low, high)
            if priority not in TAKEN | self._priorities:
                self._priorities.add(priority)
                return priority

    def _sets(self) -> tuple[str, ...]:
        lines = []
        if self.family != "ip6":
            nets = ", ".join(self._disjoint(V4))
            lines += [
                f"set hosts4 {{ type ipv4_addr; elements = {{ {', '.join(self.r.sample(V4.others, 3))} }}; }}",
                f"set nets4 {{ type ipv4_addr; flags interval; elements = {{ {nets} }}; }}",
                "set pairs4 { type ipv4_addr . inet_service; elements = { 10.1.0.2 . 80, 10.2.0.2 . 53 }; }",
                "set spans4 { type ipv4_addr . inet_service; flags interval; "
                "elements = { 10.1.0.0/24 . 1-1023, 10.2.0.2-10.3.0.9 . 8000-9000 }; }",
                "map nets4to { type ipv4_addr : interval ipv4_addr; flags interval; "
                "elements = { 10.9.0.0/16 : 10.2.0.0/16, 10.1.0.0/24 : 10.3.0.0/24 }; }",
                "map both4 { type inet_service : ipv4_addr . inet_service; "
                "elements = { 80 : 10.2.0.2 . 8080, 443 : 10.4.0.2 . 443 }; }",
                "map verdicts4 { type ipv4_addr . inet_service : verdict; flags interval; "
                "elements = { 10.1.0.0/24 . 80-90 : accept, 10.2.0.0-10.3.0.9 . 443-9000 : return }; }",
                "map to4 { type inet_service : ipv4_addr; elements = { 80 : 10.2.0.2, 443 : 10.4.0.2 }; }",
            ]
        if self.family != "ip":
            nets = ", ".join(self._disjoint(V6))
            lines += [
                f"set hosts6 {{ type ipv6_addr; elements = {{ {', '.join(self.r.sample(V6.others, 3))} }}; }}",
                f"set nets6 {{ type ipv6_addr; flags interval; elements = {{ {nets} }}; }}",
                "set pairs6 { type ipv6_addr . inet_service; elements = { fd01::2 . 80, fd02::2 . 53 }; }",
                "map both6 { type inet_service : ipv6_addr . inet_service; "
                "elements = { 80 : fd02::2 . 8080, 443 : fd04::2 . 443 }; }",
                "map verdicts6 { type ipv6_addr . inet_service : verdict; flags interval; "
                "elements = { fd01::/64 . 80-90 : accept, fd02::-fd03::9 . 443-9000 : return }; }",
                "map to6 { type inet_service : ipv6_addr; elements = { 80 : fd02::2, 443 : fd04::2 }; }",
            ]
        lines.append('ct helper ftp { type "ftp" protocol tcp; }')
        lines += ["ct timeout slow { protocol tcp; policy = { established : 100 }", "}"]
        lines.append("set seen4 { type ipv4_addr; flags dynamic,timeout; timeout 1m; size 1000; }")
        lines.append("set seen6 { type ipv6_addr; flags dynamic,timeout; timeout 1m; size 1000; }")
        lines.append("set ports { type inet_service; flags interval; elements = { 22, 80-90, 8000-9000 }; }")
        lines.append("map marks { type inet_service : mark; elements = { 80 : 0x1, 443 : 0x4, 22 : 0x10 }; }")
        return tuple(lines)

    def _disjoint(self, pool: Addresses) -> Sequence[str]:
        if pool is V4:
            return self.r.sample(("10.1.0.0/24", "10.2.0.2-10.2.0.9", "10.50.0.0/16", "198.51.100.0/24"), 2)
        return self.r.sample(("fd01::/64", "fd02::2-fd02::9", "fd50::/32", "2001:db8::/32"), 2)

    # ---- rules ------------------------------------------------------------------------------

    def _rule(self, where: tuple[str, str, int], subs: list[str]) -> str:
        kind, hook, _priority = where
        # nft refuses a rule whose matches name two protocols or two families
        self.protocol = self.r.choice(("tcp", "tcp", "tcp", "udp", "udp", "sctp", "icmp"))
        self.six = {"ip": False, "ip6": True}.get(self.family, self.r.random() < 0.4)
        #: no match of the rule names a protocol
        self.free = self.r.random() < 0.15
        words: list[str] = []
        for _ in range(self.r.choice((0, 1, 1, 2, 2, 3))):
            words.append(self._match(hook))
            if self.r.random() < 0.12:
                words.append(self._effect(where))
        if self.r.random() < 0.3:
            words.append("counter")
        words += [self._nat(hook)] if kind == "nat" and self.r.random() < 0.6 else self._ending(where, subs)
        line = " ".join(word for word in words if word)
        return line or "counter"

    def _effect(self, where: tuple[str, str, int]) -> str:
        effects = [
            "meta mark set 0x1",
            "meta mark set 0x4",
            "ct mark set 0x5",
            "meta mark set ct mark",
            "ct mark set meta mark",
            "meta mark set meta mark | 0x10",
            "meta mark set meta mark & 0xf",
            "meta mark set meta mark ^ 0x3",
            f"meta mark set {self.protocol} dport map @marks"
            if self.protocol != "icmp" and not self.free
            else "meta mark set 0x2",
            "ip dscp set cs1" if not self.six else "ip6 dscp set cs1",
            "ip ttl set 50" if not self.six else "ip6 hoplimit set 50",
            "meta priority set 1:1",
            "meta mark set ip saddr map { 10.1.0.2 : 0x1, 10.2.0.0/16 : 0x4 }" if not self.six else "",
            'meta mark set iifname map { "ea" : 0x1, "eb" : 0x10 }',
            "ct mark set meta mark map { 0x1 : 0x5, 0x4 : 0x1 }",
            "ct mark set ct mark | 0x10",
            "ct label set 1",
            "ct event set new",
            f"add @seen{'6' if self.six else '4'} {{ {'ip6' if self.six else 'ip'} saddr }}",
            f"update @seen{'6' if self.six else '4'} {{ {'ip6' if self.six else 'ip'} saddr timeout 10s }}",
            'log prefix "n" group 7',
        ]
        if self.protocol == "tcp" and not self.free:
            effects += ["tcp dport 21 ct helper set \"ftp\"", "meta l4proto tcp ct timeout set \"slow\"",
                        "tcp option maxseg size set 1400"]  # fmt: skip
        if self.wild:
            effects += self._unknowable_effects(where)
        if where[0] == "filter" and where[2] < -200 and where[1] in ("prerouting", "output"):
            effects += ["notrack", "notrack"]
        return self.r.choice(effects)

    def _unknowable_effects(self, where: tuple[str, str, int]) -> list[str]:
        word, digit = ("ip6", "6") if self.six else ("ip", "4")
        found = [
            f"delete @seen{digit} {{ {word} saddr }}",
            f"add @seen{digit} {{ {word} saddr limit rate 10/minute }}",
            "meta mark set numgen inc mod 2",
            f"meta mark set jhash {word} saddr mod 4 offset 1",
            "meta pkttype set unicast",
        ]
        if not self.six:
            found.append("ip daddr set 10.2.0.2")
        if self.protocol == "tcp" and not self.free:
            found += ["tcp dport set 8080"]
        if where[0] == "filter" and where[2] < -200 and where[1] == "prerouting":
            found.append("ct zone set 1")
        return found

    def _unknowable(self, _hook: str) -> str:
        """A match that no snapshot tells, or that netui knows nothing of."""
        word, digit = ("ip6", "6") if self.six else ("ip", "4")
        ttl = "hoplimit" if self.six else "ttl"
        options = [
            "numgen inc mod 2 0", "numgen random mod 4 < 2", f"jhash {word} saddr mod 2 0", "symhash mod 2 1",
            "limit rate 10/second", "limit rate over 10/second", "quota 10 mbytes", "quota over 10 mbytes",
            "ct count over 10", f"{word} saddr @seen{digit}", "meta length < 100", "ct bytes < 1000",
            "ct packets < 10", "ct zone 0", "sctp chunk data missing", "tcp option window exists",
            "meta priority 0", "meta cpu 0", "meta random < 1000000", 'meta hour "00:00"-"23:00"', "rt classid 0",
            "socket transparent 0", "socket mark 0", "ct label 1", "ct expiration < 10h", "ct id > 5",
            "meta cgroup 0", f"{word} {ttl} > 10", f"{word} length < 100", f"{word} dscp cs0",
            f"update @seen{digit} {{ {word} saddr limit rate over 10/minute }}", "meta skuid 0",
        ]  # fmt: skip
        if self.protocol == "tcp" and not self.free:
            options += ["tcp option maxseg exists", "tcp option sack-perm missing", "tcp window > 0", "tcp doff 5",
                        "tcp option maxseg size 1460"]  # fmt: skip
        if self.protocol == "udp" and not self.free:
            options += ["udp length > 8", "udp checksum 0"]
        return self.r.choice(options)

    def _raw(self, _hook: str) -> str:
        """Fields by their place in the header."""
        if self.six or self.family != "ip" or self.r.random() < 0.6:
            if self.protocol == "icmp" and not self.free:
                return self._address(_hook)
            guard = f"meta l4proto {'{ tcp, udp, sctp }' if self.free else self.protocol} "
            return guard + self.r.choice(("@th,16,16 80", "@th,16,16 { 80, 443 }", "@th,0,16 >= 1024",
                                          "@th,16,16 != 22", "@th,16,16 8000-9000"))  # fmt: skip
        return self.r.choice(("@nh,96,32 0x0a010002", "@nh,128,32 0x0a020002", "@nh,72,8 6",
                              "@nh,128,32 & 0xffffff00 == 0x0a020000"))  # fmt: skip

    def _header_chain(self, _hook: str) -> str:
        """IPv6's extension headers, which these packets lack."""
        if not self.six:
            return self._address(_hook)
        return self.r.choice(("exthdr frag missing", "exthdr hbh exists", "exthdr rt missing", "frag id 3",
                              "hbh nexthdr tcp", "exthdr dst exists"))  # fmt: skip

    def _many(self, _hook: str) -> str:
        """Concatenations of other than an address and a port, with intervals."""
        options = ["ct state . ct direction { new . original }", 'iifname . meta mark { "ea" . 0x0, "eb" . 0x1 }']
        if self.free:
            options += ["meta l4proto . th dport { tcp . 80, udp . 53, tcp . 8000-9000 }"]
        elif self.protocol != "icmp":
            options += [f"meta l4proto . th dport {{ tcp . 80, {self.protocol} . 53-443 }}"]
            word = "ip6" if self.six else "ip"
            spans = "fd01::/64 . fd02::-fd02::9 . 80-443" if self.six else "10.1.0.0/24 . 10.2.0.0-10.2.0.9 . 80-443"
            options += [f"{word} saddr . {word} daddr . {self.protocol} dport {self._not()}{{ {spans} }}"]
        return self.r.choice(options)

    def _ending(self, where: tuple[str, str, int], subs: list[str]) -> list[str]:
        kind, hook, _priority = where
        choices = ["accept", "accept", "return", "continue", "", "effect"]
        choices += ["drop"] if kind != "nat" else []
        choices += ["reject"] if kind == "filter" and hook in ("input", "forward", "output") else []
        choices += ["jump", "jump", "goto", "vmap", "vmap"] if subs else ["vmap"]
        match self.r.choice(choices):
            case "effect":
                return [self._effect(where)]
            case "reject":
                return [self._reject()]
            case "jump" | "goto" as verb:
                return [f"{verb} {self.r.choice(subs)}"]
            case "vmap":
                return [self._vmap(subs)]
            case verdict:
                return [verdict]

    def _reject(self) -> str:
        forms = ["reject"]
        if self.protocol == "tcp" and not self.free:
            forms.append("meta l4proto tcp reject with tcp reset")
        if self.family == "ip":
            forms += ["reject with icmp admin-prohibited"]
        elif self.family == "ip6":
            forms += ["reject with icmpv6 admin-prohibited"]
        else:
            forms += ["reject with icmpx host-unreachable"]
            forms += [] if self.six else ["reject with icmp port-unreachable"]
        return self.r.choice(forms)

    def _verdict(self, subs: list[str]) -> str:
        choices = ["accept", "return", "continue", *(f"{verb} {sub}" for sub in subs for verb in ("jump", "goto"))]
        return self.r.choice(choices)

    def _vmap(self, subs: list[str]) -> str:

        def v() -> str:
            return self._verdict(subs)

        guard, header = self._guard()
        forms = [
            f'iifname vmap {{ "ea" : {v()}, "eb" : {v()}, "lo" : {v()} }}',
            f'oifname vmap {{ "ea" : {v()}, "br0" : {v()} }}',
            f"ct state vmap {{ new : {v()}, invalid : {v()}, untracked : {v()} }}",
            f"meta l4proto vmap {{ tcp : {v()}, udp : {v()} }}" if self.free else f"meta mark vmap {{ 0x4 : {v()} }}",
            f"meta mark vmap {{ 0x0 : {v()}, 0x1 : {v()} }}",
        ]
        ported = self.free or self.protocol != "icmp"
        if ported:
            forms += [
                f"{self._header()} dport vmap {{ 80 : {v()}, 443 : {v()}, 8000-9000 : {v()} }}",
                f"{self._header()} dport vmap {{ 22 : {v()}, 53 : {v()} }}",
            ]
        if not self.six:
            forms += [
                f"ip saddr vmap {{ 10.1.0.0/24 : {v()}, 10.2.0.2 : {v()} }}",
                f"{guard}ip daddr . {header} dport vmap {{ 10.2.0.2 . 80 : {v()}, 10.4.0.2 . 443 : {v()} }}"
                if ported
                else f"ip daddr vmap {{ 10.2.0.2 : {v()} }}",
                f"ip saddr . meta mark vmap {{ 10.1.0.0/24 . 0x0 : {v()}, 10.2.0.0/16 . 0x1 : {v()} }}",
            ]
        if self.six:
            forms += [f"ip6 saddr vmap {{ fd01::/64 : {v()}, fd02::2 : {v()} }}"]
        if ported:
            digit, word = ("6", "ip6") if self.six else ("4", "ip")
            forms += [f"{guard}{word} saddr . {header} dport vmap @verdicts{digit}"]
            if self.free:
                forms += [f"meta l4proto . th dport vmap {{ tcp . 80 : {v()}, udp . 53 : {v()} }}"]
        if self.wild:
            forms += [f"numgen inc mod 2 vmap {{ 0 : {v()}, 1 : {v()} }}", f"symhash mod 2 vmap {{ 0 : {v()} }}"]
        return self.r.choice(forms)

    # ---- matches ----------------------------------------------------------------------------

    def _header(self) -> str:
        """The header whose ports a rule of this protocol may ask for; an ICMP header has a checksum there."""
        if self.free or self.protocol == "icmp":
            return "meta l4proto { tcp, udp, sctp } th"
        return "th" if self.r.random() < 0.1 else self.protocol

    def _guard(self) -> tuple[str, str]:
        """What stands before a concatenation with a port, and the header in it."""
        guard, _, header = self._header().rpartition(" ")
        return (f"{guard} " if guard else ""), header

    def _not(self) -> str:
        return "!= " if self.r.random() < 0.25 else ""

    def _match(self, hook: str) -> str:
        kinds = [
            self._address, self._address, self._address, self._interface, self._interface, self._port, self._port,
            self._port, self._conntrack, self._conntrack, self._mark, self._fib, self._protocol, self._flags,
            self._icmp, self._concat, self._raw, self._header_chain, self._many,
        ]  # fmt: skip
        kinds += [self._unknowable] * 5 if self.wild else []
        return self.r.choice(kinds)(hook)

    def _pool(self) -> tuple[str, Addresses, str]:
        return ("ip6", V6, "6") if self.six else ("ip", V4, "4")

    def _address(self, _hook: str) -> str:
        word, pool, digit = self._pool()
        which = self.r.choice(("saddr", "daddr"))
        nets = [net for net in pool.nets if not net.endswith("/0")]
        single = (*pool.own, *pool.others)
        value = self.r.choice(
            (
                self.r.choice(single),
                self.r.choice(single),
                self.r.choice(nets),
                self.r.choice(pool.ranges),
                "{ " + ", ".join(self.r.sample(single, 2)) + " }",
                f"@hosts{digit}",
                f"@nets{digit}",
            )
        )
        if self.r.random() < 0.08:
            mask, wanted = ("0.0.0.255", "0.0.0.2") if digit == "4" else ("::ff", "::2")
            return f"{word} {which} & {mask} {self.r.choice(('==', '!='))} {wanted}"
        return f"{word} {which} {self._not()}{value}"

    def _interface(self, hook: str) -> str:
        names = ["iifname"] if hook in ("prerouting", "input") else ["oifname"]
        names = ["iifname", "oifname"] if hook == "forward" or self.r.random() < 0.2 else names
        name = self.r.choice(names)
        value = self.r.choice((f'"{self.r.choice(INTERFACES)}"', '"e*"', '{ "ea", "br0" }', '{ "e*", "lo" }'))
        if self.r.random() < 0.15:
            return f"{name.removesuffix('name')} {self._not()}{self.r.choice(('lo', 'ea', 'br0'))}"
        return f"{name} {self._not()}{value}"

    def _port(self, _hook: str) -> str:
        if self.protocol == "icmp" and not self.free:
            return self._icmp(_hook)
        header = self._header()
        if self.r.random() < 0.15:
            return f"{header} sport {self._not()}{self.r.choice(('1024-65535', '0-1023', '32768-60999'))}"
        port = self.r.choice(PORTS)
        if self.r.random() < 0.1:
            return f"{header} dport {self.r.choice(('<', '>', '<=', '>='))} {port}"
        value = self.r.choice((f"{port}", f"{port}-{port + 400}", "{ 22, 80, 443 }", "{ 53, 8000-9000 }", "@ports"))
        return f"{header} dport {self._not()}{value}"

    def _conntrack(self, _hook: str) -> str:
        word, pool, _digit = self._pool()
        options = [
            "ct state new", "ct state established,related", "ct state invalid", "ct state untracked",
            "ct state != new", "ct state { new, untracked }", "ct state != { invalid, established }",
            "ct direction original", "ct direction reply", "ct status dnat", "ct status snat", "ct status confirmed",
            "ct status expected", f"ct mark {self._not()}{self.r.choice(('0x0', '0x5', '0x1'))}",
            # nft leaves "ct protocol tcp" out before "tcp dport"
            "ct protocol != igmp",
            f"meta l4proto {self.protocol} ct original proto-dst {self._not()}{self.r.choice(PORTS)}"
            if self.protocol != "icmp" and not self.free
            else "ct state new",
            "ct mark & 0x4 == 0x4",
        ]  # fmt: skip
        options += [f"ct reply {word} daddr {self.r.choice(pool.others)}", "ct original protocol != sctp",
                    f"ct original {word} saddr {self.r.choice([net for net in pool.nets if not net.endswith('/0')])}",
                    "ct helper \"ftp\""]  # fmt: skip
        if self.protocol != "icmp" and not self.free:
            options += [f"meta l4proto {self.protocol} ct reply proto-src {self._not()}{self.r.choice(PORTS)}"]
        options.append(f"ct original {word} daddr {self.r.choice(pool.own)}")
        options.append(f"ct reply {word} saddr {self._not()}{self.r.choice(pool.others)}")
        return self.r.choice(options)

    def _mark(self, _hook: str) -> str:
        return self.r.choice(
            ("meta mark 0x1", "meta mark != 0x0", "meta mark & 0xf == 0x4", "meta mark & 0x1 != 0x1",
             "meta mark { 0x1, 0x4 }", "meta mark 0x1-0x5")
        )  # fmt: skip

    def _fib(self, hook: str) -> str:
        options = ["fib daddr type local", "fib daddr type != local", "fib saddr type local", "fib saddr type unicast",
                   "fib daddr type { local, broadcast }", "fib daddr type unicast"]  # fmt: skip
        if hook in ("prerouting", "input", "forward"):
            options += ["fib daddr . iif type local"]
        if hook in ("prerouting", "input"):
            options += ["fib saddr . iif oif missing", "fib saddr . iif oif exists", "fib saddr oif exists",
                        "fib saddr . mark . iif oif missing", "fib daddr oifname \"ea\"", "fib daddr . mark oif exists",
                        "fib saddr . mark oifname { \"ea\", \"ec\" }"]  # fmt: skip
        return self.r.choice(options)

    def _protocol(self, _hook: str) -> str:
        own = "icmpv6" if self.protocol == "icmp" and self.six else self.protocol
        options = ["meta pkttype unicast"]
        options += [f"meta nfproto {'ipv6' if self.six else 'ipv4'}"] if self.family == "inet" else []
        if self.free:
            options += ["meta l4proto { tcp, udp }", "meta l4proto != icmp"]
            options += ["ip protocol != tcp"] if not self.six else []
        else:
            options += [f"meta l4proto {own}", f"ip6 nexthdr {own}" if self.six else f"ip protocol {own}"]
        return self.r.choice(options)

    def _flags(self, _hook: str) -> str:
        if self.free:
            return "meta l4proto != icmp"
        if self.protocol != "tcp":
            return f"meta l4proto {'icmpv6' if self.protocol == 'icmp' and self.six else self.protocol}"
        return self.r.choice(
            ("tcp flags syn", "tcp flags & (syn | ack) == syn", "tcp flags & (syn | rst) != syn", "tcp flags != syn",
             "tcp flags & (fin | rst) != 0x0")
        )  # fmt: skip

    def _icmp(self, _hook: str) -> str:
        if self.free or self.protocol != "icmp":
            return self._port(_hook)  # never back here: it has ports
        word = "icmpv6" if self.six else "icmp"
        return self.r.choice((f"{word} type echo-request", f"{word} type != echo-reply",
                              f"{word} type {{ echo-request, echo-reply }}"))  # fmt: skip

    def _concat(self, _hook: str) -> str:
        word, pool, digit = self._pool()
        if self.protocol == "icmp" and not self.free:
            return self._address(_hook)
        which = self.r.choice(("saddr", "daddr"))
        guard, header = self._guard()
        sets = [f"@pairs{digit}", *(["@spans4"] if digit == "4" else [])]
        address, port = self.r.choice(pool.others), self.r.choice(PORTS)
        sets.append(f"{{ {address} . {port}, {self.r.choice(pool.own)} . 80 }}")
        return f"{guard}{word} {which} . {header} dport {self._not()}{self.r.choice(sets)}"

    def _span(self, pool: Addresses) -> str:
        return "fd02::2-fd02::5" if pool is V6 else "10.2.0.2-10.2.0.5"

    # ---- translation ------------------------------------------------------------------------

    def _nat(self, hook: str) -> str:
        word, pool, digit = self._pool()
        family = f"{word} " if self.family == "inet" else ""
        target = self.r.choice(pool.others)
        bracketed = f"[{target}]" if digit == "6" else target
        if self.free or self.protocol == "icmp":
            return f"dnat {family}to {target}" if hook in ("prerouting", "output") else f"snat {family}to {target}"
        ports = f"meta l4proto {self.protocol} "
        if hook in ("prerouting", "output"):
            effects: tuple[str, ...] = (
                    f"dnat {family}to {target}",
                    f"{ports}dnat {family}to {bracketed}:8080",
                    f"{ports}redirect to :8080",
                    f"dnat {family}to {self.protocol} dport map @to{digit}",
                    f"dnat {family}addr . port to {self.protocol} dport map @both{digit}",
                    f"{self.protocol} dport != 22 redirect to {self.protocol} dport map {{ 80 : 8080, 443 : 9000 }}",
                    "redirect",
                    *(("dnat ip prefix to ip daddr map @nets4to", "dnat ip prefix to 10.2.0.0/24") if digit == "4"
                      and self.family == "inet" else ()),
                    *((f"{ports}redirect to :8000-8010", f"dnat {family}to {self._span(pool)}",
                       f"{ports}dnat {family}to {bracketed}:8000-8010") if self.wild else ()),
            )  # fmt: skip
            return self.r.choice(effects)
        if hook == "postrouting":
            effects = (
                f"snat {family}to {self.r.choice(pool.own)}", "masquerade",
                f"snat {family}to {self.r.choice(pool.own)} persistent",
                *(("snat ip prefix to ip saddr map @nets4to",) if digit == "4" and self.family == "inet" else ()),
                *((f"{ports}masquerade to :20000-30000 fully-random", f"{ports}snat {family}to {self._span(pool)}",
                   "masquerade random") if self.wild else ()),
            )  # fmt: skip
            return self.r.choice(effects)
        return f"snat {family}to {self.r.choice(pool.own)}"
