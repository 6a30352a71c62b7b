"""A rule as the columns of ``iptables -L -v``, with names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from netui.dialects.conditions import first_asked
from netui.model import Family, Match, NativeRule, Option, Rule, RuleSpec, Target
from netui.net.addresses import protocol_name
from netui.net.conditions import DPORT, PROTOCOL
from netui.text.visible import escape
from netui.ui.presenters.chains import native as nft
from netui.ui.presenters.names import Names, bare

_PORTS = {"--dport": "dpt", "--sport": "spt", "--dports": "dports", "--sports": "sports", "--ports": "ports"}
_QUIET_MODULES = frozenset({"tcp", "udp", "sctp", "dccp", "icmp", "icmp6", "udplite"})


@dataclass(frozen=True, slots=True)
class Cell:
    """A value in the rule, and its name ("" if none)."""

    raw: str
    name: str = ""

    @property
    def shown(self) -> str:
        """The name if there is one, else the value."""
        return self.name or self.raw


@dataclass(frozen=True, slots=True)
class RuleCells:
    """The columns of one rule, escaped; "" in a cell is iptables' "any" or "anywhere".

    extra: the text after the columns of ``iptables -L``; extra_named: the same with names in place of addresses.
    who: all names of the rule, containers first. native: a native rule, which only has ``extra``, in nft's words.
    """

    target: str
    protocol: str
    opt: str
    iif: Cell
    oif: Cell
    source: Cell
    destination: Cell
    extra: str
    extra_named: str
    comment: str
    who: tuple[str, ...]
    native: bool = False


def rule_cells(rule: Rule, names: Names, family: Family) -> RuleCells:
    """Return a rule's columns, with the known names."""
    if rule.native is not None:
        return _native_cells(rule, rule.native, names, family)
    spec = rule.spec
    protocol, negated = _basic(spec, "-p")
    who: list[str] = []
    networks: list[str] = []
    cells: dict[str, Cell] = {}
    for option, index in (("-i", "interface"), ("-o", "interface"), ("-s", "address"), ("-d", "address")):
        value, inverted = _basic(spec, option)
        if index == "address" and value in ("0.0.0.0/0", "::/0") and not inverted:
            value = ""
        mark = "!" if inverted else ""
        owner = ""
        if value:
            owner = names.interface(value) if index == "interface" else names.address(value)
        if owner:
            (networks if index == "interface" else who).append(owner)
        raw = bare(value) if index == "address" else value
        cells[option] = Cell(escape(mark + raw), escape(mark + owner) if owner else "")
    words: list[str] = []
    for match in spec.matches:
        if match.module == "":
            words.extend(_basic_extra(match))
        else:
            words.extend(_match_words(match, protocol))
    named_words = list(words)
    if spec.target is not None:
        plain, named = _target_words(spec.target, names, who)
        words.extend(plain)
        named_words.extend(named)
    _published(rule, family, names, who)
    target = spec.target
    comment = spec.comment
    return RuleCells(
        target=escape(target.name) if target else "",
        protocol=escape(("!" if negated else "") + protocol),
        opt="--" if not _fragment(spec) else _fragment(spec),
        iif=cells["-i"],
        oif=cells["-o"],
        source=cells["-s"],
        destination=cells["-d"],
        extra=escape(" ".join(words)),
        extra_named=escape(" ".join(named_words)),
        comment=escape(comment),
        who=tuple(escape(name) for name in dict.fromkeys((*who, *networks))),
    )


def _native_cells(rule: Rule, native: NativeRule, names: Names, family: Family) -> RuleCells:
    """Return a native rule's columns: its effect, and the rest in nft's words."""
    text = nft.body(rule, native)
    named, who = nft.with_names(text, names)
    published = list(who)
    _published(rule, family, names, published)
    nothing = Cell("")
    return RuleCells(
        target=escape(nft.effect(native)),
        protocol="",
        opt="",
        iif=nothing,
        oif=nothing,
        source=nothing,
        destination=nothing,
        extra=escape(text),
        extra_named=escape(named),
        comment=escape(native.comment),
        who=tuple(map(escape, published)),
        native=True,
    )


#: A single destination port at the start.
_ONE_PORT = re.compile(r"dpt:\d")


def brief(cells: RuleCells, *, named: bool = True) -> str:
    """Return a rule's matches in one short line, without "any" and "anywhere"."""
    parts: list[str] = []
    if cells.protocol:
        parts.append(cells.protocol)

    def add(*asked: tuple[str, Cell]) -> None:
        parts.extend(f"{word} {cell.shown if named else cell.raw}" for word, cell in asked if cell.raw)

    # interfaces come last, where they may be cut: an address or a port tells more
    add(("from", cells.source), ("to", cells.destination))
    extra = cells.extra_named if named else cells.extra
    if cells.protocol and extra.startswith(f"{cells.protocol} "):
        extra = extra[len(cells.protocol) + 1 :]
    if cells.destination.raw and _ONE_PORT.match(extra) and not set("!/:") & set(parts[-1]):
        # "to web:80", as endpoints are written
        parts[-1], extra = parts[-1] + extra.removeprefix("dpt"), ""
    if extra:
        parts.append(extra)
    add(("in", cells.iif), ("out", cells.oif))
    return " ".join(parts)


