"""Connections as the kernel prints them and as netlink gives them."""

from __future__ import annotations

import ipaddress
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netui.model.connection import Connection, Ends
from netui.sources.live import conntrack
from netui.sources.live.conntrack import parse_message, parse_proc, read_connections
from netui.sources.machine import permits
from netui.text.errors import SourceError

LINES = {
    "ipv4     2 tcp      6 431999 ESTABLISHED src=198.51.100.2 dst=198.51.100.1 sport=41000 dport=80 packets=5 "
    "bytes=500 src=172.18.0.3 dst=198.51.100.2 sport=80 dport=41000 packets=4 bytes=900 [ASSURED] use=2": Connection(
        "ip", "tcp", "ESTABLISHED", Ends("198.51.100.2", "198.51.100.1", 41000, 80),
        Ends("172.18.0.3", "198.51.100.2", 80, 41000), 9, 1400,
    ),
    "ipv4     2 udp      17 12 src=172.18.0.2 dst=9.9.9.9 sport=5353 dport=53 [UNREPLIED] src=9.9.9.9 dst=198.51.100.1 "
    "sport=53 dport=5353 mark=0 use=1": Connection(
        "ip", "udp", "", Ends("172.18.0.2", "9.9.9.9", 5353, 53), Ends("9.9.9.9", "198.51.100.1", 53, 5353),
        answered=False,
    ),
    "ipv6     10 icmpv6   58 29 src=2001:0db8:0000:0000:0000:0000:0000:0002 dst=2001:0db8:0000:0000:0000:0000:0000:0001"
    " type=128 code=0 id=7 src=2001:db8::1 dst=2001:db8::2 type=129 code=0 id=7 use=1": Connection(
        "ip6", "icmpv6", "", Ends("2001:db8::2", "2001:db8::1", 0, 0), Ends("2001:db8::1", "2001:db8::2", 0, 0),
    ),
    "": None,
    "ipv4 2 tcp 6": None,
    "ipv4     2 tcp      6 1 ESTABLISHED src=nobody dst=1.2.3.4 sport=1 dport=2": None,
}  # fmt: skip


@pytest.mark.parametrize(("line", "wanted"), LINES.items(), ids=range(len(LINES)))
def test_a_line_of_proc(line: str, wanted: Connection | None) -> None:
    """Both directions, translated or not, with counters where the kernel counts; what is no connection is left out."""
    assert list(parse_proc(iter([line]))) == ([wanted] if wanted else [])


@given(st.text())
def test_any_text(text: str) -> None:
    """Whatever stands there, nothing is raised."""
    list(parse_proc(iter(text.splitlines())))


@given(st.binary())
def test_any_message(data: bytes) -> None:
    """Whatever comes over netlink, nothing is raised."""
    parse_message(data)


def attribute(kind: int, data: bytes) -> bytes:
    """One netlink attribute with its padding."""
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def ends(one: Ends, protocol: int) -> bytes:
    """A tuple's attributes."""
    addresses = [ipaddress.ip_address(each) for each in (one.src, one.dst)]
    first = 1 if addresses[0].version == 4 else 3
    places = b"".join(attribute(first + place, each.packed) for place, each in enumerate(addresses))
    ports = b"".join(attribute(2 + place, struct.pack(">H", each)) for place, each in enumerate((one.sport, one.dport)))
    return attribute(1, places) + attribute(2, attribute(1, bytes([protocol])) + ports)


_ADDRESSES = st.ip_addresses(v=4).map(str)
_PORTS = st.integers(0, 65535)
_ENDS = st.builds(Ends, _ADDRESSES, _ADDRESSES, _PORTS, _PORTS)


@given(_ENDS, _ENDS, st.integers(0, 2**40), st.booleans())
def test_a_message(original: Ends, reply: Ends, amount: int, answered: bool) -> None:
    """What the kernel packs comes out as it went in."""
    counters = attribute(1, struct.pack(">Q", 3)) + attribute(2, struct.pack(">Q", amount))
    data = (
        struct.pack("=BBH", 2, 0, 0)
        + attribute(1, ends(original, 6))
        + attribute(2, ends(reply, 6))
        + attribute(3, struct.pack(">I", 2 if answered else 0))
        + attribute(4, attribute(1, attribute(1, b"\3")))
        + attribute(9, counters)
        + attribute(10, counters)
    )
    assert parse_message(data) == Connection("ip", "tcp", "ESTABLISHED", original, reply, 6, 2 * amount, answered)


def test_nothing_is_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without /proc and without the module netlink is not asked: the question would load it."""
    monkeypatch.setattr(conntrack, "_PROC", tmp_path / "none")
    monkeypatch.setattr(permits, "loaded", lambda module: False)
    monkeypatch.setattr(conntrack, "_over_netlink", lambda: pytest.fail("it was asked"))
    with pytest.raises(SourceError, match="nf_conntrack_netlink is not loaded"):
        read_connections()
