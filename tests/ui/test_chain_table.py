"""The chain table: cursor, scroll and folding through every change, and all its keys."""

from __future__ import annotations

import random
from dataclasses import replace

from textual.geometry import Region

from netui.model import Counters, Ruleset, RulesetKey, Snapshot
from netui.ui.app import NetuiApp
from netui.ui.messages import FlowOpened, SnapshotArrived
from netui.ui.presenters.chains.counters import counter_index
from tests.ui.fakes import BRIDGE, KEY, blog_host, blog_rules, counters, later, ruleset
from tests.ui.flows_fake import published
from tests.ui.steps import arrive, row_of, rows, running, until


def many(*numbers: int, more: int = 0) -> Ruleset:
    """Return a ruleset whose DOCKER-USER holds a rule for each number."""
    return blog_rules([f"-s 10.0.{n // 250}.{n % 250}/32 -j DROP" for n in numbers], ["-p udp -j RETURN"] * more)


def host_of(rules: Ruleset, second: float = 0, packets: int = 5, moved: dict[int, int] | None = None) -> Snapshot:
    """Return the blog post's host with these rules."""
    return later(blog_host(rules, packets=packets, moved=moved), second)


def rule_place(app: NetuiApp, text: str) -> int:
    """Return where the line of the rule with this text stands."""
    return next(i for i, line in enumerate(app.main.chains.laid.lines) if line.rule and line.rule.text == text)


async def test_rules_stand_with_their_names_and_counters() -> None:
    """Nat DOCKER's DNAT rule names openresty, with packets, bytes and target."""
    async with running() as (app, _pilot):
        text = "\n".join(rows(app.main.chains))
        assert "DNAT" in text and "to:openresty:443" in text
        assert "policy ACCEPT" in text and "2 references" in text
        assert "num" in rows(app.main.chains)[0] and "destination" in rows(app.main.chains)[0]


async def test_the_line_under_the_cursor_stays_through_300_snapshots() -> None:
    """Rules come, go and move above and below; the cursor's rule keeps its row on the screen."""
    choice = random.Random(4)
    numbers = list(range(300))
    kept = "-A DOCKER-USER -s 10.0.0.150/32 -j DROP"
    async with running(host_of(many(*numbers))) as (app, pilot):
        chains = app.main.chains
        chains.focus()
        chains.move_to(rule_place(app, kept), centre=True)
        await pilot.pause()
        row = chains.cursor - chains.scroll_offset.y
        for second in range(1, 301):
            for _ in range(choice.randrange(4)):
                gone = choice.choice(numbers)
                if gone != 150:
                    numbers.remove(gone)
            for _ in range(choice.randrange(4)):
                new = choice.randrange(300, 60_000)
                if new not in numbers:
                    numbers.insert(choice.randrange(len(numbers) + 1), new)
            if choice.random() < 0.3:
                one, other = choice.randrange(len(numbers)), choice.randrange(len(numbers))
                numbers[one], numbers[other] = numbers[other], numbers[one]
            rules = many(*numbers, more=choice.randrange(3))
            app.take_snapshot(message(host_of(rules, second, packets=second)))
            if second % 10 == 0:
                await pilot.pause()
            assert chains.current.rule.text == kept
            if 40 < chains.cursor < len(chains.laid.lines) - 40:
                assert chains.cursor - chains.scroll_offset.y == row
            assert "10.0.0.150" in row_of(chains)


def message(snapshot: Snapshot) -> SnapshotArrived:
    """Return the message that brings a snapshot."""
    from netui.ui.messages import SnapshotArrived

    return SnapshotArrived(snapshot)


async def test_a_scrolled_view_without_the_cursor_does_not_jump() -> None:
    """Scrolled away with the wheel, the top line stays when rules come above it."""
    async with running(host_of(many(*range(300)))) as (app, pilot):
        chains = app.main.chains
        chains.scroll_to(y=200, animate=False, force=True)
        await pilot.pause()
        top = chains.laid.lines[chains.scroll_offset.y].key
        await arrive(app, pilot, host_of(many(*range(1000, 1020), *range(300)), 1))
        assert chains.laid.lines[chains.scroll_offset.y].key == top


