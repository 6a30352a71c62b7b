"""SRC and DST: what people write is understood, or refused in one line that helps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netui.model import Container
from netui.traversal import EndpointError, path
from netui.traversal.question.endpoints import parse_destination, parse_source
from tests.traversal.build import OPENRESTY, container, host

GOOD = [
    ("outside", "host:443", "198.51.100.1", 443, "tcp"),
    ("outside:198.51.100.7", "openresty:80", "172.18.0.3", 80, "tcp"),
    ("host", "127.0.0.1:80", "127.0.0.1", 80, "tcp"),
    ("blog", "198.51.100.9:53/udp", "198.51.100.9", 53, "udp"),
    ("blog", "openresty@hehe:80/tcp", "172.18.0.3", 80, "tcp"),
    ("blog@hehe", "host:22", "172.18.0.1", 22, "tcp"),
    ("outside", "[2001:db8:1::1]:80", "2001:db8:1::1", 80, "tcp"),
    ("blog", "openresty/icmp", "172.18.0.3", None, "icmp"),
    ("outside", "2001:db8:1::1/icmp", "2001:db8:1::1", None, "icmpv6"),
    ("blog", f"{OPENRESTY[:12]}:80", "172.18.0.3", 80, "tcp"),
    ("172.18.0.2", "openresty:80", "172.18.0.3", 80, "tcp"),
    ("blog", "outside:443", "203.0.113.99", 443, "tcp"),
    ("blog", "outside:192.0.2.7:443/tcp", "192.0.2.7", 443, "tcp"),
    ("host", "outside:[2001:db8:9::9]:443", "2001:db8:9::9", 443, "tcp"),
    ("outside", "host:132/sctp", "198.51.100.1", 132, "sctp"),
]


@pytest.mark.parametrize(("source", "destination", "address", "port", "protocol"), GOOD)
def test_what_people_write_is_understood(
    source: str, destination: str, address: str, port: int | None, protocol: str
) -> None:
    """Each form of the contract resolves to the address, port and protocol that it names."""
    found = path(host(), source, destination)
    packet = found.legs[0].packet
    assert (packet.dst, packet.dport, packet.protocol) == (address, port, protocol)


BAD = [
    ("nobody", "host:80", "no container is called nobody"),
    ("outside", "blo:80", "did you mean blog"),
    ("outside", "stopped:80", "stopped is not running (exited): it has no address"),
    ("outside", "openresty:0", "0 is no port"),
    ("outside", "openresty:65536", "65536 is no port"),
    ("outside", "openresty:http", "http is no port"),
    ("outside", "openresty", "the port is missing"),
    ("outside", "openresty@side:80", "openresty is not on network side; its networks: hehe"),
    ("outside", "openresty@nowhere:80", "its networks: hehe"),
    ("outside", "openresty:80/foo", "foo is no protocol"),
    ("outside", "2001:db8::1:80", "in brackets"),
    ("outside", "2001:db8::1:80/tcp", "in brackets"),
    ("outside", "outside:2001:db8::1:80", "in brackets"),
    ("outside", "[2001:db8::1]", "the port is missing"),
    ("outside", "", "the destination is empty"),
    ("", "host:80", "the source is empty"),
    ("openresty:80", "host:80", "a source takes no port"),
    ("outside:nowhere", "host:80", "is no address"),
    ("198.51.100.9", "[2001:db8::1]:80", "different families"),
    ("a\x1b[31mb", "host:80", "\\x1b"),
]


@pytest.mark.parametrize(("source", "destination", "says"), BAD)
def test_a_mistake_gets_one_line_that_says_what_to_do(source: str, destination: str, says: str) -> None:
    """Each mistake is named in one printable line."""
    with pytest.raises(EndpointError) as caught:
        path(host(), source, destination)
    assert says in str(caught.value)
    assert str(caught.value).isprintable()


def test_an_ambiguous_id_lists_its_candidates() -> None:
    """An ID prefix of two containers names both."""
    twins: tuple[Container, ...] = (
        container("ab" + "0" * 62, "one", "172.18.0.5"),
        container("ac" + "0" * 62, "two", "172.18.0.6"),
    )
    with pytest.raises(EndpointError, match=r"ambiguous: one \(ab0000000000\), two \(ac0000000000\)"):
        path(host(containers=twins), "a", "host:80")


def test_without_routes_the_verdict_is_undecided_and_says_why() -> None:
    """A capture without routes decides nothing that needs one."""
    found = path(host(routes={}), "blog", "198.51.100.9:80")
    assert found.verdict == "undecided"
    assert "routes were not read" in found.reason


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_understood_or_refused(source: str, destination: str) -> None:
    """No text makes the parsers fail in another way than by EndpointError."""
    for parse, text in ((parse_source, source), (parse_destination, destination)):
        try:
            parse(text)
        except EndpointError as error:
            assert str(error).isprintable()
