"""Inside a namespace: the median of iptables-nft-save alone, and of a whole refresh with it."""

from __future__ import annotations

import subprocess
import sys

from netui.sources.iptables_save import read_save
from tests.bench.__main__ import median_ms

COMMAND = ["iptables-nft-save", "-c"]


def main() -> int:
    """Print two figures in milliseconds."""
    runs = int(sys.argv[1])
    text = subprocess.run(COMMAND, check=True, capture_output=True, text=True).stdout
    ruleset, counters = read_save(text, "ip", "nft")

    def alone() -> None:
        subprocess.run(COMMAND, check=True, capture_output=True)

    def refresh() -> None:
        again = subprocess.run(COMMAND, check=True, capture_output=True, text=True).stdout
        same, fresh = read_save(again, "ip", "nft", previous=ruleset)
        assert same is ruleset
        # the rates of the screen: what moved since the reading before
        [now - before for now, before in zip(fresh.packets, counters.packets, strict=True)]

    print(median_ms(alone, runs), median_ms(refresh, runs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