async def test_a_rule_that_goes_leaves_the_cursor_beside_it() -> None:
    """The cursor goes to the next rule that is still there."""
    async with running(host_of(many(1, 2, 3))) as (app, pilot):
        chains = app.main.chains
        chains.focus()
        chains.move_to(rule_place(app, "-A DOCKER-USER -s 10.0.0.2/32 -j DROP"))
        await arrive(app, pilot, host_of(many(1, 3), 1))
        assert chains.current.rule.text == "-A DOCKER-USER -s 10.0.0.3/32 -j DROP"


async def test_folding_survives_a_refresh() -> None:
    """A folded chain stays folded when rules come, and unfolds with the same key."""
    async with running() as (app, pilot):
        chains = app.main.chains
        chains.focus()
        chains.go_to_chain(KEY, "filter", "FORWARD")
        await pilot.press("space")
        before = len(chains.laid.lines)
        assert chains.current.folded
        await arrive(app, pilot, host_of(blog_rules(["-j DROP"]), 1))
        assert chains.current.folded and chains.current.chain.name == "FORWARD"
        assert len(chains.laid.lines) == before + 1
        await pilot.press("space")
        assert not chains.current.folded
        await pilot.press("minus")
        assert all(line.folded for line in chains.laid.lines if line.kind == "chain" and line.chain.rules)
        await pilot.press("minus")
        assert not any(line.folded for line in chains.laid.lines)


async def test_only_cells_that_changed_are_painted() -> None:
    """A refresh that moves one counter asks for its cells, on its line alone."""
    rules = blog_rules()
    async with running(host_of(rules)) as (app, pilot):
        chains = app.main.chains
        asked: list[Region] = []
        chains.refresh = lambda *regions, **_: asked.extend(regions)  # type: ignore[method-assign]
        index = counter_index(rules).index(
            ("nat", "PREROUTING", "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER", 0)
        )
        await arrive(app, pilot, later(app.state.snapshot, 1, counters={KEY: counters(rules, 5, {index: 9})}))
        places_asked = {chains.scroll_offset.y + region.y - chains.header_lines for region in asked}
        assert [chains.laid.lines[place].rule.text.split()[1] for place in places_asked] == ["PREROUTING"]
        assert sum(region.width for region in asked) < 30


async def test_counters_rates_and_marks_move() -> None:
    """The counter, its rate and the mark of a rule that moved stand on its line, then the mark fades."""
    rules = blog_rules()
    index = counter_index(rules).index(("nat", "PREROUTING", "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER", 0))
    async with running(host_of(rules)) as (app, pilot):
        chains = app.main.chains
        chains.move_to(2)
        seen = []
        for second in range(1, 5):
            now = counters(rules, 5, {index: 17})
            await arrive(app, pilot, later(blog_host(rules), second, counters={KEY: now}))
            seen.append(row_of(chains))
        assert " 17 " in seen[0] and "▲" in seen[0] and "12/s" in seen[0]
        assert "△" in seen[1] and "/s" not in seen[1]
        assert "·" in seen[2]
        assert not set("▲△·") & set(seen[3])


async def test_enter_follows_a_jump_and_backspace_returns() -> None:
    """A jump leads to its chain's header, there and back over several jumps."""
    async with running() as (app, pilot):
        chains = app.main.chains
        chains.focus()
        chains.move_to(rule_place(app, "-A FORWARD -j DOCKER-ISOLATION-STAGE-1"))
        await pilot.press("enter")
        assert chains.current.chain.name == "DOCKER-ISOLATION-STAGE-1" and chains.current.kind == "chain"
        await pilot.press("j", "enter")
        assert chains.current.chain.name == "DOCKER-ISOLATION-STAGE-2"
        await pilot.press("backspace", "backspace")
        assert chains.current.rule.text == "-A FORWARD -j DOCKER-ISOLATION-STAGE-1"
        await pilot.press("backspace")
        assert chains.current.rule.text == "-A FORWARD -j DOCKER-ISOLATION-STAGE-1"


async def test_brackets_go_from_chain_to_chain() -> None:
    """] to the next header, [ to the one before."""
    async with running() as (app, pilot):
        chains = app.main.chains
        chains.focus()
        await pilot.press("g", "right_square_bracket", "right_square_bracket")
        assert (chains.current.kind, chains.current.chain.name) == ("chain", "INPUT")
        await pilot.press("left_square_bracket")
        assert chains.current.chain.name == "PREROUTING"


