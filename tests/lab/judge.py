"""netui's prediction against the kernel: every flow of a host, rule by rule.

netui is asked what `netui path SRC DST --replay CAPTURE` asks, on a capture made by plain commands
just before the packets were sent.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from netui.traversal import Path as Answer

from .capture import write_capture
from .counters import CounterJudge
from .engines import Options
from .hosts import LAN, OUTSIDE, OUTSIDE6, Host
from .matrix import flows as all_flows
from .people import add_rules
from .senders import Flow, Sent, send
from .trace import Step, Trace, Tracer, without_accepting_policies
from .wide import wide_host

Prediction = dict[str, Any]

_ACCEPTS = {"accept", "dnat", "snat", "masquerade", "redirect", "netmap"}
_DROPS = {"drop", "reject"}

# netui's verdict → what a sender of each protocol may see. A closed port refuses, a UDP server may
# be silent, and an answer can get lost where the question did not: a time-out is checked by rule.
_OUTCOMES = {
    "delivered": {"connected", "ECONNREFUSED", "answered", "silent"},
    "dropped": {"timeout", "silent", "denied"},
    "rejected": {"ECONNREFUSED", "unreachable", "denied", "silent"},
    "unreachable": {"unreachable", "timeout", "silent", "ECONNREFUSED"},
}


@dataclass
class Disagreement:
    """One flow where netui and the kernel differ."""

    flow: Flow
    sent: Sent
    kind: str
    predicted: list[str]
    kernel: list[str]
    prediction: Prediction

    def __str__(self) -> str:
        lines = [f"{self.flow.name}: {self.kind}"]
        verdict = self.prediction.get("verdict") or self.prediction.get("error")
        lines.append(f"  netui: {verdict}; the sender saw: {self.sent.outcome} {self.sent.error}".rstrip())
        for own, other, sign in ((self.predicted, self.kernel, "netui "), (self.kernel, self.predicted, "kernel")):
            for number, step in enumerate(own, 1):
                same = number <= len(other) and other[number - 1] == step
                lines.append(f"    {sign} {'=' if same else '!'} {step}")
        return "\n".join(lines)


@dataclass
class Result:
    """What a comparison found."""

    title: str
    capture: Path
    flows: int = 0
    undecided: list[tuple[Flow, Prediction]] = field(default_factory=list)
    disagreements: list[Disagreement] = field(default_factory=list)
    outcomes: list[Disagreement] = field(default_factory=list)
    steps: int = 0
    seconds: float = 0.0

    def summary(self) -> str:
        """One line of counts."""
        return (
            f"{self.title}: {self.flows} flows, {self.steps} steps equal, {len(self.disagreements)} disagree, "
            f"{len(self.outcomes)} outcomes differ, {len(self.undecided)} undecided, {self.seconds:.0f} s"
        )


def endpoints(flow: Flow) -> tuple[str, str]:
    """SRC and DST of a flow in netui's words."""
    outside = OUTSIDE6 if flow.family == 6 else OUTSIDE
    source = {"outside": f"outside:{outside}", "lan": LAN}.get(flow.src, flow.source or flow.src)
    address = f"[{flow.dst}]" if flow.family == 6 else flow.dst
    return source, f"{address}/icmp" if flow.protocol == "icmp" else f"{address}:{flow.port}/{flow.protocol}"


def predict(capture: Path, pairs: Sequence[tuple[str, str]]) -> list[Prediction]:
    """Ask netui for all pairs on one capture; the answers in the shape of `netui path --json`."""
    from netui.sources.capture.reader import read_capture
    from netui.traversal.answer import path
    from netui.traversal.host.prepare import prepare
    from netui.traversal.question.endpoints import EndpointError

    host = prepare(read_capture(capture))
    answers: list[Prediction] = []
    for source, destination in pairs:
        try:
            answers.append(prediction_of(path(host, source, destination, reply=True)))
        except EndpointError as error:
            answers.append({"error": str(error)})
    return answers


def prediction_of(found: Answer) -> Prediction:
    """netui's answer as data, a step's verdict in one line."""
    made = asdict(found)
    for legs, given in ((made["legs"], found.legs), (made["reply"], found.reply)):
        for leg, one in zip(legs or (), given or (), strict=True):
            for step, known in zip(leg["steps"], one.steps, strict=True):
                step["verdict"] = known.says
    return made


