"""``iptables -L`` → tables, as far as the options allow: ``-v`` prints counters and interfaces, ``-n`` numbers.

Without ``-v`` a rule may have interfaces that are not printed, and without ``-n`` a host name may be any address.
Such a rule gets an unknown match, so it is never read as a wider rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from netui.dialects.iptables.column_words import PROTOCOLS, quoted, rule_text, untold
from netui.dialects.iptables.listed import (
    Line,
    ListedChain,
    ListedRule,
    ListedTable,
    NotAListing,
    begins_another,
    name_table,
)

_CHAIN = re.compile(r"Chain (\S+) \((?:policy (\S+)(?: (\S+) packets, (\S+) bytes)?|\d+ references)\)\Z")
_HEADER = re.compile(r"(num +)?(pkts +bytes +)?target +prot +opt +(in +out +)?source +destination\Z")
_COUNT = re.compile(r"(\d{1,20})([KMGT]?)\Z")
_UNITS = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}
#: The form of a protocol in its column; it tells whether a line has a target.
_OPTIONS = ("--", "-f", "!f", "f")
_PROTOCOL = re.compile(
    r"!?(?:all|tcp|udp|udplite|icmp|ipv6-icmp|icmpv6|esp|ah|sctp|mh|gre|igmp|dccp|ipv6|ipencap|\d+)\Z"
)
_ADDRESS = re.compile(r"!?(?:anywhere|[0-9.]+(?:/[0-9.]+)?|[0-9a-fA-F:]*:[0-9a-fA-F:.]*(?:/[0-9a-fA-F:]+)?)\Z")
_WHOLE = ("anywhere", "0.0.0.0/0", "::/0")


class _Columns:
    """The columns of a listing."""

    def __init__(self, header: re.Match[str]) -> None:
        self.numbered = header[1] is not None
        self.counted = header[2] is not None
        self.interfaces = header[3] is not None


def read_columns(lines: Iterable[Line], table: str = "") -> list[ListedTable]:
    """Read the lines of ``iptables -L`` of one table or of several, one after another.

    table: its name, where the command line tells it. Raises NotAListing.
    """
    tables: list[ListedTable] = []
    chain: ListedChain | None = None
    columns: _Columns | None = None
    for number, line in lines:
        heading = _CHAIN.match(line)
        if heading is not None:
            name, policy, packets, octets = heading.groups()
            current = tables[-1] if tables else None
            if current is None or begins_another(current, name):
                current = ListedTable(table if not tables else "")
                tables.append(current)
            chain = current.chains[name] = ListedChain(name, policy, _count(packets) or 0, _count(octets) or 0)
            continue
        header = _HEADER.match(line)
        if header is not None:
            columns = _Columns(header)
        elif chain is None:
            raise NotAListing(f"line {number} stands before any line 'Chain NAME (…)': {line[:60]!r}")
        elif columns is None:
            raise NotAListing(f"line {number} stands before the columns' names (target prot opt …): {line[:60]!r}")
        else:
            chain.rules.append(_row(number, line, chain.name, columns))
    for listed in tables:
        name_table(listed)
    return tables


def _count(text: str | None) -> int | None:
    match = _COUNT.match(text or "")
    return int(match[1]) * _UNITS[match[2]] if match else None


def _row(number: int, line: str, chain: str, columns: _Columns) -> ListedRule:
    leading = columns.numbered + 2 * columns.counted
    words = line.split()
    counts = [_count(word) for word in words[:leading]]
    if len(counts) < leading or None in counts:
        raise NotAListing(f"line {number} does not begin with {leading} numbers: {line[:60]!r}")
    middle = words[leading:]
    width = _width(middle, columns)
    if width is None:
        raise NotAListing(f"line {number} has not the columns of iptables -L: {line[:60]!r}")
    fields, has_target, has_option = width
    cells = middle[:fields]
    rest = _rest(line, leading + fields)
    target = cells.pop(0) if has_target else ""
    protocol = cells.pop(0)
    fragment = cells.pop(0) if has_option else ""
    incoming, outgoing = (cells.pop(0), cells.pop(0)) if columns.interfaces else ("", "")
    source, destination = cells
    words = [*_address("-s", source), *_address("-d", destination)]
    words += [*_interface("-i", incoming), *_interface("-o", outgoing)] if columns.interfaces else []
    words += _protocol(protocol)
    if fragment in ("-f", "f"):
        words.append("-f")
    elif fragment == "!f":
        words.append("! -f")
    if not columns.interfaces:
        words.append(untold("interfaces, which iptables -L prints with -v only"))
    if _ADDRESS.match(source) is None:
        words.append(untold(f"source {source}: iptables -L -n would tell its address"))
    if _ADDRESS.match(destination) is None:
        words.append(untold(f"destination {destination}: iptables -L -n would tell its address"))
    text = rule_text(chain, words, target, protocol.lstrip("!"), rest)
    if not columns.counted:
        return ListedRule(text)
    packets, octets = counts[-2:]
    return ListedRule(text, packets, octets)


def _width(cells: list[str], columns: _Columns) -> tuple[int, bool, bool] | None:
    """Return the number of words in the columns, and whether the target and option columns are filled.

    A rule without a target leaves the target column empty; older ip6tables leave the option column empty.
    """
    rest = 4 if columns.interfaces else 2
    for target in (True, False):
        option = target + 1
        if len(cells) >= option + 1 + rest and cells[option] in _OPTIONS:
            return option + 1 + rest, target, True
    for target in (True, False):
        first, last = target + 1, target + 1 + rest
        if len(cells) < last or _PROTOCOL.match(cells[target]) is None:
            continue
        if all(_ADDRESS.match(cell) for cell in cells[last - 2 : last]) and first < last:
            return last, target, False
    return None


def _rest(line: str, words: int) -> str:
    """Return the text after the first words of a line, with its blanks unchanged."""
    return re.sub(rf"\s*(?:\S+\s*){{{words}}}", "", line, count=1) if line.split()[words:] else ""


def _address(option: str, cell: str) -> list[str]:
    negated, address = cell.startswith("!"), cell.lstrip("!")
    if _ADDRESS.match(cell) is None or (address in _WHOLE and not negated):
        return []
    address = {"anywhere": "0.0.0.0/0"}.get(address, address)
    if "/" not in address:
        address += "/128" if ":" in address else "/32"
    return [f"{'! ' if negated else ''}{option} {address}"]


def _interface(option: str, cell: str) -> list[str]:
    if cell in ("*", "any"):
        return []
    negated, name = cell.startswith("!"), cell.removeprefix("!")
    return [f"{'! ' if negated else ''}{option} {quoted(name)}"]


def _protocol(cell: str) -> list[str]:
    negated, name = cell.startswith("!"), cell.lstrip("!")
    if name in ("all", "0"):
        return [] if not negated else ["! -p all"]
    return [f"{'! ' if negated else ''}-p {PROTOCOLS.get(name, name)}"]
