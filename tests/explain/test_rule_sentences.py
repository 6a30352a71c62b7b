"""Rules in plain words: every sentence is kept in a golden file that was read by eye."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from netui.dialects.iptables.save import read_save
from netui.explain.names import Names
from netui.explain.pattern import shape_of
from netui.explain.rule_sentence import explain_policy, explain_rule
from netui.model import Chain, Rule, Ruleset
from netui.sources.capture.reader import read_capture

HERE = Path(__file__).parent
CASES = HERE.parent / "cases"
CAPTURES = sorted(path.name for path in CASES.iterdir())
WRITTEN = sorted(path.stem for path in (HERE / "rules").iterdir())


def _rules(ruleset: Ruleset) -> Iterator[tuple[Chain, Rule]]:
    for chain in ruleset.chains():
        for rule in chain.rules:
            yield chain, rule


def _text(rulesets: list[Ruleset], names: Names) -> str:
    lines: list[str] = []
    for ruleset in rulesets:
        for chain, rule in _rules(ruleset):
            lines.append(f"{ruleset.family} {ruleset.backend} {chain.table} {rule.number}  {rule.text}")
            lines.append(f"    {explain_rule(names, chain, rule)}")
    return "\n".join(lines) + "\n"


def _against_golden(name: str, text: str) -> None:
    """Compare; NETUI_GOLDEN=write takes the text as the new golden one, to be read by eye."""
    golden = HERE / "golden" / f"{name}.txt"
    if os.environ.get("NETUI_GOLDEN") == "write":
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("case", CAPTURES)
def test_sentences_of_a_captured_host(case: str) -> None:
    """Each rule of a captured host has the sentence that was read by eye."""
    snapshot = read_capture(CASES / case / "host")
    _against_golden(case, _text(list(snapshot.rulesets.values()), Names.of(snapshot)))


@pytest.mark.parametrize("written", WRITTEN)
def test_sentences_of_written_rules(written: str) -> None:
    """Rules of other versions, of people and of neighbours have the sentences that were read by eye."""
    snapshot = read_capture(CASES / "engine-20.10" / "host")
    ruleset, _ = read_save((HERE / "rules" / f"{written}.rules").read_text(), "ip", "nft")
    _against_golden(written, _text([ruleset], Names.of(snapshot)))


def _one(text: str, table: str = "filter", chain: str = "INPUT", names: Names | None = None) -> str:
    save = f"*{table}\n:{chain} - [0:0]\n-A {chain} {text}\nCOMMIT\n"
    ruleset, _ = read_save(save, "ip", "nft")
    found, rule = next(_rules(ruleset))
    return explain_rule(names or Names(), found, rule)


@pytest.mark.parametrize("written", WRITTEN)
def test_nothing_of_a_rule_is_left_out(written: str) -> None:
    """Ports, marks and ranges of a rule stand in its sentence, unless its purpose says them."""
    ruleset, _ = read_save((HERE / "rules" / f"{written}.rules").read_text(), "ip", "nft")
    names = Names()
    for chain, rule in _rules(ruleset):
        sentence = explain_rule(names, chain, rule)
        for match in rule.spec.matches:
            for option in match.options:
                for value in option.values:
                    for word in _NUMBERS.findall(value) if option.name in _SAID_AS_IS else ():
                        said_so = word == "53" and "DNS queries" in sentence
                        assert said_so or word in sentence, (rule.text, sentence)


_NUMBERS = re.compile(r"0x[0-9a-f]+|[0-9.]+")
_SAID_AS_IS = {"--dport", "--dports", "--sport", "--mark", "--src-range", "--ctorigdst", "--ctorigdstport"}


def test_an_unknown_match_is_quoted_as_it_stands() -> None:
    """What netui does not know is shown as text, with its negation."""
    assert "-m ndpi ! --proto bittorrent" in _one("-p tcp -m ndpi ! --proto bittorrent -j DROP")


def test_an_unknown_target_is_quoted_as_it_stands() -> None:
    """A target that netui does not know is named with its options."""
    assert '"FOO --bar 1"' in _one("-j FOO --bar 1")


def test_a_rule_like_docker_s_with_one_match_more_is_not_taken_for_docker_s() -> None:
    """A match more makes it somebody else's rule, and the match is in the sentence."""
    sentence = _one("-i docker0 ! -o docker0 -m mark --mark 0x7 -j ACCEPT", chain="FORWARD")
    assert "0x7" in sentence
    assert "its containers may reach the outside" not in sentence


