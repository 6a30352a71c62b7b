"""The captured hosts: netui's steps equal the kernel's own trace, flow by flow."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from netui.sources.capture.reader import read_capture
from netui.traversal import PreparedHost, path, prepare
from tests.traversal.kernel import CASES, predicted, rule_numbers, traced
from tests.traversal.recorded import HOSTS, question

#: What a sender's outcome says of the packet's fate. A closed port refuses a packet that was
#: delivered; a UDP receiver that keeps silent may have got it.
FATES = {
    "connected": {"delivered"},
    "answered": {"delivered"},
    "reached": {"delivered"},
    "ECONNREFUSED": {"delivered", "rejected"},
    "refused": {"delivered", "rejected"},
    "timeout": {"dropped", "unreachable"},
    "ENETUNREACH": {"unreachable", "rejected"},
    "silent": {"dropped", "unreachable", "delivered", "rejected"},
    "dropped": {"dropped", "unreachable"},
    "unreachable": {"unreachable"},
}


@pytest.fixture(scope="module", params=HOSTS)
def case(request: pytest.FixtureRequest) -> tuple[str, PreparedHost]:
    name: str = request.param
    return name, prepare(read_capture(CASES / name / "host"))


def _flows(case: str) -> list[dict[str, Any]]:
    flows: list[dict[str, Any]] = json.loads((CASES / case / "flows.json").read_text())
    # a question to the container's own resolver was traced in a namespace that is not captured
    return [flow for flow in flows if flow["proto"] != "dns"]


def test_every_flow_meets_the_rules_that_the_kernel_traced(
    case: tuple[str, PreparedHost], count: Callable[[str], None]
) -> None:
    """Each flow's first packet meets exactly the traced rules, in order, with their verdicts."""
    name, host = case
    numbers = rule_numbers((CASES / name / "host" / "nft-ruleset.json").read_text())
    wrong = []
    flows = _flows(name)
    for flow in flows:
        found = path(host, *question(flow))
        kernel, ours = traced(flow, numbers), predicted(found, legs=1)
        if kernel != ours or found.verdict == "undecided":
            wrong.append(f"{flow['name']}:\n  kernel {kernel}\n  netui  {ours} {found.undecided}")
    count(f"{name}: {len(flows) - len(wrong)} of {len(flows)} flows agree with the kernel's trace")
    assert not wrong, "\n".join(wrong)


def test_every_verdict_fits_what_the_sender_saw(case: tuple[str, PreparedHost]) -> None:
    """Each verdict is one that the sender's outcome allows, which hangs on the answer, too."""
    name, host = case
    wrong = []
    for flow in _flows(name):
        found = path(host, *question(flow), reply=True)
        if found.verdict not in FATES[flow["outcome"]]:
            wrong.append(f"{flow['name']}: sender saw {flow['outcome']}, netui says {found.verdict}: {found.reason}")
    assert not wrong, "\n".join(wrong)
