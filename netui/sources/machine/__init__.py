"""The machine that is read: this one, or another one over ssh.

A reader asks its machine for outputs of programs and for files. It first passes its questions to ``fetch``, and
another machine answers all of them in one round trip. This machine answers each question when it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from netui.sources.docker.context import EngineAddress


@dataclass(frozen=True, slots=True)
class Run:
    """The output of a program.

    where: a file under /proc; module: a subsystem of the kernel. The program runs only where that file is not
    empty and the subsystem is present.
    """

    arguments: tuple[str, ...]
    where: str = ""
    module: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """The text of files, one after the other, without those that do not exist."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of all files that match a pattern; only: a regular expression for both grep -E and Python."""

    patterns: tuple[str, ...]
    only: str = ""


@dataclass(frozen=True, slots=True)
class Links:
    """The targets of links that match a pattern, or of links in folders that do, as ``ls -l`` prints them."""

    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Whether a subsystem of the kernel is present, so that using it loads no module."""

    module: str


@dataclass(frozen=True, slots=True)
class Exists:
    """Whether any file matches a pattern."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Real:
    """The target of a path after all links."""

    path: str


Ask: TypeAlias = "Run | Read | Lines | Links | Loaded | Exists | Real"


class Machine(Protocol):
    """The machine as readers use it. No question changes the machine."""

    @property
    def name(self) -> str:
        """The user's name for it; "" for this machine."""

    @property
    def is_root(self) -> bool:
        """Whether netui reads as root there."""

    @property
    def needs_root(self) -> str:
        """What the user can do where only root may read, in one line."""

    @property
    def kept(self) -> dict[str, tuple[str, ...]]:
        """A cache of readers: contents of unchanging files, by the kernel's release."""

    def fetch(self, asks: Sequence[Ask]) -> Machine:
        """Return the machine with these questions answered; raise SourceError where it cannot be reached."""

    def run(self, arguments: Sequence[str], timeout: float = 10.0) -> str:
        """Return what a program prints; raise SourceError as :func:`netui.sources.machine.command.run` does."""

    def find(self, program: str) -> str | None:
        """Return the path of a program, None where it is not installed."""

    def real(self, program: str, *, system: bool = False) -> str | None:
        """Return the target of a program's link, None where it is not installed.

        system: look only in the system's folders.
        """

    def loaded(self, module: str) -> bool:
        """Return whether a subsystem of the kernel is present."""

    def read(self, *paths: str) -> str:
        """Return the text of the existing files; raise OSError where there is none or access is denied."""

    def lines(self, patterns: Iterable[str], only: str = "") -> Mapping[str, list[str]]:
        """Return the lines of the files that match patterns, by path, without unreadable files."""

    def links(self, *patterns: str) -> str:
        """Return the links of :class:`Links` as ``ls -l`` prints them, without unreadable ones."""

    def exists(self, pattern: str) -> bool:
        """Return whether any file matches a pattern."""

    @property
    def release(self) -> str:
        """The running kernel's release, "" where it is not known."""

    @property
    def hostname(self) -> str:
        """The machine's own name."""

    def engine_address(self) -> EngineAddress:
        """Return the address of the machine's engine; raise SourceError."""

    def engine_is_here(self, address: EngineAddress) -> bool | None:
        """Return whether the engine runs in the network namespace that is read; None where that is unknown."""
