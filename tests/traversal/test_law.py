"""The law: with less knowledge a verdict may become undecided; it never becomes another verdict.

Each recorded host loses its sources one at a time and in pairs, missing or damaged, and all flows, the exposed
ports and the doctor are asked again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netui.reports.commands import Report, doctor, egress, exposed, exposed_host
from netui.sources.capture.reader import read_capture
from netui.traversal import PreparedHost, path, prepare
from netui.traversal.question.endpoints import EndpointError
from tests.traversal.kernel import CASES
from tests.traversal.recorded import HOSTS, question

#: What no verdict hangs on.
WITHOUT_WEIGHT = {"meta.json"}
Asked = tuple[str, str]


def flows(case: str, every: int = 1) -> list[Asked]:
    """The case's flows as questions, each ``every``-th."""
    kept = [flow for flow in json.loads((CASES / case / "flows.json").read_text()) if flow["proto"] != "dns"]
    return [question(flow) for flow in kept][::every]


def verdict(host: PreparedHost, asked: Asked, *, reply: bool = False) -> tuple[str, object, str]:
    """What becomes of it: verdict, receiver, and all that is said; "error" where it cannot be asked."""
    try:
        found = path(host, *asked, reply=reply)
    except EndpointError as error:
        return "error", None, str(error)
    to = found.delivered_to
    said = " ".join([found.reason, *found.notes, *(item.reason for item in found.undecided)])
    return found.verdict, None if to is None else (to.kind, to.name), said


@pytest.fixture(scope="module", params=HOSTS)
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def files(case: str) -> list[str]:
    """What can be taken away from a case: its files, and folders as a whole."""
    return sorted(entry.name for entry in (CASES / case / "host").iterdir() if entry.name not in WITHOUT_WEIGHT)


def removed(place: FilePath) -> None:
    shutil.rmtree(place) if place.is_dir() else place.unlink()


