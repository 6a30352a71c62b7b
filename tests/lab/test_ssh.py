"""Another machine over ssh: a real sshd, users of many kinds, and lines that are slow or cut."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from .conftest import Hosts
from .ssh import AS_ROOT, SshHost

REPORTS = {
    "exposed": ("exposed", "--json"),
    "doctor": ("doctor", "--json"),
    "explain": ("explain", "--json"),
    "path": ("path", "outside", "host:443", "--reply", "--json"),
    "reach": ("path", "outside", "*", "--json"),
}


@pytest.fixture(scope="module")
def server(blog_hosts: Hosts) -> Iterator[SshHost]:
    """The blog post's host with a sshd; tests leave it as it is."""
    with SshHost(blog_hosts("28.5")) as found:
        yield found


@pytest.fixture(scope="module")
def there(server: SshHost) -> dict[str, tuple[int, str]]:
    """Each report as it is made on the machine itself: status and JSON."""
    found = {name: server.there(*arguments) for name, arguments in REPORTS.items()}
    return {name: (done.returncode, done.stdout) for name, done in found.items()}


@pytest.mark.parametrize("report", REPORTS)
def test_a_report_is_the_one_made_there(server: SshHost, there: dict[str, tuple[int, str]], report: str) -> None:
    """The same status and JSON, to the byte, and nothing of it is left anywhere."""
    done = server.netui("--host", "root", *REPORTS[report])
    assert (done.returncode, done.stdout) == there[report], done.stderr
    assert not done.stderr
    assert server.left() == []


@pytest.mark.parametrize("user", [user for user in AS_ROOT if user != "root"])
def test_any_login_shell_will_do(server: SshHost, there: dict[str, tuple[int, str]], user: str) -> None:
    """fish, csh, a shell that prints a banner without an end of line, a machine with busybox's tools alone."""
    done = server.netui("--host", user, *REPORTS["exposed"])
    assert (done.returncode, done.stdout) == there["exposed"], done.stderr


def test_an_ordinary_user_is_told_what_cannot_be_read(server: SshHost) -> None:
    """No guess: rules are not known, and the line says what would help."""
    done = server.netui("--host", "plain", "explain")
    assert done.returncode == 2
    assert "no rules were read: needs root on 'plain': log in as root, or let its sudo" in done.stderr


def test_sudo_without_a_password_is_used(server: SshHost, there: dict[str, tuple[int, str]]) -> None:
    """The rules are root's to read, and sudo lets the user."""
    done = server.netui("--host", "trusted", "explain", "--json")
    rules = [[chain["table"], chain["chain"], len(chain["rules"])] for chain in json.loads(done.stdout)["chains"]]
    own = json.loads(there["explain"][1])["chains"]
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


def test_a_capture_of_another_machine_is_read_as_its_own(server: SshHost, there: dict[str, tuple[int, str]]) -> None:
    """``netui --host … record`` writes a capture here, and its report is the one made there."""
    path = server.state / "capture.tar.gz"
    done = server.netui("--host", "root", "record", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    replayed = server.there("exposed", "--json", "--replay", str(path))
    assert (replayed.returncode, replayed.stdout) == there["exposed"]


def test_nothing_runs_there_when_a_report_is_made(server: SshHost) -> None:
    """sshd has no child left, and the folder for ssh's socket is gone."""
    server.netui("--host", "root", "exposed")
    server.quiet()
    assert server.left() == []
