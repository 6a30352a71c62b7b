"""What the fuzzer once caught: each shrunk case still gives the rules that the kernel traced."""

from __future__ import annotations

import json
from pathlib import Path as FilePath

import pytest

from netui.sources.capture.reader import read_capture
from netui.traversal import path, prepare
from tests.traversal.kernel import Line, kind, predicted, rule_numbers, traced

FOLDERS = sorted((FilePath(__file__).parent / "regressions").glob("*/flows.json"))


@pytest.mark.parametrize("file", FOLDERS, ids=lambda file: file.parent.name)
def test_shrunk_case_agrees_with_the_kernel(file: FilePath) -> None:
    """The packet meets exactly the traced rules under the few rules that once fooled netui."""
    host = prepare(read_capture(file.parent / "host"))
    numbers = rule_numbers((file.parent / "host" / "nft-ruleset.json").read_text())
    for flow in json.loads(file.read_text()):
        address = f"[{flow['dst']}]" if ":" in flow["dst"] else flow["dst"]
        echo = flow["proto"] == "icmp"
        destination = f"{address}/icmp" if echo else f"{address}:{flow['port']}/{flow['proto']}"
        found = path(host, flow["src"], destination, sport=None if echo else flow["sport"])
        kernel: list[Line] = traced(flow, numbers)
        for line in flow.get("legacy", ()):
            place = (line["family"], line["table"], line["chain"])
            if line["rule"] is not None:
                kernel.append((*place, line["rule"], kind(line["verdict"])))
            elif line["verdict"] == "policy drop":
                kernel.append((*place, None, "drop"))
        assert predicted(found, legs=1) == kernel
        assert not found.undecided
