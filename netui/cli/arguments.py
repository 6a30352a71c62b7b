"""The arguments that netui was given, as plain values."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class BadInput(Exception):
    """Something given cannot be used; the message is one line that says what to do."""


class Options(SimpleNamespace):
    """What was asked for; here are the screen's options, those of a command come with it.

    command: its name, "" for the screen. None: not given. hosts: other machines, by their names for ssh.
    own_ports: whether the ports of the host itself were asked for.
    """

    command: str = ""
    demo: bool = False
    hosts: tuple[str, ...] = ()
    own_ports: bool = False
    replay: Any = None
    interval: float | None = None
    config: str | None = None
    compare: Any = None
    theme: str | None = None
    ascii: bool | None = None
    colour: bool | None = None
    print_config: bool = False
