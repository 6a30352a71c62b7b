"""Whether a program's use of the machine stays flat: samples over time, and the judge of them.

The judge compares medians: those of the second quarter of the time, after the warm-up, and of
the last. What swings (a collection of garbage, a thread of a reading) swings in both alike.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_KINDS = ("memory", "threads", "files", "children")
#: So many samples are the least that quarters can be made of.
_ENOUGH = 16


@dataclass(frozen=True)
class Sample:
    """What a process uses at one moment.

    seconds: since the first. memory: resident, kB. threads, files (descriptors) and children
    (also those that have ended and were not reaped) are numbers of them. events: how many had
    come from the engine by then.
    """

    seconds: float
    memory: int
    threads: int
    files: int
    children: int
    events: int = 0


def sample(pid: int, seconds: float, events: int = 0) -> Sample:
    """Look at a process now; raises FileNotFoundError or ProcessLookupError where it has ended."""
    process = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    if "VmRSS" not in status:  # A zombie has no memory.
        raise FileNotFoundError(process)
    children = 0
    for task in (process / "task").iterdir():
        try:
            children += len((task / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):  # A thread that ended just now.
            continue
    files = len(list((process / "fd").iterdir()))
    return Sample(seconds, int(status["VmRSS"].split()[0]), int(status["Threads"]), files, children, events)


class Sampler:
    """Samples a process every so many seconds on a thread of its own, until it ends or is closed.

    events: tells how many have come. say: gets a line for every `nth` sample.
    """

    def __init__(
        self, pid: int, every: float, events: Callable[[], int], say: Callable[[str], None], nth: int = 1
    ) -> None:
        self.samples: list[Sample] = []
        self._pid, self._every, self._events, self._say, self._nth = pid, every, events, say, nth
        self._began = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def _run(self) -> None:
        self._say(heading())
        while True:
            try:
                self.samples.append(sample(self._pid, time.monotonic() - self._began, self._events()))
            except (FileNotFoundError, ProcessLookupError):
                return
            if len(self.samples) % self._nth == 1 % self._nth:
                self._say(row(self.samples[-1]))
            if self._stopped.wait(self._every):
                return

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()


@dataclass(frozen=True)
class Growth:
    """One figure: its median in the second quarter and in the last, the growth allowed, its slope per hour."""

    kind: str
    before: float
    after: float
    allowed: float
    slope: float

    @property
    def flat(self) -> bool:
        """Whether it grew by no more than is allowed."""
        return self.after - self.before <= self.allowed

    def __str__(self) -> str:
        scale, unit = (1024, " MB") if self.kind == "memory" else (1, "")
        said = "flat" if self.flat else "GROWS"
        return (
            f"{self.kind:<9} {self.before / scale:8.1f} → {self.after / scale:.1f}{unit}"
            f"  ({(self.after - self.before) / scale:+.1f}, allowed {self.allowed / scale:+.1f};"
            f" {self.slope / scale:+.1f}{unit} an hour)  {said}"
        )


def judge(samples: Sequence[Sample], allowed: Mapping[str, float]) -> list[Growth]:
    """Compare the second quarter's medians with the last quarter's; the slope is of all after the first quarter.

    allowed: growth by "memory" (kB), "threads", "files", "children".
    """
    if len(samples) < _ENOUGH:
        raise ValueError(f"{len(samples)} samples say nothing; {_ENOUGH} are the least")
    begin, end = samples[0].seconds, samples[-1].seconds
    quarter = (end - begin) / 4
    second = [each for each in samples if quarter <= each.seconds - begin < 2 * quarter]
    last = [each for each in samples if each.seconds - begin >= 3 * quarter]
    warm = [each for each in samples if each.seconds - begin >= quarter]
    found = []
    for kind in _KINDS:
        before, after = (statistics.median(getattr(each, kind) for each in part) for part in (second, last))
        fit = statistics.linear_regression([each.seconds for each in warm], [getattr(each, kind) for each in warm])
        found.append(Growth(kind, before, after, allowed[kind], fit.slope * 3600))
    return found


def heading() -> str:
    """The names of a row's columns."""
    return f"{'minute':>7} {'memory MB':>10} {'threads':>8} {'files':>6} {'children':>9} {'events':>7}"


def row(each: Sample) -> str:
    """One sample as a line."""
    return (
        f"{each.seconds / 60:7.1f} {each.memory / 1024:10.1f} {each.threads:8} {each.files:6}"
        f" {each.children:9} {each.events:7}"
    )
