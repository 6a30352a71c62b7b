"""The questions that are asked about a container are those that it could ask itself."""

from __future__ import annotations

import pytest

from netui.model import Container, PublishedPort, Socket
from netui.sources.capture.reader import read_capture
from netui.traversal import PreparedHost, prepare
from netui.traversal.container_flows import questions, service_port
from tests.traversal.kernel import CASES


@pytest.fixture(scope="module", params=["engine-20.10", "engine-29"])
def host(request: pytest.FixtureRequest) -> PreparedHost:
    """Each captured host."""
    return prepare(read_capture(CASES / request.param / "host"))


def test_a_container_asks_over_the_families_that_it_has(host: PreparedHost) -> None:
    """No container is shown as failing to reach its own port over IPv6 that it was never given."""
    for container in host.containers:
        if any(endpoint.ipv6 for endpoint in container.endpoints):
            continue
        asked = [question for question in questions(host, container) if question.kind == "hairpin"]
        assert not [question for question in asked if question.destination.startswith("[")]


def test_every_question_has_a_label_of_its_own(host: PreparedHost) -> None:
    """Flows are told apart by their labels."""
    for container in host.containers:
        labels = [question.label for question in questions(host, container)]
        assert len(labels) == len(set(labels))


def _socket(protocol: str, port: int, address: str = "0.0.0.0") -> Socket:
    return Socket(protocol, address, port)


@pytest.mark.parametrize(
    ("listening", "published", "exposed", "port"),
    [
        ((_socket("tcp", 9000), _socket("tcp", 443), _socket("tcp", 80)), (), (), "80/tcp"),
        ((_socket("tcp", 22), _socket("tcp", 8080)), (8080,), (), "8080/tcp"),
        ((_socket("tcp", 22), _socket("tcp", 8080)), (), ((8080, "tcp"),), "8080/tcp"),
        ((_socket("udp", 53), _socket("tcp", 853)), (), (), "853/tcp"),
        ((_socket("tcp", 80, "127.0.0.1"), _socket("udp", 53)), (), (), "53/udp"),
        ((_socket("udp", 53),), (80,), (), "80/tcp"),
        (None, (), ((53, "udp"),), "53/udp"),
        (None, (), (), "icmp"),
    ],
)
def test_a_container_is_asked_at_the_port_that_it_is_known_for(
    listening: tuple[Socket, ...] | None, published: tuple[int, ...], exposed: tuple[tuple[int, str], ...], port: str
) -> None:
    """Whatever order the kernel lists sockets in, the same port is asked: one that others know, else the lowest."""
    bound = tuple(PublishedPort(each, "tcp", "0.0.0.0", each) for each in published)
    for order in (listening, listening and listening[::-1]):
        container = Container("id", "web", listening=order, bound_ports=bound, exposed=exposed)
        assert service_port(container) == port
