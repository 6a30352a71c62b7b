"""Base chains of equal priority: where their order matters, where it does not, and in which order they are shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netui.traversal import PreparedHost, path, prepare
from tests.traversal.frame_host import DNAT, FROM, host


def made(*chains: tuple[str, str, str], ages: tuple[int, ...] = (), rules: str = DNAT) -> PreparedHost:
    """A host with a table for each (type hook priority, policy, rule); ages: their handles."""
    text = "".join(
        f"table ip t{n} {{\n\tchain c {{\n\t\ttype {place}; policy {policy};\n\t\t{rule}\n\t}}\n}}\n"
        for n, (place, policy, rule) in enumerate(chains)
    )
    found = host(text, rules=rules).snapshot
    handles = {("ip", f"t{n}"): age for n, age in enumerate(ages)}
    return prepare(replace(found, table_handles=handles))


FORWARD = "filter hook forward priority 5"


def test_chains_that_do_nothing_to_a_packet_have_any_order() -> None:
    """Six chains of one priority at each of three hooks, as Incus makes them: nothing is left undecided."""
    places = [f"{kind} hook {hook} priority 7" for kind, hook in (("filter", "forward"), ("nat", "prerouting"))]
    chains = [(place, "accept", "tcp dport 9 counter accept") for place in places for _ in range(6)]
    found = path(made(*chains), FROM, "host:8080", reply=True)
    assert (found.verdict, found.undecided) == ("delivered", ())


def test_one_chain_that_stops_the_packet_decides_in_any_order() -> None:
    """Of five chains one drops."""
    chains = [(FORWARD, "accept", "tcp dport 9 drop")] * 4 + [(FORWARD, "drop", "tcp dport 9 accept")]
    assert path(made(*chains), FROM, "host:8080").verdict == "dropped"


@pytest.mark.parametrize(("ages", "verdict"), [((1, 2), "rejected"), ((2, 1), "dropped"), ((), "undecided")])
def test_a_drop_and_a_reject(ages: tuple[int, ...], verdict: str) -> None:
    """The younger table's chain stands first; without their ages it is not known which of the two stops it."""
    chains = (FORWARD, "accept", "tcp dport 80 drop"), (FORWARD, "accept", "tcp dport 80 reject")
    found = path(made(*chains, ages=ages), FROM, "host:8080")
    assert found.verdict == verdict
    assert not ages or any("in the other order it would be" in note for note in found.notes)


@pytest.mark.parametrize("ages", [(1, 2), (2, 1), ()])
def test_a_mark_that_the_other_chain_asks_for(ages: tuple[int, ...]) -> None:
    """What one changes the other asks for: age alone is no proof of the order, so it stays undecided."""
    chains = (FORWARD, "accept", "meta mark set 7"), (FORWARD, "accept", "meta mark 7 drop")
    assert path(made(*chains, ages=ages), FROM, "host:8080").verdict == "undecided"


@pytest.mark.parametrize(("second", "verdict"), [(9, "delivered"), (8080, "undecided")])
def test_two_chains_that_translate(second: int, verdict: str) -> None:
    """Two nat chains of one priority: the order matters for the port that both translate, and for no other."""
    nat = "nat hook prerouting priority 7"
    chains = tuple(
        (nat, "accept", f"tcp dport {port} dnat to 172.18.0.{last}:80") for port, last in ((8080, 2), (second, 3))
    )
    assert path(made(*chains, rules=""), FROM, "host:8080").verdict == verdict


def test_the_younger_table_is_shown_first() -> None:
    """Steps stand as the kernel runs them: a new chain is put before those of its priority."""
    chains = [(FORWARD, "accept", "counter")] * 3
    found = path(made(*chains, ages=(2, 3, 1)), FROM, "host:8080")
    shown = [step.table for step in found.legs[0].steps if step.hook == "forward" and step.rule is not None]
    assert shown == ["t1", "t0", "t2"]


@pytest.mark.parametrize(("rule", "verdict"), [("limit rate 5/second", "delivered"), ("meta mark set 7", "undecided")])
def test_an_unknown_match_makes_no_more_orders_than_it_needs(rule: str, verdict: str) -> None:
    """A chain with a limit may only stop the packet: five chains beside it that do nothing still have any order.

    Where a chain marks packets, all orders are walked, and those of six chains are too many.
    """
    limited = (
        FORWARD,
        "accept",
        f"{rule} tcp dport 80 socket transparent 1 drop" if "mark" in rule else f"{rule} accept",
    )
    chains = [(FORWARD, "accept", "tcp dport 9 drop")] * 5
    assert path(made(limited, *chains), FROM, "host:8080").verdict == verdict
