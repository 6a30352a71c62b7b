"""Whether another commit's reports are the same, byte for byte: ``python -m tests.same_output COMMIT [CAPTURE …]``.

Each report's JSON is made of each capture by this checkout and by the commit in a worktree of its own. What differs is
named with the first line that does. For changes that are to change nothing that a user sees.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

from tests.traversal.recorded import question

ROOT = Path(__file__).parent.parent
#: The reports, each for one capture; {flows}: a file of its questions.
REPORTS = (
    ("exposed", "--json"),
    ("exposed", "--host", "--json"),
    ("doctor", "--json"),
    ("explain", "--json"),
    ("path", "outside", "*", "--json"),
    ("path", "host", "*", "--json"),
    ("path", "--batch", "{flows}", "--reply"),
)


def captures() -> Iterator[Path]:
    """Yield all captures of the tests and the documents."""
    yield from sorted((ROOT / "tests/cases").glob("*/host"))
    yield from sorted(path for path in (ROOT / "docs/captures").iterdir() if path.is_dir() or path.suffix == ".gz")


def questions(capture: Path, folder: Path) -> Path:
    """Write a capture's flows as lines of ``path --batch``; none where it has none."""
    flows = capture.parent / "flows.json"
    asked = json.loads(flows.read_text()) if flows.exists() else []
    lines = {f"{' '.join(question(one))}\n" for one in asked}
    written = folder / f"{capture.parent.name}.txt"
    written.write_text("".join(sorted(lines)))
    return written


def report(code: Path, words: list[str]) -> str:
    """Return what a command of a checkout prints, and its status."""
    done = subprocess.run(
        [sys.executable, "-m", "netui", *words], cwd=code, capture_output=True, text=True, check=False
    )
    return f"{done.stdout}{done.stderr}status {done.returncode}\n"


def main() -> int:
    """Compare; 1 where anything differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("commit")
    parser.add_argument("captures", nargs="*", type=Path)
    options = parser.parse_args()
    differ = same = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        other = folder / "other"
        subprocess.run(["git", "-C", ROOT, "worktree", "add", "-q", "--detach", other, options.commit], check=True)
        try:
            for capture in options.captures or captures():
                flows = questions(capture, folder)
                for words in REPORTS:
                    filled = [word.replace("{flows}", str(flows)) for word in words] + ["--replay", str(capture)]
                    before, now = report(other, filled), report(ROOT, filled)
                    if before == now:
                        same += 1
                        continue
                    differ += 1
                    change = list(unified_diff(before.splitlines(), now.splitlines(), lineterm="", n=0))
                    print(f"{capture.parent.name}/{capture.name} {' '.join(words)}: {len(change)} lines")
                    print("\n".join(f"    {line[:160]}" for line in change[3:9]))
        finally:
            subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", other], check=True)
    print(f"{same} reports are the same, {differ} differ")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
