"""Text that a stranger would put into a name or a comment, where to put it, and how it shows in what netui wrote."""

from __future__ import annotations

import json
import random
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

#: Begins a line of netui's output only where a line break of a stranger's got through.
FORGED = "FORGED"
PAYLOADS = {
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "title": "\x1b]0;title\x1b\\",
    "colour": "\x1b[31m",
    "C1": "\x9b2J\x90q\x9c",
    "C0": "\x00\x01\x07\x08\x0b\x0c\x0e\x7f",
    "line": f"\n{FORGED}",
    "return": f"\r{FORGED}",
    "other lines": f"\x85{FORGED}\u2028{FORGED}\u2029{FORGED}\v{FORGED}",
    "direction": "\u202egpj\u2066x\u200f",
    "invisible": "\u200b\u2060\u00ad\ufeff\u3164\u115f\u2800\ufe0f\u034f\U000e0041",
    "blanks": "\u00a0\u2003\u3000",
    "flood": "e" + "\u0301\u0489" * 300,
    "flood at once": "\u0336" * 40,
    "no UTF-8": "\udc9b31m\udcff",
    "surrogates": "\ud83d",
    "private": "\ue000\U0010fffe",
    "markup": "[bold red]",
    "format": "{0} %s {x!r}",
}  # fmt: skip
_ONE_LINE = "".join(text for text in PAYLOADS.values() if "\n" not in text)
#: All in one, for a capture that has it everywhere.
EVERYTHING = "".join(PAYLOADS.values())
_TOKEN = re.compile(r"\S+")
#: Blank on every screen, though Python calls them printable.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f\ufe0f")
#: As many marks as one letter may have.
_MARKS = 2


