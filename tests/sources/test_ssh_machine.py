"""Another machine's answers: the script that asks, what comes back, and a shell that misbehaves."""

from __future__ import annotations

import gzip
import os
import shlex
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netui.sources.live import host as host_live
from netui.sources.live import kernel_modules as kernel
from netui.sources.live.listed_sockets import ListedSockets
from netui.sources.live.machine_sources import LiveHost
from netui.sources.live.proc_sockets import ProcSockets
from netui.sources.machine import (
    Ask,
    Exists,
    Lines,
    Links,
    Loaded,
    Read,
    Real,
    Run,
    command,
    links,
    ssh_connection,
    ssh_process,
    ssh_script,
)
from netui.sources.machine.local import LocalMachine
from netui.sources.machine.permits import NotPermitted
from netui.sources.machine.ssh import SshMachine
from netui.text.errors import SourceError

MARK = "0123456789abcdef0123456789abcdef"
#: Stands for ssh: the command that it is given last is run here, by the shell named.
FAKE = """#!/bin/sh
for last; do :; done
echo "$@" >> {folder}/calls
{extra}
exec {shell} -c "$last"
"""


class Fake:
    """A folder with an ``ssh`` that leads to this machine."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        self.set()
        monkeypatch.setattr(command, "find", self._find)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))

    def _find(self, program: str) -> str | None:
        assert program == "ssh"
        return str(self.folder / "ssh")

    def set(self, shell: str = "/bin/sh", extra: str = "") -> None:
        """Say what the login shell is, and what it does first."""
        (self.folder / "ssh").write_text(FAKE.format(folder=self.folder, shell=shell, extra=extra))
        (self.folder / "ssh").chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """The arguments of each ssh so far."""
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """An ssh that leads to this machine."""
    return Fake(tmp_path / "run", monkeypatch)


@pytest.fixture
def machine(fake: Fake) -> Iterator[SshMachine]:
    """The machine itself, as another one."""
    found = SshMachine("there")
    found.connect()
    yield found
    found.close()


def test_the_other_way_gives_the_same(machine: SshMachine, tmp_path: Path) -> None:
    """Files, lines, modules, sysctls, the kernel and sockets are what this machine's own way gives."""
    here = LocalMachine()
    assert machine.read("/proc/self/net/route") == here.read("/proc/self/net/route")
    assert machine.read("/proc/version", "/nowhere") == here.read("/proc/version", "/nowhere")
    assert machine.hostname == here.hostname
    assert machine.release == here.release
    assert [machine.loaded(name) for name in ("nf_tables", "no_such_module")] == [
        here.loaded(name) for name in ("nf_tables", "no_such_module")
    ]
    assert host_live.read_sysctls(machine) == host_live.read_sysctls(here)
    assert kernel.kernel_text(machine) == kernel.kernel_text(here)
    odd = tmp_path / "a b's $(touch x)"
    odd.write_text("text")
    assert machine.read(str(odd)) == "text"
    assert machine.exists(str(odd))
    assert not machine.exists(f"{odd}y")


def test_sockets_and_who_holds_them_are_the_same(machine: SshMachine) -> None:
    """``ls -l /proc/*/fd`` tells what /proc tells, and again when a program is gone."""
    reader = ListedSockets()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = [one for one in reader.read(machine) if one.port == port]
        assert found == [one for one in ProcSockets().read() if one.port == port]
        assert found[0].pid == os.getpid()
        trips = machine.trips
        reader.read(machine.fetch(reader.asks()))
        assert machine.trips == trips + 1
    assert not [one for one in reader.read(machine) if one.port == port]


def test_a_missing_file_is_missing_and_a_pipe_is_not_read(machine: SshMachine, tmp_path: Path) -> None:
    """The errors are those of this machine; what is no regular file is never opened."""
    with pytest.raises(FileNotFoundError):
        machine.read("/nowhere")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="regular"):
        machine.read(str(tmp_path / "pipe"))


@pytest.mark.parametrize("shell", ["/bin/sh", "busybox sh", "bash", "fish", "tcsh"])
def test_a_login_shell_that_prints_much(fake: Fake, shell: str) -> None:
    """Whatever the login shell is and prints, the answers are the answers."""
    if shutil.which(shell.split(maxsplit=1)[0]) is None:
        pytest.skip(f"{shell} is not installed")
    fake.set(shell, "echo Welcome; echo; printf 'no end of line'; echo 'a warning' >&2")
    machine = SshMachine("there")
    machine.connect()
    try:
        assert machine.read("/proc/version") == Path("/proc/version").read_text()
    finally:
        machine.close()


