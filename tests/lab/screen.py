"""netui in a terminal as its user sees it: panes, the rule under the cursor, a container's flows.

Everything is read off the screen, and everything is done by keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from netui.ui.themes import DARK

from .terminal import Terminal

_TITLE = re.compile(r"[┌┏][─━] (.*?) ?[─━]*$")
_TABLE = re.compile(r"^ (raw|mangle|nat|filter|security)  (IPv[46]) (nft|legacy)\b")
_CHAIN = re.compile(r"^.{1,6}(?:[▸▾] |  )(\S+)  (?:policy|\d+ references?|not jumped to)")
_RULE = re.compile(
    r"^[ ▌▏](?P<step>[ \d]{2})?(?P<seen>●)? +(?P<number>\d+) +(?P<packets>\d\S*) +(?P<bytes>\d\S*)[ ▲△·]"
)
_ANSWERS = {"D": "Doctor: ", "E": "Exposed ports", "R": "Reachability"}
_PLACE = re.compile(r"(IPv[46]) (nft|legacy) (\w+)(?: (\S+))?")


def _rgb(colour: str) -> str:
    return ";".join(str(int(colour[place : place + 2], 16)) for place in (1, 3, 5))


_CURSOR = {_rgb(DARK.variables["cursor"]), _rgb(DARK.variables["cursor-idle"])}


@dataclass(frozen=True)
class Place:
    """Where the chain table's cursor is: rule None is the chain's header, which stands for its policy."""

    backend: str
    table: str
    chain: str
    rule: int | None
    step: int | None = None
    """The number of its step in the open flow, as the screen has it."""
    seen: bool = False
    """Whether the screen says that it counted since the flow was opened."""


class Screen(Terminal):
    """netui's panes in a wide terminal; a pane is given as its rows."""

    def panes(self) -> tuple[list[str], list[str], list[str]]:
        """The tree's, the chain table's and the details' rows, each with its title first."""
        return _panes(self.lines())

    @property
    def tree(self) -> list[str]:
        """The rows of the networks."""
        return self.panes()[0]

    @property
    def chains(self) -> list[str]:
        """The rows of the chain table."""
        return self.panes()[1]

    @property
    def detail(self) -> list[str]:
        """The rows of the details."""
        return self.panes()[2]

    def counters(self) -> dict[tuple[str, str, int], int]:
        """Packets of each rule that the chain table shows, by (table, chain, rule)."""
        found: dict[tuple[str, str, int], int] = {}
        table = chain = ""
        for row in self.chains:
            if heading := _TABLE.match(row):
                table = heading[1]
            elif header := _CHAIN.match(row):
                chain = header[1]
            elif rule := _RULE.match(row):
                found[(table, chain, int(rule["number"]))] = int(rule["packets"].replace(",", ""))
        return found

    def cursor(self) -> Place | None:
        """The rule or chain that is highlighted in the chain table."""
        rows = self.cells()
        title, place = next(_titles(["".join(text for _, text in row) for row in rows]), ("", 0))
        where = _PLACE.search(title)
        if where is None or not where[4]:
            return None
        for row in rows[2:]:
            whole = "".join(part for _, part in row)[place + 1 :]
            if not _lit(row, place + 3):
                continue
            if rule := _RULE.match(whole):
                step = (rule["step"] or "").strip()
                number = int(rule["number"])
                return Place(where[2], where[3], where[4], number, int(step) if step else None, bool(rule["seen"]))
            if _CHAIN.match(whole):
                step = whole[1:3].strip()
                return Place(where[2], where[3], where[4], None, int(step) if step.isdigit() else None, whole[3] == "●")
        return None

    # ---- what a user does ----------------------------------------------------------------

    def focus(self, number: str) -> None:
        """Go to a pane by its number: 1 the networks, 2 the chains, 3 the details."""
        self.keys(number)
        self.wait_for(lambda: self._focused() == number, f"pane {number} to have the focus", 5)

    def _focused(self) -> str:
        titles = [line for line in self.lines() if _TITLE.search(line)]
        if titles and titles[0].startswith("━"):
            return "1"
        return next((str(number) for number, line in enumerate(titles, 2) if "┏" in line), "")

    def select(self, name: str) -> None:
        """Put the tree's cursor on a line that holds this name, going down from the top."""
        self.focus("1")
        self.keys("g")
        self.wait_for(lambda: self.detail[:1] and self.detail[0].startswith("Host"), "the tree's first line", 5)
        rows = [row for row in self.tree[1:] if row.strip()]
        place = next(number for number, row in enumerate(rows) if name in row)
        self.keys(*["j"] * place)

    def open_flow(self, label: str) -> None:
        """Open a flow of the selected thing, from the details."""
        self.wait_for(lambda: _row_with(self.detail, label), f"a flow {label!r}", 10)
        self.focus("3")
        self.keys("g")
        for _ in range(200):
            row = self.detail_cursor()
            if label in row:
                self.keys("Enter")
                self.wait_for(lambda: "▶" in self.detail_cursor() and self._at_first_step(), f"{label} to open", 5)
                return
            self.keys("j")
            self.wait_for(lambda before=row: self.detail_cursor() != before, "the cursor to move", 5)  # type: ignore[misc]
        raise AssertionError(f"no flow {label!r}")

    def _at_first_step(self) -> bool:
        """Whether the chains' cursor is at the first step, or there are no steps."""
        place = self.cursor()
        return "step" not in self.chains[1] or (place is not None and place.step == 1)

    def says(self, *sentences: str, timeout: float = 10) -> str:
        """Wait until all of these can be read, also where a line is broken; the whole as one line."""

        def read() -> str | None:
            text = as_one_line(self.text())
            return text if all(sentence in text for sentence in sentences) else None

        return self.wait_for(read, f"{sentences}", timeout)

    def ask(self, key: str, *sentences: str) -> str:
        """Ask D (doctor), E (exposed) or R (reach) of the whole host."""
        self.keys(key)
        self.wait(lambda text: _ANSWERS[key] in text and "─ Details ─" in text and "working…" not in text)
        return self.says(*sentences)

    def go_down_to(self, text: str) -> None:
        """In the doctor's lines: go down from the top until the details speak of this."""
        self.keys("g")
        # Below the header, the title and the names of the columns.
        for row in range(3, 50):
            details = self.wait_for(lambda row=row: self._details_of(row), f"line {row - 2} and its details", 5)  # type: ignore[misc]
            if text in details:
                return
            self.keys("j")
        raise AssertionError(f"no line about {text!r}")

    def _details_of(self, row: int) -> str:
        """The details once the cursor is on this row and they begin with its words; "" until then, a moment later."""
        shown = self.text()
        words = shown.split("\n")[row].split()[1:7]
        details = as_one_line(shown.partition("─ Details ─")[2])
        return details if self._lit_row() == row and " ".join(words) in details else ""

    def _lit_row(self) -> int | None:
        return next((number for number, row in enumerate(self.cells()) if _lit(row, 2)), None)

    def detail_cursor(self) -> str:
        """The row under the details' cursor, "" if none."""
        rows = self.cells()
        texts = ["".join(text for _, text in row) for row in rows]
        titles = [number for number, text in enumerate(texts) if _TITLE.search(text)]
        for row in rows[titles[-1] + 1 :] if titles else []:
            text = "".join(part for background, part in row if background in _CURSOR)
            if text:
                return text.rstrip()
        return ""


