"""A single file, or standard input, with rules alone → a snapshot that names what is missing.

Longer than 300 lines: it is one sequence of steps from any kind of text to a snapshot.
"""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from netui.dialects.iptables import save as iptables_save
from netui.dialects.iptables.columns import read_columns
from netui.dialects.iptables.listed import ListedTable, NotAListing, merged, rest_untold, save_text
from netui.dialects.iptables.specs import read_specs
from netui.dialects.nft import ruleset as nft_ruleset
from netui.dialects.nft.text_reader import NotNftText, read_text
from netui.dialects.pasted import Pasted, Section, family_of, sections
from netui.files.reading import read_regular
from netui.model import SOURCES, Backend, Counters, Family, Ruleset, RulesetKey, Snapshot
from netui.sources.capture.files import MAX_FILE
from netui.sources.outputs import RULESET_SOURCES
from netui.sources.reading import Assembly, Reading
from netui.text.errors import SourceError, plain, quoted, quoted_path
from netui.text.json_fields import items, obj

STDIN = "-"
#: How files packed by xz, bzip2 and zstd begin; the reader of captures refuses them.
_OTHERWISE_PACKED = (b"\xfd7zXZ\0", b"BZh", b"\x28\xb5\x2f\xfd")
_GZIP = b"\x1f\x8b"
_Rules = tuple[Ruleset, Counters]


def pasted_text(path: str | Path) -> str | None:
    """Return the text of a single file or of standard input (``-``); None for a folder, a tar, or what is missing.

    Raises SourceError where it cannot be read.
    """
    if str(path) == STDIN:
        data = sys.stdin.buffer.read(MAX_FILE + 1)
        return _decoded(_bounded(_unpacked(data) or data, "standard input"))
    try:
        data = read_regular(path, MAX_FILE + 1)
    except (OSError, ValueError):
        # the reader of captures gives the reason
        return None
    if data[:2] == _GZIP:
        # a tar is recognized by its header, and read elsewhere
        head = _unpacked(data, 512)
        data = _unpacked(data) if head and head[257:262] != b"ustar" else b""
        if not data:
            return None
    if data[257:262] == b"ustar" or data.startswith(_OTHERWISE_PACKED) or _is_tar(data):
        return None
    return _decoded(_bounded(data, quoted_path(path)))


def _is_tar(data: bytes) -> bool:
    """Whether it is a tar of any age.

    ``tarfile.is_tarfile`` also tries each compression, and lzma reads zeros four bytes at a time: 256 MB took 20 s.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:"):
            return True
    except tarfile.TarError:
        return False


def _unpacked(data: bytes, limit: int = MAX_FILE + 1) -> bytes:
    """Return the first bytes of a gzip stream, b"" for an empty one."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            return file.read(limit)
    except (OSError, EOFError, zlib.error):
        return b""


def _bounded(data: bytes, name: str) -> bytes:
    if len(data) > MAX_FILE:
        raise SourceError(f"{name} is larger than {MAX_FILE // 2**20} MB, which no ruleset is")
    return data


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")


def _modified(path: str | Path) -> float:
    """Return a file's time of change, 0 where that is not known."""
    try:
        return 0.0 if str(path) == STDIN else Path(path).stat().st_mtime
    except OSError:
        return 0.0


def _shown_name(path: str | Path) -> str:
    """Return the text's name for messages."""
    return "standard input" if str(path) == STDIN else quoted_path(path)


def read_pasted(text: str, path: str | Path, origin: str = "replay") -> Snapshot:
    """Read rules alone, the text of a file. Raises SourceError, with the line and the reason."""
    name, time = _shown_name(path), _modified(path)
    try:
        read = _read(sections(text))
    except SourceError as error:
        raise SourceError(f"{name}: {error}") from None
    via = "standard input" if str(path) == STDIN else plain(Path(path).name, 80)
    parts: dict[str, Reading] = {}
    for source in SOURCES:
        key = RULESET_SOURCES.get(source)
        if key is not None and key in read.rules:
            parts[source] = Reading({"rules": read.rules[key]}, via=via, note="; ".join(read.notes.get(key, ())))
        else:
            parts[source] = Reading({}, f"{via} holds no more than rules: this is not known")
    if read.native is not None:
        parts["nft"] = Reading({"native": read.native}, via=via)
    return replace(
        Assembly(origin).snapshot({source: replace(part, time=time) for source, part in parts.items()}, time),
        alone=True,
    )


