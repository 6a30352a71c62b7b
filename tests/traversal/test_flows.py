"""The questions that are asked about a container are those that it could ask itself."""

from __future__ import annotations

import pytest

from netui.sources.capture import read_capture
from netui.traversal import PreparedHost, prepare
from netui.traversal.container_flows import questions
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
