"""The words of a target in ``iptables -L`` → the options in a save."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping


def target_options(target: str, rest: str) -> tuple[list[str], str]:
    """Return a target's options as a save prints them, and the text before them."""
    pattern = _TARGETS.get(target)
    if pattern is None:
        return [], rest
    match = pattern[0].search(rest)
    if match is None:
        return [], rest
    return pattern[1](match), rest[: match.start()].strip()


def _to(option: str) -> Callable[[re.Match[str]], list[str]]:
    def write(match: re.Match[str]) -> list[str]:
        return [option, match[1], *_randomness(match[2])]

    return write


def _randomness(text: str) -> list[str]:
    return [f"--{word}" for word in text.split()]


def _masquerade(match: re.Match[str]) -> list[str]:
    ports = [f"--to-ports {match[1]}"] if match[1] else []
    return [*ports, *_randomness(match[2] or "")]


def _log(match: re.Match[str]) -> list[str]:
    return [f'--log-prefix "{match[1]}"'] if match[1] is not None else []


def _mark(match: re.Match[str]) -> list[str]:
    return _set_mark(match[1] or match[3], match[2] or match[4])


def _set_mark(how: str, value: str) -> list[str]:
    """Return the one option by which a save prints all changes of a mark."""
    if how == "xset":
        return [f"--set-xmark {value}"]
    if how == "and":
        return [f"--set-xmark 0x0/{int(value, 16) ^ 0xFFFFFFFF:#x}"]
    return [f"--set-xmark {value}/{ {'set': '0xffffffff', 'or': value, 'xor': '0x0'}[how] }"]


def _connmark(match: re.Match[str]) -> list[str]:
    if match[5]:
        mask = match[6] or "0xffffffff"
        return [f"--{match[5]}-mark --nfmask {mask} --ctmask {mask}"]
    return _set_mark(match[1] or match[3], match[2] or match[4])


_RANDOM = r"((?: (?:random-fully|random|persistent))*)"
_TARGETS: Mapping[str, tuple[re.Pattern[str], Callable[[re.Match[str]], list[str]]]] = {
    "DNAT": (re.compile(rf"(?:^|(?<= ))to:(\S+){_RANDOM}\Z"), _to("--to-destination")),
    "SNAT": (re.compile(rf"(?:^|(?<= ))to:(\S+){_RANDOM}\Z"), _to("--to-source")),
    "REDIRECT": (re.compile(rf"(?:^|(?<= ))redir ports (\S+){_RANDOM}\Z"), _to("--to-ports")),
    "MASQUERADE": (re.compile(r"(?:^|(?<= ))(?:masq ports: (\S+))?((?: ?(?:random-fully|random))*)\Z"), _masquerade),
    "REJECT": (re.compile(r"(?:^|(?<= ))reject-with (\S+)\Z"), lambda match: ["--reject-with", match[1]]),
    "LOG": (
        re.compile(r'(?:^|(?<= ))LOG (?:(?:flags|level) \S+ ?|tcp-\S+ |ip-options )*(?:prefix "([^"\\]*)")?\Z'),
        _log,
    ),
    "NFLOG": (
        re.compile(r'(?:^|(?<= ))nflog-prefix +"?[^"\\]*"?(?: nflog-(?:group|range|size|threshold) \d+)*\Z'),
        lambda _match: [],
    ),
    "MARK": (re.compile(r"(?:^|(?<= ))MARK (?:(xset) (0x\S+/0x\S+)|(set|or|and|xor) (0x[0-9a-f]+))\Z"), _mark),
    "CONNMARK": (
        re.compile(
            r"(?:^|(?<= ))CONNMARK (?:(xset) (0x\S+/0x\S+)|(set|or|and|xor) (0x[0-9a-f]+)"
            r"|(restore|save)(?: mask (0x\S+))?)\Z"
        ),
        _connmark,
    ),
    "TCPMSS": (
        re.compile(r"(?:^|(?<= ))TCPMSS (?:clamp to PMTU|set (\d+))\Z"),
        lambda match: [f"--set-mss {match[1]}"] if match[1] else ["--clamp-mss-to-pmtu"],
    ),
    "CT": (re.compile(r"(?:^|(?<= ))CT notrack\Z"), lambda _match: ["--notrack"]),
    "CHECKSUM": (re.compile(r"(?:^|(?<= ))CHECKSUM fill\Z"), lambda _match: ["--checksum-fill"]),
}  # fmt: skip
