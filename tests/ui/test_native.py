"""Native nftables tables on the screen: counters that are not there, verdict maps, nft's words, filter and marks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from netui.dialects.nft.document import read_entries
from netui.model import Counters, Rule, RulesetKey, Snapshot
from netui.model.statements import NftSet
from netui.sources.capture.pasted import read_pasted
from netui.sources.capture.reader import read_capture
from netui.ui.answers.worker import SOLVE
from netui.ui.app import NetuiApp
from netui.ui.background.flow_finder import traversal_flows
from netui.ui.messages import FlowOpened
from netui.ui.panes.finder import ChainFinder
from netui.ui.presenters.chains.rules import brief, rule_cells
from netui.ui.presenters.names import Names
from netui.ui.presenters.selection import ContainerItem, Item, NetworkItem, concern_of
from netui.ui.presenters.spans import plain
from tests.ui.fakes import BRIDGE, CASES, HEHE, blog_host, later
from tests.ui.steps import arrive, row_of, rows, running, screen_text, until

INET, IP = RulesetKey("inet", "nftables"), RulesetKey("ip", "nftables")
NFT = CASES / "engine-29.7-nft" / "host"
HOST = blog_host()
NAMES = Names.of(HOST)
OPENRESTY = ContainerItem(HOST.containers[0].id)
SETS = """
\tset people {
\t\ttype ipv4_addr
\t\telements = { 172.18.0.3, 198.51.100.7 }
\t}
\tset nets {
\t\ttype ipv4_addr
\t\tflags interval
\t\telements = { 172.18.0.0/16 }
\t}
\tset ports {
\t\ttype inet_service
\t\telements = { 22, 443 }
\t}
\tmap ways {
\t\ttype ifname : verdict
\t\telements = { "BRIDGE" : jump mine, "eth9" : jump other }
\t}
\tmap homes {
\t\ttype inet_service : ipv4_addr
\t\telements = { 8443 : 172.18.0.3 }
\t}
""".replace("BRIDGE", BRIDGE)


def native(*rules: str, base: str = "type filter hook forward priority 0; policy drop;") -> Snapshot:
    """Return the blog post's host with one more table: these rules, and the chains mine, other and unused."""
    listed = "".join(f"\t\t{rule}\n" for rule in rules)
    chains = "".join(
        f"\tchain {name} {{\n\t\tcounter packets 4 bytes 240\n\t}}\n" for name in ("mine", "other", "unused")
    )
    text = f"table inet guard {{{SETS}\tchain first {{\n\t\t{base}\n{listed}\t}}\n{chains}}}\n"
    read = read_pasted(text, "rules.txt")
    return replace(
        HOST,
        rulesets={**HOST.rulesets, INET: read.rulesets[INET]},
        counters={**HOST.counters, INET: read.counters[INET]},
    )


def first(snapshot: Snapshot, number: int = 1) -> tuple[Rule, Mapping[str, NftSet]]:
    """Return a rule of the chain first, and its table's sets."""
    table = snapshot.rulesets[INET].table("guard")
    return table.chain("first").rules[number - 1], table.sets


def to_rule(app: NetuiApp, number: int = 1) -> None:
    """Put the cursor on a rule of the chain first."""
    chains = app.main.chains
    chains.focus()
    chains.go_to_chain(INET, "guard", "first")
    chains.move_to(chains.cursor + number)


@pytest.mark.parametrize(
    ("text", "target", "rest"),
    [
        ("oifname vmap @ways", "vmap @ways", "oifname vmap @ways"),
        ("tcp dport vmap { 80 : jump mine, 443 : drop }", "mine, drop", None),
        ("ct state vmap { new : accept, invalid : drop, related : accept }", "accept, drop", None),
        (f'iifname "{BRIDGE}" counter accept', "accept", "iifname hehe"),
        (f'iifname != "{BRIDGE}" dnat ip to 172.18.0.3:443', "dnat", "iifname != hehe dnat ip to openresty:443"),
        ("ip saddr { 172.18.0.3, 10.0.0.9 } jump mine", "mine", "ip saddr { openresty, 10.0.0.9 }"),
        ("tcp dport 22 goto other", "other", "tcp dport 22 goto other"),
        ("fib daddr type local masquerade", "masquerade", "fib daddr type local"),
        ("tcp dport 22 reject with tcp reset", "reject", "tcp dport 22 reject with tcp reset"),
        ('counter comment "counter drop"', "", 'comment "counter drop"'),
        ('log prefix "counter: " counter', "log", 'log prefix "counter: "'),
        ("tcp dport 22", "(nothing)", "tcp dport 22"),
        ("meta mark set 0x10", "meta mark set", None),
        ("ct state new add @people { ip saddr counter }", "add @people", None),
    ],
)  # fmt: skip
def test_a_native_rule_is_in_nfts_words(text: str, target: str, rest: str | None) -> None:
    """The column of targets says what the rule does; the rest stands in nft's words, with Docker's names."""
    rule, _ = first(native(text))
    cells = rule_cells(rule, NAMES, "ip")
    assert cells.target == target
    assert rest is None or brief(cells) == rest
    assert "nft " not in brief(cells) and not brief(cells, named=False).count("hehe")


