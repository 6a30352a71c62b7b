"""The commonest matches in words: addresses, interfaces, protocols, ports, ICMP, address types, marks, sets."""

from __future__ import annotations

from collections.abc import Mapping

from netui.explain.names import Names
from netui.explain.words import Say, Words, no
from netui.model import Match, Option
from netui.text.phrases import either, ports
from netui.text.visible import printable

_TYPES = {
    "LOCAL": "an address of this machine",
    "UNICAST": "a unicast address",
    "BROADCAST": "a broadcast address",
    "MULTICAST": "a multicast address",
    "ANYCAST": "an anycast address",
    "BLACKHOLE": "a blackholed address",
    "UNREACHABLE": "an unreachable address",
    "PROHIBIT": "a prohibited address",
    "UNSPEC": "an unspecified address",
}
_ICMP = {
    "8": "echo requests (pings)",
    "128": "echo requests (pings)",
    "0": "echo replies",
    "129": "echo replies",
    "3": "destination unreachable",
    "1": "destination unreachable",
    "11": "time exceeded",
    "3/4": "fragmentation needed",
    "2": "packet too big",
    "133": "router solicitations",
    "134": "router advertisements",
    "135": "neighbour solicitations",
    "136": "neighbour advertisements",
}


def _does(option: Option, positive: str, negative: str) -> str:
    return negative if option.negated else positive


# --- -s, -d, -i, -o ---------------------------------------------------------------------------


def _basic(words: Words, match: Match, names: Names, _family: str) -> bool:
    for option in match.options:
        value = option.value
        match option.name:
            case "-s":
                words.from_.append(f"from {'anywhere but ' if option.negated else ''}{names.address(value)}")
            case "-d":
                words.to.append(f"to {'anywhere but ' if option.negated else ''}{names.address(value)}")
            case "-i":
                if names.is_dockers(value):
                    verb = _does(option, "come from", "do not come from")
                else:
                    verb = _does(option, "come in by", "do not come in by")
                words.which.append(f"{verb} {_device(value, names)}")
            case "-o":
                if names.is_dockers(value):
                    verb = _does(option, "go into", "do not go into")
                else:
                    verb = _does(option, "leave by", "do not leave by")
                words.which.append(f"{verb} {_device(value, names)}")
            case "-f":
                words.which.append(_does(option, "are later fragments", "are no later fragments"))
            case "-p":
                pass
            case _:
                return False
    return True


def _device(name: str, names: Names) -> str:
    if name.endswith("+"):
        return f"any interface called {printable(name[:-1])}…"
    return names.interface(name)


# --- ports ---------------------------------------------------------------------------------------


def _transport(words: Words, match: Match, _names: Names, _family: str) -> bool:
    for option in match.options:
        many = "any port but " if option.negated else ""
        match option.name:
            case "--dport" | "--dports" | "--destination-port" | "--destination-ports":
                words.to.insert(0, f"to {many}{_only_number(option)}" if many else f"to {ports(option.value)}")
                _join_of(words.to, "to ")
            case "--sport" | "--sports" | "--source-port" | "--source-ports":
                words.from_.insert(0, f"from {many}{_only_number(option)}" if many else f"from {ports(option.value)}")
                _join_of(words.from_, "from ")
            case "--ports" | "--port":
                words.which.append(f"are {no(option)}to or from {ports(option.value)}")
            case "--tcp-flags" if len(option.values) == 2:
                asked, there = (printable(value) for value in option.values)
                rest = f"exactly {there} of the flags {asked}" if there != "NONE" else f"none of the flags {asked}"
                words.which.append(f"{_does(option, 'have', 'do not have')} {rest}")
            case "--syn":
                words.which.append(_does(option, "open a TCP connection (SYN)", "do not open a TCP connection"))
            case "--tcp-option":
                words.which.append(f"{_does(option, 'have', 'do not have')} TCP option {printable(option.value)}")
            case "--chunk-types":
                words.which.append(f"have {no(option)}chunk types {printable(option.value)}")
            case _:
                return False
    return True