def kind_of(verdict: str) -> str:
    """A predicted step's verdict in the kernel's words."""
    word = verdict.split(maxsplit=1)[0]
    if word in _ACCEPTS:
        return "accept"
    if word in _DROPS:
        return "drop"
    if word in ("jump", "goto", "policy", "return"):
        return verdict
    return "continue"


#: The trace knows nf_tables and legacy tables only.
_BACKEND = {"nftables": "nft"}


def _place(step: dict[str, Any]) -> tuple[str, str, int | None]:
    return step["table"], step["chain"], step["rule"]


def predicted_steps(prediction: Prediction, leg: int = 0) -> list[Step]:
    """The steps of one leg in the host's own tables, without accepting policies."""
    legs = [one for one in prediction.get("legs") or [] if not one.get("where")]
    if leg >= len(legs):
        return []
    steps = [
        Step(one["family"], _BACKEND.get(one["backend"], one["backend"]), *_place(one), kind_of(one["verdict"]))
        for one in legs[leg]["steps"]
    ]
    return without_accepting_policies(steps)


def compare(sent: Sent, trace: Trace, prediction: Prediction, others: Sequence[Trace]) -> list[Disagreement]:
    """What differs for one flow."""
    found = []

    def differ(kind: str, ours: Sequence[object], theirs: Sequence[object]) -> None:
        found.append(Disagreement(sent.flow, sent, kind, [*map(str, ours)], [*map(str, theirs)], prediction))

    if "error" in prediction:
        differ(f"no answer: {prediction['error']}", [], trace.steps)
        return found
    predicted, kernel = predicted_steps(prediction), without_accepting_policies(trace.steps)
    if predicted != kernel:
        differ("rules", predicted, kernel)
        return found
    legs = [one for one in prediction["legs"] if not one.get("where")]
    if len(legs) > 1 and sent.answer:
        second = legs[1]["packet"]
        met = [
            without_accepting_policies(other.steps)
            for other in others
            if other.headers
            and (other.headers[0][1].dst, other.headers[0][1].dport) == (second["dst"], second["dport"])
        ]
        ours = predicted_steps(prediction, 1)
        if met and ours not in met:
            differ("second leg", ours, met[0])
    return found


def outcome_differs(sent: Sent, prediction: Prediction) -> bool:
    """Whether the sender saw something that the predicted verdict does not allow."""
    verdict = prediction.get("verdict", "")
    if verdict not in _OUTCOMES or sent.outcome in _OUTCOMES[verdict]:
        return False
    if sent.outcome == "connected" and not sent.answer and len(prediction.get("legs") or []) > 1:
        # docker-proxy took the connection, and its own to the container brought nothing
        return False
    if sent.outcome not in ("timeout", "unreachable"):
        return True
    if verdict == "rejected":
        # A TCP socket does not act on every ICMPv6 error.
        return sent.flow.family == 4
    if verdict == "delivered":
        # Beyond the default route nobody answers in the lab; a lost answer is no delivery.
        return bool((prediction.get("delivered_to") or {}).get("kind") != "outside")
    return True


def judge(host: Host, flows: Sequence[Flow], title: str, folder: Path) -> Result:
    """Capture the host, send every flow, and compare."""
    started = time.monotonic()
    result = Result(title, write_capture(host, folder))
    host.namespace.run("conntrack", "-F", check=False)
    with Tracer(host) as tracer:
        sent = send(flows, host.sandbox, host.ports)
        traces = tracer.collect(sent)
        others = tracer.others()
    predictions = predict(result.capture, [endpoints(flow) for flow in flows])
    for one, trace, prediction in zip(sent, traces, predictions, strict=True):
        result.flows += 1
        if prediction.get("verdict") == "undecided":
            result.undecided.append((one.flow, prediction))
            continue
        found = compare(one, trace, prediction, others)
        result.disagreements += found
        if found:
            continue
        result.steps += len(without_accepting_policies(trace.steps))
        if outcome_differs(one, prediction):
            kernel = [*map(str, trace.steps)]
            result.outcomes.append(Disagreement(one.flow, one, "outcome", kernel, kernel, prediction))
    result.seconds = time.monotonic() - started
    return result


