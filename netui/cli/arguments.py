"""The arguments of netui as plain values."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class BadInput(Exception):
    """An argument is invalid; the message is one line that says what to do."""


class Options(SimpleNamespace):
    """The options of the screen and of all commands.

    command: its name, "" for the screen. None: not given. hosts: other machines, by their names for ssh.
    own_ports: whether the report is about the ports of the host itself.
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
