"""The parts of a description of packets, to which match modules add."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from netui.explain.names import Names
from netui.model import Match, Option
from netui.text.phrases import either


@dataclass(slots=True)
class Words:
    """The parts of a description, in the order of a sentence.

    noun: the kind of packets. to, from_: destination and source. which: relative clauses ("come in by eth0").
    limits: rates. quoted: matches that are only known as text.
    """

    noun: str = "Packets"
    to: list[str] = field(default_factory=list)
    from_: list[str] = field(default_factory=list)
    which: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    quoted: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return it as the subject of a sentence."""
        parts = [self.noun, *self.to, *self.from_]
        if self.which:
            parts.append(f"that {either(self.which, 'and')}")
        if self.quoted:
            parts.append(f"{'and ' if self.which else ''}that match {' and '.join(self.quoted)}")
        return " ".join(parts) + (f", {', '.join(self.limits)}," if self.limits else "")


#: Adds a match to a description; False where it does not know the whole match, which is then quoted.
Say = Callable[[Words, Match, Names, str], bool]


def no(option: Option) -> str:
    """Return "not " for a negated option."""
    return "not " if option.negated else ""
