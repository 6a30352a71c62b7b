"""A machine that is read: this one, or another one over ssh.

A reader asks its machine for outputs of programs and for files. What it will ask is said before, to ``fetch``, which
another machine answers in one round trip; this machine answers each question when it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from netui.sources.docker.context import EngineAddress


@dataclass(frozen=True, slots=True)
class Run:
    """The output of a program.

    where: a file under /proc; module: a subsystem of the kernel; the program is run only where that file holds
    something and the subsystem is there.
    """

    arguments: tuple[str, ...]
    where: str = ""
    module: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """The text of files, one after the other; those that do not exist are left out."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of all files that a pattern names; only: a regular expression that grep -E and Python both know."""

    patterns: tuple[str, ...]
    only: str = ""


@dataclass(frozen=True, slots=True)
class Links:
    """The targets of the links in folders, or of links themselves, that a pattern names, as ``ls -l`` prints them."""

    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Whether a subsystem of the kernel is there, so that asking it loads nothing."""

    module: str


@dataclass(frozen=True, slots=True)
class Exists:
    """Whether anything is there that a pattern names."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Real:
    """Where a path leads when all links are followed."""

    path: str


Ask: TypeAlias = "Run | Read | Lines | Links | Loaded | Exists | Real"


class Machine(Protocol):
    """What readers need of a machine. Nothing that is asked changes it."""

    @property
    def name(self) -> str:
        """How the user named it; "" for this machine."""

    @property
    def is_root(self) -> bool:
        """Whether root reads there."""

    @property
    def needs_root(self) -> str:
        """What to do where only root may read, in one line."""

    @property
    def kept(self) -> dict[str, tuple[str, ...]]:
        """What readers keep of a machine for good: by the kernel's release, what its files tell."""

    def fetch(self, asks: Sequence[Ask]) -> Machine:
        """Return the machine with these questions answered; raise SourceError where it cannot be reached."""

    def run(self, arguments: Sequence[str], timeout: float = 10.0) -> str:
        """Return what a program prints; raise SourceError as :func:`netui.sources.machine.command.run` does."""

    def find(self, program: str) -> str | None:
        """Return where a program lies, None where it is not installed."""

    def real(self, program: str, *, system: bool = False) -> str | None:
        """Return where the link of a program leads, None where it is not installed.

        system: look in the system's own folders alone.
        """

    def loaded(self, module: str) -> bool:
        """Return whether a subsystem of the kernel is there."""

    def read(self, *paths: str) -> str:
        """Return the files that exist, one after the other; raise OSError where none does or one may not look."""

    def lines(self, patterns: Iterable[str], only: str = "") -> Mapping[str, list[str]]:
        """Return the lines of the files that patterns name, by path; what cannot be read is left out."""

    def links(self, *patterns: str) -> str:
        """Return the links in folders, or those named, as ``ls -l`` prints them; what cannot be read is left out."""

    def exists(self, pattern: str) -> bool:
        """Return whether anything is there that a pattern names."""

    @property
    def release(self) -> str:
        """The running kernel's release, "" where it is not known."""

    @property
    def hostname(self) -> str:
        """The machine's own name."""

    def engine_address(self) -> EngineAddress:
        """Return where the machine's engine is asked; raise SourceError."""

    def engine_is_here(self, address: EngineAddress) -> bool | None:
        """Return whether the engine works in the network namespace that is read; None where it cannot be told."""
