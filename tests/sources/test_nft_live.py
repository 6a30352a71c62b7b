"""Native tables read again and again: what is asked of nft, and what the kernel's generation spares."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from netui.model import RulesetKey
from netui.sources.live import nft as nft_live
from netui.sources.live import nft_netlink
from netui.sources.live.nft_netlink import BaseChain, TableState
from netui.sources.machine import permits

COUNTED, STILL = ("inet", "counted"), ("inet", "still")


def document(table: tuple[str, str], expr: list[object]) -> str:
    """A table with one rule, as nft prints it."""
    family, name = table
    place = {"family": family, "table": name}
    chain = {**place, "name": "c", "type": "filter", "hook": "input", "prio": 0, "policy": "accept", "handle": 1}
    rule = {**place, "chain": "c", "handle": 2, "expr": expr}
    entries = [{"table": {"family": family, "name": name, "handle": 1}}, {"chain": chain}, {"rule": rule}]
    return json.dumps({"nftables": entries})


class Kernel:
    """A kernel with two tables, of which one counts; and an nft that says how often it was run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.generation, self.dumps, self.runs = 1, 0, list[str]()
        self.packets, self.hook = 0, "input"
        monkeypatch.setattr(permits, "loaded", lambda _module: False)
        monkeypatch.setattr(nft_netlink, "generation", lambda: self.generation)
        monkeypatch.setattr(nft_netlink, "base_chains", self._chains)
        monkeypatch.setattr(nft_netlink, "tables", lambda: {t: TableState(False, 1) for t in (COUNTED, STILL)})

    def _chains(self) -> tuple[BaseChain, ...]:
        self.dumps += 1
        return tuple(BaseChain(*table, "c", self.hook, 0, "filter", "accept") for table in (COUNTED, STILL))

    def run(self, words: Sequence[str]) -> str:
        """Be nft."""
        table = (words[-2], words[-1])
        self.runs.append(table[1])
        self.packets += 1
        counter: list[object] = [{"counter": {"packets": self.packets, "bytes": 60 * self.packets}}]
        return document(table, [*(counter if table == COUNTED else []), {"accept": None}])


def test_only_what_moves_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the generation stays, the table that counts is listed anew and the other is not; then both are."""
    kernel = Kernel(monkeypatch)
    live = nft_live.LiveNative(kernel.run)
    key = RulesetKey("inet", "nftables")
    first, counters = live.read((), True).values["native"].rules[key]
    again, moved = live.read((), True).values["native"].rules[key]
    assert first is again
    assert moved[0].packets > counters[0].packets
    assert (kernel.runs, kernel.dumps) == (["counted", "still", "counted"], 1)
    kernel.generation = 2
    live.read((), True)
    assert (kernel.runs[3:], kernel.dumps) == (["counted", "still"], 2)


def test_chains_of_devices_are_asked_for_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that goes takes its chain's hook along, and the generation stays."""
    kernel = Kernel(monkeypatch)
    kernel.hook = "ingress"
    live = nft_live.LiveNative(kernel.run)
    live.read((), True)
    live.read((), True)
    assert kernel.dumps == 2


HOOKS = """family ip {
\thook input {
\t\t 0000000000 chain inet still c [nf_tables]
\t\t 0000000000 chain inet counted c [nf_tables]
\t}
}
"""


@pytest.mark.parametrize(("module", "told"), [(True, True), (False, False)])
def test_the_kernel_s_order_is_asked_where_nothing_is_loaded_for_it(
    monkeypatch: pytest.MonkeyPatch, module: bool, told: bool
) -> None:
    """Two chains of one priority: nft list hooks is run where its subsystem is there, once a generation."""
    kernel = Kernel(monkeypatch)
    monkeypatch.setattr(permits, "loaded", lambda name: module and name == "nfnetlink_hook")
    asked: list[int] = []

    def run(words: Sequence[str]) -> str:
        if list(words) != ["nft", "list", "hooks"]:
            return kernel.run(words)
        asked.append(kernel.generation)
        return HOOKS

    live = nft_live.LiveNative(run)
    for _ in range(2):
        native = live.read((), True).values["native"]
    order = {("ip", "input"): (("inet", "still", "c"), ("inet", "counted", "c"))} if told else {}
    assert (dict(native.order), asked) == (order, [1] if told else [])


def named(packets: int, used: int, expires: int) -> str:
    """A table with a named counter, a quota, and an element that expires, as nft prints it."""
    place = {"family": "inet", "table": "counted"}
    element = {"elem": {"val": "10.0.0.1", "timeout": 600, "expires": expires}}
    entries: list[object] = [
        {"table": {"family": "inet", "name": "counted", "handle": 1}},
        {"counter": {**place, "name": "web", "handle": 2, "packets": packets, "bytes": 60 * packets}},
        {"quota": {**place, "name": "much", "handle": 3, "bytes": 10000, "used": used, "inv": True}},
        {"set": {**place, "name": "s", "type": "ipv4_addr", "handle": 4, "flags": ["timeout"], "elem": [element]}},
        {
            "chain": {
                **place,
                "name": "c",
                "type": "filter",
                "hook": "input",
                "prio": 0,
                "policy": "accept",
                "handle": 5,
            }
        },
    ]
    exprs: tuple[list[object], ...] = (
        [{"counter": "web"}, {"accept": None}],
        [{"quota": "much"}, {"drop": None}],
        [{"quota": {"val": 5, "val_unit": "mbytes", "used": used, "used_unit": "bytes"}}, {"accept": None}],
        [{"counter": {"packets": packets + 1, "bytes": 7}}, {"accept": None}],
    )
    entries += [{"rule": {**place, "chain": "c", "handle": 6 + n, "expr": expr}} for n, expr in enumerate(exprs)]
    return json.dumps({"nftables": entries})


def test_a_named_counter_is_shown_and_what_moves_rebuilds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule that names a counter has its numbers; a quota's use and an element's age leave the ruleset as it is."""
    kernel = Kernel(monkeypatch)
    texts = iter([named(3, 10, 599), named(5, 4000, 300)])

    def run(words: Sequence[str]) -> str:
        return next(texts) if words[-1] == "counted" else kernel.run(words)

    live = nft_live.LiveNative(run)
    key = RulesetKey("inet", "nftables")
    first, before = live.read((), True).values["native"].rules[key]
    again, after = live.read((), True).values["native"].rules[key]
    assert first is again
    rules = first.tables[0].chains[0].rules
    assert [rule.index >= 0 for rule in rules] == [True, False, False, True]
    assert [counters[rules[0].index].packets for counters in (before, after)] == [3, 5]
    assert [counters[rules[3].index].packets for counters in (before, after)] == [4, 6]
    quota = rules[2].native.measures[0] if rules[2].native is not None else None
    assert quota is not None
    assert [counters.used[quota.index] for counters in (before, after)] == [10, 4000]
