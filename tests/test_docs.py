"""What docs/architecture.md and docs/how-to.md name is there, and the guide for a match is enough for one."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from netui.audit.doctor.shadowing import covers
from netui.dialects.iptables import conditions
from netui.explain import matches as sentences
from netui.explain.names import Names
from netui.explain.rule_sentence import explain_rule
from netui.explain.words import Words
from netui.model import Match, Rule
from netui.net.conditions import DPORT, Condition
from netui.net.intervals import IntervalSet
from netui.traversal import path
from netui.traversal.result import Verdict
from tests.traversal.build import filter_rules, host, ruleset

ROOT = Path(__file__).parent.parent
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
HOW_TO = (ROOT / "docs/how-to.md").read_text(encoding="utf-8")
_FOUND = re.compile(r"`(netui/[\w/]+\.py)`, `([\w.]+)`")


def _names(path: Path) -> set[str]:
    """Return what a module defines: functions, classes, their methods, and what it assigns."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
        if isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


@pytest.mark.parametrize("where", sorted(set(re.findall(r"`((?:netui|tests|docs)/[\w/.-]*)`", ARCHITECTURE + HOW_TO))))
def test_each_file_is_there(where: str) -> None:
    """Each file and folder that the two documents name exists."""
    assert (ROOT / where).exists()


@pytest.mark.parametrize(("file", "name"), sorted(set(_FOUND.findall(ARCHITECTURE + HOW_TO))))
def test_each_name_is_there(file: str, name: str) -> None:
    """Each function, class and table that the two documents name is defined in the file beside it."""
    assert name in _names(ROOT / file)


@pytest.mark.parametrize(
    "what", ["-m multiport", "conntrack", "decides when to read", "row is painted", "finding is added"]
)
def test_what_a_newcomer_looks_for(what: str) -> None:
    """The five things that a newcomer looks for stand in the table, each with a file and a name."""
    rows = [line for line in ARCHITECTURE.splitlines() if line.startswith("|") and what in line]
    assert len(rows) == 1 and _FOUND.search(rows[0])


@pytest.mark.parametrize("room", sorted(p.name for p in (ROOT / "netui").iterdir() if (p / "__init__.py").exists()))
def test_each_room_is_explained(room: str) -> None:
    """Each package of netui has its paragraph."""
    assert f"`netui/{room}`" in ARCHITECTURE


def test_a_match_by_the_guide(monkeypatch: pytest.MonkeyPatch) -> None:
    """An invented match, added to the two tables that the guide names, is walked, compared and said."""
    assert "`netui/dialects/iptables/conditions.py`, `MODULES`" in HOW_TO
    assert "`netui/explain/matches.py`, `MODULES`" in HOW_TO

    def asked(rule: str) -> tuple[list[Verdict], str, bool]:
        text = filter_rules(rule)
        answers = [path(host(text), "outside", f"blog:{port}/tcp").verdict for port in (80, 8080)]
        chain = next(each for each in ruleset(text).chains() if each.name == "FORWARD")
        narrower = Rule(2, "-A FORWARD -p tcp -m tcp --dport 22 -j ACCEPT", -1)
        sentence = explain_rule(Names.of(host(text).snapshot), chain, chain.rules[0])
        return answers, sentence, covers(chain.rules[0], narrower, "ip")

    answers, sentence, wider = asked("-A FORWARD -p tcp -m service --known -j DROP")
    assert answers == ["undecided"] * 2 and '"-m service --known"' in sentence and not wider

    def below(match: Match, _family: str) -> Iterator[Condition]:
        (option,) = match.options
        yield Condition(DPORT, IntervalSet([(0, int(option.value) - 1)]), option.negated, "service --below", "")

    def said(words: Words, _match: Match, _names: Names, _family: str) -> bool:
        words.which.append("go to a port of a known service")
        return True

    monkeypatch.setattr(conditions, "MODULES", {**conditions.MODULES, "service": below})
    monkeypatch.setattr(sentences, "MODULES", {**sentences.MODULES, "service": said})
    answers, sentence, wider = asked("-A FORWARD -p tcp -m service --below 1024 -j DROP")
    assert answers == ["dropped", "delivered"] and wider
    assert "go to a port of a known service" in sentence


@pytest.mark.parametrize("room", ["model", "net", "text", "dialects", "traversal", "explain", "audit", "reports"])
def test_the_pure_rooms_load_no_screen_and_no_source(room: str) -> None:
    """A fresh interpreter that imports all of a pure room has loaded neither Textual nor a source."""
    code = f"""
import importlib, pkgutil, sys
room = importlib.import_module("netui.{room}")
for found in pkgutil.walk_packages(room.__path__, "netui.{room}."):
    importlib.import_module(found.name)
refused = ("textual", "rich", "docker", "iptc", "netui.sources", "netui.ui")
print([name for name in sys.modules if name.startswith(refused)])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"


def test_no_test_module_is_imported() -> None:
    """What tests share stands in modules of its own."""
    for file in (ROOT / "tests").rglob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").rpartition(".")[2].startswith("test_"), file


def test_a_long_module_says_why() -> None:
    """A module of more than 300 lines says at its head why it is one."""
    for file in (ROOT / "netui").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if text.count("\n") > 300:
            assert "Longer than 300 lines: " in (ast.get_docstring(ast.parse(text)) or ""), file
