"""The text after a rule's columns in ``iptables -L`` → the words of a save, module by module.

Each match has its own format (libxt_*.c, libipt_*.c: the functions named ``print``). From the first word that
is not understood, the rest is one unknown match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from netui.dialects.iptables.column_targets import target_options
from netui.dialects.iptables.listed import UNTOLD
from netui.dialects.nft.values import SERVICES

#: ``-n`` prints numbers since 1.8.9; a save prints the names.
PROTOCOLS: Mapping[str, str] = {
    "1": "icmp", "6": "tcp", "17": "udp", "33": "dccp", "50": "esp", "51": "ah", "58": "ipv6-icmp", "132": "sctp",
    "136": "udplite", "icmpv6": "ipv6-icmp",
}  # fmt: skip
_PORT_MODULES = ("tcp", "udp", "sctp", "dccp", "udplite")


def quoted(text: str) -> str:
    """Return a word as a save prints it: in quotes if it has blanks or quotes."""
    if re.fullmatch(r"[^\s\"'\\]+", text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def untold(what: str) -> str:
    """Return the match that stands for what a listing omits."""
    escaped = what.replace("\\", "\\\\").replace('"', '\\"')
    return f'-m {UNTOLD} --text "{escaped}"'


def rule_text(chain: str, words: list[str], target: str, protocol: str, rest: str) -> str:
    """Return a rule as a save prints it.

    words: of its columns. rest: the text after them.
    """
    words = ["-A", chain, *words]
    goto = rest.startswith("[goto]")
    rest = rest.removeprefix("[goto]").strip() if goto else rest.strip()
    comment, rest = _comment(rest)
    ending, rest = target_options(target, rest)
    module = _basic_module(protocol)
    while rest:
        if rest.startswith(_COMMENT):
            words += comment
            rest = rest.removeprefix(_COMMENT).lstrip()
            continue
        for pattern, write in _MATCHES:
            match = pattern.match(rest)
            if match is not None:
                options = write(match, module)
                words += options if options is not None else [untold(match[0].strip())]
                rest = rest[match.end() :].lstrip()
                break
        else:
            words.append(untold(rest))
            break
    if target:
        words += ["-g" if goto else "-j", target, *ending]
    return " ".join(words)


#: The placeholder for a comment.
_COMMENT = "\x00"


def _comment(rest: str) -> tuple[list[str], str]:
    """Replace the comment by a placeholder; where its end is ambiguous, all up to the last possible end is unknown."""
    rest = rest.replace(_COMMENT, "")
    start = rest.find("/* ")
    if start < 0:
        return [], rest
    end = rest.find(" */", start)
    one = end >= 0 and rest.find("/* ", start + 3) < 0 and rest.find(" */", end + 3) < 0
    if not one:
        last = rest.rfind(" */")
        end = last if last > start else len(rest)
    marked = " ".join(filter(None, (rest[:start].strip(), _COMMENT, rest[end + 3 :].strip())))
    if not one:
        return [untold(rest[start : end + 3])], marked
    # always in quotes, so no word of it is read as an option
    escaped = rest[start + 3 : end].replace("\\", "\\\\").replace('"', '\\"')
    return [f'-m comment --comment "{escaped}"'], marked


def _basic_module(protocol: str) -> str:
    return PROTOCOLS.get(protocol, protocol)


# --- matches --------------------------------------------------------------------------------

_Writer = Callable[[re.Match[str], str], "list[str] | None"]


def _sign(negated: str | None) -> str:
    return "! " if negated and "!" in negated else ""


def _ports(match: re.Match[str], module: str) -> list[str] | None:
    """``tcp spts:1024:65535 dpt:80 flags:0x17/0x02``."""
    name = match[1]
    words: list[str] = []
    for part in match[2].split():
        key, _, value = part.partition(":")
        negated = _sign(value)
        value = value.lstrip("!")
        option = {"spt": "--sport", "spts": "--sport", "dpt": "--dport", "dpts": "--dport"}.get(key)
        if option is not None:
            words.append(f"{negated}{option} {_numbers(value)}")
        elif key == "flags" and name == "tcp":
            mask, _, flags = value.partition("/")
            both = (_tcp_flags(mask), _tcp_flags(flags))
            if None in both:
                return None
            words.append(f"{negated}--tcp-flags {both[0]} {both[1]}")
    return [f"-m {name}", *words] if module in (name, "") else None


def _numbers(ports: str) -> str:
    """Return ports with the numbers of well-known services; other names stay, and their ports are unknown."""
    return re.sub(r"[^:,]+", lambda part: str(SERVICES.get(part[0], part[0])), ports)


def _tcp_flags(text: str) -> str | None:
    names = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")
    if text.startswith("0x"):
        try:
            bits = int(text, 16)
        except ValueError:
            return None
        if bits >= 1 << len(names):
            return None
        return ",".join(name for bit, name in enumerate(names) if bits >> bit & 1) or "NONE"
    return text or "NONE"


def _option(module: str, option: str) -> _Writer:
    """Return the parser of a match with one option: group 1 of the pattern is its sign, group 2 its value."""
    return lambda match, _module: [f"-m {module}", f"{_sign(match[1])}{option} {match[2]}"]


def _conntrack(match: re.Match[str], _module: str) -> list[str]:
    return ["-m conntrack", f"{_sign(match[1])}--{match[2]} {match[3]}"]


def _state(match: re.Match[str], _module: str) -> list[str]:
    return ["-m state", f"{_sign(match[1])}--state {match[2]}"]


def _addrtype(match: re.Match[str], _module: str) -> list[str]:
    words = ["-m addrtype"]
    parts = match[1].split()
    while parts:
        key = parts.pop(0)
        if key in ("limit-in", "limit-out"):
            words.append(f"--limit-iface-{key.removeprefix('limit-')}")
            continue
        value = parts.pop(0)
        words.append(f"{_sign(value)}--{key} {value.lstrip('!')}")
    return words


def _multiport(match: re.Match[str], _module: str) -> list[str]:
    option = {"ports": "--ports", "sports": "--sports", "dports": "--dports"}[match[1]]
    return ["-m multiport", f"{_sign(match[2])}{option} {_numbers(match[3])}"]


def _icmp(match: re.Match[str], _module: str) -> list[str]:
    six = match[1] is not None
    kind = match[3]
    code = f"/{match[4]}" if match[4] else ""
    return [f"-m {'icmp6' if six else 'icmp'}", f"{_sign(match[2])}--icmp{'v6' if six else ''}-type {kind}{code}"]


def _set(match: re.Match[str], _module: str) -> list[str]:
    return ["-m set", f"{_sign(match[1])}--match-set {match[2]} {match[3]}"]


def _limit(match: re.Match[str], _module: str) -> list[str]:
    return ["-m limit", f"--limit {match[1]}", f"--limit-burst {match[2]}"]


def _range(match: re.Match[str], _module: str) -> list[str]:
    return ["-m iprange", f"{_sign(match[2])}--{'src' if match[1] == 'source' else 'dst'}-range {match[3]}"]


def _owner(match: re.Match[str], _module: str) -> list[str]:
    return ["-m owner", f"{_sign(match[1])}--{match[2].lower()}-owner {match[3]}"]


def _physdev(match: re.Match[str], _module: str) -> list[str]:
    return ["-m physdev", match[1].strip()]


def _rpfilter(match: re.Match[str], _module: str) -> list[str]:
    return ["-m rpfilter", *(f"--{word}" for word in match[1].split())]


def _recent(match: re.Match[str], _module: str) -> list[str]:
    words = ["-m recent", f"{_sign(match[1])}--{ {'CHECK': 'rcheck'}.get(match[2], match[2].lower()) }"]
    names = {"seconds": "--seconds", "hit_count": "--hitcount", "name": "--name"}
    parts = match[3].split()
    for key, value in zip(parts[0::2], parts[1::2], strict=False):
        if key.rstrip(":") in names:
            words.append(f"{names[key.rstrip(':')]} {value}")
        elif key == "side:":
            words.append("--rsource" if value == "source" else "--rdest")
    return words


def _hashlimit(match: re.Match[str], _module: str) -> list[str]:
    how = "above" if match[1] == "above" else "upto"
    mode = f"--hashlimit-mode {match[4].replace('-', ',')}" if match[4] else ""
    return ["-m hashlimit", *filter(None, (f"--hashlimit-{how} {match[2]}", f"--hashlimit-burst {match[3]}", mode))]


def _statistic(match: re.Match[str], _module: str) -> list[str]:
    if match[1] is not None:
        return ["-m statistic", "--mode random", f"--probability {match[1]}"]
    return ["-m statistic", "--mode nth", f"--every {match[2]}", f"--packet {match[3] or 0}"]


_NAMES = "|".join(_PORT_MODULES)
_END = r"(?= |\Z)"
_MATCHES: tuple[tuple[re.Pattern[str], _Writer], ...] = (
    (re.compile(rf"({_NAMES})((?: (?:spts?|dpts?|flags):\S+)+){_END}"), _ports),
    (re.compile(rf"(! )?ctstate ([A-Z,]+){_END}"), _option("conntrack", "--ctstate")),
    (re.compile(rf"(! )?state ([A-Z,]+){_END}"), _state),
    (re.compile(rf"(! )?(ct(?:orig|repl)(?:src|dst)(?:port)?|ctdir|ctstatus|ctproto) (\S+){_END}"), _conntrack),
    (
        re.compile(rf"ADDRTYPE match((?: (?:src-type|dst-type) !?[A-Z,]+| limit-in| limit-out)+){_END}"),
        _addrtype,
    ),
    (re.compile(rf"multiport (ports|sports|dports) +(! ?)?(\S+){_END}"), _multiport),
    (re.compile(rf"(ipv6-)?icmp ?(!)?type (\d+)(?: code (\d+))?{_END}"), _icmp),
    (re.compile(rf"(ipv6-)?icmp (!)?([a-z][a-z-]+)(){_END}"), _icmp),
    (re.compile(rf"mark match (! )?(0x[0-9a-f]+(?:/0x[0-9a-f]+)?){_END}"), _option("mark", "--mark")),
    (re.compile(rf"connmark match +(! )?(0x[0-9a-f]+(?:/0x[0-9a-f]+)?){_END}"), _option("connmark", "--mark")),
    (
        re.compile(rf"(! )?match-set (\S+) ((?:src|dst)(?:,(?:src|dst))*){_END}(?! (?:return-|packets-|bytes-|! ))"),
        _set,
    ),
    (re.compile(rf"limit: avg (\S+) burst (\d+){_END}"), _limit),
    (
        re.compile(
            rf"limit: (up to|above) (\S+) burst (\d+)(?: mode ([a-z-]+))?{_END}(?! (?:htable|srcmask|dstmask|rate))"
        ),
        _hashlimit,
    ),
    (re.compile(rf"(source|destination) IP range (! ?)?(\S+-\S+){_END}"), _range),
    (re.compile(rf"(! )?owner (UID|GID) match (\S+){_END}"), _owner),
    (
        re.compile(rf"PHYSDEV match((?: (?:! )?--physdev-(?:is-(?:in|out|bridged)|(?:in|out) \S+))+){_END}"),
        _physdev,
    ),
    (re.compile(rf"rpfilter((?: (?:loose|validmark|accept-local|invert))*){_END}"), _rpfilter),
    (
        re.compile(
            rf"(! )?recent: (SET|UPDATE|CHECK|REMOVE)((?: (?:seconds|hit_count|name|side|mask): \S+)*){_END}(?! TTL)"
        ),
        _recent,
    ),
    (
        re.compile(rf"statistic mode (?:random probability (\S+)|nth every (\d+)(?: packet (\d+))?){_END}(?! !)"),
        _statistic,
    ),
    (re.compile(rf"PKTTYPE (!)?= ([a-z]+){_END}"), _option("pkttype", "--pkt-type")),
    (re.compile(rf"MAC ?(! ?)?([0-9A-Fa-f:]{{17}}){_END}"), _option("mac", "--mac-source")),
)  # fmt: skip