def _only_number(option: Option) -> str:
    return ports(option.value).partition(" ")[2]


def _join_of(parts: list[str], word: str) -> None:
    """``to port 80``, ``to shop`` → ``to port 80 of shop``."""
    if len(parts) == 2 and parts[1].startswith(word):
        where = parts[1].removeprefix(word)
        parts[:] = [f"{parts[0]} {'' if where.startswith('anywhere but') else 'of '}{_at_end(where)}"]


def _at_end(where: str) -> str:
    return f"anywhere but at {where.removeprefix('anywhere but ')}" if where.startswith("anywhere but ") else where


def _icmp(words: Words, match: Match, _names: Names, family: str) -> bool:
    for option in match.options:
        if option.name not in ("--icmp-type", "--icmpv6-type"):
            return False
        kind = "ICMPv6" if family == "ip6" else "ICMP"
        number = option.value.removesuffix("/0") if option.value in ("8/0", "0/0") else option.value
        wrong = family == "ip6" and number in ("8", "0", "3", "3/4", "11")
        name = "" if wrong else _ICMP.get(number, "")
        if family == "ip" and number in ("1", "2", "128", "129", "133", "134", "135", "136"):
            name = ""
        packets = f"{kind} {name}" if name else f"{kind} packets of type {printable(option.value)}"
        words.noun = f"{kind} packets other than {packets.removeprefix(kind + ' ')}" if option.negated else packets
    return True


# --- addresses, marks and sets ---------------------------------------------------------------


def _addrtype(words: Words, match: Match, _names: Names, _family: str) -> bool:
    for option in match.options:
        match option.name:
            case "--dst-type" | "--src-type":
                kinds = [_TYPES.get(kind, f"an address of type {printable(kind)}") for kind in option.value.split(",")]
                verb = "are for" if option.name == "--dst-type" else "come from"
                if option.negated:
                    verb = "are not for" if option.name == "--dst-type" else "do not come from"
                words.which.append(f"{verb} {either(kinds)}")
            case "--limit-iface-in":
                words.limits.append("as the interface that they come in by sees it")
            case "--limit-iface-out":
                words.limits.append("as the interface that they leave by sees it")
            case _:
                return False
    return True


def _mark(words: Words, match: Match, _names: Names, _family: str) -> bool:
    for option in match.options:
        if option.name != "--mark":
            return False
        value, slash, mask = option.value.partition("/")
        of = f" (of the bits {printable(mask)})" if slash else ""
        verb = _does(option, "carry", "do not carry")
        which = "the mark" if match.module == "mark" else "the connection mark"
        words.which.append(f"{verb} {which} {printable(value)}{of}")
    return True


def _set(words: Words, match: Match, _names: Names, _family: str) -> bool:
    for option in match.options:
        if option.name != "--match-set" or len(option.values) != 2:
            return False
        name, dims = option.values
        sides = [{"src": "source", "dst": "destination"}.get(dim, printable(dim)) for dim in dims.split(",")]
        verb = "is not" if option.negated else "is"
        side = " and ".join(dict.fromkeys(sides))
        shown = f" ({printable(dims)})" if len(sides) > 1 else ""
        words.which.append(f"have a {side}{shown} that {verb} in the set {printable(name)}")
    return True


def _untold(words: Words, match: Match, _names: Names, _family: str) -> bool:
    option = match.option("--text")
    words.which.append(f"match what the listing does not tell ({printable(option.value if option else '')})")
    return True


#: The words of these match modules.
MODULES: Mapping[str, Say] = {
    "": _basic,
    "tcp": _transport,
    "udp": _transport,
    "sctp": _transport,
    "dccp": _transport,
    "udplite": _transport,
    "multiport": _transport,
    "icmp": _icmp,
    "icmp6": _icmp,
    "icmpv6": _icmp,
    "ipv6-icmp": _icmp,
    "addrtype": _addrtype,
    "mark": _mark,
    "connmark": _mark,
    "set": _set,
    "untold": _untold,
}
