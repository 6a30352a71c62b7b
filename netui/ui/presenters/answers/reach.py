"""Who reaches whom: a line for each source, a column for each destination, and a sign for each pair."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from netui.audit.matrix import Asked, asked_for, way
from netui.model import Snapshot
from netui.text.visible import escape
from netui.traversal import PreparedHost
from netui.traversal.result import Flow, Path, SendersPart, step_place
from netui.ui.presenters.answers.answer import Answer, step_item, step_line
from netui.ui.presenters.cells import clip, clip_middle, fit
from netui.ui.presenters.details.flows import VERDICTS, part_words, why
from netui.ui.presenters.details.parts import DetailLine, field, heading
from netui.ui.presenters.numbers import plural
from netui.ui.presenters.query import Query
from netui.ui.presenters.spans import Role, Spans

#: The width of a column with a name; narrower columns have numbers, and many columns a number for every fifth.
_NAMED, _WIDEST, _NUMBERED, _DENSE, _EACH = 12, 22, 4, 2, 5
_APART = "the engine's containers are not behind these rules"
_OPEN = "delivered"


@dataclass(frozen=True)
class ReachAnswer(Answer):
    """The matrix; lines that are not computed yet have only names.

    boxes: all containers. rows: the verdicts of the first lines, one for each of the boxes. lines, across: the boxes
    with a line and with a column, by their index in ``boxes``. part: the part of a cell's senders in the details.
    """

    host: PreparedHost | None = None
    boxes: tuple[Asked, ...] = ()
    rows: Sequence[tuple[str, ...]] = ()
    lines: tuple[int, ...] = ()
    across: tuple[int, ...] = ()
    part: int = 0

    @classmethod
    def of(
        cls, snapshot: Snapshot, host: PreparedHost, boxes: tuple[Asked, ...], rows: Sequence[tuple[str, ...]]
    ) -> ReachAnswer:
        """Lay out the matrix of ``boxes``, as far as ``rows`` go."""
        progress = f"line {len(rows)} of {len(boxes)}" if len(rows) < len(boxes) else ""
        answer = cls(snapshot, host=host, boxes=boxes, rows=tuple(rows), progress=progress)
        return answer._of(answer._senders, answer._receivers, plural(len(answer._receivers), "container"))

    @property
    def _senders(self) -> tuple[int, ...]:
        return tuple(range(len(self.boxes)))

    @property
    def _receivers(self) -> tuple[int, ...]:
        """The containers: machines outside are only senders."""
        return tuple(number for number, box in enumerate(self.boxes) if box.destination)

    def _of(self, lines: tuple[int, ...], across: tuple[int, ...], what: str) -> ReachAnswer:
        """Return the matrix of these lines and columns, with its number of open pairs."""
        rows = [self.rows[line] for line in lines if line < len(self.rows)]
        if len(across) < len(self.boxes):
            rows = [tuple(row[column] for column in across) for row in rows]
        asked = sum(len(row) - row.count("") for row in rows)
        count = f"{what}, {sum(row.count(_OPEN) for row in rows)} of {asked} ways open"
        keys: list[Hashable] = [self.boxes[line].id for line in lines] if across else []
        return replace(self, count=count, keys=keys or ["none"], lines=lines if across else (), across=across)

    def narrowed(self, typed: str) -> Answer:
        """Return the matching part: ``shop`` for pairs of matching boxes, ``web > db`` for one to the other."""
        source, separator, target = typed.partition(">")
        if not separator:
            target = source
        lines, across = self._asked_for(source), self._asked_for(target)
        if lines is None and across is None:
            return self
        lines = self._senders if lines is None else lines
        across = self._receivers if across is None else tuple(n for n in across if self.boxes[n].destination)
        every = plural(len(self._receivers), "container")
        return self._of(lines, across, f"{len(lines)} × {len(across)} of {every}")

    def _asked_for(self, typed: str) -> tuple[int, ...] | None:
        query = Query.parse(typed)
        if query is None:
            return None
        if not query.inverted:
            # a filter net1 does not match net10 where there is a net1
            exact = tuple(n for n, box in enumerate(self.boxes) if query.text in _names(box))
            if exact:
                return exact
        texts = (f"{box.name} {' '.join(box.networks)} {box.label}" for box in self.boxes)
        return tuple(number for number, text in enumerate(texts) if query.on_text(text))

    @property
    def columns(self) -> int:
        """One for each destination."""
        return max(1, len(self.across))

    def column_key(self, column: int) -> Hashable:
        """Return the destination's container."""
        return self.boxes[self.across[column]].id if column < len(self.across) else None

    def _widths(self, room: int) -> tuple[int, int]:
        """Return the widths of the sources' names and of a column."""
        longest = max([10, *(len(self.boxes[line].name) for line in self.lines)])
        label = min(24 if room >= 60 else 14, longest) + 5
        # one cell is for the bracket behind the last
        each = (room - label - 1) // max(1, len(self.across))
        if each >= _NAMED:
            return label, min(each, _WIDEST)
        return label, _NUMBERED if each >= _NUMBERED else _DENSE

    def columns_in(self, room: int) -> int:
        """Return the number of columns that fit."""
        label, each = self._widths(room)
        return max(1, min(len(self.across), (room - label - 1) // each))

    def header(self, room: int, column: int, first: int = 0) -> Spans:
        """Return the destinations: names and ports if they fit, else numbers."""
        label, each = self._widths(room)
        seen = range(first, min(len(self.across), first + self.columns_in(room)))
        part = len(seen) < len(self.across)
        corner = f" {first + 1}–{seen.stop} of {len(self.across)}" if part else " from \\ to"
        spans: Spans = [(fit(corner, label), "")]
        if each < _NAMED:
            numbers = {index: self.across[index] + 1 for index in seen}
            return [*spans, *_numbers(numbers, each, column)]
        for index in seen:
            box = self.boxes[self.across[index]]
            port = f":{box.label}".removesuffix("/tcp").replace(":icmp", "")
            # the name is shortened, the port never is
            shown = f"{clip(escape(box.name), each - 2 - len(port))}{port}"
            spans.append((fit(f" {shown}", each), "strong" if index == column else ""))
        return spans

    def line(self, index: int, room: int, column: int | None, first: int = 0) -> Spans:
        """Return a source's line."""
        if not self.lines:
            none = "no running container has a network of its own" if not self.boxes else "no container has this"
            return [(f" {none if self.snapshot.joined else _APART}", "dim")]
        label, each = self._widths(room)
        line = self.lines[index]
        name = clip_middle(escape(self.boxes[line].name), label - 5)
        number = f"{line + 1:>3}" if self.boxes[line].destination else "   "
        spans: Spans = [(f"{number} {fit(name, label - 4)}", "name")]
        row = self.rows[line] if line < len(self.rows) else None
        seen = self.across[first : first + self.columns_in(room)]
        cells = [_sign(row[target] if row is not None else None) for target in seen]
        return [*spans, *_cells(cells, each, None if column is None else column - first)]

    def _ends(self, index: int, column: int) -> tuple[Asked, Asked] | None:
        """The source and the destination of a cell."""
        if not self.lines or not self.across:
            return None
        return self.boxes[self.lines[index]], self.boxes[self.across[min(column, len(self.across) - 1)]]

    def flow(self, index: int, column: int) -> Flow | None:
        """Return the flow from the line's container or machines to the column's container."""
        ends = self._ends(index, column)
        path = way(self.host, *ends) if ends is not None and self.host is not None else None
        if ends is None or path is None:
            return None
        source, target = ends
        destination = asked_for(source, target)
        return Flow("asked", f"{source.name} → {target.name} {target.label}", source.id, destination, path)

    def at_part(self, part: int) -> ReachAnswer:
        """Return the answer with this part of a cell's senders in the details."""
        return replace(self, part=part) if part else self

    def details(self, index: int, column: int) -> list[DetailLine]:
        """Return the flow from the line's container or machines to the column's container."""
        ends = self._ends(index, column)
        if ends is None:
            return []
        flow = self.flow(index, column)
        return list(_details(self.snapshot, *ends, flow.path if flow is not None else None, self.part))


def _names(box: Asked) -> list[str]:
    return [name.lower() for name in (box.name, *box.networks)]


def _sign(verdict: str | None) -> tuple[str, Role]:
    """Return a cell's sign; None: not computed yet."""
    if verdict is None:
        return " ", "dim"
    return VERDICTS.get(verdict, ("?", "warn")) if verdict else ("·", "dim")


def _cells(cells: Iterable[tuple[str, Role]], each: int, pointed: int | None) -> Spans:
    """Return signs, each in its column; adjacent equal signs are one span."""
    spans: list[tuple[str, Role]] = []

    def put(text: str, role: Role) -> None:
        if spans and (spans[-1][1] == role or (text.isspace() and spans[-1][1] != "step")):
            spans[-1] = (spans[-1][0] + text, spans[-1][1])
        elif text:
            spans.append((text, role))

    number = -1
    for number, (sign, role) in enumerate(cells):
        if number == pointed:
            put("[", "step")
        elif number - 1 == pointed and each == _DENSE:
            put("]", "step")
        else:
            put(" ", role)
        put(sign, role)
        if each > _DENSE:
            if number == pointed:
                put("]", "step")
            put(" " * (each - (3 if number == pointed else 2)), role)
    if each == _DENSE and pointed is not None and number == pointed:
        put("]", "step")
    return spans


def _numbers(numbers: dict[int, int], each: int, pointed: int) -> Spans:
    """Return the numbers above the columns, every fifth where there are many; always that of the cursor's column."""
    first = min(numbers, default=0)
    letters = [" "] * (each * len(numbers) + 2)
    marked = (0, 0)
    for index, number in numbers.items():
        rare = each > _DENSE or (number % _EACH == 0 and abs(index - pointed) > 2)
        if rare or index == pointed:
            text = str(number)
            start = max(0, (index - first) * each + 2 - len(text))
            letters[start : start + len(text)] = text
            if index == pointed:
                marked = (start, start + len(text))
    shown = "".join(letters)
    return [(shown[: marked[0]], ""), (shown[slice(*marked)], "strong"), (shown[marked[1] :], "")]


def _details(snapshot: Snapshot, source: Asked, target: Asked, whole: Path | None, part: int) -> Iterator[DetailLine]:
    question = f"{source.name} → {target.name} {target.label}"
    if whole is None:
        itself = source.id == target.id
        why_not = "a container with itself" if itself else "cannot be asked: they share no family"
        if not source.destination and not asked_for(source, target):
            why_not = "it is not published, and its own address is a private one"
        yield field("way", f"{question}: {why_not}", "dim")
        return
    path = whole.parts[part].path if part < len(whole.parts) else whole
    if asked_for(source, target) != target.destination:
        question = f"{question}, as {asked_for(source, target)}"
    sign, role = VERDICTS.get(path.verdict, ("?", "warn"))
    yield DetailLine(
        "way",
        [("way         ", "key"), (f"{sign} ", role), (escape(question), "strong"), (f"  {path.verdict}", role)],
    )
    if path.deciding is not None:
        yield step_line(snapshot, path.deciding, "decided by", "deciding")
    # the parts have lines of their own
    for number, (text, text_role) in enumerate(why(replace(path, senders=(), receivers=()))):
        yield DetailLine(("why", number), [(f"{'why' if not number else '':<11} ", "key"), (text, text_role)])
    yield from (_part_line(snapshot, one, number, shown=number == part) for number, one in enumerate(whole.parts))
    if source.networks:
        yield field("networks", f"{' '.join(source.networks)} → {' '.join(target.networks)}", "dim")
    yield heading("Steps")
    number = 0
    for leg in path.telling_legs:
        for step in leg.steps:
            number += 1
            yield step_line(snapshot, step, f"{number:>3}", ("step", number))


def _part_line(snapshot: Snapshot, part: SendersPart, number: int, *, shown: bool) -> DetailLine:
    """The line of a part of the senders: senders, outcome and rule; the shown part is marked."""
    sign, role = VERDICTS.get(part.path.verdict, ("?", "warn"))
    decided = part.decided_by or part.path.deciding
    spans: Spans = [
        (f"{'parts' if not number else '':<11} ", "key"),
        ("> " if shown else "  ", "step"),
        (f"{sign} ", role),
        (part_words(part), "strong" if shown else ""),
        (escape(f"  {step_place(decided)}") if decided is not None else "", "target"),
    ]
    return DetailLine(("part", number), spans, step_item(snapshot, decided) if decided is not None else None)
