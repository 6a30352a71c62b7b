"""One report of several machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from netui.reports import commands as reports
from netui.reports.several import Machine, several
from netui.sources.capture.reader import read_capture
from netui.traversal import prepare

CASE = Path(__file__).parents[1] / "cases" / "engine-20.10" / "host"


@pytest.mark.parametrize("name", ["exposed", "doctor"])
def test_each_row_names_its_machine_and_a_silent_one_is_a_line(name: str) -> None:
    """Rows as in the report of one machine, in the order given; what is not known stands with its machine's name."""
    report = getattr(reports, name)(prepare(read_capture(CASE)))
    joined = several(name, [Machine("a", report), Machine("b\x1b[31m", error="no\x1broute"), Machine("c", report)])
    lines = joined.text.splitlines()
    assert lines[0].split()[0] == "HOST"
    assert [line.split()[0] for line in lines[1 : 1 + 2 * len(report.rows)]] == ["a"] * len(report.rows) + ["c"] * len(
        report.rows
    )
    assert lines[-1] == "b\\x1b[31m: not read: no\\x1broute"
    assert "\x1b" not in joined.text
    assert joined.document["hosts"][0] == {"host": "a", **report.document}
    assert joined.document["hosts"][1] == {"host": "b\x1b[31m", "error": "no\x1broute"}
    assert joined.status == 2


def test_where_there_is_nothing_that_is_said() -> None:
    """No table without rows; no machine read is no "nothing is wrong"."""
    empty = reports.Report("", {}, 0)
    assert several("doctor", [Machine("a", empty)]).text == "Nothing is wrong that netui can see."
    assert several("doctor", [Machine("a", error="gone")]).text == "a: not read: gone"
