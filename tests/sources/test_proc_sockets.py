"""Sockets from /proc: who listens, by which program, and names that would spoil it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netui.dialects.sockets import ss_sockets
from netui.model import Socket
from netui.sources.live.proc_sockets import ProcSockets, as_ss
from netui.text.errors import SourceError

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def line(address: str, state: str, inode: int, uid: int = 0) -> str:
    return (
        f"   0: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 {uid:>5}        0 {inode} 1 x\n"
    )


def proc(root: Path, tcp: str, processes: dict[int, tuple[bytes, list[int]]]) -> Path:
    """A /proc of tests: its TCP sockets, and processes with their names and the sockets that they hold."""
    (root / "net").mkdir(parents=True)
    (root / "net/tcp").write_text(HEAD + tcp)
    for pid, (name, inodes) in processes.items():
        folder = root / str(pid) / "fd"
        folder.mkdir(parents=True)
        (root / str(pid) / "comm").write_bytes(name + b"\n")
        for number, inode in enumerate(inodes):
            (folder / str(number)).symlink_to(f"socket:[{inode}]")
    return root


def test_a_listener_and_its_program(tmp_path: Path) -> None:
    """Listening sockets with the first process that holds each; a connected one is left out."""
    tcp = line("00000000:0050", "0A", 11) + line("0100007F:1F90", "01", 12)
    found = ProcSockets(proc(tmp_path / "p", tcp, {7: (b"nginx", [11]), 9: (b"nginx", [11])})).read()
    assert found == (Socket("tcp", "0.0.0.0", 80, "nginx", 7),)


@pytest.mark.parametrize(
    ("name", "uid", "shown"),
    [
        (b'x",pid=1,fd=3))\ntcp LISTEN 0 0 0.0.0.0:22', 1000, "x??pid?1?fd?3???tcp?LISTEN?0?0?0"),
        (b"\x1b]52;c;AAAA\x07", 1000, "??52?c?AAAA?"),
        (b"\xff\xfe", 0, "??"),
        (b"docker-proxy", 0, "docker-proxy"),
        (b"docker-proxy", 1000, "docker-proxy?"),
    ],
)
def test_a_process_cannot_spoil_the_reading_by_its_name(tmp_path: Path, name: bytes, uid: int, shown: str) -> None:
    """A name is one word of plain letters, and only root's socket is docker-proxy's."""
    found = ProcSockets(proc(tmp_path / "p", line("00000000:0050", "0A", 11, uid), {7: (name, [11])})).read()
    assert [(one.port, one.program) for one in found] == [(80, shown)]


def test_the_holder_is_looked_for_when_a_socket_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second reading of the same sockets reads no process's files; a new socket makes it look again."""
    root = proc(tmp_path / "p", line("00000000:0050", "0A", 11), {7: (b"one", [11])})
    reader = ProcSockets(root)
    first = reader.read()
    listed: list[object] = []
    real = os.listdir

    def list_noted(path: str) -> list[str]:
        listed.append(path)
        return real(path)

    monkeypatch.setattr(os, "listdir", list_noted)
    assert reader.read() == first
    assert listed == []
    (root / "net/tcp").write_text(HEAD + line("00000000:0050", "0A", 11) + line("00000000:0051", "0A", 12))
    assert [one.program for one in reader.read()] == ["one", ""]
    assert listed
    listed.clear()
    reader.read()
    assert listed == [], "a socket whose holder is not to be seen is looked for once"


def test_this_machines_own_socket() -> None:
    """A socket of this very process is found by its port, with this process."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = [one for one in ProcSockets().read() if one.port == port]
    assert [(one.protocol, one.address, one.pid) for one in found] == [("tcp", "127.0.0.1", os.getpid())]


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    """Without any file of sockets: one clear line; a line of another shape likewise."""
    with pytest.raises(SourceError, match="no sockets"):
        ProcSockets(tmp_path).read()
    root = proc(tmp_path / "p", "rubbish\n", {})
    with pytest.raises(SourceError, match="line 2"):
        ProcSockets(root).read()


def test_sctp_endpoints(tmp_path: Path) -> None:
    """A listening SCTP endpoint, once an address."""
    root = proc(tmp_path / "p", "", {})
    (root / "net/sctp").mkdir()
    head = " ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS\n"
    (root / "net/sctp/eps").write_text(
        head + "x y 2 10 29 9999 0 77 10.0.0.1 10.0.0.2\nx y 2 1 29 9998 0 78 10.0.0.1\n"
    )
    assert ProcSockets(root).read() == (Socket("sctp", "10.0.0.1", 9999), Socket("sctp", "10.0.0.2", 9999))


SOCKETS = st.builds(
    Socket,
    st.sampled_from(["tcp", "udp", "sctp"]),
    st.sampled_from(["0.0.0.0", "::", "*", "10.0.0.1", "fd00::1"]),
    st.integers(1, 65535),
    st.text("abcXYZ0189_.-/:", max_size=12),
    st.just(5),
)


@given(st.lists(SOCKETS, unique=True))
def test_what_is_written_as_ss_prints_reads_the_same(sockets: list[Socket]) -> None:
    """A capture's ss.txt made from /proc holds the same sockets."""
    wanted = tuple(Socket(s.protocol, s.address, s.port, s.program, 5 if s.program else 0) for s in sockets)
    assert ss_sockets(as_ss(sockets)) == tuple(dict.fromkeys(wanted))
