"""Another machine over ssh: a real sshd, users of many kinds, and lines that are slow or cut."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import Hosts
from .ssh import AS_ROOT, SshHost, until
from .terminal import NETUI, Terminal

EXPOSED = ("exposed", "--json")
#: All reports of one reading, as JSON: of the machine named, or of this one.
ALL = """
import json, sys
from netui.reports import commands as reports
from netui.reports.path import path_json
from netui.sources.live.machine_sources import read_live
from netui.traversal import path, prepare
machine = None
if sys.argv[1:]:
    from netui.sources.machine.ssh import SshMachine
    machine = SshMachine(sys.argv[1])
    machine.connect()
snapshot = read_live({} if machine else None, machine)
trips = machine.trips if machine else 0
if machine:
    machine.close()
host = prepare(snapshot)
sources = {name: [state.read, state.error, state.via, state.note] for name, state in snapshot.sources.items()}
print(json.dumps([trips, {
    "explain": reports.explain(snapshot).document, "exposed": reports.exposed(host).document,
    "doctor": reports.doctor(host).document, "reach": reports.reach_all(host, "outside").document,
    "path": path_json(path(host, "outside", "host:443", reply=True)), "sources": sources,
    "tables": sorted([*key, handle] for key, handle in snapshot.table_handles.items()),
    "order": sorted([*key, value] for key, value in snapshot.hook_order.items()),
}]))
"""


@pytest.fixture(scope="module")
def server(blog_hosts: Hosts) -> Iterator[SshHost]:
    """The blog post's host with a sshd; tests leave it as it is."""
    with SshHost(blog_hosts("28.5")) as found:
        yield found


@pytest.fixture(scope="module")
def there(server: SshHost) -> dict[str, Any]:
    """Each report as it is made on the machine itself."""
    return all_reports(server.python(ALL))


def all_reports(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What ALL printed, but for how often it asked."""
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)[1]
    return found


@pytest.mark.parametrize("user", [*AS_ROOT, "behind"])
def test_every_report_is_the_one_made_there(server: SshHost, there: dict[str, Any], user: str) -> None:
    """Root by bash, fish and csh, with a banner, with busybox's tools alone, and behind a jump host."""
    found = all_reports(server.python(ALL, user))
    found["sources"]["nft"][2] = there["sources"]["nft"][2]  # nft or netlink
    for report, document in there.items():
        assert found[report] == document, report


#: Native tables beside iptables': a set, a chain on a device, a table that sleeps.
NATIVE = """
table inet guard {
 set bad { type ipv4_addr; flags interval; elements = { 203.0.113.0/24 }; }
 chain incoming {
  type filter hook input priority -10; policy accept;
  ip saddr @bad counter drop
  tcp dport { 22, 80 } counter accept
 }
}
table netdev early {
 chain entry {
  type filter hook ingress device "eth0" priority -500; policy accept;
  ip saddr 192.0.2.0/24 drop
 }
}
table ip sleeping {
 flags dormant
 chain never {
  type filter hook forward priority 0; policy drop;
 }
}
"""


@pytest.mark.parametrize("kind", ["20.10-nft", "20.10-legacy"])
def test_rules_of_every_kind_are_those_read_there(own_host: Any, kind: str) -> None:
    """Legacy tables; native ones, also on a device and dormant; native syntax in iptables' own tables."""
    host = own_host(kind)
    host.engine.tool("nft", "-f", "-", stdin=NATIVE)
    if kind == "20.10-nft":
        words = "add rule ip filter DOCKER-USER ip saddr { 10.1.0.0/16, 10.2.0.0/16 } drop"
        host.engine.tool("nft", *words.split())
    with SshHost(host) as server:
        there, found = all_reports(server.python(ALL)), all_reports(server.python(ALL, "root"))
    found["sources"]["nft"][2] = there["sources"]["nft"][2]
    assert "guard" in json.dumps(there["explain"])
    for report, document in there.items():
        assert found[report] == document, report


def test_a_group_is_asked_in_one_round_trip(server: SshHost) -> None:
    """Engine: its settings, its socket, where that is. Rules, containers and all, sets: one each."""
    done = server.python(ALL, "root")
    assert json.loads(done.stdout)[0] <= 3 + 3


def test_a_report_by_the_command_line_is_the_same(server: SshHost) -> None:
    """The same status and JSON, to the byte, and nothing of it is left anywhere, on either side."""
    done, own = server.netui("--host", "root", *EXPOSED), server.there(*EXPOSED)
    assert (done.returncode, done.stdout, done.stderr) == (own.returncode, own.stdout, "")
    assert server.left() == []
    server.quiet()


def test_a_slow_line_gives_the_same(server: SshHost, there: dict[str, Any]) -> None:
    """A round trip of 200 ms: the same reports, and not one trip for each question."""
    server.slow(200)
    try:
        began = time.monotonic()
        found = all_reports(server.python(ALL, "slow"))
        took = time.monotonic() - began
    finally:
        server.slow(0)
    assert found["exposed"] == there["exposed"]
    assert took < 20


def test_several_machines_are_one_table(server: SshHost) -> None:
    """Asked side by side: a column says whose port it is, and a machine that does not answer is a line."""
    done = server.netui("--host", "root", "--host", "nobody", "exposed", "--host", "fish")
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["HOST", "CONTAINER", "PORT"]
    assert [line.split()[:2] for line in lines[1:7]] == [
        [host, name] for host in ("root", "fish") for name in [row.split()[1] for row in lines[1:4]]
    ]
    assert [line for line in lines if line.startswith("nobody: not read: ssh 'nobody'")]
    done = server.netui("--host", "root", "--host", "nobody", "doctor", "--json")
    document = json.loads(done.stdout)["hosts"]
    assert [entry["host"] for entry in document] == ["root", "nobody"]
    assert "findings" in document[0]
    assert "Permission denied" in document[1]["error"]


def test_a_batch_is_answered_for_each_machine(server: SshHost) -> None:
    """JSON lines, each with its machine."""
    (server.state / "flows").write_text("outside host:443\nnobody host\n")
    done = server.netui("--host", "root", "--host", "csh", "path", "--batch", str(server.state / "flows"))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["host"], one.get("verdict", "error")) for one in answers] == [
        ("root", "delivered"), ("csh", "delivered"), ("root", "error"), ("csh", "error"),
    ]  # fmt: skip


