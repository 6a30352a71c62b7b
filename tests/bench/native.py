"""Native nftables tables at size: a refresh, a packet through sets, an idle screen on a host with firewalld.

Inside a namespace ``python -m tests.bench.native RUNS`` prints wall and processor milliseconds of a refresh and of
``nft -j list ruleset`` alone.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from tests.bench.largehost import LargeHost
from tests.bench.measure import RUNS, Row, at_most, in_turns, median_ms, ratio, run

_WATCH = ["watch", "-n1", "nft list ruleset"]
_SIZES = (1_000, 10_000)


def plain_table(rules: int, elements: int = 0) -> str:
    """A table of one's own: rules with counters at forward; each asks a set of so many elements, or for an address."""
    lines = ["table inet own {"]
    names = [f"s{number}" for number in range(3)] if elements else []
    for number, name in enumerate(names):
        listed = ", ".join(f"10.{number}.{n // 250}.{n % 250 + 1}" for n in range(elements))
        lines += [f"\tset {name} {{", "\t\ttype ipv4_addr", f"\t\telements = {{ {listed} }}", "\t}"]
    lines += ["\tchain passing {", "\t\ttype filter hook forward priority filter + 5; policy accept;"]
    for number in range(rules):
        source = f"@s{number % 3}" if names else f"192.168.{number // 250 % 250}.{number % 250 + 1}"
        port = 80 if names else 1 + number % 65000
        lines.append(f"\t\tip saddr {source} tcp dport {port} counter packets 0 bytes 0 drop")
    return "\n".join([*lines, "\t}", "}", ""])


def firewalld_table(bridges: list[str]) -> str:
    """A table in firewalld 2's shape: a zone for each of four kinds of interface, Docker's with all its bridges."""
    zones = {"public": ["eth0"], "docker": bridges, "trusted": ["tun0"], "work": ["eth1"]}
    lines = ["table inet firewalld {"]
    for zone in zones:
        for place in ("filter_IN", "filter_FWD", "filter_OUT", "nat_PRE", "nat_POST", "nat_OUT", "mangle_PRE"):
            for part in ("pre", "log", "deny", "allow", "post"):
                own = "\t\ttcp dport { 22, 443 } accept" if (place, part) == ("filter_IN", "allow") else ""
                lines += [f"\tchain {place}_{zone}_{part} {{", own, "\t}"]
            jumps = [f"\t\tjump {place}_{zone}_{part}" for part in ("pre", "log", "deny", "allow", "post")]
            lines += [f"\tchain {place}_{zone} {{", *jumps, "\t}"]
    for hook, place, key in (("INPUT", "filter_IN", "iifname"), ("FORWARD", "filter_FWD", "iifname")):
        lines.append(f"\tchain filter_{hook}_POLICIES {{")
        for zone, devices in zones.items():
            end = "accept" if zone in ("docker", "trusted") else "reject with icmpx admin-prohibited"
            for device in devices:
                lines += [f'\t\t{key} "{device}" jump {place}_{zone}', f'\t\t{key} "{device}" {end}']
        lines += ["\t}", f"\tchain filter_{hook} {{"]
        lines.append(f"\t\ttype filter hook {hook.lower()} priority filter + 10; policy accept;")
        lines += ["\t\tct state { established, related } accept", "\t\tct status dnat accept"]
        lines += ['\t\tiifname "lo" accept', "\t\tct state invalid drop", f"\t\tjump filter_{hook}_POLICIES"]
        lines += ["\t\treject with icmpx admin-prohibited", "\t}"]
    return "\n".join([*lines, "}", ""])


def load(host: LargeHost, table: str) -> None:
    """Put a table into the kernel of a host."""
    subprocess.run([*host.inside, "nft", "-f", "-"], input=table, text=True, check=True)


def native_rows() -> list[Row]:
    """All of it."""
    return [*_refresh_rows(), *_packet_rows(), *_idle_rows()]


def _refresh_rows() -> Iterator[Row]:
    for size in _SIZES:
        with LargeHost(1, 0) as host:
            # native tables alone, as on a host whose engine makes them
            subprocess.run([*host.inside, "nft", "flush", "ruleset"], check=True)
            load(host, plain_table(size))
            command = [*host.inside, sys.executable, "-m", "tests.bench.native", str(RUNS)]
            lines = run(command, {**os.environ, **host.environment}).splitlines()
        for name, line in zip(("wall", "CPU"), lines, strict=True):
            ours, theirs = (float(word) for word in line.split())
            what = f"one refresh of {size:,} native rules / nft -j list ruleset alone, {name}"
            yield ratio(what, ours, theirs, "ms", 1.25)


def _packet_rows() -> Iterator[Row]:
    from netui.dialects.nft.document import read_entries
    from netui.dialects.nft.text_reader import read_text
    from netui.traversal import path, prepare
    from tests.traversal.build import snapshot

    text = plain_table(1_000, 10_000)
    read = read_entries(read_text(enumerate(text.splitlines(), 1)), lambda _family, _name: True)
    made = snapshot("")
    host = prepare(replace(made, rulesets={**made.rulesets, **{key: one for key, (one, _) in read.items()}}))
    took = median_ms(lambda: [path(host, "outside:198.51.100.7", "172.18.0.3:80") for _ in range(20)]) / 20
    yield at_most(
        "one packet through 1,000 native rules, sets of 10,000 elements, none left out by the index",
        took,
        "ms",
        1,
        digits=2,
    )


def _idle_rows() -> Iterator[Row]:
    from tests.bench.large import PER_NETWORK, networks
    from tests.bench.screens import shares
    from tests.bench.terminal import Terminal

    containers = 50
    with LargeHost(containers, 200) as host:
        load(host, firewalld_table([net.bridge for net in networks(containers // PER_NETWORK)]))
        host.traffic()
        with Terminal([*host.inside, *_WATCH]) as watch, Terminal(host.netui, host.environment) as netui:
            netui.wait_text("Docker ", 60)
            netui.settle(12.0)
            watch.settle(2.0)
            ours, theirs = [], []
            for _ in range(5):
                ours += shares(netui, 1, 15.0)
                theirs += shares(watch, 1, 15.0)
            mine, other = statistics.median(ours), statistics.median(theirs)
    yield ratio("CPU of an idle screen beside firewalld / watch -n1 nft list ruleset", mine, other, "%", 1, 2)


def main() -> int:
    """Print the figures of a refresh."""
    from netui.model import RulesetKey, Snapshot
    from netui.sources.live.nft import LiveNative
    from netui.ui.presenters.chains.counters import CounterTrack
    from tests.bench.refresh import figure

    native, track, key = LiveNative(), CounterTrack(), RulesetKey("inet", "nftables")

    def alone() -> None:
        subprocess.run(["nft", "-j", "list", "ruleset"], check=True, capture_output=True)

    def refresh() -> None:
        ruleset, counters = native.read((), True).values["native"].rules[key]
        track.add(Snapshot(time=time.time(), rulesets={key: ruleset}, counters={key: counters}))
        # what the visible rows ask for
        for table in ruleset.tables:
            for chain in table.chains[:8]:
                for rule in chain.rules[:5]:
                    track.reading(key, (table.name, chain.name, rule.text, 0))

    for _ in range(2):
        alone()
        refresh()
    for measure in (0, 1):
        print(*in_turns(partial(figure, refresh, measure), partial(figure, alone, measure), int(sys.argv[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
