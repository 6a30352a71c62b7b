"""Fixtures: hosts of the lab, brought up once a session, each taken down whatever happens."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .cache import LabUnavailable, ensure, ensure_tools
from .engines import KINDS, Options
from .hosts import Host, blog_host
from .namespaces import raise_on_sigterm
from .roots import engine_root
from .wide import wide_host

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs the lab; of several engines the newest and iptables-legacy's come first.

    A test that runs on several kinds of engine is long on the others.
    """
    kinds: dict[tuple[Path, str], set[str]] = defaultdict(set)
    engines: list[tuple[pytest.Function, str]] = []
    for item in items:
        if HERE not in item.path.parents:
            continue
        item.add_marker(pytest.mark.lab)
        if isinstance(item, pytest.Function) and (kind := _kind(item)) and not item.get_closest_marker("long"):
            engines.append((item, kind))
            kinds[item.path, item.originalname].add(kind)
    for item, kind in engines:
        if kind not in ("20.10-legacy", max(kinds[item.path, item.originalname], key=KINDS.index)):
            item.add_marker(pytest.mark.long)


def _kind(item: pytest.Function) -> str:
    """The kind of engine that a test is given, "" where it is given none."""
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return next((value for value in values if isinstance(value, str) and value in KINDS), "")


@pytest.fixture(scope="session")
def lab() -> Iterator[None]:
    """The lab's tools are there; else a skip with the reason, or a failure where CI is set."""
    try:
        ensure_tools()
    except LabUnavailable as reason:
        unavailable(str(reason))
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)
    raise_on_sigterm()
    yield
    signal.signal(signal.SIGTERM, before[0])
    signal.signal(signal.SIGHUP, before[1])


def unavailable(reason: str) -> None:
    """Skip, but never silently where the lab is what is tested."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"the lab cannot run: {reason}")
    pytest.skip(f"the lab cannot run: {reason}")


class Hosts:
    """Hosts by kind, made when first asked for."""

    def __init__(self, make: Callable[[str], Host]) -> None:
        self._make = make
        self._hosts: dict[str, Host] = {}

    def __call__(self, kind: str) -> Host:
        if kind not in self._hosts:
            try:
                engine_root(kind.partition("-")[0])
            except LabUnavailable as reason:
                unavailable(str(reason))
            self._hosts[kind] = self._make(kind)
        return self._hosts[kind]

    def close(self) -> None:
        """Take all down."""
        for host in self._hosts.values():
            host.close()


@pytest.fixture(scope="session")
def blog_hosts(lab: None) -> Iterator[Hosts]:
    """Gives the blog post's host on an engine kind: `blog_hosts("28.5")`. Tests leave it as it is."""
    hosts = Hosts(blog_host)
    yield hosts
    hosts.close()


@pytest.fixture(scope="session")
def wide_hosts(lab: None) -> Iterator[Hosts]:
    """Gives the judge's host on an engine kind. Tests leave it as it is."""
    hosts = Hosts(lambda kind: wide_host(kind, Options(ip6tables=True)))
    yield hosts
    hosts.close()


@pytest.fixture(scope="session", params=KINDS)
def engine_kind(request: pytest.FixtureRequest) -> str:
    """Each engine kind in turn."""
    return str(request.param)


@pytest.fixture
def any_blog_host(engine_kind: str, blog_hosts: Hosts) -> Host:
    """The blog post's host on each engine kind in turn."""
    return blog_hosts(engine_kind)


@pytest.fixture
def own_host(lab: None) -> Iterator[Callable[..., Host]]:
    """Makes a blog host that the test may change or break; taken down after it."""
    made: list[Host] = []

    def make(kind: str, options: Options | None = None) -> Host:
        made.append(blog_host(kind, options))
        return made[-1]

    yield make
    for host in made:
        host.close()


@pytest.fixture(scope="module")
def real_ufw(lab: None) -> None:
    """ufw's package; without it a skip with the reason, or a failure where CI is set."""
    try:
        ensure({"ufw": "ufw"})
    except LabUnavailable as reason:
        unavailable(str(reason))