def _lit(row: list[tuple[str, str]], column: int) -> bool:
    """Whether the cursor's colour lies on this cell."""
    for background, text in row:
        column -= len(text)
        if column < 0:
            return background in _CURSOR
    return False


def _titles(lines: list[str]) -> Iterator[tuple[str, int]]:
    for line in lines:
        if found := _TITLE.search(line):
            yield found[1], found.start()


def _row_with(rows: list[str], text: str) -> str | None:
    return next((row for row in rows if text in row), None)


def _panes(lines: list[str]) -> tuple[list[str], list[str], list[str]]:
    tree: list[str] = []
    right: list[list[str]] = []
    edge = -1
    for line in lines[1:]:
        if found := _TITLE.search(line):
            edge = found.start()
            right.append([])
            right[-1].append(found[1])
            tree.append(line[:edge])
        elif right and line[edge : edge + 1] in ("│", "┃", "|"):
            right[-1].append(line[edge + 1 :].rstrip())
            tree.append(line[:edge].rstrip())
        elif right:
            break
    right += [[], []]
    return tree, right[0], right[1]


def as_one_line(text: str) -> str:
    """The screen's words without frames and line ends."""
    return " ".join(re.sub(r"[│┃─━┌┏]", " ", text).split())


def has(*words: str) -> Callable[[str], bool]:
    """A condition for `wait`: all of these on the screen."""
    return lambda text: all(word in text for word in words)
