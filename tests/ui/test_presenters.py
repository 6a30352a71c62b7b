"""The presenters, table by table: model in, words out."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len, set_cell_size

from netui.model import Engine, Rule, Snapshot
from netui.model.events import Event
from netui.traversal import path
from netui.traversal.result import Flow
from netui.ui.presenters import numbers
from netui.ui.presenters.cells import first_cells, fits
from netui.ui.presenters.chains.counters import CounterTrack, Thinned, counter_index
from netui.ui.presenters.chains.rules import brief, rule_cells
from netui.ui.presenters.chains.table_layout import TableView, build_lines, references
from netui.ui.presenters.details.flows import flow_spans, path_text, why
from netui.ui.presenters.events import EventLog, entry_spans, event_words, rule_changes, summary
from netui.ui.presenters.names import Names, word_pattern
from netui.ui.presenters.query import Query, RuleQuery
from netui.ui.presenters.selection import ContainerItem, NetworkItem, concern_of
from netui.ui.presenters.spans import Spans, fitting, plain, wrap
from netui.ui.presenters.status import Mode, health, status_spans
from netui.ui.presenters.tree import build_tree
from tests.traversal.build import filter_rules, host, nat_rules
from tests.ui.fakes import BRIDGE, HEHE, KEY, TIME, blog_host, blog_rules, counters, later, ruleset

HOST = blog_host()
NAMES = Names.of(HOST)


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0"), (999, "999"), (1000, "1.00k"), (12345, "12.3k"), (1234567, "1.23M"), (10**12, "1.00T")],
)
def test_packets_as_people_read_them(number: int, shown: str) -> None:
    """Three digits and a letter."""
    assert numbers.count(number) == shown


def test_exact_numbers_keep_every_digit() -> None:
    """The exact form rounds nothing."""
    assert numbers.count(1234567, exact=True) == "1,234,567"
    assert numbers.size(1234567, exact=True) == "1,234,567"
    assert numbers.size(1234567) == "1.2M"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, ""), (-1, ""), (0.04, "<0.1/s"), (0.5, "0.5/s"), (3, "3/s"), (12.4, "12/s"), (1200, "1.20k/s")],
)
def test_rates(value: float, shown: str) -> None:
    """No rate is no text."""
    assert numbers.rate(value) == shown


def test_sparkline_draws_the_last_values() -> None:
    """The highest bar is the most; as many bars as asked for."""
    assert numbers.sparkline([0, 1, 7], 3) == "▁▂█"
    assert numbers.sparkline([0] * 5, 3) == "▁▁▁"
    assert numbers.sparkline([], 3) == ""


@pytest.mark.parametrize(
    ("text", "target", "short", "who"),
    [
        (f"! -i {BRIDGE} -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.18.0.3:80", "DNAT",
         "tcp dpt:80 to:openresty:80 in !hehe", ("openresty", "hehe")),
        (f"-d 172.18.0.3/32 ! -i {BRIDGE} -o {BRIDGE} -p tcp -m tcp --dport 80 -j ACCEPT", "ACCEPT",
         "tcp to openresty:80 in !hehe out hehe", ("openresty", "hehe")),
        ("-d 10.9.0.0/16 -p tcp -m tcp --dport 80 -j DROP", "DROP", "tcp to 10.9.0.0/16 dpt:80", ("openresty",)),
        ("! -d 172.18.0.3/32 -p tcp -m tcp --dport 80 -j DROP", "DROP", "tcp to !openresty dpt:80", ("openresty",)),
        ("-s 172.18.0.0/16 ! -o " + BRIDGE + " -j MASQUERADE", "MASQUERADE", "from hehe out !hehe", ("hehe",)),
        ("-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "ACCEPT", "ctstate RELATED,ESTABLISHED", ()),
        ("! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER", "DOCKER",
         "to !127.0.0.0/8 ADDRTYPE dst-type LOCAL", ()),
        ("-p tcp -m multiport --dports 80,443 -m comment --comment \"two words\" -j DROP", "DROP",
         "tcp multiport dports 80,443 /* two words */", ()),
        ("-m limit --limit 3/min -j LOG --log-prefix \"x \"", "LOG", 'limit --limit 3/min prefix "x "', ()),
        ("-m novel --thing 1 ! --other -j NEWTARGET --way 2", "NEWTARGET", "novel --thing 1 ! --other way 2", ()),
        ("-p tcp -m tcp ! --dport 80:90 -j REJECT --reject-with tcp-reset", "REJECT",
         "tcp dpts:!80:90 reject-with tcp-reset", ()),
        ("-p tcp -m tcp --dport 443 -j DROP", "DROP", "tcp dpt:443", ("openresty",)),
        ("-d 172.18.0.30/32", "", "to 172.18.0.30", ()),
        ("-s 0.0.0.0/0 -g ELSEWHERE", "ELSEWHERE", "[goto]", ()),
        ("-m mark ! --mark 0x1/0x3 -m set --match-set blocked src -j DROP", "DROP",
         "mark !0x1/0x3 set blocked src", ()),
    ],
)  # fmt: skip
def test_a_rule_as_columns(text: str, target: str, short: str, who: tuple[str, ...]) -> None:
    """Each column as iptables -L prints it, with the names it stands for."""
    cells = rule_cells(Rule(1, f"-A DOCKER {text}", 0), NAMES, "ip")
    assert cells.target == target
    assert brief(cells) == short
    assert cells.who == who


def test_names_are_not_joined_across_machines() -> None:
    """An engine of another machine lends no name to the rules of this one."""
    remote = replace(HOST, engine=Engine("20.10", local=False))
    assert not Names.of(remote).known
    assert concern_of(remote, ContainerItem(HOST.containers[0].id)).empty


def test_a_word_is_found_whole() -> None:
    """172.18.0.3 is not in 172.18.0.30, and an address with a port is found."""
    pattern = word_pattern({"172.18.0.3"})
    assert pattern.search("-d 172.18.0.3/32 -j X")
    assert pattern.search("--to-destination 172.18.0.3:80")
    assert not pattern.search("-d 172.18.0.30/32")
    assert not pattern.search("-d 1.172.18.0.3/32")


def test_a_container_marks_its_rules() -> None:
    """Its address and ports mark a rule strongly, its bridge and subnet weakly, others not."""
    concern = concern_of(HOST, ContainerItem(HOST.containers[0].id))
    assert concern("-A DOCKER -d 172.18.0.3/32 -j ACCEPT") == "address"
    assert concern("-A DOCKER -p tcp --dport 443 -j DNAT --to-destination 172.18.0.3:443") == "address"
    assert concern("-A INPUT -p tcp -m tcp --dport 443 -j DROP") == "address"
    assert concern("-A DOCKER -d 172.18.0.7/32 -p tcp -m tcp --dport 443 -j ACCEPT") == ""
    assert concern(f"-A FORWARD -o {BRIDGE} -j DOCKER") == "bridge"
    assert concern("-A FORWARD -j DOCKER-USER") == ""


@pytest.mark.parametrize(
    ("rule", "marked"),
    [
        ("-p tcp -m multiport --dports 22,443 -j DROP", "address"),
        ("-p tcp -m tcp --destination-port 443 -j DROP", "address"),
        ("-m conntrack --ctorigdstport 443 -j DROP", "address"),
        ("-d 127.0.0.1/32 -p tcp -m tcp --dport 443 -j DROP", "address"),
        ("-p tcp -m tcp ! --dport 443 -j DROP", ""),
        ("-p udp -m udp --dport 443 -j DROP", ""),
        ("-p tcp -m tcp --dport 400:500 -j DROP", ""),
        ("-p tcp -m tcp --sport 443 -j DROP", ""),
        ("-p tcp -m tcp --dport 4430 -j DROP", ""),
    ],
)
def test_a_container_marks_the_rules_for_its_published_ports(rule: str, marked: str) -> None:
    """A rule that asks for a published port, however iptables lets it be written, is marked; one without it is not."""
    concern = concern_of(HOST, ContainerItem(HOST.containers[0].id))
    assert concern(f"-A DOCKER-USER {rule}") == marked


def test_a_network_marks_its_bridge() -> None:
    """A network's bridge and subnet mark strongly."""
    concern = concern_of(HOST, NetworkItem(HEHE.id))
    assert concern(f"-A FORWARD -o {BRIDGE} -j DOCKER") == "address"
    assert concern("-A POSTROUTING -s 172.18.0.0/16 -j MASQUERADE") == "address"


