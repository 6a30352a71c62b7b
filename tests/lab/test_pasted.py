"""What people paste, taken from real engines: each form says what the save says, or that it does not tell it."""

from __future__ import annotations

import pytest

from netui.model import Ruleset, Snapshot
from netui.sources.capture.pasted import read_pasted
from netui.traversal import path, prepare

from .conftest import Hosts
from .doctor_host import seen
from .hosts import Host

KINDS = ["20.10-nft", "28.5"]
TABLES = ("raw", "mangle", "nat", "filter")
#: (sender, destination, and whether rules alone must decide it)
QUESTIONS = [
    ("outside:198.51.100.2", "host:8080", True),
    ("outside:198.51.100.2", "host:7002", True),
    ("outside:198.51.100.2", "host:5353/udp", True),
    ("outside:198.51.100.2", "host:8443", True),
    ("outside:198.51.100.2", "host:9", True),
    # published on one address of the host: rules alone do not tell which one is meant
    ("outside:198.51.100.2", "host:8082", False),
    # a port that is published: whether that is an address of the host is not told
    ("outside:198.51.100.2", "172.28.0.10:7000", False),
    ("outside:198.51.100.2", "172.28.0.11:8080", False),
    ("outside:198.51.100.2", "172.28.0.11:81", True),
    ("172.28.0.11", "172.30.0.10:80", False),
    ("172.28.0.11", "198.51.100.2:80", True),
]


def pasted(host: Host, form: str) -> Snapshot:
    """Read one form of the host's rules, with the prompts between the commands."""
    text = ""
    for tool in ("iptables", "ip6tables"):
        if form == "save":
            text += f"root@lab:~# {tool}-save -c\n{host.engine.tool(f'{tool}-save', '-c')}"
            continue
        for table in TABLES:
            arguments = [tool, "-t", table, *form.split()]
            text += f"root@lab:~# {' '.join(arguments)}\n{host.engine.tool(*arguments)}"
    return read_pasted(text, f"{form}.txt")


def rules(ruleset: Ruleset) -> dict[tuple[str, str], list[str]]:
    return {(c.table, c.name): [rule.text for rule in c.rules] for c in ruleset.chains() if c.rules}


@pytest.mark.parametrize("kind", KINDS)
def test_every_form_says_what_the_save_says(kind: str, wide_hosts: Hosts) -> None:
    """iptables -S is the save's rules; a rule of iptables -L -n -v is, too, or has what it does not tell."""
    host = wide_hosts(kind)
    save, specs, columns = (pasted(host, form) for form in ("save", "-S", "-L -n -v"))
    assert set(save.rulesets) == set(specs.rulesets) == set(columns.rulesets)
    compared = 0
    for key, ruleset in save.rulesets.items():
        truth = rules(ruleset)
        assert rules(specs.rulesets[key]) == truth
        listed = rules(columns.rulesets[key])
        assert set(listed) == set(truth)
        for place, texts in truth.items():
            for text, line in zip(texts, listed[place], strict=True):
                assert line == text or " -m untold " in line
                compared += 1
    assert compared > 60


@pytest.mark.parametrize("kind", KINDS)
def test_paths_by_hand_are_the_whole_hosts_or_undecided(kind: str, wide_hosts: Hosts) -> None:
    """With the interfaces that the whole host tells, rules alone give its verdict; less is undecided, never another."""
    host = wide_hosts(kind)
    whole = seen(host)
    forms = {form: prepare(pasted(host, form)) for form in ("save", "-S", "-L -n -v", "-L -n")}
    for source, destination, decided in QUESTIONS:
        true = path(whole, source, destination)
        way = true.legs[0].packet
        for form, alone in forms.items():
            found = path(alone, source, destination, iif=way.iif, oif=way.oif)
            if decided and form in ("save", "-S", "-L -n -v"):
                assert found.verdict == true.verdict, (form, source, destination, found)
            else:
                assert found.verdict in (true.verdict, "undecided"), (form, source, destination, found)
