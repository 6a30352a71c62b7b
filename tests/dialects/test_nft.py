"""nft's JSON: its own words again, values, sets, counters, and whatever else may come."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netui.dialects.iptables.save import read_save
from netui.dialects.nft import words
from netui.dialects.nft.document import COUNTER, FAMILY_TOLD, read_entries
from netui.dialects.nft.misprinted import corrected, could_be_iptables
from netui.dialects.nft.ruleset import native_rules, parse_document
from netui.dialects.nft.values import elements_of, value_of
from netui.model import RulesetKey
from netui.model.references import targets_of, tracks
from netui.model.statements import Compare, Element, Interval, Nat, Note, Opaque, Strange, Text, Verdict
from netui.text.errors import SourceError


def chain(name: str, table: str = "t", family: str = "inet", **more: Any) -> dict[str, Any]:
    return {"chain": {"family": family, "table": table, "name": name, **more}}


def rule(name: str, *expressions: Any, table: str = "t", family: str = "inet") -> dict[str, Any]:
    return {"rule": {"family": family, "table": table, "chain": name, "handle": 7, "expr": list(expressions)}}


def match(left: Any, right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


def payload(protocol: str, field: str) -> dict[str, Any]:
    return {"payload": {"protocol": protocol, "field": field}}


def meta(key: str) -> dict[str, Any]:
    return {"meta": {"key": key}}


BASE: dict[str, Any] = {"type": "filter", "hook": "forward", "prio": 10, "policy": "accept"}
PORT = payload("tcp", "dport")


@pytest.mark.parametrize(
    ("statement", "written"),
    [
        (match(PORT, 22), "tcp dport 22"),
        (match(PORT, {"set": [22, {"range": [80, 90]}]}, "!="), "tcp dport != { 22, 80-90 }"),
        (match(meta("iifname"), "br-*"), 'iifname "br-*"'),
        (match(meta("oifname"), {"set": ["a", "b"]}), 'oifname { "a", "b" }'),
        (match(meta("l4proto"), "tcp"), "meta l4proto tcp"),
        (match({"ct": {"key": "state"}}, ["established", "related"], "in"), "ct state established,related"),
        (match({"ct": {"key": "ip daddr", "dir": "original"}}, "1.2.3.4"), "ct original ip daddr 1.2.3.4"),
        (match({"&": [meta("mark"), 240]}, 16), "meta mark & 240 == 16"),
        (match(payload("ip", "saddr"), {"prefix": {"addr": "10.0.0.0", "len": 8}}, "!="), "ip saddr != 10.0.0.0/8"),
        (match({"concat": [payload("ip", "saddr"), PORT]}, "@bad"), "ip saddr . tcp dport @bad"),
        (match({"fib": {"flags": ["saddr", "iif"], "result": "oif"}}, False), "fib saddr . iif oif missing"),
        ({"vmap": {"key": PORT, "data": {"set": [[22, {"accept": None}], [80, {"jump": {"target": "web"}}]]}}},
         "tcp dport vmap { 22 : accept, 80 : jump web }"),
        ({"dnat": {"addr": "10.0.0.1", "port": 80}}, "dnat to 10.0.0.1:80"),
        ({"dnat": {"family": "ip6", "addr": "fd00::1", "port": 80}}, "dnat ip6 to [fd00::1]:80"),
        ({"masquerade": {"flags": "fully-random"}}, "masquerade fully-random"),
        ({"masquerade": None}, "masquerade"),
        ({"redirect": {"port": 80}}, "redirect to :80"),
        ({"reject": {"type": "icmp", "expr": "admin-prohibited"}}, "reject with icmp admin-prohibited"),
        ({"limit": {"rate": 10, "burst": 5, "per": "second"}}, "limit rate 10/second burst 5 packets"),
        ({"limit": {"rate": 1, "rate_unit": "mbytes", "per": "second", "inv": True}},
         "limit rate over 1 mbytes/second"),
        ({"mangle": {"key": meta("mark"), "value": 16}}, "meta mark set 16"),
        ({"log": {"prefix": "no: ", "level": "info"}}, 'log prefix "no: " level info'),
        ({"set": {"op": "add", "elem": payload("ip", "saddr"), "set": "@seen"}}, "add @seen { ip saddr }"),
        ({"xt": {"type": "match", "name": "string"}}, 'xt match "string"'),
        ({"ct count": {"val": 20, "inv": True}}, "ct count over 20"),
        ({"somethingnew": {"a": 1}}, "somethingnew a 1"),
        ({"drop": None}, "drop"),
    ],
)  # fmt: skip
def test_a_statement_in_nfts_own_words(statement: dict[str, Any], written: str) -> None:
    """What nft prints as text is what a rule shows; what is not known by name is kept."""
    assert words.statement(statement) == written


@pytest.mark.parametrize(
    ("kind", "printed", "value"),
    [
        ("ipv4_addr", "10.0.0.1", Interval(0x0A000001, 0x0A000001)),
        ("ipv4_addr", {"prefix": {"addr": "10.0.0.0", "len": 8}}, Interval(0x0A000000, 0x0AFFFFFF)),
        ("ipv4_addr", {"range": ["10.0.0.1", "10.0.0.9"]}, Interval(0x0A000001, 0x0A000009)),
        ("ipv4_addr", {"range": ["10.0.0.9", "10.0.0.1"]}, None),
        ("ipv4_addr", "fd00::1", None),
        ("ipv6_addr", "::1", Interval(1, 1)),
        ("inet_service", 80, Interval(80, 80)),
        ("inet_service", "https", Interval(443, 443)),
        ("inet_service", "no-such-service", None),
        ("inet_proto", "udp", Interval(17, 17)),
        ("ct_state", ["established", "related"], Interval(6, 6)),
        ("ct_state", "established,related", Interval(6, 6)),
        ("tcp_flag", {"|": ["syn", "ack"]}, Interval(18, 18)),
        ("ifname", "br-*", Text("br-", prefix=True)),
        ("ifname", "lo", Text("lo")),
        ("ipv4_addr", {"elem": {"val": "10.0.0.1", "timeout": 5}}, Interval(0x0A000001, 0x0A000001)),
        ("mark", "0x10", Interval(16, 16)),
        ("icmp_type", "echo-request", Interval(8, 8)),
        ("ipv4_addr", {"prefix": {"addr": "10.0.0.0", "len": 99}}, None),
    ],
)
def test_values_by_type(kind: str, printed: object, value: object) -> None:
    """A value is a number or a name by what it is compared with; a wrong one is not understood."""
    assert value_of(kind, printed) == value


def test_elements_of_sets_and_maps() -> None:
    """Concatenations, verdicts, data, and the catch-all."""
    kinds = ("ipv4_addr", "inet_service")
    assert elements_of(kinds, [{"concat": ["10.0.0.1", {"range": [1, 9]}]}]) == (
        Element((Interval(0x0A000001, 0x0A000001), Interval(1, 9))),
    )
    assert elements_of(("inet_service",), [[22, {"jump": {"target": "a"}}], ["*", {"drop": None}]], ()) == (
        Element((Interval(22, 22),), Verdict("jump", "a")),
        Element((), Verdict("drop")),
    )
    assert elements_of(("inet_service",), [[22, "10.0.0.1"]], ("ipv4_addr",)) == (
        Element((Interval(22, 22),), (Interval(0x0A000001, 0x0A000001),)),
    )
    assert elements_of(kinds, ["10.0.0.1"]) == (Element((None, None)),)


def read(*entries: dict[str, Any]) -> Any:
    return read_entries([{"metainfo": {}}, *entries], lambda _family, _name: True)


def test_counters_stand_beside_the_rules() -> None:
    """Each rule's first counter is its own, and the text alone gives the same numbers in the same order."""
    entries = [
        chain("base", **BASE),
        {"set": {"family": "inet", "table": "t", "name": "s", "type": "ipv4_addr",
                 "elem": [{"elem": {"val": "10.0.0.1", "counter": {"packets": 1, "bytes": 2}}}]}},
        rule("base", {"counter": {"packets": 3, "bytes": 4}}, {"drop": None}),
        rule("base", {"accept": None}),
        rule("base", {"counter": {"packets": 5, "bytes": 6}}),
    ]  # fmt: skip
    ruleset, counters = read(*entries)[RulesetKey("inet", "nftables")]
    rules = ruleset.tables[0].chains[0].rules
    assert [counters[one.index] for one in rules] == [(3, 4), (0, 0), (5, 6)]
    assert rules[1].index == -1
    pairs = COUNTER.findall(json.dumps({"nftables": entries}))
    assert [int(packets) for packets, _ in pairs] == list(counters.packets)