@pytest.mark.parametrize(
    ("typed", "text", "found"),
    [
        ("dport 80", "-A X --dport 80 -j Y", True),
        ("DNAT", "-A X -j DNAT", True),
        ("!dnat", "-A X -j DNAT", False),
        ("80|443", "-A X --dport 443", True),
        ("^-A X$", "-A X -j Y", False),
        ("openresty", "-A X -d 172.18.0.3/32", True),
        ("hehe", f"-A X -i {BRIDGE}", True),
        ("!openresty", "-A X -d 172.18.0.3/32", False),
        ("openresty", "-A X -d 172.18.0.30/32", False),
        ("[unclosed", "-A X [unclosed", True),
    ],
)
def test_filters(typed: str, text: str, found: bool) -> None:
    """Plain text, regular expressions, !, and names."""
    assert RuleQuery(Query.parse(typed), NAMES)(text) is found


def test_an_empty_filter_is_none() -> None:
    """Blanks and a bare ! ask for nothing."""
    assert Query.parse("  ") is None
    assert Query.parse("! ") is None


def test_lines_go_table_by_table_in_the_kernels_order() -> None:
    """Nat stands before filter, each chain under its table, each rule under its chain."""
    laid = build_lines(HOST, TableView())
    assert [line.table for line in laid.lines if line.kind == "table"] == ["nat", "filter"]
    assert laid.shown == laid.total == HOST.rulesets[KEY].rule_count()
    keys = [line.key for line in laid.lines]
    assert len(keys) == len(set(keys))


