"""``-m conntrack`` and ``-m state`` in words."""

from __future__ import annotations

from collections.abc import Mapping

from netui.explain.names import Names
from netui.explain.words import Say, Words, no
from netui.model import Match
from netui.text.phrases import either, ports, protocol
from netui.text.visible import printable

_STATES = {
    "NEW": "open a new connection",
    "ESTABLISHED": "belong to an open connection",
    "RELATED": "are related to an open connection",
    "INVALID": "belong to no connection that conntrack knows",
    "UNTRACKED": "are not tracked by conntrack",
    "DNAT": "have had their destination translated",
    "SNAT": "have had their source translated",
}


def _conntrack(words: Words, match: Match, names: Names, _family: str) -> bool:
    for option in match.options:
        value = option.value
        match option.name:
            case "--ctstate" | "--state":
                states = [_STATES.get(state, f"are in state {printable(state)}") for state in value.split(",")]
                if sorted(value.split(",")) == ["ESTABLISHED", "RELATED"]:
                    states = ["belong or are related to an open connection"]
                words.which.append(f"do not {either(states)}" if option.negated else either(states))
                if option.negated:
                    words.which[-1] = _negated_state(value.split(","))
            case "--ctorigdstport":
                words.which.append(f"were {no(option)}sent to {ports(value)} before any translation")
            case "--ctorigdst":
                words.which.append(f"were {no(option)}sent to {names.address(value)} before any translation")
            case "--ctorigsrc":
                words.which.append(f"come from a connection {no(option)}opened by {names.address(value)}")
            case "--ctorigsrcport":
                words.which.append(f"come from a connection {no(option)}opened from {ports(value)}")
            case "--ctreplsrc":
                words.which.append(f"are {no(option)}answered by {names.address(value)}")
            case "--ctrepldst":
                words.which.append(f"have their answers {no(option)}sent to {names.address(value)}")
            case "--ctproto":
                words.which.append(f"belong to a connection {no(option)}of {protocol(value)}")
            case "--ctdir":
                direction = "answer" if value.upper() == "REPLY" else "go the way in which the connection was opened"
                words.which.append(direction)
            case "--ctstatus":
                words.which.append(f"are of a connection {no(option)}with status {printable(value)}")
            case _:
                return False
    return True


def _negated_state(states: list[str]) -> str:
    """``! --ctstate DNAT`` and the like."""
    words = {
        "NEW": "do not open a new connection",
        "DNAT": "have not had their destination translated",
        "SNAT": "have not had their source translated",
        "INVALID": "belong to a connection that conntrack knows",
    }
    if len(states) == 1 and states[0] in words:
        return words[states[0]]
    return f"are in none of the states {printable(', '.join(states))}"


#: The words of these match modules.
MODULES: Mapping[str, Say] = {"conntrack": _conntrack, "state": _conntrack}