def test_libvirt_s_rule_in_forward_is_not_taken_for_docker_s() -> None:
    """The shape alone does not make a rule Docker's: the interface must be."""
    sentence = _one("-o virbr0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", chain="FORWARD")
    assert "leave by virbr0" in sentence


def test_strangers_text_cannot_reach_the_terminal() -> None:
    """A comment with an escape sequence is shown escaped."""
    sentence = _one('-m comment --comment "\x1b[2Jgone" -j DROP')
    assert "\x1b" not in sentence
    assert "\\x1b[2Jgone" in sentence


def test_no_names_are_joined_with_an_engine_elsewhere() -> None:
    """Rules of this machine are not given the names of another one's containers."""
    assert _one("-d 172.28.0.2/32 -j DROP") == "Packets to 172.28.0.2 are dropped."


def test_policies_are_said() -> None:
    """The end of a chain says what becomes of a packet there."""
    ruleset, _ = read_save("*filter\n:FORWARD DROP [0:0]\n:own - [0:0]\nCOMMIT\n", "ip", "nft")
    said = [explain_policy(chain) for chain in ruleset.chains()]
    assert said[0] == "Packets that no rule decided are dropped (policy DROP)."
    assert said[1].endswith("go back to the chain that called it.")


def test_a_sentence_is_quick() -> None:
    """One rule takes well under a millisecond, so that the detail pane can ask as the cursor moves."""
    snapshot = read_capture(CASES / "engine-29" / "host")
    names = Names.of(snapshot)
    pairs = [pair for ruleset in snapshot.rulesets.values() for pair in _rules(ruleset)]
    shape_of.cache_clear()
    began = time.perf_counter()
    for chain, rule in pairs:
        explain_rule(names, chain, rule)
    assert (time.perf_counter() - began) / len(pairs) < 0.001


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--set-xmark 0x4000/0x0", "get the bits 0x4000 of their mark turned over"),
        ("--set-xmark 0x5/0x1", "get the mark 0x1 (in the bits 0x1) and get the bits 0x4 of their mark turned over"),
        ("--set-xmark 0x4000/0x4000", "get the mark 0x4000 (in the bits 0x4000)"),
        ("--set-xmark 0x1/0xffffffff", "get the mark 0x1"),
    ],
)
def test_a_value_beyond_the_mask_is_turned_over(option: str, words: str) -> None:
    """The new mark is (mark & ~MASK) ^ VALUE: kube-proxy takes its mark away so."""
    text = f"*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j MARK {option}\nCOMMIT\n"
    snapshot = read_capture(CASES / "engine-20.10" / "host")
    chain, rule = next(_rules(read_save(text, "ip", "nft")[0]))
    assert words in explain_rule(Names.of(snapshot), chain, rule)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("-m connmark --mark 0x1 -j ACCEPT", "the connection mark 0x1"),
        ("-i docker0 -m socket -j ACCEPT", "socket"),
        ("-m mark --mark 0x1 -j ACCEPT", "bridge-accept-fwmark"),
        ("-i docker0 -j ACCEPT", "its containers may reach each other and the outside"),
    ],
)
def test_a_rule_with_any_match_more_is_no_rule_of_dockers(rule: str, words: str) -> None:
    """A match without options, or of the connection's mark, keeps a rule from being said as one that Docker made."""
    text = f"*filter\n:DOCKER-FORWARD - [0:0]\n-A DOCKER-FORWARD {rule}\nCOMMIT\n"
    (chain,) = read_save(text, "ip", "nft")[0].chains()
    said = explain_rule(Names.of(read_capture(CASES / "engine-20.10" / "host")), chain, chain.rules[0])
    assert words in said
    assert ("socket" in said) == ("socket" in rule)