def test_equal_rules_have_different_keys() -> None:
    """The same text twice in a chain is two lines."""
    rules = ruleset({"filter": {"INPUT": ["-j ACCEPT", "-j ACCEPT"]}})
    laid = build_lines(blog_host(rules), TableView())
    assert len({line.key for line in laid.lines}) == len(laid.lines)


TWICE = blog_host(ruleset({"filter": {"INPUT": ["-j ACCEPT", "-s 10.0.0.1/32 -j DROP", "-j ACCEPT"], "FORWARD": []}}))


@pytest.mark.parametrize("host", [HOST, TWICE], ids=["blog", "twice"])
@pytest.mark.parametrize(
    "view",
    [
        TableView(),
        TableView(wanted=lambda text: "ACCEPT" in text),
        TableView(alive=lambda key, rule: rule.number % 2 == 1),
        TableView(new=lambda key, identity: identity[3] == 0),
        TableView(flat=lambda key, identity: len(identity[2])),
        TableView(folded=frozenset({(KEY, "filter", "INPUT"), (KEY, "nat", "DOCKER")})),
        TableView(wanted=lambda text: False),
    ],
    ids=["all", "filter", "moved", "new", "rate", "folded", "nothing"],
)
def test_every_line_stands_where_its_key_says(host: Snapshot, view: TableView) -> None:
    """Lines made when looked at have one key each, by which each is found; a key of no line is nowhere."""
    lines = build_lines(host, view).lines
    made = list(lines)
    assert len(made) == len(lines) == len(lines.keys)
    assert [lines[index] for index in range(len(lines))] == made == lines[:] and lines[-1] == made[-1]
    assert [lines.place(line.key) for line in made] == list(range(len(made)))
    assert [lines.keys[lines.keys.place(line.key)] for line in made] == [line.key for line in made]
    hidden = {line.key for line in build_lines(host, TableView()).lines} - {line.key for line in made}
    assert all(lines.place(key) is None for key in hidden)
    with pytest.raises(IndexError):
        lines[len(lines)]


def test_references_are_counted_as_iptables_does() -> None:
    """Nat DOCKER is jumped to from two chains."""
    found = references(HOST.rulesets[KEY])
    assert found.count("nat", "DOCKER") == 2
    assert [chain.name for chain, _ in found.to("nat", "DOCKER")] == ["PREROUTING", "OUTPUT"]


def track_of(*snapshots: Snapshot) -> CounterTrack:
    """Return a track of these snapshots."""
    track = CounterTrack()
    for snapshot in snapshots:
        track.add(snapshot)
    return track


