"""What INPUT would do with a packet that DNAT redirects before INPUT.

Rules of ufw and in INPUT seem to protect a published port. A walk through INPUT only, with the original packet,
finds the rule that seems to do so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from netui.explain.chain_owners import neighbour
from netui.explain.native_tables import table_owner
from netui.traversal import EndpointError, PreparedHost, Step
from netui.traversal.question.endpoints import parse_destination, parse_source
from netui.traversal.question.resolution import resolve
from netui.traversal.question.sender import new_transit
from netui.traversal.rules.target_action import Unknowable
from netui.traversal.rules.walk import Walker
from netui.traversal.unknowns import Unknowns, explore


@dataclass(frozen=True, slots=True)
class InputFate:
    """fate: "accept", "drop", "reject" or "unknown". step: the refusing rule or policy."""

    fate: str
    step: Step | None = None

    @property
    def refuses(self) -> bool:
        """Whether INPUT would refuse it."""
        return self.fate in ("drop", "reject")

    @property
    def by_policy(self) -> bool:
        """Whether only the policy, or ufw's default policy, refuses it: no rule names the port."""
        return self.step is None or not _names_port(self.step)

    @property
    def owner(self) -> str:
        """The rule's owner: "ufw", …; "" for INPUT's own rules."""
        if self.step is None:
            return ""
        if self.step.backend == "nftables":
            return table_owner(self.step.table)
        return neighbour(self.step.chain)[0]


def _names_port(step: Step) -> bool:
    words = ("dport ",) if step.backend == "nftables" else ("--dport", "--dports", "--ports", "--destination-port")
    return any(word in step.text for word in words)


@dataclass(slots=True)
class InputFates:
    """INPUT's answers, each walked once."""

    host: PreparedHost
    _known: dict[tuple[str, str], InputFate] = field(default_factory=dict)

    def of(self, source: str, destination: str) -> InputFate:
        """Return what INPUT would do with the original packet."""
        key = (source, destination)
        if key not in self._known:
            self._known[key] = self._walk(source, destination)
        return self._known[key]

    def besides(self, source: str, destination: str, deciding: Step | None) -> str:
        """Return a sentence where INPUT would refuse the packet that DNAT redirects; "" otherwise."""
        if deciding is None or deciding.hook != "forward":
            return ""
        fate = self.of(source, destination)
        if not fate.refuses or fate.step is None or neighbour(deciding.chain)[0] in ("ufw", "ufw-docker", "firewalld"):
            # what the firewall itself lets through to containers does not bypass it
            return ""
        step = fate.step
        owner = f"{fate.owner}'s " if fate.owner else ""
        rule = f"rule {step.rule} of {step.chain}" if step.rule is not None else f"policy of {step.chain}"
        return (
            f"{owner}{rule} looks as if it kept this port closed, but does not: "
            "the packet is sent on to the container before INPUT and never comes there"
        )

    def _walk(self, source: str, destination: str) -> InputFate:
        try:
            query = resolve(self.host, parse_source(source), parse_destination(destination))
        except EndpointError:
            return InputFate("unknown")

        def walk(unknowns: Unknowns) -> InputFate:
            packet = new_transit(query)
            packet.link = True
            packet.track()
            walker = Walker(self.host.namespace, unknowns)
            try:
                fate = walker.hook("input", packet)
            except Unknowable:
                return InputFate("unknown")
            return InputFate(fate, walker.steps[-1] if walker.steps and fate != "accept" else None)

        explored = explore(walk)
        first = explored.outcomes[0]
        quiet = explored.of_quiet_sender()
        agreed = explored.usual_complete and all(outcome.fate == first.fate for outcome in quiet)
        return first if agreed else InputFate("unknown")
