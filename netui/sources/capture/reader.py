"""A capture's files → a snapshot; each source can fail without the others.

A missing file means "not known": its source has an error that names the command for it.

Longer than 300 lines: one class with a method for each kind of file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from netui import __version__
from netui.dialects import inside
from netui.dialects import sockets as socket_text
from netui.dialects.iptables import save as iptables_save
from netui.dialects.iptables.listed import save_text
from netui.dialects.nft import hooks as nft_hooks
from netui.dialects.nft import ruleset as nft_ruleset
from netui.model import (
    BUILT_IN,
    SOURCES,
    Backend,
    Counters,
    Family,
    Ruleset,
    RulesetKey,
    Snapshot,
    Socket,
    packet_family,
)
from netui.model.engine import Inside
from netui.sources.capture.files import FRAMES, CaptureFile, capture_files
from netui.sources.capture.pasted import (
    listed_tables,
    nft_json,
    nft_text,
    pasted_sections,
    pasted_text,
    read_pasted,
    untold_tables,
)
from netui.sources.docker import api as docker_api
from netui.sources.live import kernel_modules as kernel
from netui.sources.live import netns
from netui.sources.outputs import BUILD, BY_FILE, RULESET_SOURCES, Output, of_source
from netui.sources.reading import Assembly, Reading
from netui.text import json_text as js
from netui.text.errors import SourceError, quoted

#: Each ruleset's own file, and the one that serves if its first line names the variant.
_SAVES: Mapping[str, tuple[str, str]] = {
    "iptables-nft": ("iptables-nft-save.txt", "iptables-save.txt"),
    "ip6tables-nft": ("ip6tables-nft-save.txt", "ip6tables-save.txt"),
    "iptables-legacy": ("iptables-legacy-save.txt", "iptables-save.txt"),
    "ip6tables-legacy": ("ip6tables-legacy-save.txt", "ip6tables-save.txt"),
}
#: What else people have of a family's rules; less is known from it.
_LISTINGS: Mapping[Family, tuple[str, str]] = {
    "ip": ("iptables-S.txt", "iptables-L.txt"),
    "ip6": ("ip6tables-S.txt", "ip6tables-L.txt"),
}
_HOOKS = "nft-hooks.txt"
_NFT = ("nft-ruleset.json", "nft-ruleset.txt")
_T = TypeVar("_T")


def read_capture(path: str | Path) -> Snapshot:
    """Read a capture (a folder or .tar.gz), the first state of a recording, or a file with rules (``-``: stdin).

    Raises SourceError where the path is missing or none of these. A missing or damaged file of a capture
    concerns its own source only.
    """
    pasted = pasted_text(path)
    if pasted is not None:
        return read_pasted(pasted, path)
    files = {name: file for name, file in capture_files(Path(path)).items() if not name.startswith(f"{FRAMES}/")}
    return CaptureReading().snapshot(files)


class CaptureReading:
    """Reads the states of a capture one after the other; a file that is the same object is not read again."""

    def __init__(self, origin: str = "replay") -> None:
        self._assembly = Assembly(origin)
        self._files: Mapping[str, CaptureFile] = {}
        self._parts: dict[str, tuple[tuple[CaptureFile | None, ...], Reading]] = {}
        #: by part: its unreadable files, each with line and reason
        self._damaged: dict[str, tuple[str, ...]] = {}
        self._faults: list[str] = []

    def snapshot(self, files: Mapping[str, CaptureFile]) -> Snapshot:
        """Read what changed since the last call, and return the complete snapshot."""
        self._files = files
        meta = self._part("meta", ("meta.json",), self._meta)
        time = meta.values.get("time") or max((file.modified for file in files.values()), default=0.0)
        parts = {name: replace(self._source(name), time=time) for name in SOURCES}
        # optional: their absence is not reported
        if "kernel-modules.txt" in self._files:
            parts["kernel"] = self._part("kernel", ("kernel-modules.txt",), self._kernel)
        if "daemon.json" in self._files:
            parts["daemon"] = self._part("daemon", ("daemon.json",), self._daemon)
        parts["namespaces"] = self._part("namespaces", self._names_in("namespaces"), self._namespaces)
        if meta.note or meta.error:
            parts["capture"] = replace(meta, time=time, via="meta.json")
        snapshot = self._assembly.snapshot(parts, time, meta.values.get("hostname", ""))
        damaged = dict.fromkeys(fault for faults in self._damaged.values() for fault in faults)
        return replace(snapshot, damaged=tuple(damaged)) if damaged else snapshot

    # -- reading only what changed ------------------------------------------------

    def _part(self, name: str, names: tuple[str, ...], read: Callable[[], Reading]) -> Reading:
        key = tuple(self._files.get(file) for file in names)
        cached = self._parts.get(name)
        if cached is not None and cached[0] == key:
            return cached[1]
        outer, self._faults = self._faults, []
        try:
            part = read()
        except SourceError as error:
            part = Reading({}, str(error))
        self._parts[name], self._damaged[name] = (key, part), tuple(self._faults)
        self._faults = outer
        return part

    def _source(self, name: str) -> Reading:
        if name in _SAVES:
            listings = _LISTINGS[packet_family(RULESET_SOURCES[name].family)]
            return self._part(name, (*_SAVES[name], *listings, *_NFT), lambda: self._rules(name))
        if name == "docker":
            return self._part(name, tuple(output.file for output in of_source("docker")), self._docker)
        if name == "nft":
            # which tables are native depends on the tables of the saves
            saves = tuple(file for pair in _SAVES.values() for file in pair)
            listed = tuple(file for pair in _LISTINGS.values() for file in pair)
            return self._part(name, (*_NFT, _HOOKS, *saves, *listed), self._nft)
        if name in BUILD:
            return self._part(name, tuple(output.file for output in of_source(name)), lambda: self._by_family(name))
        if name == "listening":
            return self._part(name, self._names_in("listening"), self._listening)
        (output,) = of_source(name)
        return self._part(name, (output.file,), lambda: self._whole(output))

    def _whole(self, output: Output) -> Reading:
        """Read a source with a single text."""
        assert output.parse is not None
        return Reading({output.field: self._read(output.file, output.parse)}, via=output.file)

    def _names_in(self, folder: str) -> tuple[str, ...]:
        return tuple(name for name in self._files if name.startswith(f"{folder}/"))

    def _read(self, name: str, parse: Callable[[str], _T]) -> _T:
        """Parse a file; the message names the file, or for a missing file its command."""
        file = self._files.get(name)
        if file is None:
            output = BY_FILE.get(name)
            command = f"; made by: {output.command}" if output is not None and output.command else ""
            raise SourceError(f"{name} is not in the capture, so this is not known{command}")
        try:
            return parse(file.text())
        except SourceError as error:
            raise self._fault(name, str(error)) from None

    def _fault(self, name: str, why: str) -> SourceError:
        """Note an unreadable file."""
        joint = ": " if why.startswith(("line", "table", "cut off")) else " "
        fault = f"{name}{joint}{why}"
        self._faults.append(fault)
        return SourceError(fault)

    # -- the sources --------------------------------------------------------------

    def _kernel(self) -> Reading:
        return Reading({"kernel": self._read("kernel-modules.txt", kernel.parse_kernel)}, via="kernel-modules.txt")

    def _daemon(self) -> Reading:
        return Reading({"daemon": self._read("daemon.json", kernel.parse_daemon)}, via="daemon.json")

    def _meta(self) -> Reading:
        if "meta.json" not in self._files:
            return Reading({})
        meta = js.obj(self._read("meta.json", js.parse))
        made_by = js.text(meta.get("netui"))
        note = ""
        if _version(made_by) > _version(__version__):
            note = f"made by netui {quoted(made_by, 20)}, newer than this {__version__}: parts may be missing"
        try:
            time = datetime.fromisoformat(js.text(meta.get("time"))).timestamp()
        except (ValueError, OverflowError):
            time = 0.0
        return Reading({"hostname": js.text(meta.get("hostname")), "time": time}, note=note)

    def _rules(self, source: str) -> Reading:
        key, (own, plain) = RULESET_SOURCES[source], _SAVES[source]
        name, note = own, ""
        if own not in self._files and plain in self._files:
            text = self._read(plain, lambda text: text)
            named = iptables_save.names_variant(text)
            whose = iptables_save.variant(text) if named else self._likelier(packet_family(key.family))
            if not text.strip() or whose == key.backend:
                name = plain
                note = "" if named else f"{plain} does not tell which variant printed it: taken for {key.backend}'s"
            if not text.strip():
                raise self._fault(plain, "is empty, so what rules there are is not known; capture it again")
        if name not in self._files and plain not in self._files and key.backend == "nft":
            listed = [name for name in _LISTINGS[packet_family(key.family)] if name in self._files]
            if listed:
                return self._listed(key, listed)
        cached = self._parts.get(source)
        previous: Ruleset | None = cached[1].values["rules"][0] if cached and cached[1].values else None
        rules: tuple[Ruleset, Counters] = self._read(
            name, lambda text: iptables_save.read_save(text, packet_family(key.family), key.backend, previous)
        )
        return Reading({"rules": rules}, via=name, note=note)

    def _listed(self, key: RulesetKey, names: list[str]) -> Reading:
        """Read ``iptables -S`` and ``-L``; a table in neither is unknown, unless nft lists it."""
        family = packet_family(key.family)
        listings = [section for name in names for section in self._read(name, pasted_sections)]
        if not listings:
            raise self._fault(" and ".join(names), "holds no rules; capture it again")
        try:
            tables, notes = listed_tables(listings)
        except SourceError as error:
            raise self._fault(" and ".join(names), str(error)) from None
        if not any(name in self._files for name in _NFT):
            tables += untold_tables(tables)
        rules = iptables_save.read_save(save_text(tables), family, key.backend)
        return Reading({"rules": rules}, via=" ".join(names), note="; ".join(notes))

    def _likelier(self, family: Family) -> Backend:
        """The likely variant of a save that does not name it: nft, unless nft lists no table of its family."""
        listing = self._files.get("nft-ruleset.json")
        try:
            entries = js.items(js.obj(js.parse(listing.text())).get("nftables")) if listing is not None else None
        except SourceError:
            entries = None
        if entries is None:
            return "nft"
        tables = [js.obj(js.obj(entry).get("table")) for entry in entries]
        iptables = any(table.get("family") == family and table.get("name") in BUILT_IN for table in tables)
        return "nft" if iptables else "legacy"

    def _docker(self) -> Reading:
        documents: dict[str, Any] = {}
        errors: list[str] = []
        for part in ("info", "version", "networks", "containers"):
            try:
                documents[part] = self._read(f"docker-{part}.json", js.parse)
            except SourceError as error:
                errors.append(str(error))
        if (
            _is_empty(self._files.get("docker-containers.json"))
            and js.obj(documents.get("info")).get("Containers") == 0
        ):
            # ``docker inspect`` without arguments prints nothing
            documents["containers"] = []
            self._faults = [fault for fault in self._faults if not fault.startswith("docker-containers")]
            errors = [error for error in errors if not error.startswith("docker-containers")]
        values: dict[str, Any] = {}
        if "info" in documents or "version" in documents:
            values["engine"] = docker_api.engine(documents.get("info"), documents.get("version"))
        for part, build in (("networks", docker_api.networks), ("containers", docker_api.containers)):
            if part in documents:
                try:
                    values[part] = build(documents[part])
                except SourceError as error:
                    errors.append(str(self._fault(f"docker-{part}.json", str(error))))
        return Reading(values, "; ".join(errors), "docker-*.json")

    def _nft(self) -> Reading:
        saves = [
            rules["rules"][0]
            for name, key in RULESET_SOURCES.items()
            if key.backend == "nft" and (rules := self._source(name).values)
        ]
        entries, error, via = self._nft_entries()
        native = nft_ruleset.native_rules(entries, saves, correct=via != _NFT[1])
        if _HOOKS in self._files:
            try:
                version = nft_ruleset.printed_by(entries)
                native = replace(native, order=self._read(_HOOKS, partial(nft_hooks.hooks, version=version)))
            except SourceError as fault:
                error = str(fault)
        if native.differing:
            chains = ", ".join(native.differing[:3])
            self._fault(via, f"has other rules than the iptables-nft-save.txt beside it in {chains}; its rules count")
        return Reading({"native": native}, error, via=via)

    def _nft_entries(self) -> tuple[list[object], str, str]:
        """Read nft's JSON, else its text, or both: the JSON of older versions omits devices and flags.

        Returns the entries, the error, and the name of their file.
        """
        json, text = _NFT
        if text not in self._files:
            return self._read(json, nft_json), "", json
        if json not in self._files:
            return self._read(text, nft_text), "", text
        error = ""
        read: dict[str, list[object]] = {}
        for name, parse in ((json, nft_json), (text, nft_text)):
            try:
                read[name] = self._read(name, parse)
            except SourceError as fault:
                error = str(fault)
        if json not in read:
            if text not in read:
                raise SourceError(error)
            return read[text], error, text
        return nft_ruleset.unprinted(read[text]).complete(read[json]) if text in read else read[json], error, json

    def _by_family(self, source: str) -> Reading:
        """Read both families; ``ip -j route show table all`` also prints IPv6, if its own file is missing."""
        families: dict[Family, object] = {}
        errors: list[str] = []
        files: dict[str, None] = {}
        for output in of_source(source):
            file = output.file
            if file == "ip6-route.json" and file not in self._files:
                file = "ip-route.json"
            files[file] = None
            try:
                assert output.family is not None
                families[output.family] = self._read(file, partial(_build, BUILD[source], output.family))
            except SourceError as error:
                errors.append(str(error))
        return Reading({"families": families} if families else {}, "; ".join(errors), " ".join(files))

    def _listening(self) -> Reading:
        listening: dict[str, tuple[Socket, ...]] = {}
        insides: dict[str, Inside] = {}
        errors: list[str] = []
        names = self._names_in("listening")
        for name in names:
            container = name.split("/")[1].removesuffix(".txt")
            try:
                listening[container], own = self._read(name, _inside)
                if own is not None:
                    insides[container] = own
            except SourceError as error:
                errors.append(str(error))
        if not names:
            raise SourceError("listening/ is not in the capture: what listens in the containers is not known")
        numbers = self._read(netns.FILE, netns.netns) if netns.FILE in self._files else {}
        values = {"listening": listening, "insides": insides, "netns": numbers}
        return Reading(values, "; ".join(errors[:3]), "listening/")

    def _namespaces(self) -> Reading:
        rulesets_of: dict[str, tuple[Ruleset, ...]] = {}
        for name in self._names_in("namespaces"):
            try:
                saves = self._read(name, iptables_save.split_saves)
                rulesets = [
                    iptables_save.read_save(text, packet_family(key.family), key.backend)[0]
                    for key, text in saves.items()
                ]
            except SourceError:
                continue
            rulesets_of[name.split("/")[1].removesuffix(".txt")] = tuple(rulesets)
        return Reading(rulesets_of)


def _inside(text: str) -> tuple[tuple[Socket, ...], Inside | None]:
    return socket_text.proc_sockets(text), inside.read_inside(text)


def _build(build: Callable[[object, Family], object], family: Family, text: str) -> object:
    return build(js.parse(text), family)


def _is_empty(file: CaptureFile | None) -> bool:
    try:
        return file is not None and not file.load().strip()
    except SourceError:
        return False


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:4] if part.isdecimal() and len(part) < 9)
