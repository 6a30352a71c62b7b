"""The differential fuzzer for native nftables tables, alone and mixed with iptables' own."""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

from .fuzz import (
    PACKETS_PER_RULESET,
    PATIENT,
    Failure,
    Fuzzer,
    Tally,
    bare,
    differs,
    judge_probes,
    random_probe,
    random_settings,
    refused,
)
from .judge import Prediction, predicted_steps
from .nft_rules import NativeGenerator, NativeRules
from .router import Probe, Router
from .rules import Generator, Rules
from .trace import Trace, Tracer, without_accepting_policies

#: The share of rulesets with what no snapshot tells.
WILD = 0.2


class NativeFuzzer(Fuzzer):
    """A router with native tables beside iptables' own, or without them."""

    def load_native(self, native: NativeRules, own: tuple[Rules, ...]) -> str:
        """Replace all tables and capture them; the error when the kernel refuses."""
        self.router.drop_native()
        for rules in own:
            error = self.router.load(rules.text(), rules.family)
            if error:
                return error
        error = self.router.load_native(native.text())
        if error:
            return error
        self.router.forget_connections()
        self.tracer.read_rules(self.router.capture_rules(self.folder))
        return ""

    def fails_native(
        self, native: NativeRules, own: tuple[Rules, ...], probe: Probe
    ) -> tuple[int, Trace, Prediction] | None:
        """Whether this one packet is predicted wrongly under these tables."""
        if self.load_native(native, own):
            return None
        _, sport, trace, prediction = self.check([probe], PATIENT)[0]
        return (sport, trace, prediction) if differs(trace, prediction) else None

    def shrink_native(
        self, native: NativeRules, own: tuple[Rules, ...], probe: Probe, settings: dict[str, int]
    ) -> Failure | None:
        """Fewer and fewer native rules, without iptables' own where it fails without them."""
        self.settle(settings)
        empty = tuple(Rules(rules.family, tuple(bare(rules))) for rules in own)
        if self.fails_native(native, empty, probe) is not None:
            own = empty
        elif self.fails_native(native, own, probe) is None:
            return None
        size = max(native.count() // 2, 1)
        while native.count():
            at = 0
            while at < native.count():
                smaller = native.without(range(at, at + size))
                if self.fails_native(smaller, own, probe) is not None:
                    native = smaller
                else:
                    at += size
            if size == 1:
                break
            size = max(size // 2, 1)
        tidy = native.tidied()
        native = tidy if self.fails_native(tidy, own, probe) is not None else native
        last = next((again for _ in range(5) if (again := self.fails_native(native, own, probe)) is not None), None)
        if last is None:
            return None
        sport, trace, prediction = last
        kernel = [*map(str, without_accepting_policies(trace.steps))]
        ours = [*map(str, predicted_steps(prediction))]
        failure = Failure(probe, sport, own[0], settings, ours, kernel, str(prediction.get("verdict")))
        failure.predicted += [str(prediction["error"])] if "error" in prediction else []
        failure.native = native.text()
        self._last = trace
        return failure


def fuzz_native(tally: Tally, until: int, keep: Path | None) -> None:
    """Run until so many packets are judged; failures are shrunk and kept."""
    folder = Path(tempfile.mkdtemp(prefix="netui-fuzz-"))
    with Router("nft") as router, Tracer(router) as tracer:
        fuzzer = NativeFuzzer(router, tracer, folder)
        while tally.packets < until:
            _one_ruleset(fuzzer, tally, keep)
    shutil.rmtree(folder, ignore_errors=True)


def _one_ruleset(fuzzer: NativeFuzzer, tally: Tally, keep: Path | None) -> None:
    chance = random.Random(f"native {tally.seed}/{tally.rulesets + tally.refused}")
    wild = chance.random() < WILD
    native = NativeGenerator(chance, wild=wild).rules()
    own = tuple(Generator(chance, family).rules() for family in (4, 6))
    if chance.random() < 0.6:
        own = tuple(Rules(rules.family, tuple(bare(rules))) for rules in own)
    settings = random_settings(chance)
    fuzzer.settle(settings)
    if refused(tally, fuzzer.load_native(native, own)):
        return
    probes = [random_probe(chance, chance.choice((4, 4, 6))) for _ in range(PACKETS_PER_RULESET)]

    def again() -> None:
        fuzzer.settle(settings)
        fuzzer.load_native(native, own)

    judge_probes(
        fuzzer,
        tally,
        probes,
        keep,
        undecided=lambda prediction: prediction.get("verdict") == "undecided" or bool(prediction.get("undecided")),
        wild=wild,
        shrink=lambda probe: fuzzer.shrink_native(native, own, probe, settings),
        again=again,
    )