def test_a_rule_keeps_its_history_when_others_come_above_it() -> None:
    """Rates and history follow the rule's words, not its place."""
    old = blog_host(packets=5)
    grown = blog_rules(extra_user=["-s 10.0.0.1/32 -j DROP"])
    wanted = ("filter", "DOCKER-USER", "-A DOCKER-USER -j RETURN", 0)
    index = counter_index(grown).index(wanted)
    new = replace(old, time=TIME + 2, rulesets={KEY: grown}, counters={KEY: counters(grown, 5, {index: 25})})
    track = track_of(old, new)
    reading = track.reading(KEY, wanted)
    assert (reading.packets, reading.rate, reading.moved) == (25, 10.0, 0)
    assert track.history(KEY, wanted) == [20]
    assert track.reading(KEY, ("filter", "DOCKER-USER", "-A DOCKER-USER -s 10.0.0.1/32 -j DROP", 0)).rate == 0


def test_a_counter_that_began_again_is_no_negative_rate() -> None:
    """A rule made anew counts from zero; a recording that begins again has a new history."""
    rules = blog_rules()
    wanted = ("filter", "DOCKER-USER", "-A DOCKER-USER -j RETURN", 0)
    first = blog_host(rules, packets=50)
    track = track_of(first, later(first, 1, counters={KEY: counters(rules, 3)}))
    assert track.reading(KEY, wanted).rate == 3
    track.add(later(first, -60))
    assert track.reading(KEY, wanted).rate == 0
    assert len(track.frames) == 1


def test_a_moved_mark_fades() -> None:
    """Just now, one refresh ago, two refreshes ago, and no more."""
    rules = blog_rules()
    host = blog_host(rules)
    wanted = ("filter", "DOCKER-USER", "-A DOCKER-USER -j RETURN", 0)
    track = track_of(host)
    seen = []
    for second in range(1, 6):
        track.add(later(host, second, counters={KEY: counters(rules, 6)}))
        seen.append(track.reading(KEY, wanted).moved)
    assert seen == [0, 1, 2, None, None]


def test_old_frames_hold_only_what_moved() -> None:
    """A minute of counters of which few move says the same as whole frames, also when many move at once."""
    rules = blog_rules([f"-s 10.0.0.{n}/32 -j DROP" for n in range(40)])
    host = blog_host(rules)
    wanted = ("filter", "DOCKER-USER", "-A DOCKER-USER -s 10.0.0.7/32 -j DROP", 0)
    index = counter_index(rules).index(wanted)
    track = track_of(host)
    counted = [0]
    for second, (packets, others) in enumerate(
        [(1, 0), (1, 0), (4, 0), (4, 9), (9, 9), (9, 9), (9, 9), (12, 9)] * 2, 1
    ):
        now = counters(rules, others, {index: packets})
        track.add(later(host, second, counters={KEY: now}))
        counted.append(now.packets[index])
    assert any(isinstance(frame.counters[KEY], Thinned) for frame in track.frames)
    assert track.history(KEY, wanted) == [b - a if b >= a else b for a, b in pairwise(counted)]


def test_a_baseline_counts_from_now() -> None:
    """Nothing is zeroed but what is shown."""
    rules = blog_rules()
    host = blog_host(rules, packets=5)
    wanted = ("filter", "DOCKER-USER", "-A DOCKER-USER -j RETURN", 0)
    track = track_of(host)
    track.set_baseline()
    track.add(later(host, 1, counters={KEY: counters(rules, 9)}))
    assert track.reading(KEY, wanted).packets == 4
    track.set_baseline(on=False)
    assert track.reading(KEY, wanted).packets == 9


def test_the_tree_names_everything() -> None:
    """Networks with and without containers, addresses, ports, projects, stopped containers."""
    lines = ["  " * line.depth + plain(line.spans) for line in build_tree(HOST, frozenset())]
    text = "\n".join(lines)
    assert "hehe  172.18.0.0/16  " + BRIDGE in text
    assert "● openresty  172.18.0.3" in text
    assert "443 → 443/tcp" in text
    assert "● blog  172.18.0.2  [site]" in text
    assert "○ old  exited" in text
    assert "lonely  172.19.0.0/16" in text


def test_an_engine_that_was_not_read_is_no_empty_host() -> None:
    """The tree says why there are no networks."""
    blind = replace(HOST, networks=None, containers=None, engine=None, sources={})
    assert "Docker was not read" in plain(build_tree(blind, frozenset())[1].spans)


