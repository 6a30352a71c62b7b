"""The table of outputs: whole, permitted, and read the same live, from a capture and from a recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from netui.model import SOURCES
from netui.sources import permits
from netui.sources.capture import read_capture
from netui.sources.live import LiveHost, read_live
from netui.sources.outputs import BUILD, GROUPS, OUTPUTS, RULESET_SOURCES, of_source
from netui.sources.record import record

from .fake_machine import CaptureMachine


def test_every_source_is_read_in_one_group() -> None:
    """No source is forgotten, and none is read twice."""
    grouped = [source for group in GROUPS.values() for source in group.sources]
    assert sorted(grouped) == sorted(SOURCES)


def test_every_output_has_a_file_of_its_own_and_a_permit() -> None:
    """What netui runs for it is on the list, with the same module before it."""
    assert len({output.file for output in OUTPUTS}) == len(OUTPUTS)
    for output in OUTPUTS:
        if output.arguments:
            permit = permits.permit(output.arguments)
            assert output.source in RULESET_SOURCES or permit.module == output.module, output.file
            assert output.without == "" or output.module


def test_every_text_that_is_a_whole_source_says_how_it_is_read() -> None:
    """A source is one text with its field and parser, or built by family, or has a reader of its own."""
    own = {"docker", "nft", "listening", *RULESET_SOURCES}
    for source in SOURCES:
        outputs = of_source(source)
        if source in BUILD:
            assert [output.family for output in outputs] == ["ip", "ip6"]
        elif source not in own:
            assert len(outputs) == 1
            assert outputs[0].field
            assert outputs[0].parse is not None


def test_a_live_reading_is_that_of_the_capture(host: Path) -> None:
    """The same outputs, asked for live and read from files, make the same snapshot."""
    live, captured = read_live({}, CaptureMachine(host)), read_capture(host)
    assert live.interfaces == captured.interfaces
    assert live.routes == captured.routes
    if all((host / output.file).exists() for output in of_source("rule")):
        assert live.policy_rules == captured.policy_rules
    assert live.ipsets == captured.ipsets
    assert live.sysctls == {key: " ".join(value.split()) for key, value in (captured.sysctls or {}).items()}
    for key, ruleset in captured.rulesets.items():
        if ruleset.tables:
            # sets are compared by identity
            assert repr(live.rulesets[key].tables) == repr(ruleset.tables), key
            assert live.counters[key] == captured.counters[key]


def test_a_second_reading_lists_the_whole_ruleset_no_more(host: Path) -> None:
    """Where nothing changed, native tables alone are listed, and the rules are the same objects."""
    if not (host / "nft-ruleset.json").exists():
        pytest.skip("nft's listing is not in this capture")
    machine = CaptureMachine(host)
    reader = LiveHost({}, machine=machine)
    first = reader.read_rules()
    machine.asked.clear()
    second = reader.read_rules()
    assert ("nft", "-j", "list", "ruleset") not in machine.asked
    rules = [parts["nft"].values["native"].rules for parts in (first, second)]
    assert {key: id(pair[0]) for key, pair in rules[0].items()} == {key: id(pair[0]) for key, pair in rules[1].items()}


def test_what_is_recorded_is_what_was_printed(host: Path, tmp_path: Path) -> None:
    """A capture of a captured machine has the same files, byte for byte, as far as it was asked for them."""
    missing: list[str] = []
    path = record(tmp_path / "again", say=missing.append, machine=CaptureMachine(host))
    for output in OUTPUTS:
        if output.arguments and (host / output.file).exists() and (path / output.file).exists():
            written = (path / output.file).read_bytes()
            assert written in (b"", (host / output.file).read_bytes()), output.file
    assert (path / "ip-route.json").exists()
