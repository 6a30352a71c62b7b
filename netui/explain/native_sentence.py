"""A native rule in one sentence: the packets that it matches, and what it does with them."""

from __future__ import annotations

from netui.explain import native_neighbours
from netui.explain.docker import nftables as docker_nftables
from netui.explain.matches import describe
from netui.explain.names import Names
from netui.explain.native_tables import table_owner
from netui.explain.targets import does
from netui.model import Chain, NativeRule, Rule, RuleSpec
from netui.model.statements import Note, SetField, SetUpdate, Strange, Untrack, VerdictMap
from netui.text.visible import printable

_NOTED = {
    "log": "are logged",
    "dup": "are copied to another address",
    "flow": "are handed to a flowtable: later packets of the connection pass no rule",
    "ct helper": "get a connection helper",
    "xt": "are noted by an iptables target",
}


def native_sentence(names: Names, chain: Chain, rule: Rule, native: NativeRule) -> str:
    """Return the rule in one sentence; its comment, if it has one, follows in quotes."""
    if chain.table == "docker-bridges":
        purpose = docker_nftables.purpose(names, chain, rule)
        if purpose:
            return purpose
    owner = table_owner(chain.table)
    comment = printable(native.comment, 200)
    tail = f' Its comment: "{comment}".' if comment else ""
    special = native_neighbours.purpose(names, owner, chain, rule, native) if owner else ""
    if special:
        return f"{special}{tail}"
    spec = native.spec
    maps = [part for part in native.statements if isinstance(part, VerdictMap)]
    packets = RuleSpec(spec.chain, tuple(m for m in spec.matches if not _is_map(m.options[0].name, maps)), spec.target)
    words = describe(packets, names, chain.family).text()
    words = "All packets that come this far" if words == "Packets" else words
    sentence = f"{words} {_verb(names, chain, native, maps)}."
    return f"{owner}: {sentence}{tail}" if owner else f"{sentence}{tail}"


def _is_map(words: str, maps: list[VerdictMap]) -> bool:
    return any(words == part.words for part in maps)


def _verb(names: Names, chain: Chain, native: NativeRule, maps: list[VerdictMap]) -> str:
    verbs = [verb for statement in native.statements if (verb := _effect(statement))]
    counted = any(isinstance(part, Note) and part.kind == "counter" for part in native.statements)
    if maps:
        verbs.append(f'are judged by the map "{printable(maps[0].words, 120)}": what is in none of it goes on')
    elif native.spec.target is not None and native.spec.target.name != "nft":
        verbs.append(does(native.spec.target, names, chain))
    elif verbs:
        verbs.append("go on to the next rule")
    else:
        verbs.append("are counted and go on to the next rule" if counted else "go on to the next rule")
    return " and ".join([", ".join(verbs[:-1]), verbs[-1]]) if len(verbs) > 1 else verbs[0]


def _effect(statement: object) -> str:
    if isinstance(statement, SetField):
        key, _, value = printable(statement.words, 120).partition(" set ")
        return f"get {key} {value}"
    if isinstance(statement, SetUpdate):
        return f'change the set {printable(statement.name, 60)} ("{printable(statement.words, 120)}")'
    if isinstance(statement, Untrack):
        return "are not tracked as connections"
    if isinstance(statement, Strange):
        return f'are handled by "{printable(statement.words, 120)}", which netui does not follow'
    if isinstance(statement, Note):
        return _NOTED.get(statement.kind, "")
    return ""