def test_an_ordinary_user_is_told_what_cannot_be_read(server: SshHost) -> None:
    """No guess: rules are not known, and the line says what would help."""
    done = server.netui("--host", "plain", "explain")
    assert done.returncode == 2
    assert "no rules were read: needs root on 'plain': log in as root, or let its sudo" in done.stderr


def test_sudo_without_a_password_is_used(server: SshHost, there: dict[str, Any]) -> None:
    """The rules are root's to read, and sudo lets the user."""
    found = all_reports(server.python(ALL, "trusted"))
    rules = [[chain["table"], chain["chain"], len(chain["rules"])] for chain in found["explain"]["chains"]]
    own = there["explain"]["chains"]
    # the socket is root's, too: docker's own program carries the bytes
    assert found["exposed"] == there["exposed"]
    assert rules == [[chain["table"], chain["chain"], len(chain["rules"])] for chain in own]


@pytest.mark.parametrize(
    ("user", "line"),
    [
        ("nobody", "netui: ssh 'nobody': nobody-here@198.51.100.1: Permission denied (publickey)."),
        ("gone", "netui: ssh 'gone': ssh: connect to host 198.51.100.77 port 22: No route to host"),
        ("-oProxyCommand=touch x", "no machine"),
    ],
)
def test_a_machine_that_cannot_be_reached_is_one_line(server: SshHost, user: str, line: str) -> None:
    """Status 2, and no traceback."""
    done = server.netui(f"--host={user}", "exposed")
    assert done.returncode == 2
    assert line in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unknown_host_key_is_ssh_s_business(server: SshHost) -> None:
    """Where nobody can be asked, a machine whose key is not known is not connected to."""
    known = server.state / "known_hosts"
    before = known.read_text()
    try:
        known.write_text("")
        done = server.netui("--host", "root", "exposed")
    finally:
        known.write_text(before)
    assert done.returncode == 2
    assert "Host key verification failed" in done.stderr


