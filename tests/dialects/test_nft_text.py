"""nft's text says what its JSON says: statement for statement, set for set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netui.dialects.nft import words
from netui.dialects.nft.document import read_entries
from netui.dialects.nft.text_reader import NotNftText, read_text
from netui.model import Ruleset, RulesetKey
from netui.model.statements import Compare, NftSet, Opaque, Strange, Verdict

DATA = Path(__file__).parent / "data"
Entries = list[object]


def lines(text: str) -> list[tuple[int, str]]:
    return list(enumerate(text.split("\n"), 1))


def rulesets(entries: Entries) -> dict[RulesetKey, Ruleset]:
    return {key: ruleset for key, (ruleset, _) in read_entries(entries, lambda _family, _name: True).items()}


def one_rule(text: str, family: str = "inet") -> tuple[object, ...]:
    """Return the statements of a rule in nft's words."""
    table = f"table {family} t {{\n\tchain c {{\n\t\t{text}\n\t}}\n}}\n"
    (ruleset,) = rulesets(read_text(lines(table))).values()
    native = ruleset.tables[0].chains[0].rules[0].native
    assert native is not None
    return native.statements


def _set_of(found: NftSet) -> tuple[object, ...]:
    # nft 1.0.6 leaves "dynamic" out of its JSON
    return (found.types, found.elements, found.is_map, found.changes, set(found.flags) - {"dynamic"})


@pytest.mark.parametrize("name", ["every-kind.txt", "every-kind-handles.txt"])
def test_text_and_json_of_one_ruleset_say_the_same(name: str) -> None:
    """What nft printed of one ruleset as text and as JSON is read as the same tables, sets, chains and statements."""
    from_json = rulesets(json.loads((DATA / "every-kind.json").read_text())["nftables"])
    from_text = rulesets(read_text(lines((DATA / name).read_text())))
    assert list(from_text) == list(from_json)
    rules = 0
    for key, ruleset in from_json.items():
        for table, read in zip(ruleset.tables, from_text[key].tables, strict=True):
            # the JSON of 1.0.6 does not hold a map's address and port
            sets = {set_name: _set_of(found) for set_name, found in table.sets.items() if set_name != "m3"}
            assert {set_name: _set_of(read.sets[set_name]) for set_name in sets} == sets
            assert [(c.name, c.base, c.policy) for c in read.chains] == [
                (c.name, c.base, c.policy) for c in table.chains
            ]
            for chain, same in zip(table.chains, read.chains, strict=True):
                for rule, again in zip(chain.rules, same.rules, strict=True):
                    assert rule.native is not None
                    assert again.native is not None
                    assert again.native.statements == rule.native.statements, rule.text
                    assert again.native.comment == rule.native.comment
                    rules += 1
    assert rules > 130


def test_handles_are_those_of_the_json() -> None:
    """With -a the text has handles: tables, chains and rules."""
    (ruleset,) = rulesets(
        read_text(lines("table inet t { # handle 3\n chain c { # handle 1\n accept # handle 9\n }\n}"))
    ).values()
    assert [rule.native.handle for rule in ruleset.tables[0].chains[0].rules if rule.native] == [9]


@pytest.mark.parametrize("owner", ["progname firewalld", "handle 7 progname a program (x) {"])
def test_a_table_that_a_program_owns(owner: str) -> None:
    """Firewalld 2.3 owns its table, which nft prints in a remark."""
    text = f"table inet firewalld {{ # {owner}\n\tflags owner,persist\n\tchain c {{\n\t\taccept\n\t}}\n}}"
    (ruleset,) = rulesets(read_text(lines(text))).values()
    assert [chain.name for chain in ruleset.tables[0].chains] == ["c"]


PRIORITIES = [
    ("inet", "filter", 0),
    ("inet", "filter + 10", 10),
    ("ip", "dstnat - 5", -105),
    ("ip", "-300", -300),
    ("ip6", "mangle", -150),
    ("ip", "srcnat", 100),
    ("bridge", "filter", -200),
    ("bridge", "out", 100),
]


@pytest.mark.parametrize(("family", "written", "number"), PRIORITIES)
def test_priorities_by_name(family: str, written: str, number: int) -> None:
    """A priority may be a name with an offset; a bridge's names are others."""
    text = f"table {family} t {{\nchain c {{\ntype filter hook forward priority {written}; policy drop;\n}}\n}}"
    (ruleset,) = rulesets(read_text(lines(text))).values()
    chain = ruleset.tables[0].chains[0]
    assert (chain.base.priority if chain.base else None, chain.policy) == (number, "DROP")


def test_elements_spread_over_lines() -> None:
    """A long set is printed over many lines."""
    text = "table ip t {\nset s {\ntype ipv4_addr\nflags interval\nelements = { 10.0.0.0/8,\n\t\t\t1.1.1.1-1.1.1.9,\n 2.2.2.2 }\n}\n}"
    (ruleset,) = rulesets(read_text(lines(text))).values()
    found = ruleset.tables[0].sets["s"].elements
    assert found is not None
    assert len(found) == 3


