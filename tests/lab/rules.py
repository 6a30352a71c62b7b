"""Random iptables rulesets out of everything that netui claims to know.

A ruleset is plain lines by table, so that a failing one can be shrunk line by line and printed.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

HOOKS = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "security": ("INPUT", "FORWARD", "OUTPUT"),
}
DST_HOOKS, SRC_HOOKS = ("PREROUTING", "OUTPUT"), ("INPUT", "POSTROUTING")
PORTS = (22, 53, 80, 443, 8080, 9000)
COMMENTS = ("a word", "-j DROP", "it's")
STATES = ("NEW", "ESTABLISHED", "RELATED,ESTABLISHED", "INVALID", "UNTRACKED")
INTERFACES = ("ea", "eb", "ec", "br0", "lo", "e+", "nope0", "pd")


# The kernel tracks connections, and asks nat chains, only where some rule needs it; on a host with
# Docker one always does.
TRACKED = (":tracked - [0:0]", "-A tracked -m conntrack --ctstate NEW")


@dataclass(frozen=True)
class Addresses:
    """The pools of one family."""

    own: tuple[str, ...]
    others: tuple[str, ...]
    nets: tuple[str, ...]
    ranges: tuple[str, ...]
    bits: int


V4 = Addresses(
    own=("10.1.0.1", "10.2.0.1", "10.3.0.1", "10.4.0.1", "10.9.9.9"),
    others=(
        "10.1.0.2",
        "10.1.0.3",
        "10.2.0.2",
        "10.2.0.3",
        "10.3.0.2",
        "10.4.0.2",
        "10.4.0.3",
        "10.50.0.7",
        "10.50.1.1",
    ),
    nets=("10.0.0.0/8", "10.1.0.0/24", "10.2.0.0/15", "10.4.0.0/31", "10.50.0.0/16", "198.51.100.0/24", "0.0.0.0/0"),
    ranges=("10.1.0.1-10.1.0.2", "10.1.0.3-10.3.0.2", "10.9.9.0-10.50.0.255"),
    bits=32,
)
V6 = Addresses(
    own=("fd01::1", "fd02::1", "fd03::1", "fd04::1", "fd09::9"),
    others=("fd01::2", "fd01::3", "fd02::2", "fd02::3", "fd03::2", "fd04::2", "fd04::3", "fd50::7", "fd50::1:1"),
    nets=("fd00::/8", "fd01::/64", "fd02::/15", "fd04::2/127", "fd50::/32", "2001:db8::/32", "::/0"),
    ranges=("fd01::1-fd01::2", "fd01::3-fd03::2", "fd09::-fd50::ff"),
    bits=128,
)


@dataclass(frozen=True)
class Table:
    """One table: policies by base chain, user chains, rules in order (each "-A CHAIN …")."""

    name: str
    policies: tuple[tuple[str, str], ...]
    chains: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rules:
    """The tables of one family."""

    family: int
    tables: tuple[Table, ...] = field(default_factory=tuple)

    def text(self) -> str:
        """For iptables-restore."""
        lines: list[str] = []
        for table in self.tables:
            lines.append(f"*{table.name}")
            lines += [f":{chain} {policy} [0:0]" for chain, policy in table.policies]
            lines += [f":{chain} - [0:0]" for chain in table.chains]
            lines += [*table.rules, *(TRACKED if table.name == "filter" else ()), "COMMIT"]
        return "\n".join(lines) + "\n"

    def count(self) -> int:
        """How many rules there are."""
        return sum(len(table.rules) for table in self.tables)

    def without(self, numbers: Iterable[int]) -> Rules:
        """The ruleset without the rules of these numbers (counted over all tables from 0)."""
        gone, tables, at = set(numbers), [], 0
        for table in self.tables:
            kept = tuple(rule for i, rule in enumerate(table.rules, at) if i not in gone)
            at += len(table.rules)
            used = " ".join(kept)
            chains = tuple(chain for chain in table.chains if f" {chain} " in f"{used} ")
            tables.append(replace(table, rules=kept, chains=chains))
        return replace(self, tables=tuple(tables))

    def accepting(self, table: str, chain: str) -> Rules:
        """The ruleset with one policy set to ACCEPT."""
        tables = []
        for one in self.tables:
            policies = tuple((name, "ACCEPT" if (one.name, name) == (table, chain) else p) for name, p in one.policies)
            tables.append(replace(one, policies=policies))
        return replace(self, tables=tuple(tables))


class Generator:
    """Makes random rulesets of one family."""

    def __init__(self, chance: random.Random, family: int) -> None:
        self.r = chance
        self.at = ""
        self.family = family
        self.pool = V4 if family == 4 else V6

    def rules(self) -> Rules:
        """One ruleset: all tables, a few rules in each chain, jumps that go forward only."""
        return Rules(self.family, tuple(self._table(name) for name in HOOKS))

    def _table(self, name: str) -> Table:
        r = self.r
        self.at = name
        lively = {"raw": 0.7, "security": 0.3}.get(name, 0.9)
        policies = tuple((hook, self._policy(name)) for hook in HOOKS[name])
        if r.random() > lively:
            return Table(name, policies)
        chains = [f"{name[0]}{i}" for i in range(r.randint(0, 4))]
        # A chain in nat is for one direction: its targets must suit every hook that reaches it.
        sides = {chain: r.choice((DST_HOOKS, SRC_HOOKS)) for chain in chains}
        rules: list[str] = []
        for hook in HOOKS[name]:
            if name == "mangle" and r.random() < 0.7:
                rules.append(f"-A {hook} -m comment --comment seen")  # shows that the hook was reached
            fitting = [c for c in chains if name != "nat" or hook in sides[c]]
            rules += [self._rule(name, hook, hook, fitting) for _ in range(r.choice((0, 1, 2, 3, 5)))]
        for i, chain in enumerate(chains):
            fitting = [c for c in chains[i + 1 :] if name != "nat" or sides[c] == sides[chain]]
            side = sides[chain][0] if name == "nat" else ""
            rules += [self._rule(name, chain, side, fitting) for _ in range(r.choice((0, 1, 2, 4)))]
        return Table(name, policies, tuple(chains), tuple(rules))

    def _policy(self, table: str) -> str:
        return "DROP" if table in ("filter", "mangle") and self.r.random() < 0.08 else "ACCEPT"

    def _rule(self, table: str, chain: str, hook: str, chains: list[str]) -> str:
        words = [f"-A {chain}"]
        proto = self.r.choice(("", "", "tcp", "tcp", "udp", "icmp", "sctp", "all"))
        target = self._target(table, hook, chains)
        if "--reject-with tcp-reset" in target or "TCPMSS" in target:
            proto = "tcp"
        if any(word in target for word in ("--to-ports", "]:", "/ports")) or _has_port(target, self.family):
            proto = self.r.choice(("tcp", "udp"))
        if proto:
            words.append(f"-p {self._proto_name(proto)}")
        count = self.r.choice((0, 0, 1, 1, 1, 2, 3))
        kinds = dict.fromkeys(self.r.sample(self._kinds(target, proto), k=count))
        words += [match for match in (kind(proto, hook or chain) for kind in kinds) if match]
        if "TCPMSS" in target:
            words.append("-m tcp --tcp-flags SYN,RST SYN")
        words.append(target)
        return " ".join(word for word in words if word)

    def _proto_name(self, proto: str) -> str:
        return "ipv6-icmp" if proto == "icmp" and self.family == 6 else proto

    # ---- matches --------------------------------------------------------------------------

    def _kinds(self, target: str, proto: str) -> list:  # type: ignore[type-arg]
        kinds = [self._source, self._destination, self._in, self._out, self._addrtype, self._conntrack, self._mark]
        kinds += [self._iprange, self._set, self._misc, self._source, self._destination]
        if proto in ("tcp", "udp", "sctp"):
            kinds += [self._port, self._port, self._multiport]
        if proto == "icmp":
            kinds += [self._icmp]
        # iptables-save prints two flag matches of one rule wrongly: never both.
        if proto == "tcp" and "TCPMSS" not in target:
            kinds += [self._flags]
        return kinds

    def _not(self, chance: float = 0.25) -> str:
        return "! " if self.r.random() < chance else ""

    def _address(self) -> str:
        return self.r.choice((*self.pool.own, *self.pool.others, *self.pool.others, *self.pool.nets))

    def _one_end(self, flag: str) -> str:
        address = self._address()
        return f"{flag} {address}" if address.endswith("/0") else f"{self._not()}{flag} {address}"

    def _source(self, proto: str, hook: str) -> str:
        return self._one_end("-s")

    def _destination(self, proto: str, hook: str) -> str:
        return self._one_end("-d")

    def _in(self, proto: str, hook: str) -> str:
        return "" if hook in ("OUTPUT", "POSTROUTING") else f"{self._not()}-i {self.r.choice(INTERFACES)}"

    def _out(self, proto: str, hook: str) -> str:
        return "" if hook in ("PREROUTING", "INPUT") else f"{self._not()}-o {self.r.choice(INTERFACES)}"

    def _port(self, proto: str, hook: str) -> str:
        if self.r.random() < 0.15:
            return f"-m {proto} {self._not()}--sport {self.r.choice(('1024:65535', '0:1023', '32768:60999'))}"
        port = self.r.choice(PORTS)
        return f"-m {proto} {self._not()}--dport {self.r.choice((f'{port}', f'{port}:{port + 400}', '0:1023'))}"

    def _multiport(self, proto: str, hook: str) -> str:
        ports = ",".join(self.r.sample(("22", "53", "80", "443", "8000:9000"), k=self.r.randint(1, 4)))
        return f"-m multiport {self._not()}--{self.r.choice(('dports', 'dports', 'ports'))} {ports}"

    def _flags(self, proto: str, hook: str) -> str:
        flags = self.r.choice(("--syn", "--tcp-flags SYN,RST SYN", "--tcp-flags ALL SYN,ACK", "--tcp-flags ALL NONE"))
        return f"-m tcp {self._not()}{flags}"

    def _icmp(self, proto: str, hook: str) -> str:
        if self.family == 6:
            return (
                f"-m icmp6 {self._not()}--icmpv6-type {self.r.choice(('128', 'echo-reply', '1/4', 'packet-too-big'))}"
            )
        return f"-m icmp {self._not()}--icmp-type {self.r.choice(('8', '0', '8/0', '3/1', 'any'))}"

    def _addrtype(self, proto: str, hook: str) -> str:
        kinds = ["LOCAL", "UNICAST", "MULTICAST", "ANYCAST"] + (["BROADCAST", "BLACKHOLE"] if self.family == 4 else [])
        types = ",".join(self.r.sample(kinds, k=self.r.choice((1, 1, 2)))) if self.family == 4 else self.r.choice(kinds)
        limit = ""
        if self.r.random() < 0.2 and hook in ("PREROUTING", "INPUT", "FORWARD"):
            limit = " --limit-iface-in"
        elif self.r.random() < 0.2 and hook in ("OUTPUT", "POSTROUTING"):
            limit = " --limit-iface-out"
        return f"-m addrtype {self._not()}--{self.r.choice(('src', 'dst', 'dst'))}-type {types}{limit}"

    def _conntrack(self, proto: str, hook: str) -> str:
        option = self.r.choice(("state", "ctstate", "ctstate", "ctorigdst", "ctorigsrc", "ctdir", "ctport", "ctproto"))
        no = self._not()
        if option == "state":
            return f"-m state {no}--state {self.r.choice(STATES)}"
        if option == "ctstate":
            states = (
                "NEW",
                "ESTABLISHED,RELATED",
                "INVALID",
                "UNTRACKED",
                "DNAT",
                "SNAT",
                "NEW,DNAT",
                "INVALID,UNTRACKED",
            )
            return f"-m conntrack {no}--ctstate {self.r.choice(states)}"
        if option in ("ctorigdst", "ctorigsrc"):
            which = self.r.choice((option, "ctreplsrc", "ctrepldst"))
            return f"-m conntrack {no}--{which} {self._address()}"
        if option == "ctdir":
            return f"-m conntrack --ctdir {self.r.choice(('ORIGINAL', 'REPLY'))}"
        if option == "ctport" and proto in ("tcp", "udp", "sctp"):
            which = self.r.choice(("ctorigdstport", "ctreplsrcport"))
            return f"-m conntrack {no}--{which} {self.r.choice(PORTS)}"
        if option == "ctproto" and self.r.random() < 0.5:
            return f"-m conntrack {no}--ctproto {self.r.choice((6, 17, 1, 58))}"
        return (
            f"-m conntrack {no}--ctstatus {self.r.choice(('NONE', 'CONFIRMED', 'SEEN_REPLY', 'EXPECTED', 'ASSURED'))}"
        )

    def _mark(self, proto: str, hook: str) -> str:
        which = self.r.choice(("mark", "mark", "connmark"))
        return f"-m {which} {self._not()}--mark {self.r.choice(('0x0', '0x1', '0x1/0x1', '0x4/0xff', '0x0/0xf'))}"

    def _iprange(self, proto: str, hook: str) -> str:
        return f"-m iprange {self._not()}--{self.r.choice(('src', 'dst'))}-range {self.r.choice(self.pool.ranges)}"

    def _set(self, proto: str, hook: str) -> str:
        if self.family == 6:
            return f"-m set {self._not()}--match-set hosts6 {self.r.choice(('src', 'dst'))}"
        name = self.r.choice(("hosts", "nets", "services", "ports"))
        how = {"services": ("src,dst", "dst,dst")}.get(name, ("src", "dst") if name != "ports" else ("dst",))
        return f"-m set {self._not()}--match-set {name} {self.r.choice(how)}"

    def _misc(self, proto: str, hook: str) -> str:
        choices = [
            f'-m comment --comment "{self.r.choice(COMMENTS)}"',
            "-m length --length 0:65535",
        ]
        choices += [f"-m pkttype {self._not()}--pkt-type {self.r.choice(('unicast', 'broadcast', 'multicast'))}"]
        if hook in ("OUTPUT", "POSTROUTING"):
            choices += [f"-m owner {self._not()}--socket-exists"]
        else:
            choices += [f"-m physdev {self._not()}--physdev-is-in"]
        if hook in ("FORWARD", "POSTROUTING"):
            choices += [f"-m physdev {self._not()}--physdev-is-bridged"]
        if hook == "PREROUTING" and self.at != "nat":
            choices += [f"-m rpfilter{self.r.choice(('', ' --loose', ' --invert', ' --validmark'))}"]
        return self.r.choice(choices)

    # ---- targets --------------------------------------------------------------------------

    def _target(self, table: str, hook: str, chains: list[str]) -> str:
        choices = ["ACCEPT", "RETURN", "", "", "note", "mark", "connmark"]
        choices += ["jump"] * (3 if chains else 0) + ["goto"] * (1 if chains else 0)
        choices += ["nat"] * 6 if table == "nat" else ["DROP"] if self.r.random() < 0.5 else []
        choices += ["REJECT"] if table == "filter" else []
        choices += ["notrack", "notrack"] if table == "raw" else []
        choices += ["TCPMSS", "mark", "mark"] if table == "mangle" else []
        kind = self.r.choice(choices)
        match kind:
            case "jump" | "goto":
                return f"-{kind[0]} {self.r.choice(chains)}"
            case "nat":
                return self._nat(hook)
            case "note":
                if table == "mangle":
                    return self.r.choice(
                        (
                            "-j TTL --ttl-set 64" if self.family == 4 else "-j HL --hl-set 64",
                            "-j CHECKSUM --checksum-fill",
                            "-j TOS --set-tos 0x10/0x3f",
                            "-j DSCP --set-dscp 0x08",
                        )
                    )
                return self.r.choice(('-j LOG --log-prefix "a b"', "-j NFLOG --nflog-group 7"))
            case "mark":
                values = (
                    "--set-xmark 0x1/0xffffffff",
                    "--or-mark 0x4",
                    "--and-mark 0xfe",
                    "--set-mark 0x0",
                    "--xor-mark 0x1",
                )
                return f"-j MARK {self.r.choice(values)}"
            case "connmark":
                values = (
                    "--save-mark",
                    "--restore-mark",
                    "--set-xmark 0x1/0xff",
                    "--set-mark 0x4",
                    "--restore-mark --mask 0xf",
                )
                return f"-j CONNMARK {self.r.choice(values)}" if table != "raw" else "-j MARK --set-mark 0x4"
            case "notrack":
                return self.r.choice(("-j CT --notrack", "-j NOTRACK"))
            case "TCPMSS":
                return "-j TCPMSS --set-mss 1200" if hook in ("FORWARD", "OUTPUT", "POSTROUTING") else ""
            case "REJECT":
                four = ("icmp-port-unreachable", "icmp-net-prohibited", "tcp-reset", "icmp-admin-prohibited")
                six = ("icmp6-port-unreachable", "tcp-reset", "icmp6-adm-prohibited")
                return f"-j REJECT --reject-with {self.r.choice(four if self.family == 4 else six)}"
            case "":
                return ""
        return f"-j {kind}"

    def _nat(self, hook: str) -> str:
        address = self.r.choice((*self.pool.own, *self.pool.others, *self.pool.others))
        if hook in DST_HOOKS and self.family == 4 and self.r.random() < 0.06:
            address = "127.0.0.1"
        ported = f"{address}:8080" if self.family == 4 else f"[{address}]:8080"
        if hook in DST_HOOKS:
            ways = [f"-j DNAT --to-destination {address}", f"-j DNAT --to-destination {ported}", "-j REDIRECT"]
            ways += ["-j REDIRECT --to-ports 9000", self._netmap()]
            ways += ["-j DNAT --to-destination :443"] if self.family == 4 else []
        else:
            ways = [f"-j SNAT --to-source {address}", self._netmap()]
            ways += (
                ["-j MASQUERADE", "-j MASQUERADE", "-j MASQUERADE --to-ports 20000-30000"]
                if hook == "POSTROUTING"
                else []
            )
            low = f"{address}:1024-1030" if self.family == 4 else f"[{address}]:1024-1030"
            ways += [f"-j SNAT --to-source {low}"]
        return self.r.choice(ways)

    def _netmap(self) -> str:
        return "-j NETMAP --to " + self.r.choice(
            ("10.2.0.0/24", "10.50.0.0/16") if self.family == 4 else ("fd02::/64", "fd50::/32")
        )


def _has_port(target: str, family: int) -> bool:
    """Whether a nat target names a port, which asks for a protocol with ports."""
    if "--to-destination" not in target and "--to-source" not in target:
        return False
    address = target.rsplit(maxsplit=1)[-1]
    return "]" in address if family == 6 else ":" in address
