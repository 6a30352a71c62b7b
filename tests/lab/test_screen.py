"""The real program in a real terminal on real engines: what it shows, and that it is true."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from .engines import Engine
from .hosts import HOST, Host, serve
from .screen import Place, Screen, has
from .senders import Flow, Ports, send
from .trace import Step, Tracer, without_accepting_policies
from .traffic import request

RuleAt = tuple[str, str, int]
#: The default interval; "at once" is this, and a moment for a busy machine.
REFRESH = 1.0
BUSY = 5.0


def counted(engine: Engine) -> dict[RuleAt, int]:
    """Packets of each IPv4 rule as the engine's own iptables-save has them."""
    found: dict[RuleAt, int] = {}
    table, numbers = "", dict[str, int]()
    for line in engine.tool("iptables-save", "-c").splitlines():
        if line.startswith("*"):
            table, numbers = line[1:], {}
        elif rule := re.match(r"\[(\d+):\d+] -A (\S+)", line):
            numbers[rule[2]] = numbers.get(rule[2], 0) + 1
            found[(table, rule[2], numbers[rule[2]])] = int(rule[1])
    return found


def test_the_host_is_shown(any_blog_host: Host) -> None:
    """The network with its bridge and subnet, its containers, and DNAT rules that name the container."""
    bridge = f"br-{any_blog_host.engine.client.networks.get('hehe').id[:12]}"
    with Screen.on(any_blog_host, width=180, height=90) as screen:
        screen.wait(has("hehe", "to:openresty:443", "live"))
        screen.keys(*[">"] * 3)
        screen.wait(bridge)
        tree = "\n".join(screen.tree)
        for word in ("hehe", "172.18.0.0/16", bridge, "openresty", "blog", "172.18.0.2", "443 → 443/tcp"):
            assert word in tree
        # a capture can meet a frame of which the tree alone is written
        screen.wait_for(lambda: sum(" DNAT " in row for row in screen.chains) == 2, "two DNAT rules", 5)
        dnat = [row for row in screen.chains if " DNAT " in row]
        assert all("to:openresty:" in row for row in dnat)
        status = screen.lines()[0]
        assert any_blog_host.engine.version in status
        assert ("legacy" if any_blog_host.engine.legacy else "nft") in status.partition("rules in ")[2][:8]


def test_a_request_moves_the_right_counters(any_blog_host: Host) -> None:
    """Within two refreshes of a request from outside, every counter on the screen is the kernel's."""
    engine = any_blog_host.engine
    with Screen.on(any_blog_host, width=180, height=110) as screen:
        screen.wait(has("to:openresty:443", "live"))
        screen.focus("2")
        screen.keys("x", "z")
        screen.wait_for(lambda: screen.counters() == counted(engine), "the kernel's counters", 5)
        before = counted(engine)
        assert request(any_blog_host.sandbox("outside"), HOST, 443)
        after = counted(engine)
        moved = {rule for rule in after if after[rule] != before[rule]}
        assert {chain for _, chain, _ in moved} >= {"PREROUTING", "DOCKER", "FORWARD"}
        marked: list[str] = []

        def there() -> bool:
            # marks fade while a busy machine counts, so each look is kept
            same = screen.counters() == counted(engine)
            marked.extend(row for row in screen.chains if "▲" in row or "△" in row or "·  " in row)
            return same

        screen.wait_for(there, "the new counters", 2 * REFRESH + BUSY)
        shown = screen.counters()
        assert {rule for rule in shown if shown[rule] != before[rule]} >= moved
        assert any("to:openresty:443" in row for row in marked)
        assert not any("to:openresty:80" in row for row in marked if "▲" in row)


def test_steps_are_the_kernels(any_blog_host: Host) -> None:
    """Outside → 443 of openresty, stepped through by n: each highlighted rule is the one that the trace names."""
    with Tracer(any_blog_host) as tracer:
        sent = send([Flow("outside", HOST, 443)], any_blog_host.sandbox, Ports())
        trace = without_accepting_policies(tracer.collect(sent)[0].steps)
    assert len(trace) > 5
    with Screen.on(any_blog_host, width=180, height=50) as screen:
        screen.wait(has("hehe", "live"))
        screen.select("openresty")
        screen.open_flow("outside → 443/tcp")
        highlighted = list(_stepped(screen))
        assert [_as_trace(place) for place in highlighted if place.rule] == [_place(step) for step in trace]
        assert not any(place.seen for place in highlighted)
        # Predicted and seen are two signs: now the packet comes.
        assert request(any_blog_host.sandbox("outside"), HOST, 443)
        screen.keys("s")
        rules = [place for place in highlighted if place.rule]
        screen.wait(lambda text: len(re.findall(r"\d● (?:legacy )?\w+ \S+ \d+ ", text)) == len(rules))
        assert "delivered" in "\n".join(screen.chains)