async def test_moving_keys() -> None:
    """J k, arrows, pages and edges."""
    async with running(host_of(many(*range(100))), size=(80, 24)) as (app, pilot):
        chains = app.main.chains
        chains.focus()
        await pilot.press("j", "down", "k")
        assert chains.cursor == 1
        await pilot.press("G")
        assert chains.cursor == len(chains.laid.lines) - 1
        await pilot.press("pageup")
        assert chains.cursor < len(chains.laid.lines) - 5
        await pilot.press("ctrl+d", "home")
        assert chains.cursor == 0
        await pilot.press("pagedown", "end", "g")
        assert chains.cursor == 0


async def test_filter_says_how_many_of_how_many() -> None:
    """/ narrows both panes while typing; a name finds its rules; Esc clears."""
    async with running() as (app, pilot):
        chains = app.main.chains
        chains.focus()
        total = chains.laid.total
        await pilot.press("slash", *"openresty", "enter")
        assert chains.has_focus
        assert chains.laid.shown == 4
        assert f"4 of {total}" in str(chains.border_title)
        assert all("172.18.0.3" in line.rule.text for line in chains.laid.lines if line.rule)
        assert "blog" not in "\n".join(rows(app.main.networks))
        await pilot.press("escape")
        assert chains.laid.shown == total
        assert "blog" in "\n".join(rows(app.main.networks))
        await pilot.press("slash", "exclamation_mark", *"docker", "escape")
        assert chains.laid.shown == total and chains.has_focus


async def test_a_filter_stays_through_a_refresh() -> None:
    """New rules that match come in, others do not."""
    async with running() as (app, pilot):
        await pilot.press("slash", *"10.0.0", "enter")
        assert app.main.chains.laid.shown == 0
        assert "no rule matches" in rows(app.main.chains)[1]
        await arrive(app, pilot, host_of(many(1, 2), 1))
        assert app.main.chains.laid.shown == 2


async def test_jumping_to_what_the_filter_hides_takes_the_filter_away() -> None:
    """A jump never ends nowhere."""
    async with running() as (app, pilot):
        chains = app.main.chains
        await pilot.press("slash", *"DOCKER-USER", "enter")
        chains.focus()
        assert chains.go_to_chain(KEY, "nat", "POSTROUTING")
        assert chains.current.chain.name == "POSTROUTING"


async def test_families_and_variants() -> None:
    """I and v go through all, one, the other."""
    six = RulesetKey("ip6", "nft")
    old = RulesetKey("ip", "legacy")
    rules6 = ruleset({"filter": {"INPUT": ["-j DROP"]}}, family="ip6")
    rules_old = ruleset({"filter": {"INPUT": ["-j QUEUE"]}}, backend="legacy")
    host = blog_host()
    host = replace(
        host,
        rulesets={**host.rulesets, six: rules6, old: rules_old},
        counters={**host.counters, six: counters(rules6), old: counters(rules_old)},
    )
    async with running(host) as (app, pilot):
        chains = app.main.chains
        chains.focus()

        def kinds() -> set[RulesetKey | None]:
            return {line.ruleset for line in chains.laid.lines if line.rule}

        assert kinds() == {KEY, six, old}
        await pilot.press("i")
        assert kinds() == {KEY, old}
        await pilot.press("i")
        assert kinds() == {six}
        await pilot.press("i", "V")
        assert kinds() == {KEY, six}
        await pilot.press("V")
        assert kinds() == {old}
        await pilot.press("V")
        assert kinds() == {KEY, six, old}


async def test_columns_names_exact_and_bytes() -> None:
    """C changes the columns, w names to addresses, x the digits, B the order."""
    rules = blog_rules()
    async with running(host_of(rules, packets=123456)) as (app, pilot):
        chains = app.main.chains
        chains.focus()
        chains.move_to(
            rule_place(app, f"-A DOCKER ! -i {BRIDGE} -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.18.0.3:80")
        )
        assert "to:openresty:80" in row_of(chains) and "123k" in row_of(chains)
        await pilot.press("w")
        assert "to:172.18.0.3:80" in row_of(chains) and "openre" in row_of(chains)
        await pilot.press("w", "x")
        assert "123,456" in row_of(chains)
        await pilot.press("x", "B")
        header = rows(chains)[0]
        assert header.index("bytes") < header.index("pkts")
        await pilot.press("B", "C")
        assert "what it asks for" in rows(chains)[0]
        await pilot.press("C", "C")
        assert "opt" in rows(chains)[0] and chains.virtual_size.width > chains.size.width
        await pilot.press("l", "l")
        assert chains.scroll_offset.x > 0
        await pilot.press("h", "h", "h", "C")
        assert chains.scroll_offset.x == 0


