"""Allow lists and block lists that do not do what their neighbours mean; the lab has the same on real engines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netui.audit.doctor import diagnose, lists
from netui.audit.doctor.checkup import View
from netui.audit.doctor.finding import Cure, Finding
from netui.model import Snapshot
from netui.traversal import prepare
from tests.explain.hosts import with_rules
from tests.traversal.build import ip_set

ALLOW = "-A DOCKER-USER -i vh -s 203.0.113.0/24 -p tcp -m tcp --dport 80 -j RETURN"
SET = "-A DOCKER-USER -i vh -p tcp -m tcp --dport 80 -m set --match-set office src -j RETURN"
RANGE = "-A DOCKER-USER -i vh -p tcp -m tcp --dport 80 -m iprange --src-range 9.0.0.1-9.0.0.9 -j RETURN"
CLOSE = "-A DOCKER-USER -i vh -p tcp -m tcp --dport 80 -j DROP"
OPEN = "-A DOCKER-USER -i vh -p tcp -j ACCEPT"
BLOCK = "-A DOCKER-USER -i vh -s 192.0.2.66/32 -j DROP"


def of_lists(snapshot: Snapshot) -> dict[str, Finding]:
    """The findings of lists, by kind."""
    view = View(prepare(snapshot))
    checks = (lists.allow_list_open, lists.allow_list_closed, lists.block_list_late)
    return {finding.id: finding for check in checks for finding in check(view)}


@pytest.mark.parametrize(
    ("rules", "kinds"),
    [
        ((ALLOW, CLOSE), set()),
        ((ALLOW, SET, RANGE, CLOSE), set()),
        ((OPEN, ALLOW, CLOSE), {"allow-list-open"}),
        ((ALLOW, OPEN, CLOSE), {"allow-list-open"}),
        ((OPEN, SET, CLOSE), {"allow-list-open"}),
        # an accept for one port is no accept for all
        (("-A DOCKER-USER -i vh -p tcp -m tcp --dport 443 -j ACCEPT", ALLOW, CLOSE), set()),
        # what answers, and what containers send, is no sender of a list
        (("-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", ALLOW, CLOSE), set()),
        (("-A DOCKER-USER -i lo -j ACCEPT", ALLOW, "-A DOCKER-USER -j DROP"), set()),
        ((CLOSE, ALLOW), {"allow-list-closed"}),
        ((CLOSE, RANGE, ALLOW), {"allow-list-closed"}),
        # the first half lets somebody in
        ((ALLOW, CLOSE, RANGE), set()),
        ((BLOCK, OPEN), set()),
        ((OPEN, BLOCK), {"block-list-late"}),
        (("-A DOCKER-USER -i vh -p tcp -m tcp --dport 80 -j ACCEPT", BLOCK), {"block-list-late"}),
        (("-A DOCKER-USER -i vh -p icmp -j ACCEPT", BLOCK), set()),
        # a list for other ports than those that are accepted
        ((OPEN, "-A DOCKER-USER -i vh -s 192.0.2.66/32 -p udp -j DROP"), set()),
    ],
)
def test_lists(rules: tuple[str, ...], kinds: set[str]) -> None:
    """What makes a list idle, and what does not."""
    made = replace(with_rules("\n".join(rules)), ipsets={"office": ip_set("office", "hash:net", "9.9.0.0/16")})
    assert set(of_lists(made)) == kinds


def test_a_set_without_members_lets_nobody_in() -> None:
    """Only one that was captured: what was not read is not empty."""
    rules = "\n".join((SET, CLOSE))
    empty = replace(with_rules(rules), ipsets={"office": ip_set("office", "hash:net")})
    assert "names: nobody" in of_lists(empty)["allow-list-closed"].what
    assert of_lists(replace(with_rules(rules), ipsets=None)) == {}


@pytest.mark.parametrize("rules", [(OPEN, ALLOW, CLOSE), (CLOSE, RANGE, ALLOW), (OPEN, BLOCK)])
def test_the_cure_is_proven(rules: tuple[str, ...]) -> None:
    """Each comes with a command that ends it, and no second finding says the same."""
    every = diagnose(prepare(with_rules("\n".join(rules)))).findings
    found = [one for one in every if one.id.startswith(("docker-user", "allow-", "block-"))]
    (one,) = found
    assert any(isinstance(advice, Cure) for advice in one.advice)