def test_one_round_trip_for_all_that_is_asked_together(machine: SshMachine) -> None:
    """Questions asked before cost nothing later; a question twice is asked once."""
    asks: list[Ask] = [
        Read(("/proc/version",)),
        Loaded("ip_set"),
        Exists("/proc"),
        Real("/proc/self"),
        Lines(("/etc/passwd",)),
    ]
    before = machine.trips
    found = machine.fetch([*asks, *asks])
    assert found.read("/proc/version").startswith("Linux")
    assert found.exists("/proc")
    found.loaded("ip_set")
    assert found.lines(("/etc/passwd",))["/etc/passwd"]
    assert machine.trips == before + 1


@pytest.mark.parametrize(
    "arguments", [("ip", "link", "set", "lo", "down"), ("reboot",), ("nft", "-f", "/x"), ("sh", "-c", "x")]
)
def test_a_program_that_is_not_on_the_list_is_not_asked_for(machine: SshMachine, arguments: tuple[str, ...]) -> None:
    """The list is that of this machine."""
    with pytest.raises(NotPermitted, match="does not run"):
        machine.run(arguments)


def run_script(asks: list[Ask], programs: dict[str, str], modules: Path) -> list[ssh_script.Answer]:
    """Run a script by this machine's shell, as a shell there would; modules: stands for /proc/modules."""
    begin = ssh_script.prelude(MARK).replace("/proc/modules", str(modules)).replace("/sys/module", "/nowhere")
    text = begin + ssh_script.compose(asks, programs)
    done = subprocess.run(["/bin/sh"], input=text.encode(), capture_output=True, check=True)
    return ssh_script.answers(done.stdout.rpartition(b"\n" + MARK.encode() + b" done\n")[0], len(asks), MARK)[0]


@pytest.mark.parametrize("there", [True, False])
def test_a_question_that_would_load_a_module_is_not_asked_there(tmp_path: Path, there: bool) -> None:
    """The script looks first: where the module is not there, the program is not started."""
    for name in ("ipset", "ip", "nsenter"):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/asked-{name}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "modules").write_text("ip_set 1 0 - Live\nfor_it 1 0 - Live\n" if there else "x 1 0 - Live\n")
    (tmp_path / "names").write_text("filter\n" if there else "")
    enter = ("nsenter", "-t", "1", "-n", "/x/iptables-nft-save", "-c")
    asks: list[Ask] = [
        Run(("ipset", "save")),
        Run(("ip", "-4", "-j", "rule"), where=str(tmp_path / "names")),
        Run(enter, module="for_it"),
        Loaded("for_it"),
    ]
    programs = {name: str(tmp_path / name) for name in ("ipset", "ip", "nsenter")}
    found = run_script(asks, programs, tmp_path / "modules")
    if there:
        assert [answer.status for answer in found] == [0, 0, 0, 0]
        assert len(list(tmp_path.glob("asked-*"))) == 3
    else:
        assert [answer.status for answer in found] == [None, None, None, 1]
        assert not list(tmp_path.glob("asked-*"))


@pytest.mark.parametrize("shell", [["/bin/sh"], ["bash", "--posix"], ["busybox", "sh"], ["zsh", "--emulate", "sh"]])
def test_the_script_runs_in_any_posix_shell(tmp_path: Path, shell: list[str]) -> None:
    """Every kind of question, by each shell that /bin/sh may be."""
    if shutil.which(shell[0]) is None:
        pytest.skip(f"{shell[0]} is not installed")
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"CONFIG_A=y\nnothing\n"))
    (tmp_path / "ip").write_text("#!/bin/sh\nprintf '%s|' \"$@\"; echo oops >&2; exit 3\n")
    (tmp_path / "ip").chmod(0o755)
    (tmp_path / "link").symlink_to(tmp_path / "ip")
    asks: list[Ask] = [
        Run(("ip", "-6", "-j", "rule")),
        Read(("/proc/version", "/nowhere")),
        Read(("/nowhere",)),
        Lines((f"{tmp_path}/x.gz",), "CONFIG_"),
        Lines(("/proc/sys/net/ipv4/ip_f*ward", "/nowhere/*")),
        Links((str(tmp_path / "link"),)),
        Exists("/proc/sys/net/*"),
        Exists("/nowhere/*"),
        Real(str(tmp_path / "link")),
    ]
    text = ssh_script.prelude(MARK) + ssh_script.compose(asks, {"ip": str(tmp_path / "ip")})
    done = subprocess.run(shell, input=text.encode(), capture_output=True, check=True)
    end = b"\n" + MARK.encode() + b" done\n"
    assert done.stdout.endswith(end)
    found, spent = ssh_script.answers(done.stdout.removesuffix(end), len(asks), MARK)
    assert (found[0].text, found[0].status, found[0].errors) == ("-6|-j|rule|", 3, "oops")
    assert found[1].text == Path("/proc/version").read_text()
    assert found[2].status != 0
    assert "No such file" in found[2].errors
    assert found[3].text == f"{tmp_path}/x.gz:CONFIG_A=y\n"
    assert list(ssh_script.by_path(found[4].text)) == ["/proc/sys/net/ipv4/ip_forward"]
    assert found[5].text.rstrip().endswith(f"{tmp_path}/link -> {tmp_path}/ip")
    assert [found[6].status, found[7].status] == [0, 1]
    assert found[8].text == f"{(tmp_path / 'ip').resolve()}\n"
    assert 0 <= spent < 60


