"""Matches on packets' content in words: strings, bits, header fields, an address's country, IPsec."""

from __future__ import annotations

from collections.abc import Mapping

from netui.explain.matches_more import knows_only, value_of
from netui.explain.names import Names
from netui.explain.words import Say, Words
from netui.model import Match
from netui.text.phrases import either
from netui.text.visible import printable


def _string(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--string", "--hex-string", "--algo", "--to", "--from", "--icase"):
        return False
    option = match.option("--string", "--hex-string")
    if option is None:
        return False
    first, last = value_of(match, "--from"), value_of(match, "--to")
    where = f" in their bytes {first or '0'} to {last}" if last else f" from byte {first} on" if first else ""
    case = " (in any case)" if match.option("--icase") else ""
    verb = "do not contain" if option.negated else "contain"
    algorithm = f", found by {value_of(match, '--algo')}" if match.option("--algo") else ""
    words.which.append(f'{verb} "{printable(option.value)}"{where}{case}{algorithm}')
    return True


def _tcpmss(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--mss"):
        return False
    for option in match.options:
        low, colon, high = option.value.partition(":")
        span = f"{printable(low)} to {printable(high)}" if colon else printable(low)
        words.which.append(f"{'do not ask' if option.negated else 'ask'} for a TCP segment size (MSS) of {span} bytes")
    return True


def _geoip(words: Words, match: Match, _names: Names, _family: str) -> bool:
    sides = {"--source-country": ("come from", "source"), "--destination-country": ("go to", "destination")}
    spelt = {"--src-cc": "--source-country", "--dst-cc": "--destination-country"}
    if not knows_only(match, *sides, *spelt):
        return False
    for option in match.options:
        verb, _ = sides[spelt.get(option.name, option.name)]
        countries = either([printable(code) for code in option.value.split(",")])
        no = "do not " if option.negated else ""
        words.which.append(f"{no}{verb} an address of {countries} (by the GeoIP list)")
    return True


def _u32(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--u32"):
        return False
    for option in match.options:
        no = "do not have" if option.negated else "have"
        words.which.append(f'{no} the bytes that "{printable(option.value)}" asks for (u32)')
    return True


def _bpf(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--bytecode", "--object-pinned"):
        return False
    option = match.option("--bytecode", "--object-pinned")
    if option is None or option.negated:
        return False
    if option.name == "--object-pinned":
        words.which.append(f"the BPF program {printable(option.value)} takes")
    else:
        words.which.append(f'a BPF program takes ("{printable(option.value)}")')
    return True


_TOS = {
    "0x10/0x3f": "Minimize-Delay",
    "0x08/0x3f": "Maximize-Throughput",
    "0x04/0x3f": "Maximize-Reliability",
    "0x02/0x3f": "Minimize-Cost",
    "0x00/0x3f": "Normal-Service",
}


def _tos(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--tos"):
        return False
    for option in match.options:
        name = _TOS.get(option.value, "")
        value = f"{printable(option.value)}{f' ({name})' if name else ''}"
        words.which.append(f"{'do not carry' if option.negated else 'carry'} the type of service {value}")
    return True


def _ecn(words: Words, match: Match, _names: Names, _family: str) -> bool:
    flags = {"--ecn-tcp-cwr": "the ECN flag CWR of TCP", "--ecn-tcp-ece": "the ECN flag ECE of TCP"}
    if not knows_only(match, *flags, "--ecn-ip-ect"):
        return False
    for option in match.options:
        value = flags.get(option.name) or f"the ECN value {printable(option.value)} of IP"
        words.which.append(f"{'do not carry' if option.negated else 'carry'} {value}")
    return True


def _osf(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--genre", "--ttl", "--log"):
        return False
    option = match.option("--genre")
    if option is None:
        return False
    verb = "do not look" if option.negated else "look"
    how = {"0": " (and its TTL fits)", "1": " (and its TTL is no larger)", "2": " (whatever its TTL)"}
    logged = {"0": ", all that fit logged", "1": ", the first that fits logged", "2": ", all known ones logged"}
    ttl, log = value_of(match, "--ttl"), value_of(match, "--log")
    tail = f"{how.get(ttl, f' (TTL {ttl})') if ttl else ''}{logged.get(log, f', log {log}') if log else ''}"
    words.which.append(f"{verb} as if {printable(option.value)} had sent them{tail}")
    return True


_POLICY = {
    "--reqid": "reqid",
    "--spi": "SPI",
    "--proto": "protocol",
    "--mode": "mode",
    "--tunnel-src": "tunnel source",
    "--tunnel-dst": "tunnel destination",
}


def _policy(words: Words, match: Match, _names: Names, _family: str) -> bool:
    if not knows_only(match, "--dir", "--pol", "--strict", "--next", *_POLICY):
        return False
    kind = match.option("--pol")
    if kind is None or kind.negated or kind.value not in ("ipsec", "none"):
        return False
    if kind.value == "none" and not knows_only(match, "--dir", "--pol"):
        return False
    side = value_of(match, "--dir")
    came = "came through" if side == "in" else "will go through"
    not_came = "did not come through" if side == "in" else "will not go through"
    policy = f"{came if kind.value == 'ipsec' else not_came} IPsec"
    with_parts: list[str] = []
    for option in match.options:
        if option.name in _POLICY:
            no = "not " if option.negated else ""
            with_parts.append(f"{_POLICY[option.name]} {no}{printable(option.value)}")
        elif option.name == "--next":
            with_parts.append("then another policy")
    policy += f" with {', '.join(with_parts)}" if with_parts else ""
    words.which.append(policy + (" (and nothing else)" if match.option("--strict") else ""))
    return True


#: The words of these match modules.
MODULES: Mapping[str, Say] = {
    "string": _string,
    "tcpmss": _tcpmss,
    "geoip": _geoip,
    "u32": _u32,
    "bpf": _bpf,
    "tos": _tos,
    "ecn": _ecn,
    "osf": _osf,
    "policy": _policy,
}
