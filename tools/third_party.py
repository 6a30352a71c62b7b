"""The licences of what the single file carries: Python, netui's libraries, and the system's that came with them.

Runs where the single file is made (tools/single.sh), with the Python of that environment and nothing beside it.

python tools/third_party.py TREE TARGET
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

_RULE = "=" * 100
#: A requirement's library and extras, and the extra for which it is required.
_WANTED = re.compile(r"([\w.-]+)(?:\s*\[([^\]]*)\])?")
_EXTRA = re.compile(r"extra == ['\"]([^'\"]*)['\"]")


class Part(NamedTuple):
    """Something that the single file carries: its licence in a word, and the texts."""

    name: str
    licence: str
    texts: tuple[str, ...]


def libraries(root: str = "netui") -> Iterator[Part]:
    """Yield the Python libraries on which one depends, and those on which they do; by name."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    # a library and one of its extras, "" for none
    waiting = [(_normal(root), "")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            one = found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # of another system or another Python
        for line in one.requires or ():
            wanted = _WANTED.match(line)
            of_extra = _EXTRA.search(line)
            if wanted and (of_extra[1] if of_extra else "") == extra:
                extras = ("", *(each.strip() for each in (wanted[2] or "").split(",") if each.strip()))
                waiting += [(_normal(wanted[1]), each) for each in extras]
    for name, one in sorted(found.items()):
        if name != _normal(root):
            yield Part(f"{one.metadata['Name']} {one.version}", licence_of(one), tuple(_texts(one)))


def licence_of(one: Distribution) -> str:
    """Return a library's licence in its own words: the expression, else the field, else the classifiers."""
    fields = one.metadata
    classified = [
        line.rpartition(" :: ")[2] for line in fields.get_all("Classifier") or () if line.startswith("License ::")
    ]
    written = fields["License"] or ""
    return (
        fields["License-Expression"]
        or (written if 0 < len(written) < 60 else "")
        or ", ".join(classified)
        or "see below"
    )


def _texts(one: Distribution) -> Iterator[str]:
    for file in one.files or ():
        if re.match(r"(licen[cs]e|copying|notice|authors)", file.name, re.IGNORECASE) and ".dist-info" in str(file):
            yield Path(str(one.locate_file(file))).read_text("utf-8", "replace").strip()


def _package(name: str) -> str:
    """Return the Debian package that a shared library is of, "" for none."""
    done = subprocess.run(["dpkg-query", "-S", f"*/{name}"], capture_output=True, text=True, check=False)
    return done.stdout.partition(":")[0] if done.returncode == 0 else ""


def system_libraries(tree: Path, owner: Callable[[str], str] = _package) -> Iterator[Part]:
    """Yield the system's libraries in a folder by their Debian package, whose copyright file has the licence."""
    packages: dict[str, list[str]] = {}
    for file in sorted(tree.glob("*.so*")):
        if package := owner(file.name):
            packages.setdefault(package, []).append(file.name)
    for package, names in sorted(packages.items()):
        text = Path("/usr/share/doc", package, "copyright")
        words = text.read_text("utf-8", "replace").strip() if text.exists() else ""
        yield Part(f"{', '.join(names)} (Debian's {package})", "see below", (words,) if words else ())


def python() -> Part:
    """Return Python itself, with what its own text says of the code in it."""
    text = Path(sysconfig.get_path("stdlib"), "LICENSE.txt")
    version = ".".join(str(number) for number in sys.version_info[:3])
    return Part(f"Python {version}", "PSF-2.0", (text.read_text("utf-8").strip(),) if text.exists() else ())


def bootloader() -> Part:
    """Return what unpacks the single file: PyInstaller's, which lets any program be packed by it."""
    one = distribution("pyinstaller")
    return Part(f"PyInstaller {one.version} (its bootloader)", licence_of(one), tuple(_texts(one)))


def written(parts: list[Part]) -> str:
    """Return the file: a table, then all texts."""
    width = max(len(part.name) for part in parts)
    lines = ["What netui's single file, and the packages that carry it, are made of beside netui itself.", ""]
    lines += [f"{part.name:<{width}}  {part.licence}" for part in parts]
    for part in parts:
        lines += ["", _RULE, part.name, _RULE, *(f"\n{text}" for text in part.texts)]
    return "\n".join(lines) + "\n"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(
        written([python(), bootloader(), *libraries(), *system_libraries(Path(sys.argv[1]))]), encoding="utf-8"
    )