#: What a program may print: marks of other connections, ends of frames, bytes that are no text.
_HOSTILE = st.lists(
    st.sampled_from([b"\n", b"\nffff e 0\n", b" done\n", b"\n\n", b"\xff\x00", b"e 0\n", b"x", MARK[:-1].encode()]),
    max_size=12,
).map(b"".join)


@given(_HOSTILE, _HOSTILE, st.integers(0, 255))
def test_what_is_printed_comes_back_byte_for_byte(output: bytes, errors: bytes, status: int) -> None:
    """No output can pass for the end of an answer, for the mark is not known to whom it comes from."""
    frame = b"%s\n%s e %d\n%s\n%s\n" % (output, MARK.encode(), status, errors, MARK.encode())
    found, _ = ssh_script.answers(frame + frame, 2, MARK)
    assert [(one.output, one.status) for one in found] == [(output, status)] * 2
    assert found[0].errors == errors.decode("utf-8", "replace")


@given(st.binary(max_size=300), st.integers(1, 3))
def test_what_no_script_prints_is_no_answer(data: bytes, count: int) -> None:
    """Anything else is one plain error."""
    with pytest.raises(ssh_process.Lost):
        ssh_script.answers(data, count, MARK)


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=40))
def test_any_word_reaches_a_program_as_it_is(word: str) -> None:
    """A table's name is a stranger's: it is an argument and never a command, and asterisks in a path are patterns."""
    written = ssh_script._look(Read((word,)))
    assert shlex.split(written) == ["ask", "files", word]
    pattern = ssh_script._pattern(word)
    assert "".join(shlex.split(pattern.replace("*", "'*'"))) == word


@pytest.mark.parametrize("name", ["", " ", "-oProxyCommand=x", "a\nb", "\x1b[31m"])
def test_a_destination_that_ssh_would_misread_is_refused(name: str) -> None:
    """It is never given to ssh."""
    with pytest.raises(SourceError, match="no machine"):
        ssh_connection.checked(name)


def test_ssh_is_trusted_no_further_than_the_user_does(machine: SshMachine, fake: Fake) -> None:
    """No option touches host keys or forwards an agent; the destination stands behind ``--``."""
    for call in fake.calls:
        assert "StrictHostKey" not in call
        assert "KnownHosts" not in call
        assert " -A" not in call
        assert " -a " in call
        assert " -- there exec " in call
        assert "BatchMode=yes" in call


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ("echo 'Permission denied (publickey).' >&2; exit 255", "Permission denied"),
        ("exec sleep 60", "no answer"),
        ("exec yes", "MB came"),
    ],
)
def test_a_machine_that_does_not_let_in(fake: Fake, monkeypatch: pytest.MonkeyPatch, extra: str, why: str) -> None:
    """Refused, silent or noisy without end: one line, in time, and nothing stays."""
    monkeypatch.setattr(ssh_connection, "CONNECT", 0.5)
    fake.set(extra=extra)
    with pytest.raises(ssh_process.Lost, match=why):
        SshMachine("there").connect()
    assert not list(fake.folder.glob("netui-*"))


