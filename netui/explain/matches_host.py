"""Matches on the host's state in words: rates, amounts, time, sockets, CPUs, groups of interfaces, IPVS."""

from __future__ import annotations

from collections.abc import Mapping

from netui.explain.matches_more import knows_only, rate, value_of
from netui.explain.names import Names
from netui.explain.words import Say, Words
from netui.model import Match
from netui.text.phrases import either, ports, protocol
from netui.text.visible import printable

_MODES = {"srcip": "source", "srcport": "source port", "dstip": "destination", "dstport": "destination port"}


def _hashlimit(words: Words, match: Match, _names: Names, _family: str) -> bool:
    more = {"--hashlimit-htable-size", "--hashlimit-htable-max", "--hashlimit-htable-expire", "--hashlimit-htable-gcinterval"}  # fmt: skip  # noqa: E501
    options = {
        "--hashlimit-upto", "--hashlimit-above", "--hashlimit", "--hashlimit-burst", "--hashlimit-mode",
        "--hashlimit-name", "--hashlimit-srcmask", "--hashlimit-dstmask",
    }  # fmt: skip
    if not knows_only(match, *more, *options) or any(option.negated for option in match.options):
        return False
    option = match.option("--hashlimit-upto", "--hashlimit", "--hashlimit-above")
    if option is None:
        return False
    masks = {"srcip": value_of(match, "--hashlimit-srcmask"), "dstip": value_of(match, "--hashlimit-dstmask")}
    modes = [mode for mode in value_of(match, "--hashlimit-mode").split(",") if mode]
    fields = [f"{_MODES.get(mode, mode)}{f' /{masks[mode]}' if masks.get(mode) else ''}" for mode in modes]
    burst, name = value_of(match, "--hashlimit-burst"), value_of(match, "--hashlimit-name")
    much = "more than" if option.name == "--hashlimit-above" else "at most"
    parts = f"{much} {rate(printable(option.value))}{f' after a burst of {burst}' if burst else ''}"
    for_each = f" for each {either(fields, 'and')}" if fields else ""
    extra = [f"{o.name.removeprefix('--hashlimit-')} {printable(o.value)}" for o in match.options if o.name in more]
    kept = f" (counted in {', '.join([name, *extra])})" if name else f" ({', '.join(extra)})" if extra else ""
    words.limits.append(f"{parts}{for_each}{kept}")
    return True


_DATES = {"--datestart": "from", "--datestop": "until"}


