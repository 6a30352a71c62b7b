"""What a source raises when it could not read: one plain line that says what to do."""

from __future__ import annotations


class SourceError(Exception):
    """A source could not be read; ``str(error)`` is one plain line for the person at the screen."""


def quoted(text: str, limit: int = 60) -> str:
    r"""Return foreign text as it may stand in a message: short, in quotes, unprintables escaped.

    >>> quoted("a\x1b[31m")
    "'a\\x1b[31m'"
    """
    clipped = text[:limit]
    return repr(clipped) if len(text) <= limit else f"{clipped!r}…"


def quoted_path(path: object, limit: int = 200) -> str:
    """Return a file's path as it may stand in a message; of a very long one the middle is left out.

    The end of a path says most, and what is wrong with it comes behind it.
    """
    text = str(path)
    if len(text) <= limit:
        return repr(text)
    begin = limit // 3
    return f"{text[:begin]!r}…{text[begin - limit :]!r}"


def plain(error: BaseException | str, limit: int = 200) -> str:
    """Return an error's text as one printable line of at most ``limit`` letters."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text[: limit + 1])
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
