"""A rule's matches in words, without omissions.

An unknown match is quoted from the rule.
"""

from __future__ import annotations

from collections.abc import Mapping

from netui.explain import matches_basic, matches_connection, matches_content, matches_host, matches_more
from netui.explain.names import Names
from netui.explain.words import Say, Words
from netui.model import Match, RuleSpec
from netui.text.phrases import protocol
from netui.text.visible import printable

#: The describer of each match module; a new one goes into the Python module of its theme.
MODULES: Mapping[str, Say] = {
    **matches_basic.MODULES,
    **matches_connection.MODULES,
    **matches_more.MODULES,
    **matches_content.MODULES,
    **matches_host.MODULES,
}


def describe(spec: RuleSpec, names: Names, family: str) -> Words:
    """Describe the packets that a rule matches."""
    words = Words()
    proto = spec.basic_option("-p")
    if proto is not None:
        if proto.negated:
            words.noun = f"Packets of any protocol but {protocol(proto.value)}"
        elif proto.value != "all":
            name = protocol(proto.value)
            words.noun = f"Packets of {name}" if name.startswith("protocol") else f"{name} packets"
    for match in spec.matches:
        if match.module == "comment":
            continue
        said_by = MODULES.get(match.module)
        if said_by is None or not said_by(words, match, names, family):
            words.quoted.append(f'"{printable(_as_written(match))}"')
    return words


def _as_written(match: Match) -> str:
    parts = ["-m", match.module] if match.module not in ("", "nft") else []
    for option in match.options:
        parts += ["!"] if option.negated else []
        parts += [option.name, *option.values]
    return " ".join(parts)
