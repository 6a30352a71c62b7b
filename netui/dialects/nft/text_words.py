"""nft's text → words with their lines: quoted strings, signs, and everything else between blanks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

Line = tuple[int, str]


class NotNftText(ValueError):
    """A text that ``nft list ruleset`` does not print; the message names the line and says why."""


class Word(NamedTuple):
    """A word: its text, its line, and whether it stood in quotes. A line's end is a word, too."""

    text: str
    line: int
    quoted: bool = False


_WORD = re.compile(
    r"""\s*(?:
    (?P<string>"[^"]*")
    |(?P<remark>\#.*)
    |(?P<sign><=|>=|==|!=|<<|>>|[{};,()=!<>&|^])
    |(?P<raw>@(?:ll|nh|th|ih),\d+,\d+)
    |(?P<word>[^\s{};,()=!<>&|^"\#]+)
    )""",
    re.VERBOSE,
)
#: Of a table that a program owns, its name stands behind the handle, or alone.
_HANDLE = re.compile(r"# handle ([0-9]{1,20})(?: progname .*)?\Z")
#: A remark that stands for what nft cannot print: an extension of iptables', for one.
UNSAID = "#"


def words_of(lines: Iterable[Line]) -> list[Word]:
    """Return all words. Raises NotNftText where a quote is not closed.

    ``# handle 5`` becomes the words "#handle" and "5"; another remark behind words one word that begins with "#".
    """
    found: list[Word] = []
    for number, given in lines:
        position, begun = 0, False
        line = given.rstrip()
        while position < len(line):
            match = _WORD.match(line, position)
            if match is None:
                raise NotNftText(f"line {number} is not as nft prints it: {line[:60]!r}")
            position = match.end()
            kind, text = match.lastgroup, match[match.lastgroup or 0]
            if kind == "remark":
                handle = _HANDLE.match(text.strip())
                if handle is not None:
                    found += [Word("#handle", number), Word(handle[1], number)]
                elif begun:
                    found.append(Word(UNSAID + text[1:].strip(), number))
                continue
            begun = True
            found.append(Word(text[1:-1], number, True) if kind == "string" else Word(text, number))
        found.append(Word("\n", number))
    return found


class Words:
    """Words that are taken one after another."""

    def __init__(self, words: list[Word]) -> None:
        self._words = words
        self._at = 0

    @property
    def place(self) -> int:
        """Where the next word is, to return there."""
        return self._at

    def back(self, place: int) -> None:
        """Return to a place."""
        self._at = place

    def since(self, place: int) -> str:
        """Return the words taken since a place, as a text."""
        taken = self._words[place : self._at]
        return " ".join(f'"{word.text}"' if word.quoted else word.text for word in taken if word.text != "\n")

    @property
    def ended(self) -> bool:
        """Whether no word is left."""
        return self._at >= len(self._words)

    @property
    def next(self) -> str:
        """The next word's text, "" at the end and for a word in quotes, which is never a keyword."""
        if self.ended or self._words[self._at].quoted:
            return ""
        return self._words[self._at].text

    def ahead(self, distance: int) -> str:
        """Return the text of a later word, "" where there is none."""
        at = self._at + distance
        return self._words[at].text if at < len(self._words) else ""

    @property
    def line(self) -> int:
        """The line of the next word; at the end that of the last."""
        return self._words[min(self._at, len(self._words) - 1)].line if self._words else 0

    def take(self) -> Word:
        """Take the next word. Raises NotNftText at the end: the text was cut off."""
        if self.ended:
            raise NotNftText(f"cut off in line {self.line}; print the ruleset again")
        word = self._words[self._at]
        self._at += 1
        return word

    def takes(self, *texts: str) -> bool:
        """Take the next words if they are these, none in quotes."""
        if self._at + len(texts) > len(self._words):
            return False
        for offset, text in enumerate(texts):
            word = self._words[self._at + offset]
            if word.quoted or word.text != text:
                return False
        self._at += len(texts)
        return True

    def needs(self, text: str) -> None:
        """Take a word that must stand here."""
        self.skip_lines()
        word = self.take()
        if word.quoted or word.text != text:
            raise NotNftText(f"line {word.line}: {word.text[:40]!r} stands where nft prints {text!r}")

    def skip_lines(self) -> None:
        """Pass over line ends."""
        while self.next == "\n":
            self._at += 1

    def skip_block(self) -> None:
        """Pass over a block whose opening brace was taken, to its end."""
        depth = 1
        while depth:
            word = self.take()
            if not word.quoted:
                depth += {"{": 1, "}": -1}.get(word.text, 0)
