"""Tries cures before they are given: on the changed host, the same check must find nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from netui.audit.doctor.changed_host import changed
from netui.audit.doctor.checkup import View
from netui.audit.doctor.finding import Change, Cure, Finding
from netui.model import Snapshot
from netui.traversal import PreparedHost, RulesError, prepare

Check = Callable[[View], Iterator[Finding]]
#: The most changed hosts that are tried, because each is prepared and walked again.
_MOST = 48
#: … and hosts of so many rules together, but a few always: of 50,000 rules each takes more than a second.
_MOST_RULES, _FEWEST = 500_000, 8


_Found = tuple[set[tuple[object, ...]] | None, set[tuple[object, ...]]]


@dataclass(slots=True)
class Trials:
    """Hosts with changes, each prepared once; only the last one is cached, because each has its own rules."""

    view: View
    _tried: set[tuple[Change, ...]] = field(default_factory=set)
    _last: tuple[tuple[Change, ...] | None, View | None] = (None, None)
    _before: dict[Check, set[tuple[object, ...]]] = field(default_factory=dict)
    _checked: dict[tuple[Check, tuple[Change, ...]], _Found] = field(default_factory=dict)

    def host(self, changes: tuple[Change, ...]) -> View | None:
        """Return the host with the changes, None where they are not possible or too many were tried."""
        if self._last[0] == changes:
            return self._last[1]
        if changes not in self._tried and len(self._tried) >= self._most():
            return None
        self._tried.add(changes)
        self._last = None, None
        after = changed(self.view.host.snapshot, changes)
        try:
            self._last = changes, None if after is None else View(self._prepared(after))
        except RulesError:
            self._last = changes, None
        return self._last[1]

    def _most(self) -> int:
        rules = sum(ruleset.rule_count() for ruleset in self.view.host.snapshot.rulesets.values())
        return max(_FEWEST, min(_MOST, _MOST_RULES // max(1, rules)))

    def _prepared(self, after: Snapshot) -> PreparedHost:
        host = prepare(after)
        # what cannot be told of this host cannot be told of the changed one either
        host.patience = self.view.host.patience
        return host

    def proven(self, check: Check, finding: Finding, others: Sequence[Check] = ()) -> Finding:
        """Return the finding with only the cures that help: after them, the check does not find it any more.

        others: checks in which a cure must not cause a new finding.
        """
        advice: list[str] = []
        helped: list[Cure] = []
        for text in finding.advice:
            if not isinstance(text, Cure):
                advice.append(text)
                continue
            tried: Cure | None = text
            while tried is not None and not self._helps(check, finding, tried, others):
                tried = tried.otherwise
            if tried is not None:
                advice.append(tried)
                helped.append(tried)
        advice += self._kept(helped)
        return replace(finding, advice=tuple(advice))

    def _helps(self, check: Check, finding: Finding, tried: Cure, others: Sequence[Check]) -> bool:
        keys, _ = self._after(check, tried.changes)
        if keys is None or _key(finding) in keys:
            return False
        # the same finding about fewer networks is not new
        return all(self._after(each, tried.changes)[1] <= self._found(each) for each in dict.fromkeys((check, *others)))

    def _after(self, check: Check, changes: tuple[Change, ...]) -> _Found:
        """Return a check's findings on the changed host: their keys (None: it was not tried) and kinds."""
        checked = self._checked.get((check, changes))
        if checked is None:
            after = self.host(changes)
            findings = list(check(after)) if after is not None else []
            keys = {_key(finding) for finding in findings} if after is not None else None
            checked = self._checked[check, changes] = keys, {_kind(finding) for finding in findings}
        return checked

    def _found(self, check: Check) -> set[tuple[object, ...]]:
        if check not in self._before:
            self._before[check] = {_kind(finding) for finding in check(self.view)}
        return self._before[check]

    def _kept(self, helped: Sequence[Cure]) -> Iterator[str]:
        """Return a sentence about the changes after a reboot."""
        changes = [change for cure in helped for change in cure.changes]
        rules = [change for change in changes if change.op not in ("sysctl", "ip-rule")]
        added = [change for change in rules if change.op not in ("delete", "flush", "policy")]
        # ufw and other tools save their own changes
        added = [change for change in added if not change.chain.startswith("ufw") and change.chain != "FORWARD_direct"]
        if any(change.backend == "nftables" for change in added):
            yield "Keep it over a reboot: write it where the table is made, /etc/nftables.conf on most hosts."
            return
        if any(change.op == "ip-rule" for change in changes):
            yield "A policy rule set by ip is gone after a reboot: put it where the VPN or the link is started."
        if not added:
            return
        where = added[0].chain
        if where == "DOCKER-USER" and any(True for _ in self.view.chains("ip", "filter", "ufw-user-forward")):
            yield (
                "Keep it over a reboot: ufw loads /etc/ufw/after.rules, where it can stand under *filter behind the "
                "line :DOCKER-USER - [0:0]"
            )
        elif where in ("FORWARD", "DOCKER-USER"):
            again = "; the engine puts its own jumps before it when it restarts" if where == "FORWARD" else ""
            yield (
                f"A rule set by iptables is gone after a reboot{again}: let a systemd unit with After=docker.service "
                "run the command."
            )
        else:
            yield "A rule set by iptables is gone after a reboot: put the command where this host makes its rules."


def _kind(finding: Finding) -> tuple[object, ...]:
    return finding.id, finding.evidence[0].text if finding.evidence else ""


def _key(finding: Finding) -> tuple[object, ...]:
    """The identity of a finding, even if rules have moved."""
    shows = finding.evidence[0].text if finding.evidence else ""
    return finding.id, finding.about, shows