def test_rule_changes_in_words() -> None:
    """What came and went, by table."""
    old, new = blog_host(), blog_host(blog_rules(["-s 10.0.0.1/32 -j DROP"], ["-p tcp --dport 1 -j DNAT --to 1.2.3.4"]))
    assert summary(rule_changes(old, new)) == "+1 rule in filter, +1 in nat"
    assert summary(rule_changes(new, old)) == "−1 rule in filter, −1 in nat"
    assert rule_changes(old, old) == ()


def test_an_event_and_its_rules_are_one_line() -> None:
    """The rules that come within moments of an event belong to it."""
    log = EventLog()
    log.add_event(Event(TIME, "container", "start", "blog"), HOST)
    log.add_changes(TIME + 1, rule_changes(HOST, blog_host(blog_rules(["-j DROP"]))))
    assert len(log.entries) == 1
    assert plain(entry_spans(log.entries[0])).endswith("blog started: +1 rule in filter")
    log.add_changes(TIME + 60, rule_changes(blog_host(blog_rules(["-j DROP"])), HOST))
    assert log.entries[-1].what == "rules changed"


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Event(0, "container", "start", "blog"), "blog started"),
        (Event(0, "container", "health_status: unhealthy", "blog"), "blog health_status: unhealthy"),
        (Event(0, "network", "destroy", "hehe"), "network hehe removed"),
        (Event(0, "network", "connect", "hehe", attributes={"container": HOST.containers[1].id}),
         "blog connected to network hehe"),
        (Event(0, "daemon", "disconnected"), "Docker disconnected"),
        (Event(0, "container", "start", "", "abcdef0123456789"), "abcdef012345 started"),
    ],
)  # fmt: skip
def test_events_in_words(event: Event, words: str) -> None:
    """Who did what."""
    assert event_words(event, HOST) == words


def test_old_data_cannot_be_missed() -> None:
    """A daemon that is gone, and a reader that hangs, are told with the time of the data."""
    docker = replace(HOST.sources["docker"], error="the daemon does not answer")
    lost = replace(HOST, sources={**HOST.sources, "docker": docker})
    state = health(lost, "live", TIME)
    assert state.lost == TIME
    assert "Docker disconnected, data of" in plain(status_spans(lost, "live", state, arrived=True, width=200))
    assert health(HOST, "live", TIME + 60).lost == TIME
    assert health(HOST, "live", TIME + 60, stale=90).lost is None
    assert health(HOST, "replay", TIME + 60).lost is None


def test_a_lost_line_is_said_with_the_machine_s_name() -> None:
    """Of another machine the header has the name by which it was asked for, and what is old."""
    sources = {
        name: replace(state, error="disconnected since 12:00:00 (the connection ended)", disconnected=True)
        for name, state in HOST.sources.items()
    }
    lost = replace(HOST, sources=sources)
    state = health(lost, "live", TIME)
    assert state.what == "disconnected"
    text = plain(status_spans(lost, "live", state, arrived=True, width=200, place="web\x1b1 (1/2)"))
    assert text.startswith(" netui  web\\x1b1 (1/2)  ⚠ disconnected, data of ")
    never = {name: replace(each, read=False, time=None) for name, each in sources.items()}
    text = plain(status_spans(replace(HOST, sources=never), "live", state, arrived=True, width=200, place="web"))
    assert text.startswith(" netui  web  ⚠ disconnected since 12:00:00 (the connection ended) ")
    assert "reading web" in plain(status_spans(lost, "live", state, arrived=False, width=80, place="web"))


@pytest.mark.parametrize("mode", ["demo", "replay"])
def test_what_is_not_live_says_so(mode: Mode) -> None:
    """DEMO and REPLAY stand at the very front."""
    text = plain(status_spans(HOST, mode, health(HOST, mode, TIME), arrived=True, width=80))
    assert mode.upper() in text[:20]


def test_wrapping_loses_no_word() -> None:
    """All words of a long rule can be read, each line within the width."""
    words = " ".join(f"--option{n} value{n}" for n in range(20))
    lines = wrap([("text        ", "key"), (words, "")], 40, 12)
    assert all(len(plain(line)) <= 40 for line in lines)
    assert "".join(plain(line) for line in lines).replace(" ", "") == ("text" + words).replace(" ", "")
    assert len(wrap([("x" * 10_000, "")], 40, 2)) == 30