@dataclass(slots=True)
class _Read:
    rules: dict[RulesetKey, _Rules] = field(default_factory=dict)
    notes: dict[RulesetKey, list[str]] = field(default_factory=dict)
    native: nft_ruleset.NativeRules | None = None


def _read(pasted: Pasted) -> _Read:
    if not pasted.sections:
        if pasted.strange is None:
            raise SourceError("is empty: it holds no rules")
        number, line = pasted.strange
        raise SourceError(
            f"line {number} is no output of iptables-save, iptables -S, iptables -L or nft list ruleset: {quoted(line)}"
        )
    read = _Read()
    saves = [section for section in pasted.sections if section.form == "save"]
    for key, given in _keyed(saves).items():
        text, notes = _whole_save(given)
        read.rules[key] = iptables_save.read_save(text, _family(key), key.backend)
        read.notes[key] = notes
    listings = [section for section in pasted.sections if section.form in ("specs", "columns")]
    for key, given in _keyed(listings).items():
        tables, notes = listed_tables(given)
        if key in read.rules:
            # a save is more complete than a listing of the same table
            saved = {table.name for table in read.rules[key][0].tables}
            tables = [table for table in tables if table.name not in saved]
            if tables:
                raise SourceError("it holds an iptables-save and listings of other tables; give one of the two")
            continue
        # answers about Docker need these two tables; of the others, a note says that they are missing
        tables += [table for table in untold_tables(tables) if table.name in ("nat", "filter")]
        read.rules[key] = iptables_save.read_save(save_text(tables), _family(key), key.backend)
        read.notes[key] = notes
    for remark in pasted.remarks:
        for notes in read.notes.values():
            if remark.startswith("#") or "Warning" in remark:
                notes.append(plain(remark.lstrip("# "), 150))
    read.native = _native(pasted.sections, [rules for rules, _ in read.rules.values() if rules.backend == "nft"])
    return read


def _family(key: RulesetKey) -> Family:
    return "ip6" if key.family == "ip6" else "ip"


def _keyed(given: Sequence[Section]) -> dict[RulesetKey, list[Section]]:
    """Sort sections by family and variant: those of the command line or first line, else by their addresses."""
    keyed: dict[RulesetKey, list[Section]] = {}
    for section in given:
        head = section.lines[0][1]
        backend: Backend | None = section.backend
        family = section.family
        if section.form == "save" and head.startswith("# Generated by "):
            family = "ip6" if "ip6tables" in head else "ip"
            if iptables_save.names_variant(head):
                backend = iptables_save.variant(head)
        for lines in _repeated(section):
            part = replace(section, lines=lines)
            part_family = family or family_of(lines)
            key = RulesetKey(part_family or "ip", backend or "nft")
            if part_family is None and any(_same_table(part, other) for other in keyed.get(key, ())):
                key = RulesetKey("ip6", key.backend)
            keyed.setdefault(key, []).append(part)
    return keyed


def _repeated(section: Section) -> list[list[tuple[int, str]]]:
    """Split saves without first lines where a table is repeated: it is the other family's."""
    if section.form != "save":
        return [section.lines]
    seen: set[str] = set()
    parts: list[list[tuple[int, str]]] = [[]]
    for number, line in section.lines:
        if line.startswith("*"):
            if line in seen:
                parts.append([])
                seen = set()
            seen.add(line)
        parts[-1].append((number, line))
    return parts


def _same_table(section: Section, other: Section) -> bool:
    def names(one: Section) -> set[str]:
        starts = ("*",) if one.form == "save" else ("-P ", "Chain ")
        return {line for _, line in one.lines if line.startswith(starts)}

    return bool(names(section) & names(other))


def _whole_save(given: Iterable[Section]) -> tuple[str, list[str]]:
    """Return saves as one text with the same line numbers; a truncated save is closed, with a note."""
    text: list[str] = []
    notes: list[str] = []
    for section in given:
        for number, line in section.lines:
            text += [""] * (number - 1 - len(text))
            text.append(line)
        tables = [line for line in text if line.startswith(("*", "COMMIT"))]
        if tables and tables[-1] != "COMMIT":
            notes.append(_close(text, section))
    return "\n".join([*text, ""]), notes