@pytest.mark.parametrize("printed", ["ipv4_addr . inet_service", ["ipv4_addr", "inet_service"]])
def test_a_map_to_addresses_and_ports(printed: Any) -> None:
    """Nft 1.0.6 prints the types of what a map gives as one word, newer ones as a list."""
    entries = [
        {"map": {"family": "ip", "table": "t", "name": "m", "type": "inet_service", "map": printed,
                 "elem": [[80, {"concat": ["10.2.0.2", 8080]}]]}},
        chain("c", family="ip"),
    ]  # fmt: skip
    sets = read_entries(entries, lambda *_: True)[RulesetKey("ip", "nftables")][0].tables[0].sets
    assert sets["m"].elements is not None
    assert sets["m"].elements[0].data == (Interval(0x0A020002, 0x0A020002), Interval(8080, 8080))


RESET = {"reject": {"type": "tcp reset"}}
NO_FAMILY = (match(meta("mark"), 1), match(meta("l4proto"), "tcp"), RESET)


@pytest.mark.parametrize(
    ("family", "printed", "told", "doubtful"),
    [
        ("inet", NO_FAMILY, False, True),
        ("bridge", NO_FAMILY, False, True),
        ("inet", (RESET,), False, True),
        ("inet", NO_FAMILY, True, False),
        ("ip", NO_FAMILY, False, False),
        ("inet", (match(payload("ip", "saddr"), "10.0.0.1"), RESET), False, False),
        ("inet", (match(meta("nfproto"), "ipv6"), RESET), False, False),
        ("inet", (match(PORT, 22), {"reject": {"type": "icmp", "expr": "port-unreachable"}}), False, False),
    ],
)
def test_a_reset_that_nft_prints_without_its_family(family: str, printed: Any, told: bool, doubtful: bool) -> None:
    """In a table of both families nothing tells for which one `reject with tcp reset` is, but the kernel."""
    entry = rule("c", *printed, family=family)
    entry["rule"][FAMILY_TOLD] = told
    table = read_entries([chain("c", family=family), entry], lambda *_: True)[RulesetKey(family, "nftables")]  # type: ignore[arg-type]
    native = table[0].tables[0].chains[0].rules[0].native
    assert native is not None
    assert any(isinstance(one, Opaque) for one in native.statements) is doubtful
    assert not any(option.name.startswith("reject with") for one in native.spec.matches for option in one.options)