def bad(data: bytes) -> str:
    """Return what of a report's bytes must not be there, "" for nothing."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"no UTF-8: {error}"
    marks = 0
    for letter in text:
        kind = unicodedata.category(letter)
        marks = marks + 1 if kind[0] == "M" else 0
        if letter == "\n":
            continue
        if kind[0] == "C" or (kind[0] == "Z" and letter != " ") or letter in _BLANK or marks > _MARKS:
            return f"{letter!a} in {text[max(0, text.index(letter) - 40) :][:80]!a}"
    return next((f"a forged line: {line!a}" for line in text.split("\n") if line.startswith(FORGED)), "")


def bad_json(data: bytes) -> str:
    """Return what is wrong with the bytes of one JSON document or of JSON lines, "" for nothing."""
    if not data.isascii() or b"\x7f" in data:
        return f"not ASCII: {data[:80]!r}"
    return bad(data)


# --- where it is put ---------------------------------------------------------------------------


def in_token(text: str, number: int, payload: str) -> str:
    """Return the text with the payload behind one of its tokens."""
    match = next(each for count, each in enumerate(_TOKEN.finditer(text)) if count == number)
    return text[: match.end()] + payload + text[match.end() :]


def tokens(text: str) -> int:
    """Return how many tokens a text has."""
    return sum(1 for _ in _TOKEN.finditer(text))


def in_string(document: object, number: int, payload: str) -> object:
    """Return a JSON document with the payload behind one of its strings, keys included."""
    count = -1

    def change(text: str) -> str:
        nonlocal count
        count += 1
        return text + payload if number in (count, EVERY) else text

    return _mapped(document, change)


def strings(document: object) -> int:
    """Return how many strings a JSON document has, keys included."""
    found: list[str] = []

    def count(text: str) -> str:
        found.append(text)
        return text

    _mapped(document, count)
    return len(found)


#: In place of a string's number: all of them.
EVERY = -2
#: What netui looks a field up by: a payload behind it only makes the field go away.
_FIELD = re.compile(r"[A-Za-z_-]+")


def _mapped(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(each, change) for each in value]
    if isinstance(value, dict):
        return {(key if _FIELD.fullmatch(key) else change(key)): _mapped(each, change) for key, each in value.items()}
    return value


def of_one_kind(document: object, payload: str) -> Iterator[tuple[str, object]]:
    """Yield the document with the payload behind all strings that stand at one kind of place (``.Ports.*.HostIp``)."""
    kinds: dict[str, None] = {}

    def walk(value: object, path: str, change: Callable[[str, str], str]) -> object:
        if isinstance(value, str):
            return change(path, value)
        if isinstance(value, list):
            return [walk(each, path, change) for each in value]
        if isinstance(value, dict):
            return {
                (key if _FIELD.fullmatch(key) else change(f"{path} keys", key)): walk(
                    each, f"{path}.{key if _FIELD.fullmatch(key) else '*'}", change
                )
                for key, each in value.items()
            }
        return value

    def see(path: str, text: str) -> str:
        kinds[path] = None
        return text

    walk(document, "", see)
    for kind in kinds:
        yield kind, walk(document, "", lambda path, text, kind=kind: text + payload if path == kind else text)  # type: ignore[misc]


Files = dict[str, bytes]


def read_files(folder: Path) -> Files:
    """Return the files of a capture by name."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def write_files(folder: Path, files: Files) -> Path:
    """Make a capture of files."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def raw(text: str) -> bytes:
    """Return a text as bytes; lone low surrogates are the bytes that they stand for, others as CESU writes them."""
    return b"".join(
        letter.encode("utf-8", "surrogateescape" if "\udc80" <= letter <= "\udcff" else "surrogatepass")
        for letter in text
    )


#: A name of a chain, a table, an interface, a container, a protocol, an address.
_WORD = re.compile(r"[A-Za-z0-9_.:-]{2,}")


def words(files: Files) -> list[str]:
    """Return the words that stand in rules, in addresses and routes, or are what the engine calls a thing."""
    found: dict[str, None] = {}
    for name, data in files.items():
        if name.endswith("-save.txt"):
            for line in data.decode("utf-8", "replace").splitlines():
                if line.startswith(("*", ":", "-A", "[")):
                    found.update(dict.fromkeys(word for word in _WORD.findall(line) if not word.startswith("-")))
        elif name.startswith(("ip-", "ip6-", "docker-")):
            _mapped(json.loads(data), lambda text: found.setdefault(text) or text)
    return [word for word in found if _WORD.fullmatch(word)]


def renamed(files: Files, word: str, payload: str) -> Files:
    """Return the files with the payload behind one word wherever it stands: a thing that has this name."""
    pattern = re.compile(rf"(?<![\w.:-]){re.escape(word)}(?![\w.:-])")
    found: Files = {}
    for name, data in files.items():
        text = data.decode("utf-8", "surrogateescape")
        json_text = json.dumps(payload)[1:-1]
        more = json_text if name.endswith(".json") else payload
        found[name] = raw(pattern.sub(lambda match, more=more: match[0] + more, text))  # type: ignore[misc]
    return found


def damaged(files: Files, rounds: int, seed: int = 1) -> Iterator[tuple[str, Files]]:
    """Yield captures with a payload somewhere.

    Behind one word wherever it stands; in each file everywhere, at each kind of place, and at ``rounds`` single
    places.
    """
    chance = random.Random(seed)
    for word in words(files):
        yield f"{word}: everything behind it", renamed(files, word, _ONE_LINE)
    for name, data in files.items():
        text = data.decode("utf-8", "surrogateescape")
        if name.endswith(".json"):
            # JSON lines, as docker prints them, are not what netui records
            document = json.loads(text)
            yield f"{name}: everywhere", files | {name: json.dumps(in_string(document, EVERY, EVERYTHING)).encode()}
            for kind, changed in of_one_kind(document, EVERYTHING):
                yield f"{name}: in each {kind}", files | {name: json.dumps(changed).encode()}
            for number in chance.sample(range(strings(document)), min(rounds, strings(document))):
                kind, payload = chance.choice(list(PAYLOADS.items()))
                changed = in_string(document, number, payload)
                yield f"{name}: {kind} in string {number}", files | {name: json.dumps(changed).encode()}
            continue
        for kind, payload in PAYLOADS.items():
            if "\n" not in payload:
                everywhere = _TOKEN.sub(lambda match, payload=payload: match[0] + payload, text)  # type: ignore[misc]
                yield f"{name}: {kind} everywhere", files | {name: raw(everywhere)}
        for number in chance.sample(range(tokens(text)), min(rounds, tokens(text))):
            kind, payload = chance.choice(list(PAYLOADS.items()))
            yield f"{name}: {kind} in token {number}", files | {name: raw(in_token(text, number, payload))}