UNKNOWN = [
    "tcp dport 80 tproxy ip to 127.0.0.1:80 accept",
    "synproxy mss 1460 wscale 7",
    "tcp dport 80 something new { a, b } accept",
    # what this nft cannot print stands behind a remark's sign
    "tcp dport 80 counter packets 0 bytes 0 # recent: SET name: x",
    "ip saddr 10.0.0.1 # match limit",
]


@pytest.mark.parametrize("text", UNKNOWN)
def test_what_is_not_understood_is_never_left_out(text: str) -> None:
    """From the first word that is not understood on the rule may do anything; what stands before it holds."""
    found = one_rule(text)
    assert isinstance(found[-1], Strange)
    assert not any(isinstance(statement, Verdict) for statement in found)


def test_a_name_that_is_no_number_is_not_known() -> None:
    """A service that netui does not know by name is a value that is not understood, never any port."""
    ssh, strange = one_rule("tcp dport ssh"), one_rule("tcp dport hylafax")
    assert isinstance(ssh[0], Compare)
    assert isinstance(strange[0], Compare)
    assert [element.parts for element in ssh[0].right.elements] == [((22, 22),)]
    assert [element.parts for element in strange[0].right.elements] == [(None,)]


BROKEN = [
    ("table ip t {\nchain c {\naccept\n", "cut off in line 4"),
    ("chain c {", "line 1: 'chain' stands where nft prints a table"),
    ("table ip t {\nhello\n}", "line 2: 'hello' is nothing that nft prints in a table"),
    ("table ip t {\nchain c {\ntype filter hook forward priority high;\n}\n}", "line 3: 'high' is no priority"),
]


@pytest.mark.parametrize(("text", "says"), BROKEN)
def test_what_nft_does_not_print_is_named_by_its_line(text: str, says: str) -> None:
    """A text that is cut off or no ruleset is refused with line and reason."""
    with pytest.raises(NotNftText, match=says):
        read_text(lines(text))


PRINTED = [
    statement
    for entry in json.loads((DATA / "every-kind.json").read_text())["nftables"]
    for statement in entry.get("rule", {}).get("expr", [])
]


@given(st.lists(st.sampled_from(PRINTED), min_size=1, max_size=5))
def test_words_are_read_back(statements: list[dict[str, object]]) -> None:
    """JSON → netui's own nft words → JSON gives the same words again, in any order of statements."""
    written = words.rule(statements)
    read = read_text(lines(f"table inet t {{\nchain c {{\n{written}\n}}\n}}"))
    rule = read[-1]
    assert isinstance(rule, dict)
    assert words.rule(rule["rule"]["expr"]) == written


@given(st.text(alphabet='{}[]";,.:#=!<>&|^\n abt80@*-/', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text ends in another error than the one with a line."""
    try:
        entries = read_text(lines(f"table ip t {{\nchain c {{\n{text}\n}}\n}}\n"))
    except NotNftText:
        return
    rulesets(entries)


LIKE_THE_JSON = [
    ("dup to 10.0.0.1", {"dup": {"addr": "10.0.0.1"}}),
    ('dup to 10.0.0.1 device "lo"', {"dup": {"addr": "10.0.0.1", "dev": "lo"}}),
    (
        "meter ssh size 100 { ip saddr timeout 10s limit rate 5/second }",
        {"meter": {
            "key": {"elem": {"val": {"payload": {"protocol": "ip", "field": "saddr"}}, "timeout": "10s"}},
            "stmt": {"limit": {"rate": 5, "per": "second"}}, "size": 100, "name": "ssh",
        }},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("written", "printed"), LIKE_THE_JSON)
def test_statements_as_nfts_json_has_them(written: str, printed: dict[str, object]) -> None:
    """A copy to an address, and a meter as nft 1.0 prints it: the JSON's entry, and nft's words again."""
    read = read_text(lines(f"table ip t {{\n\tchain c {{\n\t\t{written} accept\n\t}}\n}}"))
    expr = next(entry["rule"]["expr"] for entry in read if isinstance(entry, dict) and "rule" in entry)
    assert expr == [printed, {"accept": None}]
    (ruleset,) = rulesets(read).values()
    assert ruleset.tables[0].chains[0].rules[0].text == f"{written} accept"


def test_a_meter_s_limit_is_a_limit() -> None:
    """What is over it is dropped, not every packet."""
    rule = "meter flood { ip saddr limit rate over 10/second burst 20 packets } drop"
    (ruleset,) = rulesets(read_text(lines(f"table ip t {{\n\tchain c {{\n\t\t{rule}\n\t}}\n}}"))).values()
    native = ruleset.tables[0].chains[0].rules[0].native
    assert native is not None
    limits = [one for one in native.statements if isinstance(one, Opaque)]
    assert [(one.likely, one.bound) for one in limits] == [(False, "up to 10/second")]
