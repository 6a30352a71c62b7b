"""The present connections: a line for each connection of a container, with the rule that accepts it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from netui.model import Container, Snapshot
from netui.model.connection import Connection
from netui.text.visible import escape
from netui.traversal import EndpointError, PreparedHost, path
from netui.traversal.result import Path
from netui.ui.presenters.answers.answer import Answer, step_line
from netui.ui.presenters.cells import clip_middle, fit
from netui.ui.presenters.details.flows import VERDICTS, why
from netui.ui.presenters.details.parts import DetailLine
from netui.ui.presenters.details.parts import field as labelled
from netui.ui.presenters.numbers import natural, plural, size
from netui.ui.presenters.spans import Spans

#: TCP's states of a closed or closing connection.
_OVER = frozenset({"FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE"})


@dataclass(frozen=True, slots=True)
class Peer:
    """A connection as a container sees it.

    inward: whether the other side began it. name: the other side's, where it is a container.
    """

    container: str
    inward: bool
    one: Connection
    name: str = ""

    @property
    def other(self) -> str:
        """The address and port of the other side."""
        ends = self.one.original
        address, port = (ends.src, ends.sport) if self.inward else (ends.dst, ends.dport)
        return f"{self.name}:{port}" if self.name and port else self.name or _at(address, port)

    @property
    def port(self) -> str:
        """The destination port: the host's and the container's where they differ."""
        asked, own = self.one.original.dport, self.one.reply.sport
        shown = f"{asked} → {own}" if self.inward and asked != own else str(asked)
        return f"{shown}/{self.one.protocol}" if asked else self.one.protocol


def _at(address: str, port: int) -> str:
    address = f"[{address}]" if ":" in address else address
    return f"{address}:{port}" if port else address


def peers(snapshot: Snapshot, connections: tuple[Connection, ...]) -> list[Peer]:
    """Return the connections of containers, by container, open and busy ones first, without the host's own."""
    owners: dict[str, Container] = {
        address: container
        for container in (snapshot.containers or () if snapshot.joined else ())
        for endpoint in container.endpoints
        for address in (endpoint.ipv4, endpoint.ipv6)
        if address
    }
    peers: list[Peer] = []
    for one in connections:
        served, began = owners.get(one.reply.src), owners.get(one.original.src)
        if served is not None:
            peers.append(Peer(served.name, True, one, began.name if began is not None else ""))
        if began is not None and began is not served:
            peers.append(Peer(began.name, False, one, served.name if served is not None else ""))
    peers.sort(
        key=lambda each: (
            *(natural(each.container), not each.inward, each.one.state in _OVER),
            *(-(each.one.bytes or 0), each.other),
        )
    )
    return peers


@dataclass(frozen=True)
class ConnectionsAnswer(Answer):
    """The connections; problem: why there are none. host: for walks to the accepting rule."""

    peers: tuple[Peer, ...] = ()
    problem: str = ""
    host: PreparedHost | None = None
    _paths: dict[Connection, Path | str] = field(default_factory=dict)

    @classmethod
    def of(cls, snapshot: Snapshot, host: PreparedHost, connections: tuple[Connection, ...]) -> ConnectionsAnswer:
        """Lay the connections out."""
        listed = tuple(peers(snapshot, connections))
        inward = sum(each.inward for each in listed)
        count = f"{plural(len(listed), 'connection')} of containers, {inward} inward"
        seen: dict[object, int] = {}
        keys: list[object] = []
        for each in listed:
            key = (each.container, each.inward, each.one.protocol, each.one.original)
            seen[key] = seen.get(key, -1) + 1
            keys.append((key, seen[key]))
        return cls(snapshot, count, keys=keys or ["none"], peers=listed, host=host)

    @classmethod
    def none(cls, snapshot: Snapshot, problem: str) -> ConnectionsAnswer:
        """Return an answer with only the reason why there are no connections."""
        return cls(snapshot, "not known", keys=["problem"], problem=problem)

    def header(self, room: int, column: int, first: int = 0) -> Spans:
        """Return the names of the columns."""
        name, peer = self._widths(room)
        columns = ((" container", name + 1), ("", 4), ("peer", peer), ("port", 15), ("state", 12))
        return [(" ".join(fit(text, cells) for text, cells in columns) + f" {'bytes':>7}", "")]

    @staticmethod
    def _widths(room: int) -> tuple[int, int]:
        return (12, 21) if room < 100 else (20, 41)

    def line(self, index: int, room: int, column: int | None, first: int = 0) -> Spans:
        """Return a connection's line."""
        if not self.peers:
            return [(f" {escape(self.problem or 'no container has a connection')}", "warn" if self.problem else "dim")]
        each = self.peers[index]
        name, peer = self._widths(room)
        state = each.one.state.lower() or ("answered" if each.one.answered else "unanswered")
        amount = "–" if each.one.bytes is None else size(each.one.bytes)
        return [
            (f" {fit(clip_middle(escape(each.container), name), name)} ", "name"),
            ("←  " if each.inward else "→  ", "good" if each.inward else "dim"),
            (f" {fit(clip_middle(escape(each.other), peer), peer)} ", ""),
            (f"{fit(escape(each.port), 15)} ", "number"),
            (f"{fit(escape(state), 12)} ", "dim"),
            (f"{amount:>7}", ""),
        ]

    def details(self, index: int, column: int) -> list[DetailLine]:
        """Return both directions, and the rules that accept it."""
        return list(self._details(self.peers[index])) if self.peers else []

    def _details(self, each: Peer) -> Iterator[DetailLine]:
        one = each.one
        for label, ends in (("first came", one.original), ("answers", one.reply)):
            yield labelled(label, f"{one.protocol} {_at(ends.src, ends.sport)} → {_at(ends.dst, ends.dport)}")
        if one.bytes is not None:
            yield labelled("counted", f"{plural(one.packets or 0, 'packet')}, {size(one.bytes, exact=True)} bytes")
        else:
            yield labelled("counted", "not: net.netfilter.nf_conntrack_acct is 0", "dim")
        answer = self._path(one)
        if isinstance(answer, str):
            yield labelled("let in by", answer, "dim")
            return
        sign, role = VERDICTS.get(answer.verdict, ("?", "warn"))
        # the present rules: the original ones may be gone, and an open connection does not need them
        yield labelled("a new one", f"would be {sign} {answer.verdict} by the rules of now", role)
        for number, (text, look) in enumerate(why(answer, notes=False)):
            yield DetailLine(("why", number), [(" " * 12, "key"), (text, look)])
        if answer.deciding is not None:
            yield step_line(self.snapshot, answer.deciding, "let in by", "deciding")

    def _path(self, one: Connection) -> Path | str:
        if one not in self._paths:
            target = _at(one.original.dst, one.original.dport)
            target += f"/{one.protocol}" if one.original.dport else "/icmp"
            try:
                if self.host is None or one.protocol not in ("tcp", "udp", "sctp", "icmp", "icmpv6"):
                    raise EndpointError(f"{one.protocol} is not walked")
                self._paths[one] = path(self.host, one.original.src, target)
            except EndpointError as error:
                self._paths[one] = str(error)
        return self._paths[one]
