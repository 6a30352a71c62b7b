"""The user's configuration file: reading names each bad value with its line; it is written only on request."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from netui.config.text import changed, flat, line_numbers
from netui.files.reading import NotAFile, open_regular
from netui.files.writing import FolderEntry, NewFile, Owner
from netui.model.settings import COLUMNS, THEMES, Settings
from netui.text.errors import SourceError, plain, quoted, quoted_path

#: A larger file is no configuration.
_LARGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration as it was read.

    problems: a line for each setting that was ignored, with the reason. lines: the line of each key.
    readable: whether it is TOML, or does not exist; else none of it was used.
    """

    path: Path
    settings: Settings = field(default_factory=Settings)
    problems: tuple[str, ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)
    readable: bool = True

    def place(self, name: str) -> str:
        """Return ``config.toml line 3: name``, the beginning of a problem."""
        return _place(self.path, self.lines, name)


def default_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the path of the configuration: ``netui/config.toml`` in the XDG folder."""
    base = environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if base.startswith("/") else home(environ) / ".config"
    return folder / "netui" / "config.toml"


def home(environ: Mapping[str, str]) -> Path:
    """Return the user's home folder; without one a folder that does not exist, never the current folder."""
    named = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - pathlib raises where there is none
    return Path(named if named.startswith("/") else "/nonexistent")


def read_config(path: Path) -> Config:
    """Read a configuration; bad settings are named and ignored, and a missing file sets nothing."""
    import tomllib

    try:
        text = _text(path)
        document = flat(tomllib.loads(text))
    except FileNotFoundError:
        return Config(path)
    except tomllib.TOMLDecodeError as error:
        return Config(path, problems=(f"{path.name} is ignored: {plain(error)}",), readable=False)
    except (OSError, ValueError, RecursionError) as error:
        return Config(path, problems=(f"{path.name} is ignored: {_reason(error)}",), readable=False)
    lines = line_numbers(text)
    settings, problems, keys = Settings(), [], {}
    for name, value in document.items():
        where = _place(path, lines, name)
        if name.startswith("keys."):
            if isinstance(value, str) and value.strip():
                keys[name.removeprefix("keys.")] = value
            else:
                problems.append(f'{where}: {_shown(value)} is no key, as in: freeze = "p"')
        elif name not in _FIELDS:
            if name not in _TABLES or value != {}:
                problems.append(f"{where}: not a setting of netui")
        else:
            attribute, check, wanted = _FIELDS[name]
            if check(value):
                settings = replace(settings, **{attribute: value})
            else:
                problems.append(f"{where}: {_shown(value)} is not {wanted}")
    return Config(path, replace(settings, keys=keys), tuple(problems), lines)


def _text(path: Path) -> str:
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            return _decoded(file)
    except NotAFile as error:
        raise ValueError(f"it {error.strerror}") from None


def _decoded(file: BinaryIO) -> str:
    raw = file.read(_LARGEST + 1)
    if len(raw) > _LARGEST:
        raise ValueError("it is larger than a megabyte")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None


def _place(path: Path, lines: Mapping[str, int], name: str) -> str:
    number, parent = lines.get(name), name
    while number is None and "." in parent:
        parent = parent.rpartition(".")[0]
        number = lines.get(parent)
    where = f" line {number}" if number is not None else ""
    return f"{path.name}{where}: {plain(name, 60)}"


def _shown(value: object) -> str:
    return (
        quoted(value)
        if isinstance(value, str)
        else plain(str(value).lower() if value in (True, False) else str(value), 60)
    )


def _one_of(names: tuple[str, ...]) -> tuple[Callable[[Any], bool], str]:
    return (lambda value: isinstance(value, str) and value in names), f"one of {', '.join(names)}"