@pytest.mark.parametrize("size", [(160, 45), (80, 24)])
async def test_a_rule_without_a_counter_has_no_numbers(size: tuple[int, int]) -> None:
    """It shows a dash, no rate and no history, on the screen and in its details; its neighbour's counter moves."""
    host = native("tcp dport 22 accept", "tcp dport 80 counter packets 7 bytes 420 accept")
    async with running(host, size=size) as (app, pilot):
        to_rule(app)
        for second in (1, 2):
            moved = Counters(tuple(9 * second for _ in host.counters[INET].packets), host.counters[INET].bytes)
            await arrive(app, pilot, later(host, second, counters={**host.counters, INET: moved}))
        assert row_of(app.main.chains).split()[:3] == ["1", "–", "–"] if size[0] > 100 else ["1", "–", "accept"]
        details = "\n".join(rows(app.main.detail))
        assert "no: the rule has no counter statement" in details and "last minute" not in details
        to_rule(app, 2)
        await pilot.pause()
        assert " 18 " in row_of(app.main.chains) and "9/s" in row_of(app.main.chains)
        header = plain(app.main.chains.line_spans(app.main.chains.cursor - 2, 150))
        assert "policy drop" in header and "hook forward" in header and "pkts" not in header


@pytest.mark.parametrize(
    ("rules", "marks"),
    [
        (["oifname vmap @ways"], {"mine": "1 reference", "other": "1 reference", "unused": "not jumped to"}),
        (["tcp dport vmap { 80 : goto mine, 443 : drop }"], {"mine": "1 reference", "other": "not jumped to"}),
        (["jump mine", "oifname vmap @ways"], {"mine": "2 references", "other": "1 reference"}),
        (["accept"], {"mine": "not jumped to", "other": "not jumped to", "unused": "not jumped to"}),
    ],
)
async def test_jumps_through_verdict_maps_are_counted(rules: list[str], marks: dict[str, str]) -> None:
    """A chain that a map leads to is not unused; one that only an unasked map names is."""
    async with running(native(*rules)) as (app, _pilot):
        chains = app.main.chains
        for name, mark in marks.items():
            chains.go_to_chain(INET, "guard", name)
            assert mark in plain(chains.line_spans(chains.cursor, 150))


async def test_an_unread_map_leaves_open_who_is_jumped_to() -> None:
    """Of a map whose elements were not read nobody says that no chain is jumped to."""
    host = native("oifname vmap @ways")
    ruleset = host.rulesets[INET]
    table = ruleset.tables[0]
    unread = replace(table, sets={**table.sets, "ways": replace(table.sets["ways"], elements=None)})
    host = replace(host, rulesets={**host.rulesets, INET: replace(ruleset, tables=(unread,))})
    async with running(host) as (app, pilot):
        chains = app.main.chains
        chains.go_to_chain(INET, "guard", "mine")
        assert "not read" in plain(chains.line_spans(chains.cursor, 150))
        to_rule(app)
        await pilot.press("enter")
        assert chains.current.chain.name == "first" and chains.current.rule is not None


