"""What netui may run, and when: no other program, no other argument, nothing that would load a module."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import netui
from netui.sources.machine import command, permits
from netui.text.errors import SourceError

SOURCE = Path(netui.__file__).parent


@pytest.mark.parametrize(
    "written",
    [
        "ip -j -d address", "ip -4 -j route show table all", "ip -6 -j rule", "nft -j list ruleset",
        "nft -j list table inet guard", "nft --version", "nft list hooks", "ipset save", "iptables-nft-save -c",
        "/usr/sbin/ip6tables-legacy-save -c", "nsenter -t 12 -n /usr/sbin/iptables-nft-save -c",
        "docker -H unix:///var/run/docker.sock system dial-stdio", "nft list tables",
    ],
)  # fmt: skip
def test_what_only_reads_may_be_run(written: str) -> None:
    """Each program with the arguments that netui gives it."""
    permits.check(written.split(), lambda _module: True)


@pytest.mark.parametrize(
    "written",
    [
        "ip link set lo down", "ip -j rule; reboot", "nft -f /tmp/x", "nft -j flush ruleset", "nft -j list table inet",
        "ipset restore", "iptables -L", "iptables-nft-restore", "ss -Hltunp", "sh -c true", "modprobe ip_tables",
        "nsenter -t 1 -n /bin/sh -c", "nsenter -t 1 -n /usr/sbin/iptables-nft-save -c -M /bin/x", "sysctl -w a=1",
        "docker ps", "docker -H unix:///x run y", "docker -H unix:///x system prune", "ssh host",
    ],
)  # fmt: skip
def test_anything_else_is_refused(written: str) -> None:
    """A program or argument that is not on the list is not run, whatever is loaded."""
    with pytest.raises(permits.NotPermitted, match="does not run"):
        permits.check(written.split(), lambda _module: True)


@pytest.mark.parametrize(
    ("written", "module"),
    [
        *(("nft -j list ruleset", "nf_tables"), ("ipset save", "ip_set"), ("iptables-nft-save -c", "nf_tables")),
        ("nft list hooks", "nfnetlink_hook"),
    ],
)
def test_a_question_that_would_load_a_module_is_refused(written: str, module: str) -> None:
    """Where the module is not there, the program is not started."""
    with pytest.raises(permits.NotPermitted, match=f"load the module {module}"):
        permits.check(written.split(), lambda name: name != module)


def test_no_program_is_started_past_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """``command.run`` asks the list first, even for a program that is not there."""
    monkeypatch.setattr(command, "find", lambda _name: pytest.fail("it was looked for"))
    with pytest.raises(SourceError):
        command.run(["reboot"])


#: Modules that may start a process, or speak to the kernel over netlink, each with what for.
ALONE = {
    # the others start ssh, and nothing else
    "subprocess": {
        "sources/machine/command.py",
        "sources/machine/ssh_connection.py",
        "sources/machine/ssh_process.py",
    },
    "socket.AF_NETLINK": {"sources/live/nft_netlink.py", "sources/live/conntrack.py", "sources/live/netns.py"},
    "os.fork": {"feed/first_reading.py"},
    "iptc": {"sources/legacy/library.py"},
}


def test_only_the_listed_modules_reach_the_system() -> None:
    """Processes are started, netlink is spoken and the iptables library is loaded in these modules and no other."""
    found: dict[str, set[str]] = {name: set() for name in ALONE}
    for file in SOURCE.rglob("*.py"):
        place = file.relative_to(SOURCE).as_posix()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                for name in ("subprocess", "iptc"):
                    if any(one.split(".")[0] == name for one in names):
                        found[name].add(place)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                written = f"{node.value.id}.{node.attr}"
                if written in ALONE:
                    found[written].add(place)
                assert written not in ("os.system", "os.popen", "os.posix_spawn", "os.execv", "os.execve"), place
    assert found == ALONE


def test_netlink_only_asks() -> None:
    """The messages to nf_tables are NFT_MSG_GETTABLE, GETCHAIN and GETRULE, each as a dump, and GETGEN."""
    text = (SOURCE / "sources/live/nft_netlink.py").read_text()
    assert "_GET_TABLE, _GET_CHAIN, _GET_RULE, _GET_GENERATION = 1, 4, 7, 16" in text
    assert text.count(".send(") == 1
    assert "_REQUEST | _DUMP" in text


def test_conntrack_is_only_listed() -> None:
    """The one message is IPCTNL_MSG_CT_GET as a dump, sent only where its module is there already."""
    text = (SOURCE / "sources/live/conntrack.py").read_text()
    assert "_GET = 1 << 8 | 1\n" in text and text.count(".send(") == 1 and "_GET, _REQUEST | _DUMP" in text
    assert text.index('permits.loaded("nf_conntrack_netlink")') < text.index("_over_netlink()))")


def test_the_connection_starts_ssh_alone() -> None:
    """Each program that a connection starts is what ``_arguments`` gives, which begins with ssh's own path."""
    started: list[str] = []
    made: list[str] = []
    for name in ("ssh_connection", "ssh_process"):
        tree = ast.parse((SOURCE / f"sources/machine/{name}.py").read_text())
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        starts = ("subprocess.run", "subprocess.Popen", "Shell")
        started += [ast.unparse(node.args[0]) for node in calls if ast.unparse(node.func) in starts]
        made += [ast.unparse(node.value) for node in ast.walk(tree) if isinstance(node, ast.Assign)]
        made += [ast.unparse(node.value) for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value]
    assert set(started) == {"arguments", "self._arguments(*_CLIENT, *wanted)"}
    assert {text for text in made if text.startswith(("self._arguments(", "[self._program"))} == {
        "[self._program, '-S', f'{self._folder}/c', *_COMMON, *more]",
        "self._arguments(*_MASTER, *batch, '--', self._destination, 'exec cat')",
        "self._arguments(*_CLIENT, '--', self._destination, words)",
        "self._arguments(*_CLIENT, '--', self._destination, _SHELL)",
    }