def _stepped(screen: Screen) -> list[Place]:
    """Press n until there is no next step; the place at each."""
    first = screen.wait_for(screen.cursor, "the first step", 5)
    found = [first]
    numbers = {int(row[1:3]) for row in screen.chains if re.match(r".[ \d]\d[ ●] ", row)}
    screen.keys("s")
    screen.wait("steps of outside")
    last = max(int(row[:3]) for row in screen.chains if re.match(r" [ \d]\d[ ●] \w", row))
    screen.keys("s")
    assert numbers
    for number in range(2, last + 1):
        screen.keys("n")
        found.append(screen.wait_for(lambda wanted=number: _at_step(screen, wanted), f"step {number}", 5))  # type: ignore[misc]
    return found


def _at_step(screen: Screen, number: int) -> Place | None:
    place = screen.cursor()
    return place if place is not None and place.step == number else None


def _as_trace(place: Place) -> tuple[str, str, str, int | None]:
    return (place.backend, place.table, place.chain, place.rule)


def _place(step: Step) -> tuple[str, str, str, int | None]:
    return (step.backend, step.table, step.chain, step.rule)


def test_changes_appear_by_themselves(own_host: Callable[..., Host]) -> None:
    """A new container, a restarted one and a removed network are on the screen at once."""
    host = own_host("28.5")
    client = host.engine.client
    network = client.networks.create("second", driver="bridge")
    with Screen.on(host) as screen:
        screen.wait(has("hehe", "second"))
        screen.keys("e")
        # what happens before the engine's events are heard is nobody's doing
        screen.wait("Docker connected", REFRESH + BUSY)
        screen.keys("e")
        host.container("newcomer", serve([81]), networks={"hehe": {}}, ports={"81/tcp": 8181})
        screen.wait(has("● newcomer", "8181 → 81/tcp", "to:newcomer:81"), REFRESH + BUSY)
        screen.keys("e")
        screen.wait(lambda text: re.search(r"newcomer started: \+\d+ rules? in", text), REFRESH + BUSY)
        client.containers.get("blog").restart(timeout=0)
        screen.wait(lambda text: text.count("blog started") == 1, REFRESH + BUSY)
        client.containers.get("newcomer").remove(force=True)
        screen.wait(lambda text: "● newcomer" not in text and "to:newcomer" not in text, REFRESH + BUSY)
        network.remove()
        screen.wait(lambda text: "second" not in "\n".join(screen.tree), REFRESH + BUSY)
        screen.wait("network second removed", REFRESH + BUSY)


def test_a_killed_daemon_is_said_and_comes_back(own_host: Callable[..., Host]) -> None:
    """Killed: "disconnected" with the time of the data; started again: live, with what is there now."""
    host = own_host("20.10-nft")
    with Screen.on(host) as screen:
        screen.wait(has("hehe", "live"))
        for _ in range(2):
            killed = time.time()
            host.engine.kill()
            said = screen.wait(has("Docker disconnected, data of ", "openresty"), REFRESH + BUSY)
            clock = re.search(r"data of (\d\d:\d\d:\d\d)", said.split("\n", maxsplit=1)[0])
            assert clock is not None
            around = [time.strftime("%H:%M:%S", time.localtime(killed + second)) for second in range(-30, 3)]
            assert clock[1] in around
            assert "live" not in screen.lines()[0]
            host.engine.start()
            screen.wait(lambda text: "disconnected" not in text and " live" in text, 10)
        for name in ("blog", "openresty"):
            host.engine.client.containers.get(name).start()
        screen.wait(has("● blog", "● openresty", "to:openresty:443"), REFRESH + BUSY)
        screen.keys("q")
        assert screen.wait_ended(2) == 0
