"""docs/questions.md: runs each command that stands there and writes what it answers below it.

python -m tools.questions          the file of this checkout
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tools.packages import ROOT

DOCUMENT = ROOT / "docs/questions.md"
#: A command behind the prompt, and its output up to the end of the block.
BLOCK = re.compile(r"^```console\n\$ (?P<command>.+)\n(?P<output>(?:(?!```).*\n)*)```$", re.MULTILINE)


def answered(command: str) -> str:
    """Run a command at the top of the checkout as a reader would; what the terminal shows, without a prompt."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "NETUI_"))}
    # netui is the one of this Python
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment.get('PATH', '')}"
    environment |= {"LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, env=environment, check=False, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return "\n".join(line.rstrip() for line in done.stdout.strip("\n").split("\n")) + "\n"


def filled(text: str, answer: Callable[[str], str] = answered) -> str:
    """Return the document with each command's output as it is now."""
    return BLOCK.sub(lambda block: f"```console\n$ {block['command']}\n{answer(block['command'])}```", text)


if __name__ == "__main__":
    DOCUMENT.write_text(filled(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
