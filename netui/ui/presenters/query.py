"""The filter: plain text, a regular expression, ``!`` to invert, or a name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from netui.ui.presenters.names import Names, word_pattern

_META = set("^$*+?[]|()\\{}")


@dataclass(frozen=True, slots=True)
class Query:
    """A typed filter.

    regex: set where the text is a regular expression; broken: it looks like one but is invalid.
    """

    text: str
    inverted: bool = False
    regex: re.Pattern[str] | None = None
    broken: bool = False

    @classmethod
    def parse(cls, typed: str) -> Query | None:
        """Parse the typed text; None for an empty filter."""
        text = typed.strip()
        inverted = text.startswith("!")
        if inverted:
            text = text[1:].strip()
        if not text:
            return None
        regex, broken = None, False
        if _META & set(text):
            try:
                regex = re.compile(text, re.IGNORECASE)
            except re.error:
                broken = True
        return cls(text.lower(), inverted, regex, broken)

    def on_text(self, text: str) -> bool:
        """Whether a text matches (for the tree: the labels of a node)."""
        matches = self.text in text.lower() or (self.regex is not None and self.regex.search(text) is not None)
        return matches is not self.inverted


class RuleQuery:
    """A query prepared for many rules: names are translated once into the words in rules."""

    def __init__(self, query: Query, names: Names) -> None:
        self.query = query
        self._words = word_pattern(names.words(query.text, pattern=query.regex))

    def __call__(self, text: str) -> bool:
        """Whether a rule's text matches."""
        query = self.query
        matches = (
            query.text in text.lower()
            or (query.regex is not None and query.regex.search(text) is not None)
            or (self._words is not None and self._words.search(text) is not None)
        )
        return matches is not query.inverted