def test_at_a_terminal_ssh_asks(server: SshHost) -> None:
    """Whether an unknown host key is the right one is asked by ssh itself; then the report is made."""
    known = server.state / "known_hosts"
    before = known.read_text()
    known.write_text("")
    command = [*NETUI, "--host", "root", "--host", "fish", "exposed"]
    try:
        with Terminal(command, place=server.host.outside.path, environment=server.environment()) as terminal:
            terminal.wait("Are you sure you want to continue connecting")
            terminal.type("yes")
            terminal.keys("Enter")
            # the other name's key is known then
            assert terminal.wait_ended(20) == 0
            assert "fish  openresty" in terminal.text()
    finally:
        known.write_text(before)


def test_a_capture_of_another_machine_is_read_as_its_own(server: SshHost, there: dict[str, Any]) -> None:
    """``netui --host … record`` writes a capture here, and its report is the one made there."""
    path = server.state / "capture.tar.gz"
    done = server.netui("--host", "root", "record", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    replayed = server.there("exposed", "--json", "--replay", str(path))
    assert json.loads(replayed.stdout) == there["exposed"]


def test_the_screen_on_another_machine(own_host: Any) -> None:
    """Live with events; the engine and sshd killed and back; the next machine by H; at the end nothing is left."""
    host = own_host("28.5")
    with (
        SshHost(host) as server,
        Terminal(
            [*NETUI, "--host", "root", "--host", "fish"],
            place=host.outside.path, environment=server.environment(), width=200,
        ) as terminal,
    ):  # fmt: skip
        terminal.wait(lambda text: "root (1/2)" in text and "openresty" in text and head(text).endswith("live"))
        host.container("new", "sleep 600", networks={"hehe": {}})
        terminal.wait(lambda text: "new" in text)
        host.engine.kill()
        terminal.wait(lambda text: "Docker disconnected, data of" in head(text))
        host.engine.start()
        terminal.wait(lambda text: head(text).endswith("live"))
        server.kill()
        terminal.wait(lambda text: "⚠ disconnected, data of" in head(text))
        assert "PREROUTING" in terminal.text(), "old data are kept"
        server.start()
        terminal.wait(lambda text: head(text).endswith("live"), 30)
        terminal.keys("H")
        terminal.wait(lambda text: "fish (2/2)" in text and "openresty" in text and head(text).endswith("live"))
        terminal.keys("q")
        until(lambda: terminal.ended() is not None)
        assert terminal.ended() == 0
        server.quiet()
        assert server.left() == []


def test_a_cut_line_does_not_hold_up_the_screen(own_host: Any) -> None:
    """Keys are answered, the age of the data is said, and it comes back by itself."""
    host = own_host("28.5")
    with (
        SshHost(host) as server,
        Terminal(
            [*NETUI, "--host", "root"], place=host.outside.path, environment=server.environment(), width=200
        ) as terminal,
    ):
        terminal.wait(lambda text: "openresty" in text and head(text).endswith("live"))
        server.cut(off=True)
        terminal.wait(lambda text: "⚠ disconnected, data of" in head(text), 20)
        terminal.keys("?")
        terminal.wait(lambda text: "Help — Esc closes" in text, 2)
        terminal.keys("Escape")
        server.cut(off=False)
        terminal.wait(lambda text: head(text).endswith("live"), 40)
        server.kill()
        terminal.keys("q")
        until(lambda: terminal.ended() is not None, 2)
        assert server.left() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_however_netui_ends_nothing_runs_there(server: SshHost, number: int) -> None:
    """Killed while it reads: ssh ends with it, and all that it ran there."""
    process = subprocess.Popen(
        ["nsenter", f"--net={server.host.outside.path}", sys.executable, "-m", "netui",
         "--host", "slow", "record", "--every", "1", str(server.state / f"recording-{number}")],
        env=server.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        until(lambda: len(server.processes()) > 3)
    finally:
        process.send_signal(number)
        process.wait()
    server.quiet()
    # what a killed one left, the next one takes away
    server.netui("--host", "root", *EXPOSED)
    assert server.left() == []


def head(text: str) -> str:
    """The first line of a screen."""
    return text.split("\n", 1)[0].rstrip()
