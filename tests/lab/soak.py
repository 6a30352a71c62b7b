"""A soak: the real netui in a terminal on a real engine that does not rest, and whether it stays flat.

The host has ten times the events of a busy one, its rules change, traffic flows, the daemon is
killed now and then, and somebody presses keys. Memory, threads, files and children are sampled;
at the end the screen has to agree with the engine.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .flatness import Growth, Sample, Sampler, judge
from .hosts import Host, blog_host
from .screen import Screen
from .terminal import NeverShown
from .unrest import NORMAL, Unrest

RATE = 10 * NORMAL
#: Growth from the second quarter to the last: memory in kB, the rest in numbers.
ALLOWED: Mapping[str, float] = {"memory": 4096, "threads": 1, "files": 2, "children": 1}
#: In half a minute the first opening of each screen still loads its modules and fills its caches.
ALLOWED_SHORT: Mapping[str, float] = {**ALLOWED, "memory": 16384}
#: Seconds for the screen to show what a key asked for; the machine also runs the engine's work.
_PATIENCE = 30.0
_SIGNS = {"running": "●", "paused": "◐", "restarting": "◐"}
_CONTAINER = re.compile(r"^ *(?:[▾▸] )? *([●◐○]) (\S+)")


@dataclass
class Result:
    """What a soak found."""

    samples: list[Sample] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    visits: int = 0
    missed: list[str] = field(default_factory=list)
    disagreement: str = ""
    lines: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether all is flat, the screen alive, and true."""
        return all(each.flat for each in self.growth) and not self.missed and not self.disagreement


# ---- the keys ----------------------------------------------------------------------------


def _answer(key: str, title: str) -> Callable[[Screen], None]:
    def visit(screen: Screen) -> None:
        screen.keys(key)
        screen.wait(title, _PATIENCE)
        screen.keys("j", "j", "l", "k")
        _close(screen, title)

    return visit


def _close(screen: Screen, title: str) -> None:
    screen.keys("Escape")
    screen.wait(lambda text: title not in text, _PATIENCE)


def _flow(screen: Screen) -> None:
    """A flow of openresty, its steps one by one and alone."""
    screen.focus("1")
    screen.keys("/")
    screen.type("openresty")
    screen.keys("Enter")
    screen.wait("containers", _PATIENCE)
    screen.select("openresty")
    screen.open_flow("outside → 443/tcp")
    screen.keys("n", "n", "n", "s")
    screen.keys("s")
    _shut(screen)
    screen.wait(lambda text: "Esc Close" not in text and "containers" not in text, _PATIENCE)


def _tree(screen: Screen) -> None:
    """Through the tree, folding and unfolding."""
    screen.focus("1")
    screen.keys("g", "j", "j", "Space", "j", "j", "k", "k", "Space", "G", "g")
    screen.wait("Networks", _PATIENCE)


def _zoom(screen: Screen) -> None:
    screen.focus("2")
    screen.keys("z")
    screen.wait(lambda text: "Networks" not in text, _PATIENCE)
    screen.keys("x", "PageDown", "PageUp", "x", "z")
    screen.wait("Networks", _PATIENCE)


def _filter(screen: Screen) -> None:
    screen.focus("2")
    screen.keys("/")
    screen.type("DNAT")
    screen.keys("Enter")
    screen.wait(lambda text: "filter  IPv4" not in text, _PATIENCE)
    _shut(screen)


def _shut(screen: Screen) -> None:
    """Close whatever is open."""
    for _ in range(4):
        screen.keys("Escape")
        time.sleep(0.15)  # Two at once would be another key.
    screen.wait("Networks", _PATIENCE)


def _events(screen: Screen) -> None:
    screen.keys("e")
    screen.wait("─ Events ─", _PATIENCE)
    screen.keys("e")
    screen.wait(lambda text: "─ Events ─" not in text, _PATIENCE)


def _help(screen: Screen) -> None:
    screen.keys("?")
    screen.wait("Esc closes", _PATIENCE)
    _close(screen, "Esc closes")


def _size(screen: Screen) -> None:
    screen.resize(90, 30)
    screen.wait(lambda text: max(map(len, text.splitlines())) <= 90, _PATIENCE)
    screen.resize(180, 60)
    screen.wait(lambda text: any(len(line) > 100 for line in text.splitlines()), _PATIENCE)


