"""The lines of the detail pane for the item under the cursor."""

from __future__ import annotations

from netui.model import Snapshot
from netui.text.visible import escape
from netui.ui.presenters.details.container import asked_lines, container_lines, port_lines
from netui.ui.presenters.details.host import host_lines, network_lines
from netui.ui.presenters.details.parts import DetailInput, DetailLine, field, gone
from netui.ui.presenters.details.rule import chain_lines, rule_lines
from netui.ui.presenters.selection import (
    AskedItem,
    ChainItem,
    ContainerItem,
    GroupItem,
    HostItem,
    Item,
    NetworkItem,
    NoteItem,
    PortItem,
    RuleItem,
    container_of,
    network_of,
)


def title_of(snapshot: Snapshot, item: Item) -> str:
    """Return the title of the pane, not yet escaped."""
    match item:
        case HostItem():
            return f"Host {snapshot.hostname}".strip()
        case NetworkItem(network_id):
            network = network_of(snapshot, network_id)
            return f"Network {network.name}" if network else "Network (gone)"
        case ContainerItem(container_id):
            container = container_of(snapshot, container_id)
            return f"Container {container.name}" if container else "Container (gone)"
        case PortItem(container_id, port):
            container = container_of(snapshot, container_id)
            return f"Port {port.host_port} → {container.name if container else '(gone)'}:{port.container_port}"
        case RuleItem(_, identity):
            return f"Rule of {identity[0]} {identity[1]}"
        case ChainItem(_, table, chain):
            return f"Chain {table} {chain}"
        case GroupItem(name):
            return name.capitalize()
        case NoteItem():
            return "Note"
        case AskedItem():
            return "Asked"


def build_detail(item: Item, given: DetailInput) -> list[DetailLine]:
    """Lay out the details of an item."""
    match item:
        case HostItem():
            return list(host_lines(given.snapshot))
        case NetworkItem(network_id):
            network = network_of(given.snapshot, network_id)
            return list(network_lines(given.snapshot, network)) if network else [gone("network")]
        case ContainerItem(container_id):
            container = container_of(given.snapshot, container_id)
            return list(container_lines(container, given)) if container else [gone("container")]
        case PortItem(container_id, port):
            container = container_of(given.snapshot, container_id)
            return list(port_lines(container, port, given, item)) if container else [gone("container")]
        case RuleItem():
            return list(rule_lines(item, given))
        case ChainItem():
            return list(chain_lines(item, given))
        case AskedItem():
            return list(asked_lines(given))
        case NoteItem(text):
            return [DetailLine("note", [(escape(text), "")])]
        case GroupItem():
            return [field("", "containers whose network is not the engine's to know, or that are stopped")]