def test_statements_keep_what_is_not_understood() -> None:
    """A new match is unknown, a new statement strange, iptables' own targets that only note are notes."""
    found = read(
        chain("base", **BASE),
        rule("base", match({"somethingnew": 1}, 2), {"newverdict": None}),
        rule("base", {"xt": {"type": "target", "name": "LOG"}}, {"xt": {"type": "target", "name": "NEW"}}),
        rule("base", {"limit": {"rate": 1, "per": "second", "inv": True}}),
        rule("base", {"masquerade": None}, {"jump": {"target": "x"}}),
    )[RulesetKey("inet", "nftables")][0]
    one, two, three, four = (tuple(found.tables[0].chains[0].rules[n].native.statements) for n in range(4))
    assert isinstance(one[0], Opaque) and isinstance(one[1], Strange)
    assert isinstance(two[0], Note) and isinstance(two[1], Strange)
    assert three == (Opaque("limit rate over 1/second", likely=False, bound="up to 1/second"),)
    assert isinstance(four[0], Nat) and targets_of(four, {}) == ["x"]
    assert tracks(four) and not tracks(three)


@pytest.mark.parametrize(
    ("expressions", "line", "own"),
    [
        ([match(meta("iifname"), "eth0"), match(PORT, 22), {"counter": {}}, {"accept": None}],
         "-A INPUT -i eth0 -p tcp -m tcp --dport 22 -j ACCEPT", True),
        ([match(meta("oifname"), "br"), match(PORT, {"set": [3306, 6379]}), {"counter": {}}, {"drop": None}],
         "-A MAILCOW -o br -p tcp -j DROP", False),
        ([match(payload("ip", "saddr"), {"set": ["1.2.3.4"]}), {"drop": None}], "-A INPUT -j DROP", False),
        ([match(payload("ip", "saddr"), {"range": ["1.2.3.4", "1.2.3.9"]}), {"drop": None}],
         "-A INPUT -s 1.2.3.9/32 -j DROP", False),
        ([match(payload("ip", "saddr"), "1.2.3.4", "!="), {"drop": None}], "-A INPUT ! -s 1.2.3.4/32 -j DROP", True),
        ([match(payload("ip", "saddr"), "@office"), {"accept": None}], "-A INPUT -s 1.2.3.4/32 -j ACCEPT", False),
        ([match(PORT, 22), {"accept": None}], "-A INPUT -p tcp -j ACCEPT", False),
        ([match(meta("iif"), "lo"), {"accept": None}], "-A INPUT -j ACCEPT", False),
        ([{"reject": None}], "-A INPUT", False),
        ([{"vmap": {"key": PORT, "data": "@m"}}], "-A INPUT", False),
        ([{"xt": {"type": "match", "name": "conntrack"}}, {"counter": {}}, {"xt": {"type": "target", "name": "DNAT"}}],
         "-A X -m conntrack --ctstate NEW -j DNAT --to-destination 1.2.3.4", True),
        ([match({"&": [meta("mark"), 255]}, 1), {"jump": {"target": "X"}}],
         "-A INPUT -m mark --mark 0x1/0xff -j X", True),
    ],
)  # fmt: skip
def test_what_iptables_could_have_written(expressions: list[Any], line: str, own: bool) -> None:
    """A set, a range of addresses, or a match that the line leaves out is nobody's but nft's."""
    assert could_be_iptables({"expr": expressions}, line) is own