@pytest.mark.parametrize(
    ("rule", "item", "to"),
    [
        ("jump mine", None, "mine"),
        ("tcp dport vmap { 80 : jump mine, 443 : drop }", None, "mine"),
        ("oifname vmap @ways", OPENRESTY, "mine"),
        ("oifname vmap @ways", NetworkItem(HEHE.id), "mine"),
        ("tcp dport vmap { 22 : jump mine, 443 : jump other }", OPENRESTY, "other"),
        ("ip daddr vmap { 172.18.0.3 : jump other, 10.0.0.1 : jump mine }", OPENRESTY, "other"),
        ("ip daddr vmap { 172.18.0.0/24 : jump other, 10.0.0.0/8 : jump mine }", OPENRESTY, "other"),
        ("ip saddr vmap { 172.18.0.1-172.18.0.9 : goto mine, 10.0.0.0/8 : jump other }", OPENRESTY, "mine"),
        ('iifname vmap { "eth0" : jump mine, "br-*" : jump other }', OPENRESTY, "other"),
        ("ip saddr . tcp dport vmap { 10.0.0.1 . 443 : jump mine, 10.0.0.1 . 25 : jump other }", OPENRESTY, "mine"),
        ("tcp dport vmap { 80 : drop, 443 : accept }", None, ""),
    ],
)  # fmt: skip
async def test_enter_follows_a_verdict_map(rule: str, item: Item, to: str) -> None:
    """Enter goes to the one chain, or to the selected thing's; Backspace comes back; without a chain it stays."""
    async with running(native(rule)) as (app, pilot):
        app.state.mark(item)
        to_rule(app)
        await pilot.press("enter")
        line = app.main.chains.current
        assert (line.chain.name, line.kind) == ((to, "chain") if to else ("first", "rule"))
        await pilot.press("backspace")
        assert not to or app.main.chains.current.chain.name == "first"


async def test_enter_asks_where_a_map_leads_to_several_chains() -> None:
    """With nothing selected the chains of the map are offered, and no others."""
    async with running(native("oifname vmap @ways")) as (app, pilot):
        to_rule(app)
        await pilot.pause()
        details = "\n".join(rows(app.main.detail))
        assert "hehe → mine (1 rule)" in details and '"eth9" → other (1 rule)' in details
        await pilot.press("enter")
        assert isinstance(app.screen, ChainFinder)
        shown = screen_text(app)
        assert "hehe → mine" in shown and '"eth9" → other' in shown and "unused" not in shown
        await pilot.press("down", "enter")
        assert app.main.chains.current.chain.name == "other"


@pytest.mark.parametrize(
    ("rule", "concern"),
    [
        ("ip daddr 172.18.0.3 accept", "address"),
        (f'iifname "{BRIDGE}" accept', "bridge"),
        ("ip saddr @people accept", "address"),
        ("ip saddr @nets accept", "bridge"),
        ("oifname vmap @ways", "bridge"),
        ("tcp dport @ports accept", "address"),
        ("tcp dport { 22, 443 } accept", "address"),
        ("tcp dport 443 accept", "address"),
        ("udp dport 443 accept", ""),
        ("tcp dport 4430 accept", ""),
        ("ip daddr 10.9.9.9 tcp dport 443 accept", ""),
        ("dnat ip to tcp dport map @homes", "address"),
        ("ip saddr 172.18.0.30 accept", ""),
        ("ip saddr . tcp dport { 10.0.0.1 . 443 } drop", "address"),
    ],
)
def test_the_rules_of_a_selected_container(rule: str, concern: str) -> None:
    """By address, bridge, port, and the elements of the sets and maps that the rule asks."""
    found, sets = first(native(rule))
    assert concern_of(HOST, OPENRESTY).of_rule(found, sets) == concern


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("openresty", ["ip saddr @people accept", "ip daddr 172.18.0.3 accept"]),
        ("198.51.100.7", ["ip saddr @people accept"]),
        ("hehe", ["oifname vmap @ways"]),
        ("eth9", ["oifname vmap @ways"]),
        ("!accept", ["oifname vmap @ways", "tcp dport 22 drop"]),
        ("dport 22$", []),
    ],
)
async def test_the_filter_finds_elements_of_sets(typed: str, kept: list[str]) -> None:
    """A rule is found by its own words, by Docker's names, and by what its sets and maps hold."""
    host = native("ip saddr @people accept", "oifname vmap @ways", "tcp dport 22 drop", "ip daddr 172.18.0.3 accept")
    async with running(host) as (app, pilot):
        app.main.chains.set_filter(typed)
        await pilot.pause()
        shown = [
            line.rule.text
            for line in app.main.chains.laid.lines
            if line.rule is not None and line.chain.name == "first" and line.ruleset == INET
        ]
        assert sorted(shown) == sorted(kept)


async def test_every_table_alone_by_the_key_v() -> None:
    """All tables, iptables' of either variant, and native ones alone."""
    async with running(native("accept")) as (app, pilot):
        app.main.chains.focus()
        seen = []
        for _ in range(4):
            await pilot.press("V")
            seen.append({line.ruleset.backend for line in app.main.chains.laid.lines if line.kind == "table"})
        assert seen == [{"nft"}, set(), {"nftables"}, {"nft", "nftables"}]
        assert "rule, in nft's words" not in rows(app.main.chains)[0]