def _time(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(
        match, "--timestart", "--timestop", "--weekdays", "--monthdays", "--kerneltz", "--utc", "--localtz",
        "--contiguous", *_DATES,
    ):  # fmt: skip
        return False
    times: list[str] = []
    begin, end = value_of(match, "--timestart"), value_of(match, "--timestop")
    if begin or end:
        times.append(f"between {begin or '00:00:00'} and {end or '23:59:59'}")
    for name, what in (("--weekdays", ""), ("--monthdays", "day ")):
        option = match.option(name)
        if option is not None:
            days = either([printable(day) for day in option.value.split(",")])
            times.append(f"{'not ' if option.negated else ''}on {what}{days}")
    for option in match.options:
        # the end of a 32-bit time is what iptables prints where none was given
        if option.name in _DATES and option.value != "2038-01-19T03:14:07":
            if option.negated:
                return False
            times.append(f"{_DATES[option.name]} {printable(option.value)}")
    zone = "the kernel's time zone" if match.option("--kerneltz", "--localtz") else "UTC"
    over = ", over midnight as one time" if match.option("--contiguous") else ""
    if not times:
        return False
    words.limits.append(f"only {' '.join(times)} ({zone}{over})")
    return True


def _quota(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--quota"):
        return False
    for option in match.options:
        much = "after the first" if option.negated else "up to"
        words.limits.append(f"{much} {printable(option.value)} bytes in all")
    return True


_SIDES = {"original": "sent", "reply": "answered", "both": "sent and answered"}
_UNITS = {"packets": "packets", "bytes": "bytes", "avgpkt": "bytes a packet"}


def _connbytes(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--connbytes", "--connbytes-mode", "--connbytes-dir"):
        return False
    option = match.option("--connbytes")
    if option is None:
        return False
    low, _, high = option.value.partition(":")
    unit = _UNITS.get(value_of(match, "--connbytes-mode"), "")
    side = _SIDES.get(value_of(match, "--connbytes-dir"), "")
    if not unit or not side:
        return False
    span = f"{printable(low) or '0'} to {printable(high)}" if high else f"at least {printable(low)}"
    verb = "has not" if option.negated else "has"
    words.which.append(f"belong to a connection that {verb} {side} {span} {unit} so far")
    return True


def _connlabel(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--label", "--set"):
        return False
    option = match.option("--label")
    if option is None:
        return False
    no = "does not carry" if option.negated else "carries"
    then = " (which it is given)" if match.option("--set") else ""
    words.which.append(f"belong to a connection that {no} the label {printable(option.value)}{then}")
    return True


def _nfacct(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--nfacct-name"):
        return False
    words.which.append(f"are counted by the accounting object {value_of(match, '--nfacct-name')}")
    return True


def _cpu(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--cpu"):
        return False
    for option in match.options:
        words.which.append(f"are {'not ' if option.negated else ''}handled by CPU {printable(option.value)}")
    return True


def _devgroup(words: Words, match: Match, _names: Names, _family: str) -> bool:
    verbs = {"--src-group": ("come in by", "do not come in by"), "--dst-group": ("leave by", "do not leave by")}
    if not knows_only(match, *verbs):
        return False
    for option in match.options:
        words.which.append(f"{verbs[option.name][option.negated]} an interface of group {printable(option.value)}")
    return True


def _cgroup(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--path", "--cgroup"):
        return False
    for option in match.options:
        what = "the control group" if option.name == "--path" else "the control group class"
        verb = "were not sent by a program in" if option.negated else "were sent by a program in"
        words.which.append(f"{verb} {what} {printable(option.value)}")
    return True


def _socket(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--transparent", "--nowildcard", "--restore-skmark"):
        return False
    if any(option.negated for option in match.options):
        return False
    kind = "transparent socket" if match.option("--transparent") else "socket"
    wide = ", one that listens at all addresses among them" if match.option("--nowildcard") else ""
    mark = ", whose mark they get" if match.option("--restore-skmark") else ""
    words.which.append(f"an open {kind} of this machine takes{wide}{mark}")
    return True


def _realm(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--realm"):
        return False
    for option in match.options:
        words.which.append(f"are {'not ' if option.negated else ''}routed in realm {printable(option.value)}")
    return True


def _ipvs(words: Words, match: Match, names: Names, _family: str) -> bool:
    options = ("--ipvs", "--vproto", "--vaddr", "--vport", "--vdir", "--vmethod", "--vportctl")
    if not knows_only(match, *options):
        return False
    clauses: list[str] = []
    for option in match.options:
        no, value = "not " if option.negated else "", option.value
        match option.name:
            case "--ipvs":
                clauses.append(f"{'do not ' if option.negated else ''}belong to an IPVS connection")
            case "--vproto":
                clauses.append(f"are for an IPVS service {no}of {protocol(value)}")
            case "--vaddr":
                clauses.append(f"are for the IPVS service {no}at {names.address(value)}")
            case "--vport":
                clauses.append(f"are for the IPVS service {no}at {ports(value)}")
            case "--vportctl":
                clauses.append(f"are related to the IPVS service {no}at {ports(value)}")
            case "--vdir":
                clauses.append("answer for an IPVS service" if value.upper() == "REPLY" else "ask an IPVS service")
            case _:
                clauses.append(f"are {no}passed on by IPVS by {printable(value)}")
    words.which += clauses
    return bool(clauses)


#: The words of these match modules.
MODULES: Mapping[str, Say] = {
    "hashlimit": _hashlimit,
    "time": _time,
    "quota": _quota,
    "connbytes": _connbytes,
    "connlabel": _connlabel,
    "nfacct": _nfacct,
    "cpu": _cpu,
    "devgroup": _devgroup,
    "cgroup": _cgroup,
    "socket": _socket,
    "realm": _realm,
    "ipvs": _ipvs,
}
