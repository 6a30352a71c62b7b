"""Exposure: from where ports are reached, as recorded hosts have it, and as a table, JSON and exit status."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import cache

import pytest

from netui.audit.exposure import Exposure, exposures
from netui.audit.origins import Where
from netui.reports.commands import exposed, reach_all
from netui.reports.exposed import exposed_text, failing
from netui.traversal import prepare
from tests.explain.hosts import snapshot, with_rules

from .big import big_snapshot


@cache
def ports(case: str = "engine-20.10") -> dict[tuple[str, int, str], Exposure]:
    """Its exposures by container, port and protocol."""
    return {(e.container, e.port, e.protocol): e for e in exposures(prepare(snapshot(case)))}


@pytest.mark.parametrize(
    ("case", "container", "port", "widest", "listening"),
    [
        ("engine-20.10", "shop", 80, "world", "yes"),
        ("engine-20.10", "far", 80, "world", "yes"),
        ("engine-20.10", "ledger", 80, "host", "yes"),
        ("engine-20.10", "cart", 82, None, "no"),
        ("engine-29", "web", 80, "world", "unknown"),
        ("engine-29", "web", 90, "host", "unknown"),
        ("engine-29", "in1", 80, "host", "unknown"),
        ("engine-29", "rt1", 80, "world", "unknown"),
    ],
)
def test_the_widest_place(case: str, container: str, port: int, widest: Where | None, listening: str) -> None:
    """A port's widest place is where packets get through and somebody listens."""
    found = ports(case)[container, port, "tcp"]
    if widest == "host":
        # its own network is narrower than the host and open too where there is a neighbour
        assert found.widest in ("host", "own")
    else:
        assert found.widest == widest
    assert found.listening == listening


def test_the_deciding_rule_is_named() -> None:
    """The cell that tells most carries the rule that lets the world in, or keeps it out."""
    inside = ports()["shop", 80, "tcp"].deciding
    outside = ports()["ledger", 80, "tcp"].deciding
    assert inside is not None and inside.step is not None and (inside.step.chain, inside.step.rule) == ("DOCKER", 1)
    assert outside is not None and outside.step is not None
    assert outside.step.chain == "DOCKER-ISOLATION-STAGE-1"


def test_a_port_for_the_own_network_only_is_open_there_and_nowhere_else() -> None:
    """A container that publishes nothing is reached from its network and from the host."""
    cells = ports()["till", 80, "tcp"].cells
    opened = {(cell.origin.where, cell.origin.name) for cell in cells if cell.state == "open"}
    assert ("host", "") in opened
    assert not {where for where, _ in opened} & {"world", "lan", "networks"}


def test_a_rule_in_docker_user_closes_the_port() -> None:
    """The table follows the rules, not what is published."""
    closed = with_rules("-A DOCKER-USER -i vh -p tcp -m conntrack --ctorigdstport 8080 --ctdir ORIGINAL -j DROP")
    found = {(e.container, e.port): e for e in exposures(prepare(closed))}
    states = {cell.state for cell in found["shop", 80].cells if cell.origin.where == "world"}
    assert states == {"closed"}
    assert found["cart", 80].widest == "world"


def test_a_rule_that_cannot_be_known_makes_it_undecided() -> None:
    """A match by a module that a snapshot cannot tell is said, with its words."""
    vague = with_rules("-A DOCKER-USER -i vh -m geoip --source-country CN -j DROP")
    found = {(e.container, e.port): e for e in exposures(prepare(vague))}
    cell = next(cell for cell in found["shop", 80].cells if cell.origin.where == "world")
    assert cell.state == "undecided"
    assert "geoip" in cell.undecided[0]
    assert exposed(prepare(vague), "world").status == 3
    assert "undecided" in exposed_text(tuple(found.values()))


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("-A INPUT -p tcp -m tcp --dport 8080 -j DROP", "rule 1 of INPUT"),
        (
            ":ufw-user-input - [0:0]\n-A INPUT -j ufw-user-input\n-A ufw-user-input -p tcp -m tcp --dport 8080 -j DROP",
            "ufw's rule 1 of ufw-user-input",
        ),
    ],
    ids=["INPUT", "ufw"],
)
def test_what_looks_protected_and_is_not(rules: str, words: str) -> None:
    """A rule of INPUT or ufw that seems to close a published port is named, at that port only."""
    found = {(e.container, e.port): e for e in exposures(prepare(with_rules(rules)))}
    assert words in found["shop", 80].looks_protected[0]
    assert found["cart", 80].looks_protected == ()
    assert words in exposed_text(tuple(found.values()))


