"""A question that the user types: asked on a thread, and answered by a flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.app import App
from textual.message import Message

from netui.model import Snapshot
from netui.traversal.result import Flow

#: The path of SRC to DST on a snapshot, as a flow; raises ValueError with one line for a bad question.
Asker = Callable[[Snapshot, str, str], Flow]

ASKED = "asked"


def ask_traversal(snapshot: Snapshot, source: str, destination: str) -> Flow:
    """Ask the traversal; the last prepared snapshot is cached."""
    from netui import traversal
    from netui.ui.background.prepared import prepared

    path = traversal.path(prepared(snapshot), source, destination, reply=True)
    return Flow(ASKED, f"{source} → {destination}", source, destination, path)


class FlowAnswered(Message):
    """The answer to a typed question, or its error. again: asked again after a change of the host."""

    def __init__(self, flow: Flow | None, problem: str, *, again: bool) -> None:
        self.flow, self.problem, self.again = flow, problem, again
        super().__init__()


def ask(app: App[Any], asker: Asker, snapshot: Snapshot, source: str, destination: str, *, again: bool = False) -> None:
    """Ask on a thread; it posts FlowAnswered to the app."""

    def work() -> None:
        try:
            message = FlowAnswered(asker(snapshot, source, destination), "", again=again)
        except ValueError as error:
            message = FlowAnswered(None, str(error), again=again)
        except Exception as error:
            # an error for some capture must not stop the screen, which shows it
            message = FlowAnswered(None, f"not worked out: {error!r}"[:300], again=again)
        app.post_message(message)

    app.run_worker(work, thread=True, group="ask", exclusive=True, exit_on_error=False)


def reverse(flow: Flow) -> tuple[str, str]:
    """Return the question in the other direction: from the receiver to the sender, at the same port."""
    _, colon, port = flow.destination.rpartition(":")
    if flow.destination.endswith("/icmp"):
        receiver, port = flow.destination.removesuffix("/icmp"), "/icmp"
    elif colon and not port.startswith("/") and "]" not in port and port[:1].isdigit():
        receiver, port = flow.destination.removesuffix(f":{port}"), f":{port}"
    else:
        receiver, port = flow.destination, ""
    to = flow.path.delivered_to
    if to is not None and to.kind == "container":
        receiver = to.name
    sender = f"[{flow.source}]" if flow.source.count(":") > 1 and not flow.source.startswith("outside") else flow.source
    return receiver.strip("[]"), f"{sender}{port}"
