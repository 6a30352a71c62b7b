"""The error of a source that could not read: one line that says what to do."""

from __future__ import annotations


class SourceError(Exception):
    """A source could not be read; ``str(error)`` is one line for the user.

    disconnected: whether the connection to another machine is lost.
    """

    disconnected = False


def quoted(text: str, limit: int = 60) -> str:
    r"""Return text from outside for a message: short, in quotes, control characters escaped.

    >>> quoted("a\x1b[31m")
    "'a\\x1b[31m'"
    """
    clipped = text[:limit]
    return repr(clipped) if len(text) <= limit else f"{clipped!r}…"


def quoted_path(path: object, limit: int = 200) -> str:
    """Return a file's path for a message, without the middle of a very long one.

    The end of a path tells most, and the message after it tells what is wrong.
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
