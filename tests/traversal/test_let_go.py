"""What is made of a host's rules goes with the host: the garbage collector is asked seldom."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator

import pytest

from netui.audit.doctor.checkup import View
from netui.audit.doctor.finding import Change
from netui.audit.doctor.trials import Trials
from netui.audit.exposure import exposures
from netui.model import Chain, Snapshot
from netui.traversal import PreparedHost, prepare
from netui.traversal.rules.index import ChainIndex
from netui.ui.background import prepared as background
from tests.bench.large import large_snapshot

#: Rules of many senders: what several packets meet at once is remembered, too.
_USER = [*(f"-s 203.0.{n}.0/24 -i eth0 -j RETURN" for n in range(20)), "-i eth0 -j DROP"]


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """Nothing goes by the garbage collector's help."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _alive(kind: type) -> int:
    return sum(type(one) is kind for one in gc.get_objects())


@pytest.fixture
def snapshot() -> Snapshot:
    """A host with 200 rules of people's in one chain."""
    return large_snapshot(3, 200, _USER)


def test_rules_go_with_their_host(snapshot: Snapshot) -> None:
    """Indexes, and the rules that a changed host alone has, go when nobody asks it any more."""
    indexes = _alive(ChainIndex)
    trials = Trials(View(prepare(snapshot)))
    for number in (1, 2, 3):
        tried = trials.host((Change("delete", "ip", "nft", "filter", "DOCKER-USER", number),))
        assert tried is not None
        assert exposures(tried.host)
        del tried
    # the one that was tried last, and no other, is still there
    assert 0 < _alive(ChainIndex) - indexes < 6
    del trials
    assert _alive(ChainIndex) == indexes
    large = [one for one in gc.get_objects() if type(one) is Chain and len(one.rules) > 100]
    assert len(large) == 1, "the snapshot's own chain alone"


def test_what_is_left_of_a_host_answers_nothing(snapshot: Snapshot) -> None:
    """Whoever still has a chain of a host that went gets an error, never an answer without the rules."""
    host = prepare(snapshot)
    filter_table = next(table for table in host.namespace.tables if "DOCKER-USER" in table.names)
    chain = filter_table.chain("DOCKER-USER")
    assert chain.rule(0)
    del host
    with pytest.raises(AttributeError):
        chain.rule(0)


def test_a_host_of_many_rules_has_fewer_trials(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    """The more rules a host has the fewer changed hosts are tried; what was tried once can be asked again."""
    changes = [(Change("delete", "ip", "nft", "filter", "DOCKER-USER", number),) for number in range(1, 21)]

    def tried() -> int:
        trials = Trials(View(prepare(snapshot)))
        found = [trials.host(each) is not None for each in changes]
        assert trials.host(changes[0]) is not None
        return sum(found)

    assert tried() == len(changes)
    monkeypatch.setattr("netui.audit.doctor.trials._MOST_RULES", 0)
    assert tried() == 8


def test_screen_lets_go_of_its_host_after_a_rest(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions find the host that is there; after a rest it goes, unless somebody still works on it."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    one: PreparedHost | None = background.prepared(snapshot)
    assert background.prepared(snapshot) is one
    found = weakref.ref(one)
    now += 60
    background.let_go()
    assert background.prepared(snapshot) is one, "who works on it still has it"
    one = None
    background.let_go()
    assert found() is not None, "it was asked for just now"
    now += 60
    background.let_go()
    assert found() is None


def test_the_end_of_the_program_says_nothing() -> None:
    """A host that is there until the interpreter ends goes without a word."""
    program = (
        "from tests.bench.large import large_snapshot; from netui.traversal import prepare; "
        "from netui.audit.exposure import exposures; host = prepare(large_snapshot(3, 200)); exposures(host); "
        "keep = [host]; keep.append(keep)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not done.stderr
