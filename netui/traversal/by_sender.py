"""The answer in parts by sender: senders with equal outcomes are one part, and the largest part comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from netui.net.intervals import IntervalSet, prefixes
from netui.traversal.result import Leg, Path, Step
from netui.traversal.rules.runs import Fan
from netui.traversal.several import Several


@dataclass(slots=True)
class Cell:
    """Some of the senders (or ports) of a walk, all of which met the same rule in each fan. steps: one for each fan."""

    numbers: IntervalSet
    steps: tuple[Step, ...] = ()
    size: int = 0
    #: the names of the steps
    names: tuple[object, ...] = ()
    _texts: tuple[str, ...] | None = None

    def texts(self, bits: int) -> tuple[str, ...]:
        """Return their networks."""
        if self._texts is None:
            self._texts = tuple(prefixes(self.numbers, bits))
        return self._texts


def cells(several: Several, fans: Sequence[Fan]) -> list[Cell]:
    """Divide senders (or ports) by the rules that they met in fans; all questions of a host share the cells."""
    key = ("cells", *(id(fan) for fan in fans))
    kept: tuple[Sequence[Fan], list[Cell]] | None = several.kept.get(key)
    if kept is None:
        parts = [Cell(several.numbers)]
        for fan in fans:
            if len(parts) == 1 and fan.several is several:
                parts = [Cell(numbers, (*parts[0].steps, step)) for numbers, step in fan.parts]
                continue
            parts = [
                Cell(met, (*cell.steps, step)) for cell in parts for numbers, step in fan.parts
                if (met := cell.numbers & numbers)
            ]  # fmt: skip
        for cell in parts:
            cell.size = cell.numbers.size()
            cell.names = tuple(_name(step) for step in cell.steps)
        kept = several.kept[key] = (fans, parts)
    return kept[1]


@dataclass(slots=True)
class Together:
    """The outcome of a walk for several senders (or ports) at once.

    steps: of all legs and answers, including fans. outcome: all else that equal outcomes have in common.
    deciding: the step that decided. path: the public record, None where no caller needs it.
    """

    several: Several
    steps: Sequence[Step]
    outcome: tuple[object, ...]
    deciding: Step | None
    path: Path | None = None
    #: the fans among the steps, and their positions
    fans: list[Fan] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def step_of(self, step: Step | None, cell: Cell) -> Step | None:
        """Return a cell's own step for a fan."""
        if not isinstance(step, Fan):
            return step
        if len(self.fans) == 1:
            return cell.steps[0]
        return next(own for fan, own in zip(self.fans, cell.steps, strict=True) if fan is step)

    def __post_init__(self) -> None:
        for index, step in enumerate(self.steps):
            if isinstance(step, Fan):
                self.places.append(index)
                if all(step is not fan for fan in self.fans):
                    self.fans.append(step)

    def written(self, cell: Cell) -> Path:
        """Return the path of a cell, with the cell's own step in place of each fan."""
        path = self.path
        assert path is not None
        if not self.fans:
            return path
        own = {id(fan): step for fan, step in zip(self.fans, cell.steps, strict=True)}
        reason, notes = path.reason, path.notes
        for fan, step in zip(self.fans, cell.steps, strict=True):
            reason = reworded(reason, fan, step)
            notes = tuple(reworded(note, fan, step) for note in notes)
        return replace(
            path,
            legs=_legs(path.legs, own),
            reply=None if path.reply is None else _legs(path.reply, own),
            deciding=None if path.deciding is None else own.get(id(path.deciding), path.deciding),
            reason=reason,
            notes=notes,
        )


def reworded(text: str, fan: Fan, step: Step) -> str:
    """Return a sentence about a fan's first rule, with another rule of the fan named in its place."""
    return text.replace(f"rule {fan.rule} of {fan.table} {fan.chain}", f"rule {step.rule} of {step.table} {step.chain}")


def _legs(legs: Sequence[Leg], own: dict[int, Step]) -> tuple[Leg, ...]:
    return tuple(replace(leg, steps=tuple(own.get(id(step), step) for step in leg.steps)) for leg in legs)