def _between(low: float, high: float, kinds: tuple[type, ...] = (int,)) -> tuple[Callable[[Any], bool], str]:
    def check(value: Any) -> bool:  # noqa: ANN401 - whatever TOML holds
        return isinstance(value, kinds) and not isinstance(value, bool) and low <= float(str(value)) <= high

    return check, f"a number from {low:g} to {high:g}"


_SWITCH: tuple[Callable[[Any], bool], str] = (lambda value: isinstance(value, bool)), "true or false"
#: Each setting: its attribute, its check, and the allowed values in words.
_FIELDS: dict[str, tuple[str, Callable[[Any], bool], str]] = {
    "theme": ("theme", *_one_of(THEMES)),
    "interval": ("interval", *_between(0.5, 3600, (int, float))),
    "ascii": ("ascii", *_SWITCH),
    "colour": ("colour", *_SWITCH),
    "mouse": ("mouse", *_SWITCH),
    "follow": ("follow", *_SWITCH),
    "chains.columns": ("columns", *_one_of(COLUMNS)),
    "chains.names": ("names", *_SWITCH),
    "chains.exact": ("exact", *_SWITCH),
    "chains.bytes_first": ("bytes_first", *_SWITCH),
    "layout.tree": ("tree", *_between(10, 80)),
    "layout.detail": ("detail", *_between(10, 80)),
}
_TABLES = ("chains", "layout", "keys")
#: The settings that the screen can change and save; the rest of the file is unchanged.
_SAVED = (
    "theme", "mouse", "chains.columns", "chains.names", "chains.exact", "chains.bytes_first",
    "layout.tree", "layout.detail",
)  # fmt: skip


def save_config(path: Path, settings: Settings) -> None:
    """Write the settings that differ from the default, or are in the file; comments and all else stay.

    Raises SourceError where that fails, and leaves the file unchanged. A new file that root makes belongs to
    the folder's owner.
    """
    try:
        entry = FolderEntry.find(path, make=True, give=True, follow=True)
    except (OSError, ValueError) as error:
        raise SourceError(f"{quoted_path(path)} could not be written: {_reason(error)}") from None
    try:
        new, mode, owner = _changed(path, entry, settings)
        with NewFile(entry, replace=True, mode=mode, owner=owner) as file:
            file.file.write(new.encode())
    except OSError as error:
        raise SourceError(f"{quoted_path(path)} could not be written: {_reason(error)}") from None
    finally:
        entry.close()


def _changed(path: Path, entry: FolderEntry, settings: Settings) -> tuple[str, int, Owner | None]:
    """Return the file's new text, its mode, and its owner where root writes."""
    import tomllib

    shown = f"{quoted_path(path)} is left as it is"
    mode, owner = 0o600, entry.owner
    try:
        with os.fdopen(open_regular(entry.name, folder=entry.folder, follow=False), "rb") as file:
            there = os.fstat(file.fileno())
            text = _decoded(file)
        # the file keeps its owner, who may be another than the folder's
        mode, owner = stat.S_IMODE(there.st_mode) & 0o666, Owner(there.st_uid, there.st_gid)
    except NotAFile as error:
        raise SourceError(f"{shown}: it {error.strerror}") from None
    except FileNotFoundError:
        text = "# netui's settings; any may be left out.\n"
    except (OSError, ValueError) as error:
        raise SourceError(f"{shown}: {_reason(error)}") from None
    try:
        standing = flat(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SourceError(f"{shown}, for it cannot be read: {plain(error)}") from None
    usual = Settings()
    values: dict[str, object] = {}
    for name in _SAVED:
        value = getattr(settings, _FIELDS[name][0])
        if value not in (None, "") and (name in standing or value != getattr(usual, _FIELDS[name][0])):
            values[name] = value
    new = changed(text, values)
    if new is None:
        raise SourceError(f"{shown}: its form is not one that netui can change safely")
    return new, mode, owner if os.geteuid() == 0 else None


def _reason(error: Exception) -> str:
    return plain(error.strerror if isinstance(error, OSError) and error.strerror else error)
