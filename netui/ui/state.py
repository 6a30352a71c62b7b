"""The state of the screen: the newest snapshot, the selection, the open flow. The app owns it.

The panes read it and never change it; they post messages instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from netui.model import Ruleset, RulesetKey, Snapshot
from netui.traversal.result import Flow, SendersPart
from netui.ui.presenters.chains.counters import CounterTrack, Frame, Identity, counter_index
from netui.ui.presenters.names import Names
from netui.ui.presenters.selection import Concern, HostItem, Item, concern_of
from netui.ui.presenters.tree_signs import Port, Reach

if TYPE_CHECKING:
    from netui.explain.names import Names as Words

#: The fields that can change a verdict, a name or a line; not counters, times and source states.
_STRUCTURE = (
    "engine",
    "networks",
    "containers",
    "nft_chains",
    "ipsets",
    "interfaces",
    "routes",
    "policy_rules",
    "sysctls",
    "sockets",
    "namespaces",
)


def same_rules(old: Snapshot, new: Snapshot) -> bool:
    """Whether the rulesets are the same objects."""
    return old.rulesets.keys() == new.rulesets.keys() and all(
        old.rulesets[key] is new.rulesets[key] for key in new.rulesets
    )


def same_structure(old: Snapshot, new: Snapshot) -> bool:
    """Whether only counters and times differ."""
    return same_rules(old, new) and all(
        (before := getattr(old, name)) is (after := getattr(new, name)) or before == after for name in _STRUCTURE
    )


@dataclass
class State:
    """The content of the panes.

    structure: a new object after each change of more than counters. flow_frame: the counters when the flow was
    opened, for the mark "seen".
    """

    snapshot: Snapshot = field(default_factory=lambda: Snapshot(time=0.0))
    arrived: bool = False
    names: Names = field(default_factory=Names)
    track: CounterTrack = field(default_factory=CounterTrack)
    structure: object = field(default_factory=object)
    item: Item = field(default_factory=HostItem)
    marked: Item | None = None
    _first: dict[RulesetKey, Ruleset] = field(default_factory=dict)
    _words: tuple[object, Words] | None = None
    concern: Concern = field(default_factory=lambda: Concern(set(), set()))
    flow: Flow | None = None
    #: whether the cursor of the tree opened the flow
    followed: bool = False
    flow_frame: Frame | None = None
    step: int = 0
    #: the complete open flow, where only one of its parts is shown; and the number of that part
    whole: Flow | None = None
    part: int = 0
    #: the message in the footer until the next key, and whether it is an error
    message: tuple[str, bool] | None = None
    #: who reaches each port, as far as it is computed
    reach: Mapping[Port, Reach] = field(default_factory=dict)
    #: the number of the doctor's findings, None before they are computed
    findings: int | None = None

    def take(self, snapshot: Snapshot) -> bool:
        """Set a new snapshot; True where more than counters changed."""
        changed = not self.arrived or not same_structure(self.snapshot, snapshot)
        self.snapshot = snapshot
        self.arrived = True
        self.track.add(snapshot)
        for key, ruleset in snapshot.rulesets.items():
            self._first.setdefault(key, ruleset)
        if changed:
            self.structure = object()
            self.names = Names.of(snapshot)
            self.concern = concern_of(snapshot, self.marked)
        return changed

    @property
    def words(self) -> Words:
        """The names for sentences about rules; made on first use."""
        if self._words is None or self._words[0] is not self.structure:
            from netui.explain.names import Names as Words

            self._words = (self.structure, Words.of(self.snapshot))
        return self._words[1]

    def is_new(self, key: RulesetKey, identity: Identity) -> bool:
        """Whether a rule is newer than netui's first reading of its ruleset."""
        first = self._first.get(key)
        return (
            first is not None and first is not self.snapshot.rulesets.get(key) and identity not in counter_index(first)
        )

    def mark(self, item: Item | None) -> None:
        """Mark the rules that name this container or network."""
        if item != self.marked:
            self.marked = item
            self.concern = concern_of(self.snapshot, item)

    def open_flow(self, flow: Flow | None, *, followed: bool = False) -> None:
        """Open a flow, and remember the present counters."""
        self.flow, self.followed = flow, followed and flow is not None
        self.whole, self.part = None, 0
        self.step = 0
        self.flow_frame = self.track.frames[-1] if flow is not None and self.track.frames else None

    @property
    def parts(self) -> tuple[SendersPart, ...]:
        """The parts of the open flow, () where it has the same outcome for all senders."""
        whole = self.whole or self.flow
        return whole.path.parts if whole is not None else ()

    def show_part(self, number: int) -> None:
        """Show one part of the open flow."""
        whole = self.whole or self.flow
        if whole is not None and number < len(whole.path.parts):
            self.whole, self.part, self.step = whole, number, 0
            self.flow = replace(whole, path=whole.path.parts[number].path) if number else whole

    def renew_flow(self, flow: Flow) -> bool:
        """Replace the open flow's path, keeping the shown part; True where it changed."""
        changed = flow.path != (self.whole or self.flow or flow).path
        number = self.part if len(flow.path.parts) == len(self.parts) else 0
        self.flow = self.whole = flow
        self.part = 0
        self.show_part(number)
        return changed
