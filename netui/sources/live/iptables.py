"""The host's iptables rules, live, by ``iptables-nft-save -c`` and its three twins.

A reading creates nothing and loads nothing. The save programs only read (iptables/nft-save and
iptables/iptables-save.c: the tables of /proc/net/ip_tables_names). But any request to nf_tables loads its module. So
where nf_tables is not loaded, there are no rules, and nothing is run.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from netui.dialects.iptables.save import names_variant, read_save, variant
from netui.model import Backend, Counters, Family, Ruleset, RulesetKey, packet_family
from netui.sources.machine import Ask, Loaded, Machine, Read, Run
from netui.sources.machine.local import LOCAL
from netui.sources.outputs import RULESET_SOURCES
from netui.sources.reading import Reading, failed
from netui.text.errors import SourceError, plain

#: The files with the existing tables; they exist where legacy iptables is loaded.
_LEGACY_TABLES: Mapping[Family, str] = {"ip": "/proc/net/ip_tables_names", "ip6": "/proc/net/ip6_tables_names"}
#: Seconds between two readings of an empty ruleset.
_EMPTY = 5.0
_TOOL: Mapping[Family, str] = {"ip": "iptables", "ip6": "ip6tables"}

#: Reads the legacy tables of a family in another way: (family, tables) → text and the reader's name.
LegacyReader = Callable[[Family, list[str]], tuple[str, str]]


def save_text(key: RulesetKey, legacy: LegacyReader | None = None, machine: Machine = LOCAL) -> tuple[str, str]:
    """Return (text of one ``iptables-…-save -c``, its program).

    legacy: called first for legacy tables; where it raises SourceError, the save program is run. The text is
    empty where the host has no such tables. Raises SourceError.
    """
    family = packet_family(key.family)
    tool = _TOOL[family]
    if key.backend == "legacy":
        tables = legacy_tables(family, machine)
        if not tables:
            return "", Path(_LEGACY_TABLES[family]).name
        if legacy is not None:
            try:
                return legacy(family, tables)
            except SourceError:
                pass
    elif not machine.loaded("nf_tables"):
        return "", "no nf_tables loaded"
    own = f"{tool}-{key.backend}-save"
    if machine.find(own) is not None:
        return machine.run([own, "-c"]), own
    plain_save = f"{tool}-save"
    if machine.find(plain_save) is None:
        raise SourceError(f"neither {own} nor {plain_save} is installed: install the package iptables")
    text = machine.run([plain_save, "-c"])
    if text.strip() and _variant_of(plain_save, text, machine) != key.backend:
        raise SourceError(f"{plain_save} prints the other variant, and {own} is not installed")
    return text, plain_save


def _variant_of(program: str, text: str, machine: Machine) -> Backend:
    """Return the variant of a save program: by its output, else by the target of its link."""
    if names_variant(text):
        return variant(text)
    target = machine.real(program)
    return "nft" if target is not None and "nft" in Path(target).name else "legacy"


def legacy_tables(family: Family, machine: Machine = LOCAL) -> list[str]:
    """Return the existing legacy tables; raise SourceError where access is denied."""
    path = _LEGACY_TABLES[family]
    try:
        return machine.read(path).split()
    except FileNotFoundError:
        return []
    except PermissionError:
        raise SourceError(machine.needs_root) from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {plain(error.strerror or error)}") from None


class LiveRules:
    """Reads the rulesets repeatedly; after a refresh in which only counters changed, they are the same objects.

    A ruleset without a table (IPv6, on most hosts) is read only every few seconds, and after changes: reading it
    would be half of the cost of an idle refresh.
    """

    def __init__(self, legacy: LegacyReader | None = None) -> None:
        self._legacy = legacy
        self._previous: dict[str, Ruleset] = {}
        self._empty: dict[str, tuple[float, Reading]] = {}

    def read(self, machine: Machine = LOCAL) -> dict[str, Reading]:
        """Read all four; each can fail without the others."""
        before = dict(self._previous)
        parts = {source: self._read(source, key, machine) for source, key in RULESET_SOURCES.items()}
        if any(before.get(source) is not ruleset for source, ruleset in self._previous.items()):
            self.look_everywhere()
        return parts

    def look_everywhere(self) -> None:
        """Read empty rulesets, too, at the next reading; may be called from any thread."""
        self._empty = {}

    def asks(self, machine: Machine) -> tuple[Ask, ...]:
        """Return the questions of the next reading."""
        asks: list[Ask] = [Loaded("nf_tables")]
        for source, key in RULESET_SOURCES.items():
            family = packet_family(key.family)
            save = f"{_TOOL[family]}-{key.backend}-save"
            if self._at_rest(source) is None:
                names = _LEGACY_TABLES[family] if key.backend == "legacy" else ""
                asks += [Read((names,))] if names else []
                asks += [Run((save, "-c"), names)] if machine.find(save) is not None else []
        return tuple(asks)

    def _at_rest(self, source: str) -> Reading | None:
        empty = self._empty.get(source)
        return empty[1] if empty is not None and time.monotonic() - empty[0] < _EMPTY else None

    def _read(self, source: str, key: RulesetKey, machine: Machine) -> Reading:
        if (empty := self._at_rest(source)) is not None:
            return empty
        try:
            text, via = save_text(key, self._legacy, machine)
            rules: tuple[Ruleset, Counters] = read_save(
                text, packet_family(key.family), key.backend, self._previous.get(source)
            )
        except SourceError as error:
            return failed(error)
        self._previous[source] = rules[0]
        part = Reading({"rules": rules}, via=via, time=time.time())
        if not rules[0].tables:
            self._empty = {**self._empty, source: (time.monotonic(), part)}
        return part


def namespace_rulesets(pid: int, machine: Machine = LOCAL) -> tuple[Ruleset, ...]:
    """Return the rules in the network namespace of a process (Docker's DNS rules are there).

    Legacy tables are read only where that namespace has any. Raises SourceError.
    """
    texts = namespace_texts(pid, machine)
    return tuple(read_save(text, packet_family(key.family), key.backend)[0] for key, text in texts.items())


def namespace_asks(pid: int, machine: Machine) -> list[Ask]:
    """Return the questions of :func:`namespace_texts`."""
    asks: list[Ask] = [Loaded("nf_tables")]
    families: tuple[Family, ...] = ("ip", "ip6")
    for family in families:
        names = _namespace_tables(pid, family)
        asks.append(Read((names,)))
        for backend in ("nft", "legacy"):
            path = machine.find(f"{_TOOL[family]}-{backend}-save")
            if path is not None:
                run = ("nsenter", "-t", str(pid), "-n", path, "-c")
                asks.append(Run(run, module="nf_tables") if backend == "nft" else Run(run, names))
    return asks


def namespace_texts(pid: int, machine: Machine = LOCAL) -> dict[RulesetKey, str]:
    """Return the save texts of a process's network namespace, without empty ones; raise SourceError."""
    if not machine.is_root:
        raise SourceError(machine.needs_root)
    enter = ["nsenter", "-t", str(pid), "-n"]
    texts: dict[RulesetKey, str] = {}
    families: tuple[Family, ...] = ("ip", "ip6")
    for family in families:
        backends: list[Backend] = ["nft"] if machine.loaded("nf_tables") else []
        with contextlib.suppress(OSError):
            backends += ["legacy"] if machine.read(_namespace_tables(pid, family)).split() else []
        for backend in backends:
            save = f"{_TOOL[family]}-{backend}-save"
            path = machine.find(save)
            text = machine.run([*enter, path, "-c"], timeout=5) if path else ""
            if text.strip():
                texts[RulesetKey(family, backend)] = text
    return texts


def _namespace_tables(pid: int, family: Family) -> str:
    return f"/proc/{pid}/net/{Path(_LEGACY_TABLES[family]).name}"