def test_an_answer_that_does_not_come_or_never_ends(machine: SshMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded in time and in bytes; the next question has a shell of its own."""
    monkeypatch.setattr(ssh_script, "_look", lambda _ask: "ask sleep 30")
    monkeypatch.setattr("netui.sources.machine.ssh_session.ANSWER", 0.3)
    began = time.monotonic()
    with pytest.raises(SourceError, match="no answer within"):
        machine.read("/proc/version")
    assert time.monotonic() - began < 5
    monkeypatch.setattr(ssh_script, "_look", lambda _ask: "yes >&3")
    monkeypatch.setattr("netui.sources.machine.ssh_session.ANSWER", 20)
    monkeypatch.setattr(ssh_process.Shell.until, "__defaults__", (2**20,))
    with pytest.raises(SourceError, match="MB came"):
        machine.read("/proc/version")
    monkeypatch.undo()
    assert machine.read("/proc/version").startswith("Linux")


def test_a_lost_connection_comes_back(machine: SshMachine) -> None:
    """The master is killed: disconnected, since when; then it answers again by itself."""
    connection = machine._connection
    assert connection is not None
    connection._master._process.kill()
    connection._master._process.wait()
    with pytest.raises(SourceError, match="disconnected since"):
        machine.read("/proc/version")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            assert machine.read("/proc/version").startswith("Linux")
            return
        except SourceError:
            threading.Event().wait(0.05)
    pytest.fail("it did not come back")


def test_shells_that_ended_while_idle_are_replaced(machine: SshMachine) -> None:
    """Each shell there ends after a while: nobody notices."""
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(machine.read, ["/proc/version"] * 12))
    for session in machine._idle:
        session.shell._process.kill()
        session.shell._process.wait()
    assert machine.read("/proc/version").startswith("Linux")
    assert machine._sessions == 1


def test_a_machine_that_admits_one_shell_serves_all(machine: SshMachine, fake: Fake) -> None:
    """MaxSessions of its sshd: more shells are refused, and the one answers each in turn."""
    fake.set(extra="echo 'Session open refused by peer' >&2; exit 255")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(machine.read, ["/proc/version"] * 8))
    assert all(text.startswith("Linux") for text in found)
    assert machine._sessions == 1


def test_nothing_stays_at_the_end(fake: Fake) -> None:
    """Processes and the folder are gone, also where shells stood idle."""
    machine = SshMachine("there")
    machine.connect()
    connection = machine._connection
    assert connection is not None
    processes = [connection._master._process, *(shell._process for shell in connection._shells)]
    assert len(processes) == 2
    machine.close()
    assert all(process.poll() is not None for process in processes)
    assert not list(fake.folder.glob("netui-*"))


def test_a_connection_that_is_just_being_made_is_ended_too(fake: Fake) -> None:
    """Who quits while a lost machine is tried again leaves no ssh behind that is still connecting."""
    fake.set(extra="exec sleep 60")
    failed: list[Exception] = []

    def connect() -> None:
        try:
            ssh_connection.Connection("there", ask=False)
        except SourceError as error:
            failed.append(error)

    thread = threading.Thread(target=connect)
    thread.start()
    deadline = time.monotonic() + 10
    while not (fake.folder / "calls").exists() and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    ssh_connection.close_all()
    thread.join(5)
    assert not thread.is_alive()
    assert failed
    assert not list(fake.folder.glob("netui-*"))


def test_links_of_this_machine_look_alike(machine: SshMachine) -> None:
    """Both ways tell the same holders of this process's sockets."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        inode = os.fstat(server.fileno()).st_ino
        for one in (machine, LocalMachine()):
            text = one.fetch([Links(("/proc/*/fd",))]).links("/proc/*/fd")
            assert links.first_holders(text, [inode])[inode] == (os.getpid(), str(server.fileno()))


@pytest.mark.parametrize(
    "line",
    [
        "lrwx------ 1 u u 64 Nov 27 10:00 5 -> /tmp/x 7 -> socket:[99]",
        "lrwx------ 1 u u 64 d 5 -> socket:[99] (deleted)",
    ],
)
def test_a_file_s_name_is_no_socket(line: str) -> None:
    """What somebody opened may have any name."""
    assert list(links.holders(f"/proc/12/fd:\ntotal 0\n{line}\n")) == []


def test_a_reading_is_one_round_trip(machine: SshMachine) -> None:
    """Rules, host and sets: one each, but for the first time, when it is not known yet what there is."""
    host = LiveHost({}, on_event=lambda _event: None, machine=machine)
    for read in (host.read_rules, lambda: host.read_host(()), host.read_sets):
        read()
        before = machine.trips
        parts = read()
        assert machine.trips == before + 1
        assert not [part.error for part in parts.values() if part.error.startswith("disconnected")]
    assert 0 < machine.take_cost() < 10
    assert machine.take_cost() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone is careful whose programs it runs")
def test_root_runs_only_what_root_alone_can_change(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There as here: no program from a folder that others can write to, and none that is another's."""
    folders = {name: tmp_path / name for name in ("good", "open", "theirs", "link")}
    for name in ("good", "open", "theirs"):
        folders[name].mkdir(mode=0o755)
    for name, program in (("good", "ipset"), ("open", "nft"), ("theirs", "ip")):
        (folders[name] / program).write_text("#!/bin/sh\n")
        (folders[name] / program).chmod(0o755)
    folders["open"].chmod(0o777)
    folders["link"].symlink_to(folders["open"])
    os.chown(folders["theirs"] / "ip", 65534, 65534)
    monkeypatch.setenv("PATH", ":".join([*map(str, folders.values()), os.environ["PATH"]]))
    machine = SshMachine("there")
    machine.connect()
    try:
        assert machine.find("ipset") == str(folders["good"] / "ipset")
        assert machine.find("nft") != str(folders["open"] / "nft")
        assert machine.find("nft") != str(folders["link"] / "nft")
        assert machine.find("ip") != str(folders["theirs"] / "ip")
    finally:
        machine.close()
