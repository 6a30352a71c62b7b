"""The flows of the selected container, computed on a thread and cached until a change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.app import App
from textual.timer import Timer

from netui.model import Snapshot
from netui.traversal.result import Flow
from netui.ui.messages import FlowsFound
from netui.ui.presenters.details.flows import same_flow
from netui.ui.state import State

#: All flows of a container, by ID, on a snapshot.
FlowsOf = Callable[[Snapshot, str], tuple[Flow, ...]]
#: Seconds that the tree's cursor must rest before flows are computed.
_REST = 0.08
_KEPT = 64


def traversal_flows(snapshot: Snapshot, container_id: str) -> tuple[Flow, ...]:
    """Ask the traversal; the last snapshot stays prepared."""
    from netui import traversal
    from netui.ui.background.prepared import prepared

    return tuple(traversal.flows(prepared(snapshot), container_id))


class FlowFinder:
    """Computes flows on a thread and caches those of one structure."""

    def __init__(self, flows: FlowsOf) -> None:
        self._flows = flows
        self._structure: object = None
        self._snapshot: Snapshot | None = None
        self._known: dict[str, tuple[tuple[Flow, ...], str]] = {}
        self._old: dict[str, tuple[tuple[Flow, ...], str]] = {}
        self._asked: set[str] = set()
        self._timer: Timer | None = None
        #: the container whose flow is open, "" if none
        self.opened = ""

    def ask(self, app: App[Any], state: State, container_id: str) -> tuple[tuple[Flow, ...] | None, str]:
        """Return the flows and their error; None while they are being computed.

        After a change of the structure it returns the old flows until the new ones are ready.
        """
        if state.structure is not self._structure:
            self._structure, self._snapshot = state.structure, state.snapshot
            self._old = {**self._old, **self._known} if len(self._old) < _KEPT else self._known
            self._known, self._asked = {}, set()
        flows = self._known.get(container_id)
        if flows is not None:
            return flows
        if container_id not in self._asked:
            self._asked.add(container_id)
            wanted = (container_id, self._structure, state.snapshot)
            app.set_timer(_REST, lambda: self._start(app, *wanted))
        return self._old.get(container_id, (None, ""))

    def _start(self, app: App[Any], container_id: str, structure: object, snapshot: Snapshot) -> None:
        if structure is not self._structure:
            return

        def work() -> None:
            try:
                message = FlowsFound(container_id, structure, self._flows(snapshot, container_id))
            except Exception as error:
                # Whatever a capture holds, the rest of the screen goes on and says why.
                message = FlowsFound(container_id, structure, (), f"not worked out: {error!r}"[:300])
            app.post_message(message)

        app.run_worker(work, thread=True, group="flows", exit_on_error=False)

    def keep(self, message: FlowsFound) -> None:
        """Cache an answer, unless the structure has changed since."""
        if message.structure is self._structure:
            if len(self._known) >= _KEPT:
                del self._known[next(iter(self._known))]
            self._known[message.container_id] = (message.flows, message.problem)

    def renew(self, state: State, message: FlowsFound) -> bool:
        """Replace the open flow's path by its new one; True where it changed."""
        if message.container_id != self.opened or message.structure is not self._structure or state.flow is None:
            return False
        old = state.flow
        new = next((flow for flow in message.flows if same_flow(flow, old)), None)
        if new is None:
            state.open_flow(None)
            return True
        return state.renew_flow(new)
