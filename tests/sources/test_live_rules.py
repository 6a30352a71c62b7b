"""How often each ruleset is asked for."""

from __future__ import annotations

import pytest

from netui.model import RulesetKey
from netui.sources.live import iptables as iptables_live
from netui.sources.live.iptables import LiveRules

_FILTER = "*filter\n:INPUT ACCEPT [1:1]\nCOMMIT\n"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[RulesetKey]:
    """Note each question; IPv4 in nft has a table, the others have nothing, unless `tables` says more."""
    found: list[RulesetKey] = []

    def save_text(key: RulesetKey, _legacy: object, _machine: object) -> tuple[str, str]:
        found.append(key)
        return (_FILTER if key == ("ip", "nft") else ""), "a save"

    monkeypatch.setattr(iptables_live, "save_text", save_text)
    return found


def test_what_is_empty_is_asked_for_now_and_then(asked: list[RulesetKey], monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty ruleset is not asked for at each reading, but after a while and when something happened."""
    rules = LiveRules()
    rules.read()
    rules.read()
    asked.clear()
    assert rules.read()["ip6tables-nft"].values["rules"][0].tables == ()
    assert asked == [("ip", "nft")]
    rules.look_everywhere()
    rules.read()
    assert len(asked) == 5
    monkeypatch.setattr(iptables_live, "_EMPTY", 0.0)
    rules.read()
    assert len(asked) == 9
