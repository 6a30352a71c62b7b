"""A screen as SVG and PNG, each with fonts that every machine has."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

# Textual's cell is 12.2 wide at a font size of 20; DejaVu Sans Mono's letter is 1233/2048 of its size.
_SIZE = 12.2 / (1233 / 2048)
_FONTS = "'Fira Code', 'DejaVu Sans Mono', Menlo, Consolas, monospace"
_DEBIAN = {"rsvg-convert": "librsvg2-bin", "pngquant": "pngquant", "fc-list": "fontconfig"}


def install_tools() -> None:
    """Install what makes a PNG, where it is missing (Debian)."""
    missing = [package for program, package in _DEBIAN.items() if shutil.which(program) is None]
    known = (
        ""
        if "fontconfig" in missing
        else subprocess.run(["fc-list"], check=True, capture_output=True, text=True).stdout
    )
    if "DejaVuSansMono.ttf" not in known:
        missing.append("fonts-dejavu-core")
    if not missing:
        return
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing],
    ):
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def without_web(svg: str) -> str:
    """The SVG with no address of a web font in it: a viewer asks nobody for anything."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: ?(?:Fira Code|arial)[^;]*;", f"font-family: {_FONTS};", svg)
    return re.sub(r"[ \t]+\n", "\n", svg)


def save(svg: str, path: Path) -> None:
    """Write PATH.svg and PATH.png."""
    svg = without_web(svg)
    path.with_suffix(".svg").write_text(svg, encoding="utf-8")
    # rsvg-convert does not stretch text to textLength: a size at which the letters fit the cells.
    local = svg.replace(_FONTS, "'DejaVu Sans Mono'").replace("font-size: 20px", f"font-size: {_SIZE:.3f}px")
    drawn = subprocess.check_output(["rsvg-convert", "--format=png"], input=local.encode())
    # A screen has few colours: a palette makes it a quarter as large.
    path.with_suffix(".png").write_bytes(subprocess.check_output(["pngquant", "--speed=1", "96", "-"], input=drawn))
