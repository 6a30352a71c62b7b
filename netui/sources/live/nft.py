"""The host's native nftables tables, live, with their counters, and native rules in iptables' own tables.

Each reading asks the kernel for the ruleset's generation. Base chains, and tables without moving parts, are read again
only in a new generation. ``nft -j list table`` is run for native tables only. iptables' own tables are listed only
where the kernel has a rule in them that iptables cannot have written: listing 10,000 rules takes half a second.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from netui.dialects.nft import hooks as nft_hooks
from netui.dialects.nft.document import COUNTER, MOVING
from netui.dialects.nft.measures import used_in
from netui.dialects.nft.ruleset import NativeRules, Unprinted, asleep, native_rules, parse_document
from netui.model import Counters, NativeChain, Ruleset, RulesetKey
from netui.sources.live import nft_netlink
from netui.sources.live.nft_hidden import TableKey, could_be_iptables, family_of, hidden, is_iptables, touched
from netui.sources.machine import command, permits
from netui.sources.reading import Reading
from netui.text.errors import SourceError


class TableTexts:
    """Builds native tables from their texts, repeatedly."""

    def __init__(self) -> None:
        self._before: tuple[tuple[str, ...], tuple[str, ...], NativeRules] | None = None

    def rules(
        self,
        texts: dict[TableKey, str],
        saves: Collection[Ruleset],
        by_iptables: Collection[TableKey],
        unprinted: Unprinted,
    ) -> NativeRules:
        """Build the tables; where only counters changed, read only the counters in the texts."""
        plain = not any(table in by_iptables for table in texts)
        blank = tuple(MOVING.sub("", text) for text in texts.values())
        names = (*(f"{family} {name}" for family, name in texts), repr(unprinted))
        if plain and self._before is not None and self._before[:2] == (names, blank):
            before = self._before[2]
            return replace(before, rules={key: (before.rules[key][0], _moved(texts, key)) for key in before.rules})
        entries = unprinted.complete(entry for text in texts.values() for entry in parse_document(text))
        native = native_rules(entries, [r for r in saves if not plain])
        self._before = (names, blank, native)
        return native


#: What changes in a table's text within a generation: counters, elements that packets add or that expire, and the
#: names of devices that rules have by index.
_MOVES = re.compile(r'"(?:counter|quota|last|expires|timeout|dynamic|flowtable|iif|oif|sdif)"')


class LiveNative:
    """Reads native tables repeatedly; where only counters changed, the rulesets are the same objects."""

    def __init__(self, run: Callable[[Sequence[str]], str] = command.run) -> None:
        self._run = run
        self._texts = TableTexts()
        self._fixed: tuple[tuple[int, ...], frozenset[TableKey], NativeRules] | None = None
        #: the generation of the kernel's lists, and of the tables without moving parts
        self._listed_at: int | None = None
        #: the ruleset's generation, and the families of rules with the generation of that data
        self._generation = 0
        self._told: tuple[int, Mapping[tuple[str, str, int], str]] | None = None
        self._kernel: tuple[Sequence[nft_netlink.BaseChain], Mapping[TableKey, nft_netlink.TableState]] = ((), {})
        self._still: dict[TableKey, str] = {}
        self._order: Mapping[tuple[str, str], tuple[tuple[str, ...], ...]] = {}

    def read(self, rulesets: Iterable[Ruleset], loaded: bool) -> Reading:
        """Read all native tables.

        rulesets: iptables' own, just read. loaded: whether nf_tables is loaded, as a request would load it.
        """
        now = time.time()
        if not loaded:
            return Reading({"native": NativeRules()}, via="no nf_tables loaded", time=now)
        saves = [ruleset for ruleset in rulesets if ruleset.backend == "nft"]
        try:
            chains, states = self._from_kernel()
            dormant = frozenset(table for table, state in states.items() if state.dormant)
            corrected = self._corrected(saves, dormant)
        except SourceError as error:
            return Reading(error=str(error))
        by_iptables = {(ruleset.family, table.name) for ruleset in saves for table in ruleset.tables}
        native = [chain for chain in chains if not is_iptables(chain, by_iptables)]
        tables = tuple(dict.fromkeys((chain.family, chain.table) for chain in native))
        texts: dict[TableKey, str] = {}
        failed: dict[TableKey, str] = {}
        for table in tables:
            if (still := self._still.get(table)) is not None:
                texts[table] = still
                continue
            try:
                texts[table] = listed = self._listed(table, table in dormant)
            except SourceError as error:
                failed[table] = self._why(table, error)
                continue
            if _MOVES.search(listed) is None:
                self._still[table] = listed
        unread = tuple(
            NativeChain(c.family, c.table, c.name, c.hook, c.priority, c.type, c.policy, _ANY, why, c.devices)
            for c in native
            if (why := failed.get((c.family, c.table))) is not None and (c.family, c.table) not in dormant
        )
        devices = {(c.family, c.table, c.name): c.devices for c in native if c.hook in ("ingress", "egress")}
        try:
            families = self._families(texts)
            rules = self._texts.rules(texts, saves, by_iptables, Unprinted(dormant, devices, families))
        except SourceError as error:
            return Reading(error=f"nft: output {error}")
        handles = {table: state.handle for table, state in states.items()}
        result = NativeRules(rules.rules, unread, corrected, self._order, handles)
        trouble = "; ".join(dict.fromkeys(failed.values()))
        return Reading({"native": result}, error=trouble, via="nft" if texts else "netlink", time=now)

    def _from_kernel(
        self,
    ) -> tuple[Sequence[nft_netlink.BaseChain], Mapping[TableKey, nft_netlink.TableState]]:
        """Return the base chains and tables; the earlier ones in the same generation."""
        now = self._generation = nft_netlink.generation()
        if now != self._listed_at:
            self._listed_at = None
            self._still.clear()
            self._kernel = nft_netlink.base_chains(), nft_netlink.tables()
            self._order = self._hooks()
            # removing a device also removes its hooks, without a new generation
            by_device = any(chain.hook in ("ingress", "egress") for chain in self._kernel[0])
            self._listed_at = None if by_device else now
        return self._kernel

    def _families(self, texts: Mapping[TableKey, str]) -> Mapping[tuple[str, str, int], str]:
        """Return the family of each rule that nft may print without one; read only in a new generation."""
        asked = {table for table, text in texts.items() if table[0] not in ("ip", "ip6") and _RESET in text}
        if not asked:
            return {}
        if self._told is None or self._told[0] != self._generation:
            families = {
                (rule.family, rule.table, rule.handle): family_of(rule)
                for rule in nft_netlink.rule_makes()
                if (rule.family, rule.table) in asked and rule.expressions[-1:] == (("reject", ()),)
            }
            self._told = self._generation, families
        return self._told[1]

    def _hooks(self) -> Mapping[tuple[str, str], tuple[tuple[str, ...], ...]]:
        """Return the order of base chains, where one depends on it and the kernel tells it; else {}."""
        places = [(chain.hook, chain.priority) for chain in self._kernel[0]]
        if len(set(places)) == len(places) or not permits.loaded("nfnetlink_hook"):
            return {}
        try:
            return nft_hooks.hooks(self._run(("nft", "list", "hooks")), nft_hooks.version_of(self._version()))
        except SourceError:
            return {}

    def _listed(self, table: TableKey, dormant: bool) -> str:
        """Return a table as nft's JSON; 1.0.6 fails on a dormant table, so its text is read instead."""
        if not dormant:
            return self._run(("nft", "-j", "list", "table", *table))
        from netui.sources.capture.pasted import nft_text

        return json.dumps({"nftables": nft_text(self._run(("nft", "list", "table", *table)))})

    def _why(self, table: TableKey, error: SourceError) -> str:
        """Return why a table cannot be listed, and what to install."""
        name = f"table {table[0]} {table[1]}"
        if command.find("nft") is None:
            return f"{name} exists, and nft is not installed: install the package nftables"
        return f"{self._version()} cannot list {name} ({error}): install a newer nftables"

    def _version(self) -> str:
        try:
            words = self._run(("nft", "--version")).split()
        except SourceError:
            return "nft"
        return f"nft {words[1].lstrip('v')}" if len(words) > 1 else "nft"

    def _corrected(
        self, saves: list[Ruleset], dormant: frozenset[TableKey]
    ) -> dict[RulesetKey, tuple[Ruleset, Ruleset]]:
        """Return the corrected rulesets of iptables with native or dormant parts; searched after a change only."""
        key = tuple(map(id, saves))
        if self._fixed is None or self._fixed[:2] != (key, dormant):
            self._fixed = (key, dormant, NativeRules(corrected=asleep(saves, dormant, self._look(saves))))
        return dict(self._fixed[2].corrected)

    def _look(self, saves: list[Ruleset]) -> dict[RulesetKey, tuple[Ruleset, Ruleset]]:
        if not saves:
            return {}
        by_iptables = {(ruleset.family, table.name) for ruleset in saves for table in ruleset.tables}
        strange: dict[TableKey, list[nft_netlink.RuleMake]] = {}
        counts: dict[tuple[str, str, str], int] = {}
        places: dict[tuple[str, str, str], set[int]] = {}
        for rule in nft_netlink.rule_makes():
            table = (rule.family, rule.table)
            if table not in by_iptables:
                continue
            chain = (*table, rule.chain)
            counts[chain] = counts.get(chain, 0) + 1
            if not could_be_iptables(rule):
                strange.setdefault(table, []).append(rule)
                places.setdefault(chain, set()).add(counts[chain])
        if not strange:
            return {}
        entries: list[object] = []
        try:
            for table in strange:
                entries += parse_document(self._run(("nft", "-j", "list", "table", *table)))
        except SourceError:
            return {ruleset.key: (ruleset, hidden(ruleset, places)) for ruleset in saves if touched(ruleset, places)}
        return dict(native_rules(entries, saves).corrected)


_ANY = frozenset({"unknown"})
_RESET = '"tcp reset"'


def _moved(texts: dict[TableKey, str], key: RulesetKey) -> Counters:
    """Return the counters of a family's tables, in the order of the texts."""
    pairs = [pair for (family, _), text in texts.items() if family == key.family for pair in COUNTER.findall(text)]
    used = tuple(amount for (family, _), text in texts.items() if family == key.family for amount in used_in(text))
    return Counters(tuple(int(packets) for packets, _ in pairs), tuple(int(octets) for _, octets in pairs), used)
