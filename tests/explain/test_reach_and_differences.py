"""Who reaches whom, what changed between two captures, and the commands that say it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from netui.audit.differences import differences
from netui.audit.matrix import asked, verdicts, way
from netui.audit.reach import reach
from netui.cli.run import main
from netui.reports.differences import differences_text
from netui.reports.reach import reach_text
from netui.traversal import EndpointError, path, prepare
from tests.explain.hosts import CASES, snapshot, with_rules

HOST = str(CASES / "engine-20.10" / "host")


def test_who_a_container_reaches() -> None:
    """Its neighbours at their ports, the published ports of others, the outside; not other networks."""
    answers = {(one.to, one.label): one.word for one in reach(prepare(snapshot()), "shop")}
    assert answers["till", "172.28.0.4:80/tcp"] == "reached"
    assert answers["ledger", "172.29.0.2:80/tcp"] == "dropped"
    assert answers["cart", "172.28.0.3:81/tcp"] == "refused"
    assert answers["plainold", "host:9200/tcp"] == "reached"
    assert answers["outside", "443/tcp"] == "reached"


def test_who_the_outside_reaches() -> None:
    """Published ports by their rule."""
    found = reach(prepare(snapshot()), "outside")
    assert "filter DOCKER 1" in reach_text("outside", found)


def test_a_source_that_is_none_says_so() -> None:
    """A name that nobody has is an error with one line."""
    with pytest.raises(EndpointError, match="no container"):
        reach(prepare(snapshot()), "nobody")


def test_the_matrix_holds_the_verdicts_of_the_paths() -> None:
    """Each container asks each other one; itself it is not asked for; neighbours stand beside each other."""
    host = prepare(snapshot())
    boxes = asked(host)
    cells = {
        (source.name, target.name): verdict
        for source in boxes
        for target, verdict in zip(boxes, verdicts(host, source, boxes), strict=True)
    }
    assert cells["shop", "shop"] == ""
    assert cells["shop", "till"] == "delivered"
    assert cells["shop", "ledger"] == "dropped"
    containers = [box for box in boxes if box.destination]
    assert [box.networks[0] for box in containers] == sorted(box.networks[0] for box in containers)
    assert [box.name for box in boxes[len(containers) :]] == ["the world", "LAN"]
    assert cells["the world", "shop"] == path(host, "outside", "host:80", reply=True).verdict == "delivered"
    assert cells["the world", "ledger"] == "" and cells["LAN", "ledger"] == "dropped"
    assert cells["shop", "the world"] == ""
    by_name = {box.name: box for box in boxes}
    found = way(host, by_name["shop"], by_name["ledger"])
    assert found is not None and found.deciding is not None
    assert way(host, by_name["shop"], by_name["shop"]) is None


def test_a_host_does_not_differ_from_itself() -> None:
    """Two readings of one capture have no difference."""
    assert differences(prepare(snapshot()), prepare(replace(snapshot()))) == ()


def test_a_rule_and_the_verdict_that_it_changes() -> None:
    """A DROP in DOCKER-USER is a rule more and a verdict less."""
    after = with_rules("-A DOCKER-USER -i vh -p tcp -m tcp --dport 80 -j DROP")
    found = differences(prepare(snapshot()), prepare(after))
    assert ("rule", "+", "ip nft filter DOCKER-USER 1") in {(one.kind, one.sign, one.name) for one in found}
    verdict = next(one for one in found if one.kind == "verdict" and one.name.startswith("shop 80/tcp from world"))
    assert verdict.before.startswith("open")
    assert verdict.after == "closed (filter DOCKER-USER 1)"
    assert "verdicts" in differences_text(found)


def test_networks_and_containers_that_came_and_went() -> None:
    """A container that is gone and a network that changed are said by name."""
    base = snapshot()
    containers = tuple(one for one in base.containers or () if one.name != "till")
    networks = tuple(replace(n, internal=True) if n.name == "web" else n for n in base.networks or ())
    found = differences(prepare(base), prepare(replace(base, containers=containers, networks=networks)))
    said = {(one.kind, one.sign, one.name) for one in found}
    assert ("container", "-", "till") in said
    assert ("network", "~", "web internal") in said


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["explain", "nat", "DOCKER", "6", "--replay", HOST], 0, "are sent to shop (172.28.0.2:80)."),
        (["explain", "--replay", HOST], 0, "IPv4 nft filter FORWARD"),
        (["exposed", "--replay", HOST], 0, "DECIDED BY"),
        (["exposed", "--fail-on", "world", "--replay", HOST], 1, "world"),
        (["doctor", "--replay", HOST], 1, "nothing there listens"),
        (["path", "shop", "*", "--replay", HOST], 0, "from shop:"),
        (["diff", HOST, HOST], 0, "No difference."),
    ],
)
def test_the_commands(arguments: Sequence[str], status: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command says it as text, and as one JSON document with --json, with the same status."""
    assert main(arguments) == status
    text = capsys.readouterr().out
    assert words.lower() in text.lower()
    assert main([*arguments, "--json"]) == status
    json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "nope", "--replay", HOST],
        ["explain", "nat", "NOPE", "--replay", HOST],
        ["explain", "nat", "DOCKER", "999", "--replay", HOST],
        ["explain", "nat", "DOCKER", "x", "--replay", HOST],
        ["exposed", "--fail-on", "mars", "--replay", HOST],
        ["path", "nobody", "*", "--replay", HOST],
        ["diff", HOST, "/nonexistent"],
        ["doctor", "--replay", "/nonexistent"],
    ],
)
def test_what_cannot_be_answered_is_one_line(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, one line on stderr, nothing on stdout."""
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.strip().splitlines()) == 1


def test_who_gained_and_who_lost() -> None:
    """Senders that a rule names from now on, those whom it names no more, and everyone else."""
    first = with_rules("-A DOCKER-USER -i vh -s 198.51.100.64/26 -j RETURN\n-A DOCKER-USER -i vh -j DROP")
    rules = ("-s 198.51.100.64/27 -j RETURN", "-s 198.51.100.128/26 -j RETURN", "-j DROP")
    second = with_rules("\n".join(f"-A DOCKER-USER -i vh {rule}" for rule in rules))
    found = {(one.sign, one.after or one.before) for one in differences(prepare(first), prepare(second))
             if one.kind == "sender" and "world" in one.name}  # fmt: skip
    assert found == {("+", "comes in now: 198.51.100.128/26"), ("-", "comes in no more: 198.51.100.96/27")}
    opened = with_rules("-A DOCKER-USER -i vh -s 198.51.100.64/26 -j DROP")
    found = {(one.sign, one.after or one.before) for one in differences(prepare(first), prepare(opened))
             if one.kind == "sender" and "world" in one.name}  # fmt: skip
    assert found == {
        ("+", "comes in now: everyone but 198.51.100.64/26"), ("-", "comes in no more: 198.51.100.64/26"),
    }  # fmt: skip
    assert "sender" in differences_text(differences(prepare(first), prepare(second)))
