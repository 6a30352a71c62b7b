"""The commands of netui, each with its arguments as plain values.

NamedTuples: to import dataclasses takes the screen 10 ms, before the engine is asked.
"""

from __future__ import annotations

from typing import NamedTuple


class BadInput(Exception):
    """An argument is invalid; the message is one line that says what to do."""


class Host(NamedTuple):
    """The host to read: a capture, the demo host, other machines, or (nothing given) this one.

    machines: by their names for ssh.
    """

    replay: str | None = None
    demo: bool = False
    machines: tuple[str, ...] = ()


class Screen(NamedTuple):
    """``netui``: the screen. None: not given, so that the settings decide."""

    host: Host = Host()
    interval: float | None = None
    config: str | None = None
    compare: str | None = None
    theme: str | None = None
    ascii: bool | None = None
    colour: bool | None = None
    print_config: bool = False


class Path(NamedTuple):
    """``netui path``. source, destination: None with ``batch``, a file of questions. sender: which part of them."""

    host: Host
    json: bool
    source: str | None
    destination: str | None
    batch: str | None
    reply: bool
    iif: str
    oif: str
    sender: int | None


class Exposed(NamedTuple):
    """``netui exposed``. fail_on: "" for no limit. own_ports: the machine's own ports, not the containers'."""

    host: Host
    json: bool
    fail_on: str
    allow: tuple[str, ...]
    wide: bool
    own_ports: bool


class Doctor(NamedTuple):
    """``netui doctor``."""

    host: Host
    json: bool


class Explain(NamedTuple):
    """``netui explain``. table, chain: "" for all. number: None for all rules."""

    host: Host
    json: bool
    table: str
    chain: str
    number: int | None


class Diff(NamedTuple):
    """``netui diff``: from one capture to another, or to this host."""

    before: Host
    after: Host
    json: bool


class Record(NamedTuple):
    """``netui record``. every, seconds: between two frames, and of the whole recording; None: one capture, no end."""

    host: Host
    path: str
    every: float | None
    seconds: float | None


Command = Screen | Path | Exposed | Doctor | Explain | Diff | Record