async def test_the_columns_of_a_native_table() -> None:
    """Where native rules are at the top the header names no column of iptables'."""
    async with running(native("accept")) as (app, pilot):
        app.main.chains.focus()
        await pilot.press("V", "V", "V")
        await pilot.pause()
        header, heading = rows(app.main.chains)[:2]
        assert "rule, in nft's words" in header and "destination" not in header
        assert "nftables inet" in heading


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("ip saddr @people accept", "elements    @people: openresty, 198.51.100.7"),
        ("ip saddr != @nets drop", "elements    @nets: hehe"),
        ("dnat ip to tcp dport map @homes", "elements    @homes: 8443 : openresty"),
        ("tcp dport @nowhere accept", "elements    @nowhere: not known: its elements were not read"),
        ("oifname vmap @ways", "jumps to    hehe → mine (1 rule)"),
        ("quota over 10 mbytes used 3 mbytes drop", "quota       over 10 mbytes, 3.0 MiB used, 30%"),
    ],
)
async def test_the_details_tell_the_elements_of_sets(rule: str, told: str) -> None:
    """A rule's details tell what its set or map holds, with Docker's names, and what its quota has used."""
    async with running(native(rule)) as (app, pilot):
        to_rule(app)
        await pilot.pause()
        assert told in "\n".join(rows(app.main.detail))


async def test_a_dormant_tables_chain_is_no_unused_one() -> None:
    """A base chain that hangs on no hook says that no packet comes there."""
    host = native("accept")
    ruleset = host.rulesets[INET]
    (table,) = ruleset.tables
    asleep = replace(table, chains=tuple(replace(each, base=None) for each in table.chains))
    host = replace(host, rulesets={**host.rulesets, INET: replace(ruleset, tables=(asleep,))})
    async with running(host) as (app, _pilot):
        app.main.chains.go_to_chain(INET, "guard", "first")
        header = plain(app.main.chains.line_spans(app.main.chains.cursor, 150))
        assert "no packet comes here" in header and "not jumped to" not in header


async def test_a_native_tables_heading_says_whose_it_is() -> None:
    """Docker's tables are named as its own; a stranger's table has no owner."""
    async with running(read_capture(NFT)) as (app, _pilot):
        lines = app.main.chains
        headings = [plain(lines.line_spans(i, 150)) for i, line in enumerate(lines.laid.lines) if line.kind == "table"]
        assert headings[0].startswith(" docker-bridges  nftables ip  Docker: its bridge networks")
        assert " guard  nftables inet" in headings


async def test_a_networks_own_chain_has_its_name() -> None:
    """Docker's chain of a bridge is shown with the network's name, unless names are off."""
    async with running(read_capture(NFT)) as (app, pilot):
        chains = app.main.chains
        chains.focus()
        chains.go_to_chain(IP, "docker-bridges", "filter-forward-in__br-a15309ec8f18")
        assert "  web  1 reference" in plain(chains.line_spans(chains.cursor, 150))
        await pilot.press("w")
        assert "  web" not in plain(chains.line_spans(chains.cursor, 150))


@pytest.mark.parametrize("key", ["E", "R"])
async def test_answers_lead_to_native_rules(key: str) -> None:
    """Enter in the answers goes to the native rule that decides."""
    async with running(read_capture(NFT), answers=SOLVE) as (app, pilot):
        await pilot.press(key)
        await until(pilot, lambda: app.answers.screen is not None and app.answers.screen.lines.line_count > 1)
        await until(pilot, lambda: "guard" in screen_text(app) or "docker-bridges" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.main)
        line = app.main.chains.current
        assert line.ruleset.backend == "nftables" and line.chain is not None


async def test_a_step_names_the_family_of_a_table() -> None:
    """A step of an inet table says so: a table of that name may stand in several families."""
    host = read_capture(NFT)
    shop = next(each for each in host.containers if each.name == "shop")
    flows = traversal_flows(host, shop.id)
    flow = next(f for f in flows if any(step.family == "inet" for leg in f.path.legs for step in leg.steps))
    async with running(host) as (app, pilot):
        app.open_flow(FlowOpened(flow))
        app.action_steps()
        await pilot.pause()
        shown = "\n".join(rows(app.main.chains))
        assert "inet guard" in shown and "ip docker-bridges" not in shown and "–" in shown


async def test_moved_only_hides_rules_without_a_counter() -> None:
    """Of a rule without a counter nobody knows whether it moved."""
    async with running(native("tcp dport 22 accept", "tcp dport 80 counter packets 7 bytes 420 accept")) as (
        app,
        pilot,
    ):
        app.main.chains.focus()
        await pilot.press("m")
        shown = [line.rule.text for line in app.main.chains.laid.lines if line.rule and line.chain.name == "first"]
        assert shown == ["tcp dport 80 counter accept"]