def cut(place: FilePath) -> None:
    """Cut a file off in its middle, as an interrupted copy is."""
    for file in [place] if place.is_file() else sorted(place.iterdir()):
        data = file.read_bytes()
        file.write_bytes(data[: len(data) // 2])


def garbled(place: FilePath) -> None:
    """Put something else in a file's place."""
    for file in [place] if place.is_file() else sorted(place.iterdir()):
        file.write_bytes(b"\x00\xff{]not it\n")


DAMAGES: dict[str, Callable[[FilePath], None]] = {"removed": removed, "cut": cut, "garbled": garbled}
#: Whose half is a whole of its own: a list that ends earlier cannot be told from a short one.
ENDS_ANYWHERE = {"ss.txt", "sysctl.txt", "ipset-save.txt", "listening"}


def damaged(case: str, folder: FilePath, wounds: dict[str, str]) -> PreparedHost:
    """The case with these files damaged."""
    copy = FilePath(shutil.copytree(CASES / case / "host", folder / "host", dirs_exist_ok=True))
    for name, how in wounds.items():
        DAMAGES[how](copy / name)
    return prepare(read_capture(copy))


def broken(case: str, less: PreparedHost, whole: dict[Asked, tuple[str, object, str]], what: str) -> Iterator[str]:
    """What breaks the law."""
    for asked, (was, to, _said) in whole.items():
        now, now_to, said = verdict(less, asked)
        if (now, now_to) == (was, to):
            continue
        if now in ("undecided", "error") and any(word in said for word in ("not read", "not known", "cannot tell")):
            continue
        yield f"{case} without {what}: {asked[0]} → {asked[1]} was {was} {to}, is {now} {now_to}: {said[:160]}"


@pytest.mark.parametrize("how", ["removed", "garbled", "cut"])
def test_no_lost_source_changes_a_verdict(case: str, how: str, tmp_path: FilePath) -> None:
    """Each source in turn is missing, something else, or cut off: all flows end as before, or are undecided."""
    host = prepare(read_capture(CASES / case / "host"))
    whole = {asked: verdict(host, asked) for asked in flows(case, 1 if how == "removed" else 4)}
    wrong: list[str] = []
    for name in files(case):
        if how == "cut" and name in ENDS_ANYWHERE:
            continue
        less = damaged(case, tmp_path / name, {name: how})
        wrong += broken(case, less, whole, f"{name} ({how})")
    assert not wrong, "\n".join(wrong[:20])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_two_lost_sources_change_a_verdict(case: str, data: st.DataObject, tmp_path: FilePath) -> None:
    """Any two sources at once."""
    names = data.draw(st.lists(st.sampled_from(files(case)), min_size=2, max_size=2, unique=True))
    wounds = {name: data.draw(st.sampled_from(["removed", "garbled"])) for name in names}
    host = prepare(read_capture(CASES / case / "host"))
    chosen = data.draw(st.lists(st.sampled_from(flows(case)), min_size=12, max_size=12))
    whole = {asked: verdict(host, asked) for asked in chosen}
    folder = tmp_path / "-".join(f"{name}.{how}" for name, how in wounds.items())
    wrong = list(broken(case, damaged(case, folder, wounds), whole, str(wounds)))
    shutil.rmtree(folder, ignore_errors=True)
    assert not wrong, "\n".join(wrong)


States = dict[tuple[object, ...], set[str]]


def container_cells(document: dict[str, Any]) -> States:
    """The states of each container's port by place and family."""
    found: States = {}
    for row in document["ports"]:
        for cell in row["from"]:
            key = (row["container"], row["port"], row["protocol"], cell["where"], cell["name"], cell["family"])
            found.setdefault(key, set()).add(cell["state"])
    return found


def host_cells(document: dict[str, Any]) -> States:
    """The states of the host's ports below 10,000 by place and family."""
    found: States = {}
    for row in document["host_ports"]:
        for low, high in row["ports"]:
            for cell in row["from"]:
                for port in range(low, min(high, 9_999) + 1):
                    key = (port, row["protocol"], cell["where"], cell["name"], cell["family"])
                    found.setdefault(key, set()).add(cell["state"])
    return found


@pytest.mark.parametrize(
    ("report", "cells", "unknown"),
    [(exposed, container_cells, ("unknown", "unlisted")), (exposed_host, host_cells, ("unknown",))],
    ids=["containers", "host"],
)
def test_no_lost_source_opens_or_closes_a_cell(
    case: str,
    report: Callable[[PreparedHost, str], Report],
    cells: Callable[[dict[str, Any]], States],
    unknown: tuple[str, ...],
    tmp_path: FilePath,
) -> None:
    """Of each cell: open stays open or is unknown, and what something refused or stopped is not open.

    ``--fail-on world`` ends with 1 as before, or with 3; never with 0.
    Whether something listens is told beside a cell, so that one that refused may be open where that was not read.
    """
    before = report(prepare(read_capture(CASES / case / "host")), "world")
    whole = cells(before.document)
    wrong: list[str] = []
    assert before.status in (1, 3)
    for name in files(case):
        less = report(damaged(case, tmp_path / name, {name: "removed"}), "world")
        now = cells(less.document)
        if less.status not in (before.status, 3):
            wrong.append(f"without {name}: status {less.status}: {less.text[:200]}")
        said = any(less.document.get(key) for key in unknown)
        for key, states in whole.items():
            if "open" in states and not said and not now.get(key, set()) & {"open", "undecided"}:
                wrong.append(f"without {name}: {key} was {states}, is {now.get(key)}")
        for key, states in now.items():
            if "open" in states and not whole.get(key, set()) & {"open", "refused", "undecided"}:
                wrong.append(f"without {name}: {key} is {states}, was {whole.get(key)}")
    assert not wrong, "\n".join(wrong[:20])


def test_no_lost_source_changes_a_way_out(case: str, tmp_path: FilePath) -> None:
    """``path SRC outside`` ends as before, or with 3."""
    host = prepare(read_capture(CASES / case / "host"))
    sources = [container.name for container in host.containers if container.running][:4]
    whole = {source: egress(host, source).status for source in sources}
    for name in files(case):
        less = damaged(case, tmp_path / name, {name: "removed"})
        for source, status in whole.items():
            try:
                found = egress(less, source)
            except EndpointError:
                continue
            assert found.status in (status, 3), f"without {name}: {source}: {found.text[:300]}"


def test_the_doctor_with_less_finds_nothing_else(case: str, tmp_path: FilePath) -> None:
    """What was not read is no finding, and a finding that is lost with a source is not lost without a word."""
    whole = doctor(prepare(read_capture(CASES / case / "host"))).document
    kinds = {one["id"] for one in whole["findings"]}
    for name in files(case):
        less = doctor(damaged(case, tmp_path / name, {name: "removed"}))
        now = {one["id"] for one in less.document["findings"]}
        assert not now - kinds, f"without {name}: {now - kinds} is new"
        said = set(less.document["unknown"]) - set(whole["unknown"])
        assert said or now == kinds, f"without {name}: {kinds - now} is lost"
        assert less.status == 1 if now else less.status in (0, 3)