def test_a_flow_says_for_whom_it_is_otherwise() -> None:
    """An allow list: everyone else's verdict, and the networks that rules let in."""
    rules = ("-A FORWARD -s 203.0.113.0/24 -j ACCEPT", "-A FORWARD -i eth0 -j DROP")
    dnat = nat_rules("-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.18.0.3:80")
    found = path(host(dnat + filter_rules(*rules)), "outside", "host:80")
    flow = Flow("published", "outside → 80", found.source, found.destination, found)
    assert plain(flow_spans(flow, 20)).endswith("filter FORWARD 2, delivered for 203.0.113.0/24")
    told = "delivered for 203.0.113.0/24 (rule 1 of filter FORWARD)"
    assert told in [text for text, _role in why(found)]
    assert f"  {told}" in path_text(flow).splitlines()


def _headers(mode: Mode = "live", host: Snapshot = HOST, **more: Any) -> dict[int, str]:
    """The header at each width from 60 to 120 columns."""
    state = health(host, mode, TIME)
    return {
        width: plain(status_spans(host, mode, state, arrived=True, width=width, findings=2, **more))
        for width in range(60, 121)
    }


def _failing() -> Snapshot:
    """The host with two sources that could not be read."""
    sources = {name: replace(state, read=name not in ("ipset", "route")) for name, state in HOST.sources.items()}
    return replace(HOST, sources=sources)


#: What each header holds, the most important first.
HEADERS = [
    pytest.param({"mode": "demo"}, ["DEMO", "doctor: 2 findings", "lab", "a recorded host", "rules in nft"], id="demo"),
    pytest.param({}, ["netui", "doctor: 2 findings", "lab", "live", "rules in nft", "Docker 20"], id="live"),
    pytest.param({"place": "web1 (1/2)"}, ["web1 .1/2.", "doctor: 2 findings", "lab", "live", "Docker"], id="another"),
    pytest.param({"host": _failing()}, ["doctor: 2 findings", "not read|⚠", "lab", "live"], id="what was not read"),
]


@pytest.mark.parametrize(("given", "words"), HEADERS)
def test_the_header_leaves_out_what_matters_least(given: dict[str, Any], words: list[str]) -> None:
    """At 60 to 120 columns it fits, nothing is cut, and a word is there only with all that matter more."""
    host = replace(given.pop("host", HOST), hostname="lab")
    lines = _headers(host=host, **given)
    for width, text in lines.items():
        assert len(text) <= width
        assert "…" not in text
        there = [bool(re.search(word, text)) for word in words]
        assert there == sorted(there, reverse=True), text
    narrow, wide = (sum(bool(re.search(word, lines[width])) for word in words) for width in (60, 120))
    assert 2 <= narrow < wide == len(words)


FITTING = [
    pytest.param(20, {}, "name long rest quiet", id="all"),
    pytest.param(15, {}, "name long rest", id="from the end"),
    pytest.param(13, {"quiet": True}, "name rest", id="the quiet ones first"),
    pytest.param(6, {}, "name", id="the first stays"),
    pytest.param(3, {}, "na…", id="and is cut last"),
]


@pytest.mark.parametrize(("width", "given", "shown"), FITTING)
def test_whole_pieces_are_left_out(width: int, given: dict[str, Any], shown: str) -> None:
    """A line of pieces in a narrow pane: none is cut in the middle of a word while another can go."""
    spans: Spans = [("name", "name"), (" long", "dim"), (" rest", "warn"), (" quiet", "dim")]
    assert plain(fitting(spans, width, 1, **given)) == shown


_LETTERS = st.text(st.sampled_from("ab \u0301\u200d\ufe0f日本👩👍🏽é\u1100\u1161"), max_size=300)


@given(text=_LETTERS, width=st.integers(1, 40))
def test_cells_are_cut_without_looking_at_all_of_a_text(text: str, width: int) -> None:
    """A part of a long text gives what the whole of it gives."""
    assert fits(text, width) == (cell_len(text) <= width)
    if not fits(text, width):
        assert first_cells(text, width) == set_cell_size(text, width)