def _close(text: list[str], section: Section) -> str:
    """Close a truncated save: its last chain and all later ones may have more rules."""
    number, last = section.lines[-1]
    begin = max(index for index, line in enumerate(text) if line.startswith("*"))
    chains = [line[1:].split(" ", 1)[0] for line in text[begin:] if line.startswith(":")]
    rules = [line.partition("-A ")[2].split(" ", 1)[0] for line in text[begin:] if line.startswith(("-A ", "["))]
    first = max((chains.index(chain) for chain in rules[-2:] if chain in chains), default=0)
    if not section.ended and not last.startswith(("*", "COMMIT")):
        # a part of a line may have another meaning than the line
        text[-1] = ""
    text += [*(rest_untold(chain) for chain in chains[first:]), "COMMIT"]
    return f"cut off in line {number}: what follows in table {text[begin][1:]} and the tables behind it is not known"


def listed_tables(given: Iterable[Section]) -> tuple[list[ListedTable], list[str]]:
    """Read ``iptables -S`` and ``-L`` sections of one family and variant; -S is preferred where both have a table.

    Raises SourceError with the line.
    """
    read: dict[str, list[ListedTable]] = {"specs": [], "columns": []}
    backend_told = False
    try:
        for section in given:
            backend_told = backend_told or section.backend is not None
            reader = read_specs if section.form == "specs" else read_columns
            read[section.form] += reader(section.lines, section.table)
        tables = merged(read["specs"])
        names = {table.name for table in tables}
        tables += [table for table in merged(read["columns"]) if table.name not in names]
    except NotAListing as error:
        raise SourceError(str(error)) from None
    notes = [] if backend_told else ["the listing does not tell which variant of iptables it is: taken for nft's"]
    for table in tables:
        if table.guessed:
            notes.append(f"the listing does not name its table: taken for {table.name}")
        if table.missing:
            notes.append(f"chains {', '.join(table.missing)} of table {table.name} are not in the listing")
    notes += [f"table {table.name} is not in the listing" for table in untold_tables(tables)]
    return tables, notes


def pasted_sections(text: str) -> list[Section]:
    """Return the ``iptables -S`` and ``-L`` sections of a capture's file."""
    return [section for section in sections(text).sections if section.form in ("specs", "columns")]


def untold_tables(tables: Iterable[ListedTable]) -> list[ListedTable]:
    """Return the usual tables that are not among these; their rules are unknown."""
    names = {table.name for table in tables}
    return [ListedTable(name) for name in ("raw", "mangle", "nat", "filter") if name not in names]


def nft_json(text: str) -> list[object]:
    """Read ``nft -j list ruleset``; the error names a plain text in its place. Raises SourceError."""
    try:
        return nft_ruleset.parse_document(text)
    except SourceError:
        first = next((section for section in sections(text[:100_000]).sections if section.form == "nft"), None)
        if first is None:
            raise
        line = first.lines[0][0]
        raise SourceError(f"line {line} is nft's text, no JSON; name the file nft-ruleset.txt, or use nft -j") from None


def nft_text(text: str) -> list[object]:
    """Read the text of ``nft list ruleset``; return the entries that ``nft -j`` prints. Raises SourceError."""
    pasted = sections(text)
    entries: list[object] = []
    try:
        for section in pasted.sections:
            if section.form != "nft":
                raise SourceError(f"line {section.lines[0][0]} is no nft list ruleset output")
            entries += read_text(section.lines)
    except NotNftText as error:
        raise SourceError(str(error)) from None
    if not pasted.sections and pasted.strange is not None:
        raise SourceError(f"line {pasted.strange[0]} is no nft list ruleset output: {quoted(pasted.strange[1])}")
    return entries


def _native(given: Iterable[Section], saves: list[Ruleset]) -> nft_ruleset.NativeRules | None:
    entries: list[object] | None = None
    printed = False
    for section in given:
        if section.form == "json":
            printed = True
            text = "\n" * (section.lines[0][0] - 1) + "\n".join(line for _, line in section.lines)
            entries = [*(entries or []), *nft_ruleset.parse_document(text)]
        elif section.form == "nft":
            try:
                entries = [*(entries or []), *read_text(section.lines)]
            except NotNftText as error:
                raise SourceError(str(error)) from None
    if entries is None:
        return None
    return nft_ruleset.native_rules(_without_elements(entries), saves, correct=printed)


def _without_elements(entries: list[object]) -> list[object]:
    """Treat the elements of sets as unknown where no set has any: ``nft -t`` omits them silently."""
    sets = [obj(obj(entry).get(kind)) for entry in entries for kind in ("set", "map") if obj(entry).get(kind)]
    if not sets or any(items(nft_set.get("elem")) for nft_set in sets):
        return entries
    for nft_set in sets:
        nft_set["elem"] = None
    return entries