SAVE = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:MAILCOW - [0:0]
[1:60] -A FORWARD -j MAILCOW
[7:420] -A MAILCOW ! -i br-mailcow -o br-mailcow -p tcp -j DROP
COMMIT
"""


def test_a_misprinted_rule_is_read_from_the_json() -> None:
    """Its text, its set and its handle come from nft, its number and counter from the line."""
    ruleset, counters = read_save(SAVE, "ip", "nft")
    entries = [
        chain("FORWARD", "filter", "ip", **BASE), chain("MAILCOW", "filter", "ip"),
        rule("FORWARD", {"counter": {"packets": 1, "bytes": 60}}, {"jump": {"target": "MAILCOW"}}, table="filter",
             family="ip"),
        rule("MAILCOW", match(meta("iifname"), "br-mailcow", "!="), match(meta("oifname"), "br-mailcow"),
             match(PORT, {"set": [3306, 6379]}), {"counter": {"packets": 7, "bytes": 420}}, {"drop": None},
             table="filter", family="ip"),
    ]  # fmt: skip
    found = corrected(ruleset, entries)
    assert found is not None and found.skeleton == ruleset.skeleton
    table = found.table("filter")
    assert table is not None
    forward, mailcow = table.chain("FORWARD"), table.chain("MAILCOW")
    assert forward is not None and forward.rules[0].native is None
    assert mailcow is not None
    (only,) = mailcow.rules
    assert only.text == 'iifname != "br-mailcow" oifname "br-mailcow" tcp dport { 3306, 6379 } counter drop'
    assert only.native is not None and only.native.handle == 7
    assert counters[only.index] == (7, 420)
    assert isinstance(only.native.statements[2], Compare)
    assert corrected(ruleset, entries[:3]) is not None, "a rule that the JSON does not have is not there"


def test_iptables_own_chains_are_left_out() -> None:
    """By table and name; a foreign base chain in the same table comes with what it reaches."""
    save, _ = read_save(SAVE, "ip", "nft")
    entries = [
        chain("FORWARD", "filter", "ip", **BASE), chain("MAILCOW", "filter", "ip"),
        rule("FORWARD", {"counter": {"packets": 1, "bytes": 60}}, {"jump": {"target": "MAILCOW"}}, table="filter",
             family="ip"),
        rule("MAILCOW", {"counter": {"packets": 7, "bytes": 420}}, {"drop": None}, table="filter", family="ip"),
        chain("mine", "filter", "ip", **BASE),
        rule("mine", {"jump": {"target": "MAILCOW"}}, table="filter", family="ip"),
        chain("FORWARD", "filter", "ip6", **BASE), chain("FORWARD", "docker-bridges", "ip", **BASE),
    ]  # fmt: skip
    found = native_rules(entries, [save])
    names = [(c.family, c.table, c.name) for ruleset, _ in found.rules.values() for c in ruleset.chains()]
    assert sorted(names) == [
        ("ip", "docker-bridges", "FORWARD"), ("ip", "filter", "MAILCOW"), ("ip", "filter", "mine"),
        ("ip6", "filter", "FORWARD"),
    ]  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["@s", "10.0.0.1", "tcp", "*"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["match", "op", "left", "right", "payload", "protocol", "field", "meta", "key", "ct", "set", "vmap", "data",
             "dnat", "addr", "port", "prefix", "len", "range", "elem", "val", "concat", "map", "jump", "target", "|",
             "counter", "packets", "limit", "mangle", "&", "value", "fib", "flags", "result", "reject", "xt", "stmt",
             "numgen", "mod", "typeof", "type", "expr"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(JSON, max_size=3), JSON, JSON)
def test_any_document_is_read(expressions: list[Any], kinds: Any, elements: Any) -> None:
    """No document ends in a traceback, every rule is kept in its place, and its words are printable text."""
    entries = [
        chain("base", **BASE),
        {"map": {"family": "inet", "table": "t", "name": "s", "type": kinds, "map": kinds, "elem": elements}},
        rule("base", *expressions),
        rule("base", {"accept": None}),
    ]
    ruleset, counters = read(*entries)[RulesetKey("inet", "nftables")]
    rules = ruleset.tables[0].chains[0].rules
    assert [one.number for one in rules] == [1, 2]
    assert all(isinstance(one.text, str) and one.index < len(counters) for one in rules)
    assert rules[0].spec is not None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"nftables": 1}', "table ip x {\n}\n"])
def test_what_is_no_json_of_nft_is_refused(text: str) -> None:
    """One clear line."""
    with pytest.raises(SourceError):
        parse_document(text)