def judge_counters(host: Host, flows: Sequence[Flow], title: str, folder: Path) -> Result:
    """Legacy tables: the set of counters that one packet moves is the set of predicted rules."""
    started = time.monotonic()
    result = Result(title, write_capture(host, folder))
    predictions = predict(result.capture, [endpoints(flow) for flow in flows])
    host.namespace.run("conntrack", "-F", check=False)
    with CounterJudge(host) as counters:
        moved = counters.moved(flows)
        for at, (flow, prediction) in enumerate(zip(flows, predictions, strict=True)):
            result.flows += 1
            if prediction.get("verdict") == "undecided":
                result.undecided.append((flow, prediction))
                continue
            ours = {(step.family, step.table, step.chain, step.rule) for step in predicted_steps(prediction)}
            met = moved[at]
            for _ in range(3):
                # Neighbour discovery goes on meanwhile, and ICMPv6 rules count it: once more.
                if met != ours:
                    met = counters.moved([flow])[0]
            if ours == met and "error" not in prediction:
                result.steps += len(met)
                continue
            sides = [[" ".join(map(str, rule)) for rule in sorted(side, key=str)] for side in (ours - met, met - ours)]
            sent = Sent(flow, 0, "counted")
            result.disagreements.append(Disagreement(flow, sent, "counters", sides[0], sides[1], prediction))
    result.seconds = time.monotonic() - started
    return result


def judge_engine(
    kind: str, *, everything: bool, folder: Path, done: Callable[[Result], None], every: int = 1
) -> list[Result]:
    """One engine: docker-proxy on (and off), Docker's rules alone and people's on top,
    br_netfilter on (and off). `every`: only each so-manieth flow.
    """
    results = []
    for proxy in (True, False) if everything else (True,):
        with wide_host(kind, Options(userland_proxy=proxy, ip6tables=True)) as host:
            flows = all_flows(host)[::every]
            for people in (False, True):
                if people:
                    add_rules(host)
                for calls in (1, 0) if everything else (1,):
                    setting = {f"bridge/bridge-nf-call-{name}": calls for name in ("iptables", "ip6tables")}
                    host.namespace.sysctl(**setting)
                    words = [kind, "people's rules" if people else "docker's rules"]
                    words += [] if proxy else ["no proxy"]
                    words += [] if calls else ["no br_netfilter"]
                    title = ", ".join(words)
                    place = folder / title.replace(", ", "-").replace(" ", "_").replace("'", "")
                    results.append(judge(host, flows, title, place))
                    done(results[-1])
                if host.engine.legacy:
                    results.append(judge_counters(host, flows, f"{title}, counters", place))
                    done(results[-1])
    return results


def report(result: Result, limit: int = 20) -> str:
    """The counts, and each disagreement with both sides, once for all flows that share it."""
    lines = [result.summary()]
    if result.disagreements or result.outcomes:
        lines.append(f"  capture: {result.capture}")
    groups: dict[object, list[Disagreement]] = defaultdict(list)
    for one in [*result.disagreements, *result.outcomes]:
        groups[(one.kind, tuple(one.predicted), tuple(one.kernel))].append(one)
    for alike in [*groups.values()][:limit]:
        lines.append(str(alike[0]))
        if len(alike) > 1:
            names = ", ".join(one.flow.name for one in alike[1:6])
            lines.append(f"    and {len(alike) - 1} more: {names}")
    reasons = Counter(
        f"{why['match']}: {why['reason']}"
        for _, prediction in result.undecided
        for why in (prediction.get("undecided") or [])[:1]
    )
    lines += [f"  undecided {count}: {reason}" for reason, count in reasons.most_common(5)]
    return "\n".join(lines)


def main(kinds: Sequence[str], *, everything: bool, folder: Path | None = None, limit: int = 20) -> int:
    """The whole comparison; 1 when anything disagrees."""
    place = folder or Path(tempfile.mkdtemp(prefix="netui-judge-"))
    bad = total = 0

    def done(result: Result) -> None:
        nonlocal bad, total
        print(report(result, limit), flush=True)
        bad += len(result.disagreements) + len(result.outcomes)
        total += result.flows

    for kind in kinds:
        judge_engine(kind, everything=everything, folder=place, done=done)
    print(f"{total} flows, {bad} disagreements")
    return 1 if bad else 0