@pytest.mark.parametrize(("limit", "status"), [("", 0), ("world", 1), ("lan", 1), ("own", 1)])
def test_the_exit_status(limit: str, status: int) -> None:
    """--fail-on world fails where a port is open to the world; without it the report never fails."""
    assert exposed(prepare(snapshot()), limit).status == status


def test_nothing_fails_where_nothing_is_open() -> None:
    """A narrower limit takes the wider places in, and a closed host passes."""
    every = tuple(ports().values())
    only = tuple(e for e in every if e.container == "ledger")
    assert failing(only, "world") == []
    assert failing(only, "lan") == []
    assert [e.container for e in failing(only, "host")] == ["ledger"]


def test_json_holds_every_cell_with_its_rule() -> None:
    """The document is plain JSON and names rule, reason and destination of each cell."""
    document = json.loads(json.dumps(exposed(prepare(snapshot())).document))
    cell = next(c for p in document["ports"] if p["container"] == "shop" for c in p["from"] if c["where"] == "world")
    assert cell["state"] == "open"
    assert cell["rule"]["chain"] == "DOCKER"
    assert cell["destination"] == "198.51.100.1:8080/tcp"


def test_containers_that_were_not_read_are_not_taken_for_none() -> None:
    """Without the engine's containers nothing is known, and the status says so."""
    report = exposed(prepare(replace(snapshot(), containers=None)))
    assert report.status == 3
    assert "not read" in report.text


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"local": False}, "another machine"),
        ({"rootless": True, "here": False}, "rootless"),
        ({"here": False}, "namespace"),
    ],
)
def test_ports_of_an_engine_elsewhere_are_not_taken_for_none(fields: dict[str, bool], word: str) -> None:
    """Its containers are not behind these rules: no port passes for closed."""
    base = snapshot()
    assert base.engine is not None
    report = exposed(prepare(replace(base, engine=replace(base.engine, **fields))), "world")  # type: ignore[arg-type]
    assert (report.status, word in report.text) == (3, True)
    report = reach_all(prepare(replace(base, engine=replace(base.engine, **fields))), "host")  # type: ignore[arg-type]
    assert (report.status, word in report.text, word in report.document["unknown"]) == (3, True, True)


def test_a_thousand_containers_in_good_time() -> None:
    """1,000 containers with two ports each on five networks: some seconds at most, on a loaded machine."""
    host = prepare(big_snapshot(1000, 5))
    began = time.perf_counter()
    found = exposures(host)
    assert len(found) == 2000
    assert time.perf_counter() - began < 15


ALLOW_LIST = """
-A DOCKER-USER -s 198.51.100.64/26 -j RETURN
-A DOCKER-USER -m conntrack --ctstate NEW -j DROP
"""


def test_an_allow_list_names_who_gets_through() -> None:
    """The cell is everyone else's; the networks that rules let in stand in the WORLD column and below the table."""
    found = exposures(prepare(with_rules(ALLOW_LIST)))
    shop = next(e for e in found if (e.container, e.port) == ("shop", 80))
    cell = next(cell for cell in shop.cells if cell.origin.where == "world" and cell.origin.family == "ip")
    assert (cell.state, cell.listed) == ("closed", ("198.51.100.64/26",))
    text = exposed_text(found)
    assert "shop 80/tcp: open for 198.51.100.64/26 (filter DOCKER-USER 1); closed for everyone else" in text


@pytest.mark.parametrize(
    ("limit", "allowed", "fails"),
    [
        ("world", (), False), ("listed", (), True), ("listed", ("198.51.100.64/26",), False),
        ("listed", ("198.51.100.0/25",), False), ("listed", ("198.51.100.64/27",), True),
    ],
)  # fmt: skip
def test_who_is_let_in_by_name_can_fail(limit: Where, allowed: tuple[str, ...], fails: bool) -> None:
    """--fail-on listed: everyone, or somebody whom a rule names; those of --allow may."""
    found = [e for e in exposures(prepare(with_rules(ALLOW_LIST))) if (e.container, e.port) == ("shop", 80)]
    # IPv6 has no such list here
    four = [replace(e, cells=tuple(cell for cell in e.cells if cell.origin.family == "ip")) for e in found]
    assert bool(failing(four, limit, allowed)) == fails


def test_a_block_list_leaves_the_port_open_to_the_world() -> None:
    """Some are turned away; everyone else gets in, and nobody gets in by name."""
    blocked = with_rules("-A DOCKER-USER -s 198.51.100.64/26 -j DROP")
    shop = next(e for e in exposures(prepare(blocked)) if (e.container, e.port) == ("shop", 80))
    cell = next(cell for cell in shop.cells if cell.origin.where == "world" and cell.origin.family == "ip")
    assert (cell.state, cell.listed, [one.state for one in cell.senders]) == ("open", (), ["closed"])
