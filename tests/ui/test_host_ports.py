"""E and then p: the host's own ports, as `netui exposed --host` tells them."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from netui.audit.host_ports import host_ports
from netui.reports.host_ports import ports_text
from netui.sources.capture.reader import read_capture
from netui.traversal import prepare
from netui.ui.answers.screen import AnswerScreen
from netui.ui.answers.worker import SOLVE
from netui.ui.app import NetuiApp
from tests.traversal.build import filter_rules, nat_rules, snapshot
from tests.ui.fakes import CASES
from tests.ui.steps import row_of, rows, running, screen_text, until


async def opened(app: NetuiApp, pilot: Pilot[int], *keys: str) -> AnswerScreen:
    """Press keys and wait for the answer that they open, whole."""
    await pilot.press(*keys)
    await until(pilot, lambda: app.answers.screen is not None and app.answers.screen.question == "ports")
    await until(pilot, lambda: app.answers.screen.lines.answer is not None, times=2000)
    await pilot.pause()
    return app.answers.screen


async def test_p_goes_to_the_hosts_own_ports_and_back() -> None:
    """The footer names the key; each line has what answers, who reaches it and the rule; Enter leads to that rule."""
    rules = filter_rules(
        "-A INPUT -i eth0 -s 203.0.113.0/24 -p tcp -m tcp --dport 22 -j ACCEPT", "-A INPUT -i eth0 -j DROP"
    )
    nat = nat_rules("-A PREROUTING -i eth0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.18.0.3:80")
    async with running(snapshot(nat + rules), answers=SOLVE, size=(140, 40)) as (app, pilot):
        await pilot.press("E")
        await until(pilot, lambda: app.answers.screen is not None)
        assert "p Own ports" in screen_text(app)
        screen = await opened(app, pilot, "p")
        shown = "\n".join(rows(screen.lines))
        assert "80/tcp" in shown and "openresty (172.18.0.3:80)" in shown and "sshd" in shown
        keys: Any = screen.lines.answer.keys
        await pilot.press(*["down"] * [key[1] for key in keys].index(((22, 22),)))
        await pilot.pause()
        assert "22/tcp" in row_of(screen.lines) and "1 net" in row_of(screen.lines)
        detail = "\n".join(rows(screen.detail))
        assert "answered by sshd" in detail and "filter INPUT 1" in detail and "for 203.0.113.0/24" in detail
        await pilot.press("p")
        await until(pilot, lambda: app.answers.screen.question == "exposed")
        await opened(app, pilot, "p")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.main)
        assert app.main.chains.current.chain.name == "FORWARD"


@pytest.mark.parametrize("size", [(140, 40), (80, 24), (50, 14)])
async def test_the_screen_has_the_reports_lines(size: tuple[int, int]) -> None:
    """On a recorded host every line of the report is a line here, however narrow the terminal."""
    recorded = read_capture(CASES / "engine-29" / "host")
    found = host_ports(prepare(recorded))
    async with running(recorded, answers=SOLVE, size=size) as (app, pilot):
        screen = await opened(app, pilot, "E", "p")
        answer = screen.lines.answer
        assert len(answer.keys) == len(found.ports) + len(found.unknown)
        for index, port in enumerate(found.ports):
            assert f"{ports_text(port.ports)}/{port.protocol}"[:8] in answer.text(index, 0)
        await pilot.press("G", "slash")
        screen.filter_bar.value = "udp"
        await pilot.press("enter")
        await until(pilot, lambda: screen.lines.has_focus)
        assert all("udp" in row for row in rows(screen.lines)[1:] if row.strip()) or "no line" in screen_text(app)


async def test_p_is_for_the_ports_alone() -> None:
    """In the other answers the key does nothing, and the footer does not name it."""
    async with running(snapshot(), answers=SOLVE, size=(140, 40)) as (app, pilot):
        await pilot.press("D")
        await until(pilot, lambda: app.answers.screen is not None)
        assert "Own ports" not in screen_text(app)
        await pilot.press("p")
        await pilot.pause()
        assert app.answers.screen.question == "doctor"


async def test_a_host_that_nobody_reaches_says_so() -> None:
    """Without interfaces and sockets the lines say what is not known."""
    async with running(snapshot(sockets=None), answers=SOLVE, size=(100, 30)) as (app, pilot):
        await opened(app, pilot, "E", "p")
        assert "who listens on a port is not known" in screen_text(app)
    closed = filter_rules("-A INPUT -j DROP", "-A FORWARD -j DROP")
    async with running(snapshot(closed, closed, sockets=()), answers=SOLVE, size=(100, 30)) as (app, pilot):
        screen = await opened(app, pilot, "E", "p")
        assert "no port of this machine is reached" in "\n".join(rows(screen.lines))