VISITS: Mapping[str, Callable[[Screen], None]] = {
    "tree": _tree,
    "doctor": _answer("D", "Doctor: "),
    "flow": _flow,
    "exposed": _answer("E", "Exposed ports"),
    "zoom": _zoom,
    "reach": _answer("R", "Reachability"),
    "filter": _filter,
    "events": _events,
    "help": _help,
    "size": _size,
}


# ---- the soak ----------------------------------------------------------------------------


def shown(screen: Screen) -> set[tuple[str, str]]:
    """The containers of the tree: (sign of the state, name)."""
    return {(found[1], found[2]) for line in screen.tree if (found := _CONTAINER.match(line))}


def true(host: Host) -> set[tuple[str, str]]:
    """What `docker ps --all` has, as the tree would show it."""
    said = host.engine.tool("docker", "ps", "--all", "--format", "{{.State}} {{.Names}}")
    return {(_SIGNS.get(state, "○"), name) for state, name in (line.split() for line in said.splitlines())}


def soak(
    host: Host,
    minutes: float,
    *,
    rate: float = RATE,
    restart_every: float = 300,
    allowed: Mapping[str, float] = ALLOWED,
    say: Callable[[str], None] = lambda line: None,
) -> Result:
    """Let netui run on a blog host for some minutes; `say` gets each line as it comes."""
    result = Result()
    seconds = minutes * 60
    every = min(10.0, seconds / 120)
    pause = min(5.0, seconds / 120)
    visits = itertools.cycle(VISITS.items())
    with Screen.on(host, width=180, height=60) as screen:
        screen.wait("live", _PATIENCE)
        pid = screen.pid()
        with Unrest(host, rate, seconds, restart_every) as unrest:
            count = lambda: unrest.events.count  # noqa: E731
            with Sampler(pid, every, count, say, nth=max(1, round(seconds / every / 24))) as sampler:
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    _visit(screen, *next(visits), result, say)
                    time.sleep(min(pause, max(0.0, end - time.monotonic())))
                unrest.stop()
            result.samples = sampler.samples
        _shut(screen)
        try:
            screen.wait("live", _PATIENCE)
            screen.wait_for(lambda: shown(screen) == true(host), "the containers of docker ps", _PATIENCE)
        except NeverShown as never:
            result.disagreement = f"docker ps: {sorted(true(host))}\n{never}"
    result.growth = judge(result.samples, allowed)
    result.lines = _summary(result, unrest, rate)
    for line in result.lines:
        say(line)
    return result


def _visit(
    screen: Screen, name: str, visit: Callable[[Screen], None], result: Result, say: Callable[[str], None]
) -> None:
    """One visit; a host that changes under it may spoil one try, not three."""
    result.visits += 1
    failed = ""
    for _ in range(3):
        try:
            visit(screen)
            return
        except (NeverShown, AssertionError, StopIteration) as error:
            failed = f"{name}: {error}"
            say(failed.partition("\n")[0])
            if (status := screen.ended()) is not None:
                raise AssertionError(f"netui ended with {status}:\n{screen.text()}") from None
            _shut(screen)
    result.missed.append(failed)


def _summary(result: Result, unrest: Unrest, rate: float) -> list[str]:
    seconds = result.samples[-1].seconds
    events = unrest.events
    most = ", ".join(f"{number} {kind}" for kind, number in events.by_kind.most_common(12))
    lines = [
        f"events    {events.count} of the engine's containers and networks in {seconds / 60:.1f} minutes:"
        f" {events.count / seconds:.1f} a second, asked for {rate:g} (a busy host: {NORMAL:g})",
        f"          {most}",
        f"besides   {unrest.restarts} times kill -9 and start of the daemon, {result.visits} visits by keys,"
        f" {len(unrest.refused)} acts that the engine refused",
        *(f"          refused: {why:.160}" for why in dict.fromkeys(unrest.refused[:3])),
        *(str(each) for each in result.growth),
        *(f"missed    {each}" for each in result.missed),
        f"the screen disagrees with {result.disagreement}" if result.disagreement else "screen    as docker ps has it",
    ]
    return [*lines, "flat, alive and true" if result.good else "NOT flat, alive and true"]


def main(kind: str, minutes: float) -> int:
    """`python -m tests.lab soak`: print as it goes; 1 where it is not flat."""
    allowed = ALLOWED if minutes >= 10 else ALLOWED_SHORT
    with blog_host(kind) as host:
        restart = min(300.0, minutes * 60 / 3)
        result = soak(host, minutes, restart_every=restart, allowed=allowed, say=lambda line: print(line, flush=True))
    return 0 if result.good else 1
