"""``python -m tests.attack [ROUNDS [PART …]]``: the attacks in their long form, each with how many held."""

from __future__ import annotations

import importlib
import signal
import sys
import time
from collections.abc import Sequence

#: The modules that hold attacks, each with a list ATTACKS.
MODULES = ("programs", "engines", "archives", "chains", "streams", "signals", "text", "files")


def main(rounds: int, parts: Sequence[str] = MODULES) -> int:
    """Run the attacks of these modules; returns 1 where one did not hold."""
    # Also where the shell's background ignores them, which the attacked programs would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    failed: list[str] = []
    print(f"{'kind':<44}{'tried':>7}{'held':>7}{'seconds':>9}")
    for module in parts:
        for attack in importlib.import_module(f"tests.attack.{module}").ATTACKS:
            started = time.monotonic()
            results = list(attack(rounds))
            held = sum(good for _, good in results)
            kind = f"{module}: {attack.__name__.replace('_', ' ')}"
            print(f"{kind:<44}{len(results):>7}{held:>7}{time.monotonic() - started:>9.1f}", flush=True)
            failed += [f"{kind}: {name}" for name, good in results if not good]
            failed += [f"{kind}: nothing was tried"] if not results else []
    for line in failed:
        print(f"did not hold: {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    if unknown := set(sys.argv[2:]) - set(MODULES):
        sys.exit(f"There is no part {', '.join(sorted(unknown))}; the parts are {', '.join(MODULES)}.")
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2, sys.argv[2:] or MODULES))