async def test_sort_by_rate_hide_unmoved_freeze_and_baseline() -> None:
    """r, m, p and b, and the same keys back."""
    rules = blog_rules()
    names = counter_index(rules).index
    fast = names(("filter", "DOCKER", rules.table("filter").chain("DOCKER").rules[1].text, 0))
    slow = names(("filter", "FORWARD", "-A FORWARD -j DOCKER-USER", 0))
    host = host_of(rules, packets=0)
    async with running(host) as (app, pilot):
        chains = app.main.chains
        chains.focus()
        await arrive(app, pilot, later(host, 1, counters={KEY: counters(rules, 0, {fast: 90, slow: 9})}))
        await pilot.press("T")
        assert [line.rule.index for line in chains.laid.lines[:2]] == [fast, slow]
        assert "DOCKER" in rows(chains)[1]
        await pilot.press("T", "m")
        assert chains.laid.shown == 2
        await pilot.press("m", "b")
        chains.move_to(rule_place(app, "-A FORWARD -j DOCKER-USER"))
        await arrive(app, pilot, later(host, 2, counters={KEY: counters(rules, 0, {fast: 90, slow: 16})}))
        assert " 7 " in row_of(chains) and "▲" in row_of(chains) and "since baseline" in str(chains.border_title)
        await pilot.press("p")
        await arrive(app, pilot, later(host, 3, counters={KEY: counters(rules, 0, {fast: 90, slow: 99})}))
        assert " 7 " in row_of(chains) and "frozen" in str(chains.border_title)
        await pilot.press("p", "b")
        assert "99" in row_of(chains)


async def test_unread_rules_are_said_not_blank() -> None:
    """No ruleset at all is a sentence, not an empty pane."""
    host = replace(blog_host(), rulesets={}, counters={})
    async with running(host) as (app, _pilot):
        assert "no iptables rules were read" in rows(app.main.chains)[1]


async def test_a_counters_list_that_is_too_short_is_zero() -> None:
    """A capture whose counters were cut shows zeros, not a traceback."""
    async with running(replace(blog_host(), counters={KEY: Counters((1,), (1,))})) as (app, _pilot):
        assert "DNAT" in "\n".join(rows(app.main.chains))


async def test_a_mouse_click_moves_the_cursor() -> None:
    """A click on a row puts the cursor there and the focus on the pane."""
    async with running() as (app, pilot):
        chains = app.main.chains
        await pilot.click(chains, offset=(20, 6))
        await until(pilot, lambda: chains.has_focus)
        assert chains.cursor == 4


async def test_rules_that_are_new_since_the_start() -> None:
    """They carry a plus; a shows them alone, and a again all."""
    async with running() as (app, pilot):
        chains = app.main.chains
        await pilot.press("2", "a")
        assert "no rule is new" in "\n".join(rows(chains))
        await pilot.press("a")
        await arrive(app, pilot, later(blog_host(blog_rules(["-s 10.9.9.9/32 -j DROP"])), 1))
        await pilot.press("a")
        await pilot.pause()
        shown = [line.rule.text for line in chains.laid.lines if line.rule]
        assert shown == ["-A DOCKER-USER -s 10.9.9.9/32 -j DROP"] and "new since the start" in str(chains.border_title)
        assert any(row.startswith("+") and "10.9.9.9" in row for row in rows(chains))
        await pilot.press("a")
        assert len([line for line in chains.laid.lines if line.rule]) > 10


async def test_a_rule_met_twice_shows_both_numbers() -> None:
    """The conntrack rule of the way out and of a second leg, say."""
    host = blog_host()
    flow = published(host, host.containers[0].id)[0]
    leg = flow.path.legs[0]
    twice = replace(flow, path=replace(flow.path, legs=(leg, leg)))
    async with running(host) as (app, pilot):
        app.post_message(FlowOpened(twice))
        await pilot.pause()
        assert any(" 1,8 " in row[:9] for row in rows(app.main.chains))
