"""Every cell of `netui exposed` against a real connection: from outside, the LAN, the host and each network."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lab.cells import compare_cells

from .conftest import Hosts
from .engines import KINDS


def test_every_cell_of_the_blog_host(engine_kind: str, blog_hosts: Hosts, count: Callable[[str], None]) -> None:
    """The blog post's host on each engine: every cell is what a connection sees."""
    compare_cells(blog_hosts(engine_kind), count, f"blog host {engine_kind}")


@pytest.mark.parametrize("kind", KINDS)
def test_every_cell_of_the_wide_host(kind: str, wide_hosts: Hosts, count: Callable[[str], None]) -> None:
    """The judge's host on each engine: every cell is what a connection sees."""
    compare_cells(wide_hosts(kind), count, f"wide host {kind}")
