"""A ruleset's JSON that is cut off, strange, endless or large: one clear line or "not known", never a guess."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from netui.reports.explain import explain_text
from netui.sources.capture.pasted import read_pasted
from netui.text.errors import SourceError
from netui.traversal import RulesError, path, prepare

BASE = {"type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}
PORT = {"payload": {"protocol": "tcp", "field": "dport"}}
SOURCE = {"payload": {"protocol": "ip", "field": "saddr"}}
PLACE = {"family": "inet", "table": "t"}
DROP: dict[str, Any] = {"drop": None}


def chain(name: str, **more: Any) -> dict[str, Any]:
    return {"chain": {**PLACE, "name": name, "handle": 1, **more}}


def rule(*expressions: Any, of: str = "f") -> dict[str, Any]:
    return {"rule": {**PLACE, "chain": of, "handle": 2, "expr": list(expressions)}}


def match(left: Any, right: Any) -> dict[str, Any]:
    return {"match": {"op": "==", "left": left, "right": right}}


def elements(kind: str, *listed: Any) -> dict[str, Any]:
    return {"set": {**PLACE, "name": "s", "type": kind, "handle": 3, "elem": list(listed)}}


def vmap(verb: str, target: str) -> dict[str, Any]:
    return {"vmap": {"key": PORT, "data": {"set": [[80, {verb: {"target": target}}]]}}}


def document(*entries: Any) -> str:
    table = {"table": {"family": "inet", "name": "t", "handle": 1}}
    return json.dumps({"nftables": [{"metainfo": {"version": "9.9.9"}}, table, *entries]})


#: What the answer for port 80 names.
UNDECIDED = {
    "a jump to none": (document(chain("f", **BASE), rule({"jump": {"target": "gone"}}), rule(DROP)), "no chain gone"),
    "a vmap to none": (document(chain("f", **BASE), rule(vmap("goto", "gone")), rule(DROP)), "no chain gone"),
    "a new match": (document(chain("f", **BASE), rule(match({"spin": {"key": "up"}}, 7), DROP)), "spin key up 7"),
    "a new statement": (document(chain("f", **BASE), rule({"teleport": {"to": "mars"}})), "teleport to mars"),
    "a new kind of operand": (document(chain("f", **BASE), rule(match(PORT, {"cube": [80]}), DROP)), "cube"),
    "elements that are words": (
        document(elements("inet_service", "eighty", {"range": ["a", "b"]}, None, [1]), chain("f", **BASE),
                 rule(match(PORT, "@s"), DROP)), "tcp dport @s"),
    "a set that is not there": (document(chain("f", **BASE), rule(match(PORT, "@s"), DROP)), "tcp dport @s"),
    "a priority that is a word": (document(chain("f", **{**BASE, "prio": "first"}), rule(DROP)), "is no number"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "names"), UNDECIDED.values(), ids=UNDECIDED)
def test_what_is_not_understood_is_named(text: str, names: str) -> None:
    """The verdict hangs on it and is not known; the reason is in nft's words, and the rule is explained all the same."""
    snapshot = read_pasted(text, "rules.json")
    found = path(prepare(snapshot), "outside", "198.51.100.9:80", iif="eth0", oif="eth1")
    assert found.verdict == "undecided"
    assert names in found.reason
    chains = [one for ruleset in snapshot.rulesets.values() for one in ruleset.chains()]
    assert explain_text(snapshot, chains)


def test_unknown_keys_are_kept_out_of_the_way() -> None:
    """A newer nft's keys beside those that are known, and entries of a new kind, change no answer."""
    text = document(
        {"hologram": {**PLACE, "name": "x"}},
        chain("f", **BASE, spin=["up"]),
        {"rule": {**rule(DROP)["rule"], "new": 1}},
    )
    found = path(prepare(read_pasted(text, "rules.json")), "outside", "198.51.100.9:80", iif="eth0", oif="eth1")
    assert found.verdict == "dropped"


@pytest.mark.parametrize("verb", ["jump", "goto"])
def test_a_vmap_that_loops(verb: str) -> None:
    """The kernel refuses it: one line that names the chains."""
    text = document(chain("a"), chain("f", **BASE), rule(vmap(verb, "a")), rule(vmap(verb, "a"), of="a"))
    with pytest.raises(RulesError, match="a → a"):
        prepare(read_pasted(text, "rules.json"))


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.999])
def test_a_document_that_is_cut_off(kept: float) -> None:
    """It is refused in one line, wherever it ends."""
    text = document(chain("f", **BASE), rule(match(PORT, {"set": [22, 80]}), DROP))
    cut = text[: int(len(text) * kept)]
    with pytest.raises(SourceError, match=r"cut off|is not JSON") as refused:
        read_pasted(cut, "rules.json")
    assert "\n" not in str(refused.value)


def test_a_set_of_100_000_elements() -> None:
    """It is read and asked in seconds, and each element counts."""
    listed = [f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(0, 200_000, 2)]
    text = document(elements("ipv4_addr", *listed), chain("f", **BASE), rule(match(SOURCE, "@s"), DROP))
    began = time.monotonic()
    made = prepare(read_pasted(text, "rules.json"))
    for source, verdict in (("10.2.255.254", "dropped"), ("10.2.255.255", "delivered"), ("10.0.0.2", "dropped")):
        found = path(made, f"outside:{source}", "198.51.100.9:80", iif="eth0", oif="eth1")
        assert found.verdict == verdict
    assert time.monotonic() - began < 20