@dataclass(slots=True)
class Told:
    """Senders that meet the same rules: cells of one or more walks. decided_by: the rule that distinguishes them."""

    way: Together
    cells: list[Cell]
    size: int
    decided_by: Step | None = None

    def texts(self, bits: int) -> tuple[str, ...]:
        """Return their networks in order."""
        if len(self.cells) == 1:
            return self.cells[0].texts(bits)
        return tuple(prefixes(IntervalSet(span for cell in self.cells for span in cell.numbers), bits))


def told_apart(ways: Sequence[Together]) -> list[Told]:
    """Combine equal outcomes, the largest part first; each other part has the rule that distinguishes it from that."""
    alike: dict[object, list[Together]] = {}
    for way in ways:
        common = (way.outcome, tuple(_name(step) for step in way.steps if not isinstance(step, Fan)), tuple(way.places))
        alike.setdefault(common, []).append(way)
    parts: list[Told] = []
    for same in alike.values():
        if len(same) == 1:
            # each cell of one walk met a rule of its own
            parts += [Told(same[0], [cell], cell.size) for cell in cells(same[0].several, same[0].fans)]
            continue
        by_rules: dict[object, Told] = {}
        for way in same:
            for cell in cells(way.several, way.fans):
                group = by_rules.setdefault(cell.names, Told(way, [], 0))
                group.cells.append(cell)
                group.size += cell.size
        parts += by_rules.values()
    parts.sort(key=_size, reverse=True)
    if len(parts) > 1:
        _tell(parts)
    return parts


def _size(group: Told) -> int:
    return group.size


def _name(step: Step) -> tuple[object, ...]:
    return step.family, step.table, step.chain, step.rule, step.verdict


def _tell(groups: Sequence[Told]) -> None:
    """Find, for each part but the first, the step where its way differs; else the step that decided."""
    first = groups[0]
    usual = [step if (own := first.way.step_of(step, first.cells[0])) is None else own for step in first.way.steps]
    names = [_name(step) for step in usual]
    met = set(names)
    begins: dict[int, int] = {}
    #: walks whose first differing step is a rule of their fan, and everyone else meets no rule of that fan
    plain: dict[int, bool] = {}
    for group in groups[1:]:
        way, cell = group.way, group.cells[0]
        if plain.get(id(way)):
            group.decided_by = cell.steps[0]
            continue
        at = begins.get(id(way))
        if at is None:
            at = 0
            while at < len(way.steps) and at < len(names) and not isinstance(way.steps[at], Fan):
                if _name(way.steps[at]) != names[at]:
                    break
                at += 1
            begins[id(way)] = at
            if len(way.fans) == 1 and at < len(way.steps) and way.steps[at] is way.fans[0]:
                others = cells(way.several, way.fans)
                plain[id(way)] = met.isdisjoint(_fan_names(way.several, way.fans[0], others))
        step, name = _own(way, at, cell)
        while step is not None and at < len(names) and name == names[at]:
            at += 1
            step, name = _own(way, at, cell)
        # a step that everyone else meets later does not distinguish them
        ours = step is not None and (at >= len(names) or name not in met)
        group.decided_by = step if ours else way.step_of(way.deciding, cell)


def _fan_names(several: Several, fan: Fan, of: Sequence[Cell]) -> frozenset[object]:
    """The names of a fan's rules."""
    key = ("names", id(fan))
    kept: tuple[Fan, frozenset[object]] | None = several.kept.get(key)
    if kept is None:
        kept = several.kept[key] = (fan, frozenset(cell.names[0] for cell in of))
    return kept[1]


def _own(way: Together, at: int, cell: Cell) -> tuple[Step | None, object]:
    """The step of a cell at a position of its way, and the step's name."""
    if at >= len(way.steps):
        return None, None
    step = way.steps[at]
    if isinstance(step, Fan):
        number = 0 if len(way.fans) == 1 else next(n for n, fan in enumerate(way.fans) if fan is step)
        return cell.steps[number], cell.names[number]
    return step, _name(step)