def _basic(spec: RuleSpec, name: str) -> tuple[str, bool]:
    option = spec.basic_option(name)
    return (option.value, option.negated) if option else ("", False)


def _fragment(spec: RuleSpec) -> str:
    option = spec.basic_option("-f")
    return "" if option is None else ("!f" if option.negated else "-f")


def _basic_extra(match: Match) -> list[str]:
    """Return basic options that have no column."""
    return [
        part
        for option in match.options
        if option.name not in ("-s", "-d", "-i", "-o", "-p", "-f", "-4", "-6")
        for part in _words(option)
    ]


def _words(option: Option) -> list[str]:
    return [*(["!"] if option.negated else []), option.name, *option.values]


def _match_words(match: Match, protocol: str) -> list[str]:
    """Return a match in the short form of ``iptables -L`` if it has one, else as in the rule."""
    if match.module == "comment":
        option = match.option("--comment")
        return [f"/* {option.value} */"] if option else []
    if match.module in _QUIET_MODULES or match.module == "multiport":
        head = "multiport" if match.module == "multiport" else match.module
        parts = [_port_word(option) for option in match.options]
        return [head, *parts] if parts else []
    if match.module in ("conntrack", "state"):
        return [_state_word(option) for option in match.options]
    if match.module == "addrtype":
        return ["ADDRTYPE", *(_addrtype_word(option) for option in match.options)]
    if match.module == "mark":
        return [f"mark {'!' if option.negated else ''}{option.value}" for option in match.options]
    if match.module == "set":
        return ["set", *(f"{'!' if option.negated else ''}{option.value}" for option in match.options)]
    return [match.module, *(word for option in match.options for word in _words(option))]


def _port_word(option: Option) -> str:
    bang = "!" if option.negated else ""
    short = _PORTS.get(option.name)
    if short is None:
        return " ".join(_words(option))
    if short.endswith("s"):
        return f"{short} {bang}{option.value}"
    plural = "s" if ":" in option.value else ""
    return f"{short}{plural}:{bang}{option.value}"


def _state_word(option: Option) -> str:
    if option.name in ("--ctstate", "--state"):
        return f"{'! ' if option.negated else ''}{option.name[2:]} {option.value}"
    return f"{'! ' if option.negated else ''}{option.name[2:]} {option.value}".strip()


def _addrtype_word(option: Option) -> str:
    return f"{option.name[2:]} {'!' if option.negated else ''}{option.value}".strip()


def _target_words(target: Target, names: Names, who: list[str]) -> tuple[list[str], list[str]]:
    """Return a target's options as iptables prints them, plain and with names."""
    plain: list[str] = []
    named: list[str] = []
    if target.goto:
        plain.append("[goto]")
        named.append("[goto]")
    for option in target.options:
        if option.name in ("--to-destination", "--to-source", "--to"):
            plain.append(f"to:{option.value}")
            name = _name_of(option.value, names)
            if name:
                who.append(name[0])
            named.append(f"to:{name[0]}{name[1]}" if name else f"to:{option.value}")
            continue
        if option.name == "--to-ports":
            word = f"{'redir' if target.name == 'REDIRECT' else 'masq'} ports {option.value}"
        elif option.name == "--log-prefix":
            word = f'prefix "{option.value}"'
        else:
            word = " ".join(_words(option)).removeprefix("--")
        plain.append(word)
        named.append(word)
    return plain, named


def _name_of(value: str, names: Names) -> tuple[str, str] | None:
    """Return (name, ":port" or "") of ``172.18.0.3:80`` or ``[fd00::3]:80``, or None."""
    address, port = split_port(value)
    name = names.address(address)
    return (name, port) if name else None


@lru_cache(maxsize=4096)
def split_port(value: str) -> tuple[str, str]:
    """Split ``172.18.0.3:80`` or ``[fd00::3]:80`` into the address and ``:80``."""
    if value.startswith("["):
        address, _, rest = value[1:].partition("]")
        return address, rest
    if value.count(":") == 1:
        address, _, port = value.partition(":")
        return address, f":{port}"
    return value, ""


def _published(rule: Rule, family: Family, names: Names, who: list[str]) -> None:
    """Add the container that publishes the rule's port, if the rule names no container."""
    if who or "dport" not in rule.text:
        return
    port, protocol = first_asked(rule, family, DPORT), first_asked(rule, family, PROTOCOL)
    if port is not None and port.number is not None and protocol is not None and protocol.number is not None:
        name = names.port(str(port.number), protocol_name(protocol.number))
        if name:
            who.append(name)
