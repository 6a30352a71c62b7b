"""nft's text → words with their line numbers: quoted strings, punctuation, and all else between blanks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

Line = tuple[int, str]


class NotNftText(ValueError):
    """The text is no output of ``nft list ruleset``; the message names the line and the reason."""


class Word(NamedTuple):
    """A word: its text, its line, and whether it was quoted. A newline is a word, too."""

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
#: The remark with the program that owns a table, with or without the handle.
_HANDLE = re.compile(r"# handle ([0-9]{1,20})(?: progname .*)?\Z")
#: A remark in place of what nft cannot print, such as iptables' extensions.
UNSAID = "#"


def words_of(lines: Iterable[Line]) -> list[Word]:
    """Return all words. Raises NotNftText where a quote is not closed.

    ``# handle 5`` becomes the words "#handle" and "5"; any other remark after words becomes one word that begins
    with "#".
    """
    words: list[Word] = []
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
                    words += [Word("#handle", number), Word(handle[1], number)]
                elif begun:
                    words.append(Word(UNSAID + text[1:].strip(), number))
                continue
            begun = True
            words.append(Word(text[1:-1], number, True) if kind == "string" else Word(text, number))
        words.append(Word("\n", number))
    return words


class Words:
    """A sequence of words with a position."""

    def __init__(self, words: list[Word]) -> None:
        self._words = words
        self._at = 0

    @property
    def place(self) -> int:
        """The position of the next word."""
        return self._at

    def back(self, position: int) -> None:
        """Return to a position."""
        self._at = position

    def since(self, start: int) -> str:
        """Return the words since a position, as text."""
        taken = self._words[start : self._at]
        return " ".join(f'"{word.text}"' if word.quoted else word.text for word in taken if word.text != "\n")

    @property
    def ended(self) -> bool:
        """Whether no word is left."""
        return self._at >= len(self._words)

    @property
    def next(self) -> str:
        """The next word's text; "" at the end, and for a quoted word, which is never a keyword."""
        if self.ended or self._words[self._at].quoted:
            return ""
        return self._words[self._at].text

    def ahead(self, distance: int) -> str:
        """Return the text of a later word, "" where there is none."""
        at = self._at + distance
        return self._words[at].text if at < len(self._words) else ""

    @property
    def line(self) -> int:
        """The line of the next word; at the end, that of the last word."""
        return self._words[min(self._at, len(self._words) - 1)].line if self._words else 0

    def take(self) -> Word:
        """Take the next word. Raises NotNftText at the end: the text is truncated."""
        if self.ended:
            raise NotNftText(f"cut off in line {self.line}; print the ruleset again")
        word = self._words[self._at]
        self._at += 1
        return word

    def takes(self, *texts: str) -> bool:
        """Take the next words if they are these and not quoted."""
        if self._at + len(texts) > len(self._words):
            return False
        for offset, text in enumerate(texts):
            word = self._words[self._at + offset]
            if word.quoted or word.text != text:
                return False
        self._at += len(texts)
        return True

    def needs(self, text: str) -> None:
        """Take a required word."""
        self.skip_lines()
        word = self.take()
        if word.quoted or word.text != text:
            raise NotNftText(f"line {word.line}: {word.text[:40]!r} stands where nft prints {text!r}")

    def skip_lines(self) -> None:
        """Skip newlines."""
        while self.next == "\n":
            self._at += 1

    def skip_block(self) -> None:
        """Skip the rest of a block after its opening brace."""
        depth = 1
        while depth:
            word = self.take()
            if not word.quoted:
                depth += {"{": 1, "}": -1}.get(word.text, 0)