async def test_steps_of_native_rules_are_lines_of_the_table() -> None:
    """Each step of a container's flows on Engine 29.7's nftables is a rule of the table; Enter follows its map."""
    host = read_capture(NFT)
    shop = next(each for each in host.containers if each.name == "shop")
    async with running(host) as (app, pilot):
        chains = app.main.chains
        followed = 0
        for flow in traversal_flows(host, shop.id):
            app.open_flow(FlowOpened(flow))
            steps = [step for leg in flow.path.telling_legs if not leg.where for step in leg.steps]
            for number, step in enumerate(steps, 1):
                if number > 1:
                    chains.go_to_step(1)
                line = chains.current
                assert (line.table, line.chain.name) == (step.table, step.chain)
                assert step.rule is None or line.rule.text == step.text
                if "vmap" in step.text:
                    chains.activated(chains.cursor)
                    assert f"jump {chains.current.chain.name}" == step.says
                    followed += 1
                    chains.action_back()
        assert followed > 3
        await pilot.pause()


async def test_a_pasted_rule_without_counters_shows_none() -> None:
    """What was pasted without counters is not known to have met no packet."""
    text = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n"
    async with running(read_pasted(text, "rules.txt")) as (app, pilot):
        chains = app.main.chains
        chains.focus()
        chains.move_to(2)
        await pilot.pause()
        assert row_of(chains).split()[:3] == ["1", "–", "–"]
        assert "not known: its counter was not read" in "\n".join(rows(app.main.detail))


async def test_strangers_text_in_sets_and_chains_is_shown_escaped() -> None:
    """Escape sequences in names of chains, sets, interfaces and comments reach neither table, details nor choice."""
    evil = "\x1b[31mred\x07\n"
    vmap = {"vmap": {"key": {"meta": {"key": "iifname"}}, "data": f"@{evil}"}}
    log = {"log": {"prefix": evil}}
    own = {"family": "inet", "table": "guard"}
    elements = [
        ["eth0", {"jump": {"target": f"{evil}a"}}],
        [evil, {"goto": {"target": f"{evil}b"}}],
        ["x", {"drop": None}],
    ]
    entries = [
        {"table": {"family": "inet", "name": "guard"}},
        {"chain": {**own, "name": "first", "type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}},
        *({"chain": {**own, "name": f"{evil}{name}"}} for name in "ab"),
        {"map": {**own, "name": evil, "type": "ifname", "map": "verdict", "elem": elements}},
        {"rule": {**own, "chain": "first", "handle": 1, "expr": [vmap], "comment": evil}},
        {"rule": {**own, "chain": "first", "handle": 2, "expr": [log], "comment": evil}},
    ]
    ruleset, numbers = read_entries(entries, lambda family, name: True)[INET]
    host = replace(HOST, rulesets={**HOST.rulesets, INET: ruleset}, counters={**HOST.counters, INET: numbers})
    async with running(host) as (app, pilot):
        for number in (2, 1):
            to_rule(app, number)
            await pilot.pause()
            assert "red" in screen_text(app) and not set("\x1b\x07") & set(screen_text(app))
            for pane in (app.main.chains, app.main.detail):
                told = "".join(plain(pane.line_spans(place, 300)) for place in range(pane.line_count))
                assert "red" in told and not set("\x1b\x07\n") & set(told)
        await pilot.press("enter")
        assert isinstance(app.screen, ChainFinder)
        assert not set("\x1b\x07") & set(screen_text(app))
        await pilot.press("enter")
        assert app.main.chains.current.chain.name.endswith("a")


async def test_a_neighbours_chain_says_what_it_is_for() -> None:
    """The details of a chain in somebody's native table: whose it is and what is kept in it."""
    name = "filter_FWD_policy_docker-forwarding"
    text = f"table inet firewalld {{\n\tchain {name} {{\n\t\taccept\n\t}}\n}}\n"
    read = read_pasted(text, "rules.txt")
    async with running(replace(native("accept"), rulesets=read.rulesets, counters=read.counters)) as (app, pilot):
        app.main.chains.focus()
        app.main.chains.go_to_chain(INET, "firewalld", name)
        await pilot.pause()
        shown = "\n".join(rows(app.main.detail))
        assert "firewalld's" in shown
        assert "policy docker-forwarding, forwarded packets" in shown
