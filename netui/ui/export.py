"""Exports from the screen: the clipboard, and files on request."""

from __future__ import annotations

import time
from pathlib import Path

from netui.files.writing import write_new
from netui.text.visible import escape, escape_lines, inert
from netui.ui.answers.screen import AnswerScreen
from netui.ui.panes.chain_table import ChainTable
from netui.ui.panes.detail_pane import DetailPane
from netui.ui.presenters.details.flows import path_text
from netui.ui.presenters.selection import ContainerItem, HostItem, NetworkItem, PortItem, container_of, network_of
from netui.ui.screen import MainScreen
from netui.ui.state import State

#: The number of other names to try where the file's name exists.
_MOST_NAMES = 100


def copy_from(screen: MainScreen, state: State, answer: AnswerScreen | None = None) -> tuple[str, str]:
    """Return the text to copy and its kind: ("-A DOCKER …", "the rule")."""
    if answer is not None:
        text = answer.focused_pane.line_text()
        return escape_lines(text), "the line" if answer.detail.has_focus else "the answer"
    pane = screen.focused_pane
    if state.flow is not None and (screen.chains.steps_only or isinstance(pane, DetailPane)):
        return escape_lines(path_text(state.flow)), "the path"
    if isinstance(pane, ChainTable):
        return escape(pane.rule_text()), "the rule"
    if isinstance(pane, DetailPane):
        return escape(pane.line_text()), "the line"
    return escape(_address(state)), "the address"


def _address(state: State) -> str:
    """Return the selected thing's address, subnet or port, else its name."""
    snapshot = state.snapshot
    match state.marked:
        case ContainerItem(container_id, network_id):
            container = container_of(snapshot, container_id)
            if container is None:
                return ""
            endpoints = [each for each in container.endpoints if not network_id or each.network_id == network_id]
            return next((each.ipv4 or each.ipv6 for each in endpoints if each.ipv4 or each.ipv6), container.name)
        case NetworkItem(network_id):
            network = network_of(snapshot, network_id)
            return (network.subnets[0].subnet if network.subnets else network.name) if network is not None else ""
        case PortItem(_, port):
            return str(port.host_port)
        case HostItem():
            return snapshot.hostname
    return ""


def save(name: str, text: str, now: float) -> tuple[bool, str]:
    """Write a file into the current folder; return whether it worked, and a message."""
    stem = f"netui-{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}"
    data = inert(text).encode()
    file = f"{stem}-{name}"
    for number in range(2, _MOST_NAMES + 2):
        try:
            path = Path.cwd() / file
            write_new(path, data)
        except FileExistsError:
            # the name exists: it is not touched
            file = f"{stem}-{number}-{name}"
            continue
        except OSError as error:
            return False, escape(f"Not saved: {error.strerror} ({file})")
        return True, escape(f"Saved {path}")
    return False, escape(f"Not saved: {stem}-{name} and {_MOST_NAMES} more names are taken")
