"""The differential fuzzer: random rules, random packets, netui's prediction against the kernel.

A failing case is shrunk to the fewest rules that still fail and kept as a regression case, in the
format of the committed cases. Everything follows from the seed, which is printed.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .capture import legacy_lines, trace_lines
from .judge import Prediction, kind_of, predicted_steps, prediction_of
from .router import NEIGHBOURS, PORTS, Probe, Router
from .rules import PORTS as SERVICES
from .rules import V4, V6, Generator, Rules
from .senders import FIRST_PORT
from .trace import Step, Trace, Tracer, without_accepting_policies

REGRESSIONS = Path(__file__).parents[1] / "traversal" / "regressions"
PACKETS_PER_RULESET = 24
MOST_FAILURES = 12
# How long the kernel must say nothing where it matters (s); the first look is 1 ms.
PATIENT = 0.02
# Within every machine's ephemeral range, and within what the tracer picks.
SOURCE_PORTS = range(33000, 39900)
assert SOURCE_PORTS.start >= FIRST_PORT

# What packets depend on beside rules and routes, as it is by default.
SETTINGS = {
    "bridge/bridge-nf-call-iptables": 1,
    "bridge/bridge-nf-call-ip6tables": 1,
    "ipv4/ip_forward": 1,
    "ipv6/conf/all/forwarding": 1,
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/all/route_localnet": 0,
}

SOURCES = {
    4: {
        "a": ("10.1.0.2", "10.1.0.3", "198.51.100.7"),
        "b": ("10.2.0.2", "10.2.0.3", "10.50.0.7"),
        "c": ("10.3.0.2",),
        "d": ("10.4.0.2",),
        "e": ("10.4.0.3",),
        "host": ("", "", *V4.own),
    },
    6: {
        "a": ("fd01::2", "fd01::3", "2001:db8::7"),
        "b": ("fd02::2", "fd02::3", "fd50::7"),
        "c": ("fd03::2",),
        "d": ("fd04::2",),
        "e": ("fd04::3",),
        "host": ("", "", *V6.own),
    },
}
DESTINATIONS = {
    4: (*V4.own, *V4.others, "198.51.100.9", "10.60.0.1", "10.61.0.1", "10.62.0.1", "127.0.0.1"),
    6: (*V6.own, *V6.others, "2001:db8::9", "fd60::1", "fd61::1", "fd62::1", "::1"),
}


@dataclass
class Failure:
    """One packet where netui and the kernel differ, under the fewest rules that show it."""

    probe: Probe
    sport: int
    rules: Rules
    settings: dict[str, int]
    predicted: list[str]
    kernel: list[str]
    verdict: str
    kept: Path | None = None
    native: str = ""

    def __str__(self) -> str:
        lines = [f"{self.probe} sport {self.sport}, {self.settings}; netui: {self.verdict}"]
        lines += [f"    rule   {rule}" for table in self.rules.tables for rule in (f"*{table.name}", *table.rules)]
        lines += [f"    {line}" for line in self.native.splitlines()]
        lines += [f"    netui  {step}" for step in self.predicted]
        lines += [f"    kernel {step}" for step in self.kernel]
        return "\n".join(lines + ([f"    kept in {self.kept}"] if self.kept else []))


@dataclass
class Tally:
    """What a run of the fuzzer found."""

    seed: int
    packets: int = 0
    rulesets: int = 0
    refused: int = 0
    steps: int = 0
    undecided: Counter[str] = field(default_factory=Counter)
    #: packets through rulesets that hold what no snapshot tells: all, and those undecided
    wild: int = 0
    wild_undecided: int = 0
    failures: list[Failure] = field(default_factory=list)
    wrong: int = 0
    late: int = 0
    seen: set[object] = field(default_factory=set)
    seconds: float = 0.0

    def summary(self) -> str:
        """One line of counts."""
        undecided = sum(self.undecided.values())
        share = 100 * undecided / max(self.packets - self.wild, 1)
        return (
            f"seed {self.seed}: {self.packets} packets through {self.rulesets} rulesets, {self.steps} steps equal, "
            f"{self.wrong} wrong, {undecided} undecided ({share:.1f} %), {self.refused} rulesets refused, "
            f"{self.wild_undecided} of {self.wild} undecided where no snapshot can tell, "
            f"{self.seconds:.0f} s"
        )


class Fuzzer:
    """One router, one tracer, one folder that is the capture of the moment."""

    def __init__(self, router: Router, tracer: Tracer, folder: Path) -> None:
        self.router = router
        self.tracer = tracer
        self.folder = folder
        self._sport = SOURCE_PORTS.start
        router.namespace.sysctl(**SETTINGS)
        router.capture(folder)

    # ---- one ruleset ------------------------------------------------------------------------

    def load(self, *rulesets: Rules) -> str:
        """Load both families and capture them; the error when the kernel refuses."""
        for rules in rulesets:
            error = self.router.load(rules.text(), rules.family)
            if error:
                return error
        self.router.forget_connections()
        self.tracer.read_rules(self.router.capture_rules(self.folder))
        return ""

    def settle(self, settings: dict[str, int]) -> None:
        """Set sysctls, the ones not named as they are by default."""
        self.router.namespace.sysctl(**{**SETTINGS, **settings})
        self.router.capture_sysctls(self.folder)

    def trace(self, probe: Probe, quiet: float = 0.001) -> tuple[int, Trace]:
        """Send one packet; its source port and all that the kernel said until it was quiet so long (s)."""
        sport = self._sport
        self._sport = sport + 1 if sport + 1 in SOURCE_PORTS else SOURCE_PORTS.start
        self.tracer.take()
        opened = self.router.put(probe, sport)
        trace = self.tracer.take()
        # A packet is walked while it is sent, or by a soft interrupt right after.
        deadline = time.monotonic() + (quiet if trace.steps else 5 * quiet)
        while time.monotonic() < deadline:
            time.sleep(0.0002)
            more = self.tracer.take()
            if more.steps:
                trace.steps += more.steps
                trace.raw += more.raw
                deadline = time.monotonic() + quiet
        if opened is not None:
            opened.close()
        return sport, trace

    def predictions(self, probes: list[tuple[Probe, int]]) -> list[Prediction]:
        """netui's answers on the folder as it is."""
        from netui.sources.capture.reader import read_capture
        from netui.traversal.answer import path
        from netui.traversal.host.prepare import prepare
        from netui.traversal.question.endpoints import EndpointError

        host = prepare(read_capture(self.folder))
        answers: list[Prediction] = []
        for probe, sport in probes:
            source, destination = endpoints(probe)
            try:
                known = sport if probe.protocol != "icmp" else None
                answers.append(prediction_of(path(host, source, destination, sport=known)))
            except EndpointError as error:
                answers.append({"error": str(error), "verdict": "error"})
        return answers

    def check(self, probes: list[Probe], quiet: float = 0.001) -> list[tuple[Probe, int, Trace, Prediction]]:
        """Send all, ask netui, in order."""
        traced = [(probe, *self.trace(probe, quiet)) for probe in probes]
        answers = self.predictions([(probe, sport) for probe, sport, _ in traced])
        return [(*one, answer) for one, answer in zip(traced, answers, strict=True)]

    # ---- shrinking --------------------------------------------------------------------------

    def fails(self, rules: Rules, probe: Probe) -> tuple[int, Trace, Prediction] | None:
        """Whether this one packet is predicted wrongly under these rules alone."""
        other = Rules(10 - rules.family, tuple(bare(rules)))
        if self.load(rules, other):
            return None
        _, sport, trace, prediction = self.check([probe], PATIENT)[0]
        wrong = differs(trace, prediction)
        return (sport, trace, prediction) if wrong else None

    def shrink(self, rules: Rules, probe: Probe, settings: dict[str, int]) -> Failure | None:
        """Fewer and fewer rules as long as it fails; None when it does not fail alone."""
        self.settle(settings)
        if self.fails(rules, probe) is None:
            return None
        size = max(rules.count() // 2, 1)
        while rules.count():
            at = 0
            while at < rules.count():
                smaller = rules.without(range(at, at + size))
                again = self.fails(smaller, probe)
                if again is not None:
                    rules = smaller
                else:
                    at += size
            if size == 1:
                break
            size = max(size // 2, 1)
        for table in rules.tables:
            for chain, policy in table.policies:
                if policy == "DROP":
                    smaller = rules.accepting(table.name, chain)
                    again = self.fails(smaller, probe)
                    rules = smaller if again is not None else rules
        # Once more, so that the folder holds these very rules, and the trace their handles.
        last = next((again for _ in range(5) if (again := self.fails(rules, probe)) is not None), None)
        if last is None:
            return None
        sport, trace, prediction = last
        kernel = [*map(str, without_accepting_policies(trace.steps))]
        ours = [*map(str, predicted_steps(prediction))]
        failure = Failure(probe, sport, rules, settings, ours, kernel, str(prediction.get("verdict")))
        failure.predicted += [str(prediction["error"])] if "error" in prediction else []
        self._last = trace
        return failure

    def keep(self, failure: Failure, place: Path) -> Path:
        """Write a shrunk failure as a case: the capture as it is now, and the kernel's trace."""
        content = f"{failure.probe} {failure.rules.text()} {failure.settings}{failure.native}"
        folder = place / hashlib.sha256(content.encode()).hexdigest()[:10]
        shutil.copytree(self.folder, folder / "host", dirs_exist_ok=True)
        source, destination = endpoints(failure.probe)
        probe = failure.probe
        case: dict[str, Any] = {"name": f"{source}->{destination}", "src": source, "dst": probe.destination}
        case |= {"port": probe.port, "proto": probe.protocol, "sport": failure.sport}
        case |= {"outcome": "", "trace": trace_lines(self._last), **legacy_lines(self._last)}
        (folder / "flows.json").write_text(json.dumps([case], indent=1) + "\n")
        return folder


def bare(rules: Rules) -> list[Any]:
    """The tables without rules and with accepting policies."""
    from dataclasses import replace

    return [
        replace(table, rules=(), chains=(), policies=tuple((name, "ACCEPT") for name, _ in table.policies))
        for table in rules.tables
    ]


def differs(trace: Trace, prediction: Prediction) -> bool:
    """Whether a decided prediction is not what the kernel did."""
    if prediction.get("verdict") == "undecided":
        return False
    return "error" in prediction or predicted_steps(prediction) != without_accepting_policies(trace.steps)


def endpoints(probe: Probe) -> tuple[str, str]:
    """SRC and DST in netui's words."""
    address = f"[{probe.destination}]" if probe.family == 6 else probe.destination
    end = f"{address}/icmp" if probe.protocol == "icmp" else f"{address}:{probe.port}/{probe.protocol}"
    return probe.source or "host", end


def random_probe(chance: random.Random, family: int) -> Probe:
    """One packet that the router sees."""
    while True:
        sender = chance.choice(("a", "a", "b", "c", "d", "e", "host", "host"))
        source = chance.choice(SOURCES[family][sender])
        destination = chance.choice(DESTINATIONS[family])
        loopback = destination in ("127.0.0.1", "::1")
        if source == destination or (loopback and (sender != "host" or source)):
            continue
        towards = ""
        near = {"10.4.0.2": "d", "10.4.0.3": "e", "fd04::2": "d", "fd04::3": "e"}.get(destination, "")
        if sender in PORTS and near:
            if near == sender:
                continue
            towards = near
        elif sender in NEIGHBOURS and same_link(sender, destination):
            continue
        protocol = chance.choice(("tcp", "tcp", "tcp", "udp", "udp", "icmp", "sctp"))
        port = 0 if protocol == "icmp" else chance.choice(SERVICES)
        return Probe(sender, source, destination, protocol, port, towards)


def random_settings(chance: random.Random) -> dict[str, int]:
    """Sysctls that differ from the default."""
    settings: dict[str, int] = {}
    if chance.random() < 0.25:
        settings |= {"bridge/bridge-nf-call-iptables": 0, "bridge/bridge-nf-call-ip6tables": 0}
    if chance.random() < 0.25:
        settings["ipv4/conf/all/rp_filter"] = chance.choice((1, 2))
    if chance.random() < 0.1:
        settings["ipv4/conf/all/route_localnet"] = 1
    if chance.random() < 0.05:
        settings |= {"ipv4/ip_forward": 0, "ipv6/conf/all/forwarding": 0}
    return settings


def same_link(sender: str, destination: str) -> bool:
    """Whether a neighbour would reach this address without the router."""
    number = NEIGHBOURS[sender][0]
    on_link = destination.startswith((f"10.{number}.0.", f"fd0{number}::"))
    behind = {"b": ("10.50.", "fd50:"), "a": ("198.51.100.", "2001:db8:")}.get(sender, ())
    return (on_link and not destination.endswith((".1", "::1"))) or destination.startswith(tuple(behind))


def fuzz(packets: int, seed: int, keep: Path | None) -> Tally:
    """Run until so many packets are judged; failures are shrunk and kept.

    One part in five goes through legacy tables, in a router of its own; two in five through native
    tables of nftables, alone or mixed with iptables' own.
    """
    from .fuzz_native import fuzz_native

    tally, started = Tally(seed), time.monotonic()
    legacy, native = packets // 5, 2 * packets // 5
    fuzz_native(tally, native, keep)
    for backend, until in (("nft", packets - legacy), ("legacy", packets)):
        folder = Path(tempfile.mkdtemp(prefix="netui-fuzz-"))
        with Router(backend) as router, Tracer(router) as tracer:
            fuzzer = Fuzzer(router, tracer, folder)
            while tally.packets < until:
                _one_ruleset(fuzzer, tally, keep)
        shutil.rmtree(folder, ignore_errors=True)
    tally.seconds = time.monotonic() - started
    return tally


def _one_ruleset(fuzzer: Fuzzer, tally: Tally, keep: Path | None) -> None:
    """Random rules for both families, and packets through them."""
    chance = random.Random(f"{tally.seed}/{tally.rulesets + tally.refused}")
    rules = {family: Generator(chance, family).rules() for family in (4, 6)}
    settings = random_settings(chance)
    fuzzer.settle(settings)
    if refused(tally, fuzzer.load(*rules.values())):
        return
    probes = [random_probe(chance, chance.choice((4, 4, 6))) for _ in range(PACKETS_PER_RULESET)]

    def again() -> None:
        fuzzer.settle(settings)
        fuzzer.load(*rules.values())

    judge_probes(
        fuzzer,
        tally,
        probes,
        keep,
        undecided=lambda prediction: prediction.get("verdict") == "undecided",
        shrink=lambda probe: fuzzer.shrink(rules[probe.family], probe, settings),
        again=again,
    )


def refused(tally: Tally, error: str) -> bool:
    """Count a ruleset: whether the kernel refused it. Raises RuntimeError where it refuses most of them."""
    if not error:
        tally.rulesets += 1
        return False
    tally.refused += 1
    if tally.refused > 20 + tally.rulesets:
        raise RuntimeError(f"most rulesets are refused: {error}")
    return True


def judge_probes(
    fuzzer: Fuzzer,
    tally: Tally,
    probes: list[Probe],
    keep: Path | None,
    *,
    undecided: Callable[[Prediction], bool],
    shrink: Callable[[Probe], Failure | None],
    again: Callable[[], object],
    wild: bool = False,
) -> None:
    """Send packets through the rules that are loaded and count what netui said of them.

    shrink: the smallest rules that fail for a packet, None where it does not fail alone. again: loads the rules
    and settings anew after that. wild: the rules hold what no snapshot tells, so that "undecided" is no fault.
    """
    for probe, _, trace, prediction in fuzzer.check(probes):
        tally.packets += 1
        tally.wild += wild
        if wild and undecided(prediction):
            tally.wild_undecided += 1
        elif undecided(prediction):
            tally.undecided[why(prediction)] += 1
        elif not differs(trace, prediction):
            tally.steps += len(without_accepting_policies(trace.steps))
        elif not differs(*fuzzer.check([probe], PATIENT)[0][2:]):
            tally.late += 1  # A busy machine: the trace came after we had gone on.
        else:
            tally.wrong += 1
            kind = signature(trace, prediction)
            if kind in tally.seen or len(tally.failures) >= MOST_FAILURES:
                continue
            failure = shrink(probe)
            if failure is None:
                print(f"wrong, but not alone: {probe}\n  netui  {predicted_steps(prediction)}", flush=True)
                print(f"  kernel {without_accepting_policies(trace.steps)}", flush=True)
            else:
                tally.seen.add(kind)
                failure.kept = fuzzer.keep(failure, keep) if keep else None
                tally.failures.append(failure)
                print(f"{failure}\n", flush=True)
            again()


def why(prediction: Prediction) -> str:
    """The match that made it undecided."""
    first = (prediction.get("undecided") or [{}])[0]
    return f"{first.get('match')}: {first.get('reason')}"


def signature(trace: Trace, prediction: Prediction) -> object:
    """Where two sides part: alike failures are shown once."""
    ours, kernel = predicted_steps(prediction), without_accepting_policies(trace.steps)
    for one, other in zip(ours, kernel, strict=False):
        if one != other:
            return (_brief(one), _brief(other))
    longer = ours[len(kernel) :] or kernel[len(ours) :]
    return (len(ours) > len(kernel), _brief(longer[0]) if longer else prediction.get("error", "")[:40])


def _brief(step: Step) -> tuple[str, str, str]:
    return (step.family, step.table, kind_of(step.verdict).split(maxsplit=1)[0])


def main(packets: int, seed: int | None, keep: Path | None) -> int:
    """Run, print, and 1 when anything was wrong."""
    number = seed if seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {number}", file=sys.stderr, flush=True)
    tally = fuzz(packets, number, keep or REGRESSIONS)
    for reason, count in tally.undecided.most_common(10):
        print(f"undecided {count}: {reason}")
    print(tally.summary())
    return 1 if tally.wrong else 0
