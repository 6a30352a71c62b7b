"""The rarer matches in words: ranges, rates, lengths, owners, bridge ports, times."""

from __future__ import annotations

from collections.abc import Mapping

from netui.explain.names import Names
from netui.explain.words import Say, Words
from netui.model import Match, Option
from netui.text.phrases import plural
from netui.text.visible import printable


def value_of(match: Match, *names: str) -> str:
    """Return the printable value of the first of these options; "" where there is none."""
    option = match.option(*names)
    return printable(option.value) if option is not None else ""


def knows_only(match: Match, *names: str) -> bool:
    """Whether the match has no other options than these."""
    return all(option.name in names for option in match.options)


def _iprange(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--src-range", "--dst-range"):
        return False
    for option in match.options:
        side = "come from" if option.name == "--src-range" else "are for"
        if option.negated:
            side = "do not come from" if option.name == "--src-range" else "are not for"
        words.which.append(f"{side} {printable(option.value.replace('-', ' to '))}")
    return True


def _mac(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--mac-source"):
        return False
    for option in match.options:
        verb = "do not come from" if option.negated else "come from"
        words.which.append(f"{verb} the MAC address {printable(option.value)}")
    return True


def rate(text: str) -> str:
    """Return ``5/sec`` as ``5 a second``."""
    number, _, unit = text.partition("/")
    return f"{number} a {({'sec': 'second', 's': 'second', 'min': 'minute'}).get(unit, unit)}" if unit else text


def _limit(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--limit", "--limit-burst") or any(option.negated for option in match.options):
        return False
    burst = value_of(match, "--limit-burst")
    words.limits.append(f"at most {rate(value_of(match, '--limit'))}{f' after a burst of {burst}' if burst else ''}")
    return True


def _recent(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(
        match, "--name", "--set", "--rcheck", "--update", "--remove", "--seconds", "--hitcount",
        "--rsource", "--rdest", "--mask", "--rttl", "--reap",
    ):  # fmt: skip
        return False
    listed = f"the list {value_of(match, '--name') or 'DEFAULT'}"
    side = "destination" if match.option("--rdest") else "source"
    mask = value_of(match, "--mask")
    side += "" if mask in ("", "255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") else f" (masked by {mask})"
    if match.option("--set") and not match.option("--rttl", "--reap"):
        words.which.append(f"have their {side} put on {listed}")
        return True
    option = match.option("--rcheck", "--update", "--remove")
    if option is None:
        return False
    seconds, hits = value_of(match, "--seconds"), value_of(match, "--hitcount")
    times = f" at least {hits} times" if hits else ""
    within = f" within {seconds} seconds" if seconds else ""
    within += " with the same TTL" if match.option("--rttl") else ""
    within += " (older entries are taken off)" if match.option("--reap") else ""
    verb = "is not" if option.negated else "is"
    then = {"--update": " (which renews it)", "--remove": " (which takes it off)"}.get(option.name, "")
    words.which.append(f"have a {side} that {verb} on {listed}{times}{within}{then}")
    return True


def _statistic(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if value_of(match, "--mode") == "random" and knows_only(match, "--mode", "--probability"):
        option = match.option("--probability")
        if option is None or option.negated:
            return False
        try:
            words.limits.append(f"by chance {float(option.value):.1%} of them")
        except ValueError:
            return False
        return True
    if value_of(match, "--mode") == "nth" and knows_only(match, "--mode", "--every", "--packet"):
        if any(option.negated for option in match.options):
            return False
        start = value_of(match, "--packet")
        words.limits.append(f"one in {value_of(match, '--every')}{f' (starting at {start})' if start else ''}")
        return True
    return False


def _length(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--length"):
        return False
    for option in match.options:
        low, colon, high = option.value.partition(":")
        span = f"{printable(low)} to {printable(high) or '65535'} bytes" if colon else f"{printable(low)} bytes"
        words.which.append(f"are {'not ' if option.negated else ''}{span} long")
    return True


def _pkttype(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--pkt-type"):
        return False
    for option in match.options:
        words.which.append(f"are {'not ' if option.negated else ''}link-layer {printable(option.value)}")
    return True


def _owner(words: Words, match: Match, _names: Names, _family: str) -> bool:
    kinds = {"--uid-owner": "user", "--gid-owner": "group"}
    if not knows_only(match, *kinds, "--socket-exists"):
        return False
    for option in match.options:
        verb = "were not sent by" if option.negated else "were sent by"
        if option.name == "--socket-exists":
            words.which.append(f"{verb} a socket of this machine")
        else:
            words.which.append(f"{verb} {kinds[option.name]} {printable(option.value)}")
    return True


def _physdev(words: Words, match: Match, _names: Names, _family: str) -> bool:
    verbs = {
        "--physdev-in": ("come in by the bridge port", "do not come in by the bridge port"),
        "--physdev-out": ("leave by the bridge port", "do not leave by the bridge port"),
        "--physdev-is-in": ("came in by a bridge port", "did not come in by a bridge port"),
        "--physdev-is-out": ("leave by a bridge port", "do not leave by a bridge port"),
        "--physdev-is-bridged": ("are passed from port to port of a bridge", "are not passed from port to port"),
    }
    if not knows_only(match, *verbs):
        return False
    for option in match.options:
        words.which.append(f"{verbs[option.name][option.negated]} {printable(option.value)}".rstrip())
    return True


def _rpfilter(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--invert", "--loose", "--validmark", "--accept-local"):
        return False
    fails = match.option("--invert") is not None
    extras = [
        said
        for name, said in (
            ("--loose", "by any interface"),
            ("--validmark", "the mark counted in"),
            ("--accept-local", "local sources allowed"),
        )
        if match.option(name)
    ]
    tail = f" ({', '.join(extras)})" if extras else ""
    words.which.append(
        f"come in by an interface by which their source {'is not' if fails else 'is'} to be reached{tail}"
    )
    return True


def _connlimit(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--connlimit-above", "--connlimit-upto", "--connlimit-mask", "--connlimit-saddr"):
        return False
    above = match.option("--connlimit-above")
    upto = match.option("--connlimit-upto")
    mask = value_of(match, "--connlimit-mask")
    group = "one address" if mask in ("", "32", "128") else f"one /{mask} network"
    option: Option | None = above or upto
    if option is None or option.negated:
        return False
    how = "more than" if above else "at most"
    words.which.append(f"belong to {how} {plural_text(option.value)} open at once from {group}")
    return True


def plural_text(number: str) -> str:
    """Return ``20 connections`` for a number written as text."""
    return plural(int(number), "connection") if number.isdigit() else f"{printable(number)} connections"


def _ttl(words: Words, match: Match, _names: Names, _family: str) -> bool:
    relations = {"--ttl-eq": "of", "--ttl-lt": "below", "--ttl-gt": "above", "--hl-eq": "of", "--hl-lt": "below", "--hl-gt": "above"}  # fmt: skip  # noqa: E501
    if not knows_only(match, *relations) or any(option.negated for option in match.options):
        return False
    name = "TTL" if match.module == "ttl" else "hop limit"
    words.which += [f"have a {name} {relations[option.name]} {printable(option.value)}" for option in match.options]
    return True


def _helper(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--helper"):
        return False
    for option in match.options:
        verb = "do not belong" if option.negated else "belong"
        words.which.append(f"{verb} to connections of the helper {printable(option.value)}")
    return True


def _dscp(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--dscp"):
        return False
    for option in match.options:
        words.which.append(f"{'do not carry' if option.negated else 'carry'} DSCP {printable(option.value)}")
    return True


#: The words of these match modules.
MODULES: Mapping[str, Say] = {
    "iprange": _iprange,
    "mac": _mac,
    "limit": _limit,
    "recent": _recent,
    "statistic": _statistic,
    "length": _length,
    "pkttype": _pkttype,
    "owner": _owner,
    "physdev": _physdev,
    "rpfilter": _rpfilter,
    "connlimit": _connlimit,
    "ttl": _ttl,
    "hl": _ttl,
    "helper": _helper,
    "dscp": _dscp,
}
