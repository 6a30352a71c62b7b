"""Rules that are short to write and long to walk: chains whose jumps double, iptables' and native ones alike."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.attack import Attack
from tests.attack.screen import NETUI

SECONDS = 30.0


def doubling(depth: int, width: int = 2, filler: int = 0) -> str:
    """Return a filter table in whose FORWARD and INPUT a chain jumps twice to the next one, and so on."""
    chains = "".join(f":D{number} - [0:0]\n" for number in range(depth + 1))
    rules = "-A INPUT -j D0\n-A FORWARD -j D0\n-A OUTPUT -j D0\n"
    for number in range(depth):
        rules += f"-A D{number} -s 192.0.2.77/32 -j DROP\n" * filler
        rules += f"-A D{number} -j D{number + 1}\n" * width
    rules += f"-A D{depth} -m comment --comment end\n"
    return f"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n{chains}{rules}COMMIT\n"


def gotos(depth: int) -> str:
    """Return the same by goto, each behind a jump."""
    return doubling(depth).replace("-A D1 -j D2", "-A D1 -g D2", 1)


def unknown(depth: int) -> str:
    """Return the same where no snapshot can tell whether a jump is taken."""
    return doubling(depth).replace(" -j D", " -m u32 --u32 0x0=0x1 -j D")


def by_port(depth: int) -> str:
    """Return many such chains, each for its own port."""
    text = doubling(depth)
    return text.replace("-A FORWARD -j D0\n", "".join(f"-A FORWARD -p tcp --dport {n} -j D0\n" for n in range(1, 400)))


def native(depth: int) -> str:
    """Return a native table, as ``nft -j list ruleset`` prints it, whose chains double."""
    table = {"family": "inet", "name": "trap"}
    entries: list[dict[str, object]] = [
        {"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
        {"table": table | {"handle": 1}},
    ]
    base = {"type": "filter", "prio": 0, "policy": "accept"}
    names = [f"d{number}" for number in range(depth + 1)]
    entries += [{"chain": {"family": "inet", "table": "trap", "name": name, "handle": 2}} for name in names]
    entries += [
        {"chain": {"family": "inet", "table": "trap", "name": hook, "handle": 3, "hook": hook, **base}}
        for hook in ("input", "forward", "output")
    ]
    jumps = [(hook, "d0") for hook in ("input", "forward", "output")]
    jumps += [(f"d{number}", f"d{number + 1}") for number in range(depth) for _ in (0, 1)]
    for handle, (chain, target) in enumerate(jumps, 10):
        rule = {"family": "inet", "table": "trap", "chain": chain, "handle": handle}
        entries.append({"rule": rule | {"expr": [{"jump": {"target": target}}]}})
    return json.dumps({"nftables": entries})


#: Each ruleset: the file of a capture that it takes the place of, and its text.
RULES: dict[str, tuple[str, Callable[[], str]]] = {
    "2^12 jumps": ("iptables-nft-save.txt", lambda: doubling(12)),
    "2^20 jumps": ("iptables-nft-save.txt", lambda: doubling(20)),
    "2^60 jumps": ("iptables-nft-save.txt", lambda: doubling(60)),
    "2^150 jumps": ("iptables-nft-save.txt", lambda: doubling(150)),
    "10^15 jumps, and rules between them": ("iptables-nft-save.txt", lambda: doubling(15, 10, 100)),
    "2^60 gotos": ("iptables-nft-save.txt", lambda: gotos(60)),
    "2^60 jumps that no snapshot can tell": ("iptables-nft-save.txt", lambda: unknown(60)),
    "2^60 jumps of each port": ("iptables-nft-save.txt", lambda: by_port(60)),
    "deeper than any stack": ("iptables-nft-save.txt", lambda: doubling(3000, 1)),
    "2^60 native jumps": ("nft-ruleset.json", lambda: native(60)),
    "native, deeper than any stack": ("nft-ruleset.json", lambda: native(3000)),
}
#: Those of the short form.
_SHORT = ("2^60 jumps", "10^15 jumps, and rules between them", "2^60 native jumps", "deeper than any stack")
COMMANDS = (
    ["path", "outside:198.51.100.2", "host:7001"],
    ["exposed"],
    ["doctor"],
    ["explain"],
    ["path", "shop", "*"],
)


def doubling_chains(rounds: int) -> Iterator[tuple[str, bool]]:
    """Each report ends in time, with a status of netui's own."""
    case = Path(__file__).parent.parent / "cases" / "engine-20.10" / "host"
    for name, (file, make) in RULES.items():
        if rounds == 1 and name not in _SHORT:
            continue
        with tempfile.TemporaryDirectory() as made:
            for path in case.glob("*.*"):
                if path.name != "nft-ruleset.json":
                    Path(made, path.name).write_bytes(path.read_bytes())
            empty: dict[str, object] = {"metainfo": {"version": "1.0.6", "json_schema_version": 1}}
            Path(made, "nft-ruleset.json").write_text(json.dumps({"nftables": [empty]}))
            Path(made, file).write_text(make())
            for arguments in COMMANDS if rounds > 1 else COMMANDS[1:3]:
                yield f"{name}: {' '.join(arguments)}", _held([*arguments, "--replay", made])


def _held(arguments: list[str]) -> bool:
    started = time.monotonic()
    try:
        done = subprocess.run([*NETUI, *arguments], check=False, capture_output=True, timeout=2 * SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return time.monotonic() - started < SECONDS and done.returncode in (0, 1, 2, 3) and b"Traceback" not in done.stderr


ATTACKS: list[Attack] = [doubling_chains]
