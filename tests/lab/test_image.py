"""netui's image, built and run on a real engine: the same answers as outside, and what is missing without each flag."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from .cache import LabUnavailable
from .conftest import unavailable
from .hosts import Host, blog_host
from .image import MADE, build
from .terminal import NETUI, ROOT, Terminal

pytestmark = [pytest.mark.lab, pytest.mark.long]

#: The README's flags, each of which the lab's tests leave out once.
FLAGS = {
    "--network": ("--network", "host"),
    "--pid": ("--pid", "host"),
    "NET_ADMIN": ("--cap-add", "NET_ADMIN"),
    "SYS_PTRACE": ("--cap-add", "SYS_PTRACE"),
    "docker.sock": ("-v", "{socket}:/var/run/docker.sock:ro"),
}


@pytest.fixture(scope="module")
def host(lab: None) -> Iterator[Host]:
    """The blog post's host, with the image built on its engine."""
    try:
        with blog_host("28.5") as host:
            build(host)
            yield host
    except LabUnavailable as reason:
        unavailable(str(reason))


def command(host: Host, *arguments: str, without: str = "", more: tuple[str, ...] = ()) -> list[str]:
    """The README's command, or the same without one of its flags."""
    flags = [
        word.format(socket=host.engine.socket) for name, words in FLAGS.items() if name != without for word in words
    ]
    docker = str(host.engine.bin / "docker")
    return [docker, "run", "--rm", *more, "--cap-drop", "ALL", "--read-only", *flags, MADE, *arguments]


def run(host: Host, argv: list[str]) -> tuple[int, str, str]:
    """Run a command on the host; its status, stdout and stderr."""
    inside = ["nsenter", f"--net={host.namespace.path}", *argv]
    environment = host.engine.environment() | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(inside, env=environment, cwd="/", check=False, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


REPORTS = [
    ("doctor",),
    ("exposed",),
    ("exposed", "--host"),
    ("explain",),
    ("path", "outside", "host:443"),
    ("path", "outside", "blog:8080"),
    ("path", "blog", "host:80", "--reply"),
    ("path", "host", "127.0.0.1:80", "--json"),
]


@pytest.mark.parametrize("report", REPORTS, ids=" ".join)
def test_inside_it_says_what_it_says_outside(host: Host, report: tuple[str, ...]) -> None:
    """With the README's flags: status, stdout and stderr of each report are the same."""
    outside = run(host, [*NETUI, *report])
    assert outside[1]
    assert run(host, command(host, *report)) == outside


SAID = [
    pytest.param("--network", ("exposed",), 3, "start it with --network host", id="network"),
    pytest.param("--pid", ("doctor",), 0, "start it with --pid host", id="pid"),
    pytest.param("NET_ADMIN", ("exposed",), 3, "with --cap-add NET_ADMIN", id="NET_ADMIN"),
    pytest.param("docker.sock", ("exposed",), 3, "start it with -v /var/run/docker.sock", id="socket"),
]


@pytest.mark.parametrize(("without", "report", "status", "said"), SAID)
def test_a_report_names_the_flag_that_is_missing(
    host: Host, without: str, report: tuple[str, ...], status: int, said: str
) -> None:
    """In a line, and nothing that the missing part would decide is decided."""
    code, output, errors = run(host, command(host, *report, without=without))
    assert code == status
    assert said in output + errors


@pytest.mark.parametrize("without", FLAGS)
def test_the_screen_names_the_flag_that_is_missing(host: Host, without: str) -> None:
    """Beside the source that misses it, among the host's details."""
    wanted = {
        "docker.sock": "start it with -v /var/run/docker.sock",
        "--network": "--network host",
        "--pid": "--pid host",
    }
    environment = host.engine.environment()
    argv = command(host, without=without, more=("-it", "-e", "TERM", "-e", "COLORTERM"))
    with Terminal(argv, place=host.namespace.path, environment=environment, width=230, height=70) as terminal:
        terminal.wait(wanted.get(without, f"--cap-add {without}"), timeout=30)
        terminal.keys("q")
        assert terminal.wait_ended(timeout=20) == 0


def test_with_all_flags_the_screen_asks_for_none(host: Host) -> None:
    """Containers, rules and programs are there, no flag is named, and q ends container and program."""
    argv = command(host, more=("-it", "-e", "TERM", "-e", "COLORTERM"))
    with Terminal(
        argv, place=host.namespace.path, environment=host.engine.environment(), width=230, height=70
    ) as terminal:
        text = terminal.wait(
            lambda text: "openresty" in text and "to:openresty:443" in text and "live" in text, timeout=30
        )
        assert "--cap-add" not in text and "--pid" not in text and "--network host" not in text
        terminal.keys("q")
        assert terminal.wait_ended(timeout=20) == 0
    assert MADE not in {
        tag.partition(":")[0] for each in host.engine.client.containers.list() for tag in each.image.tags
    }


def test_as_another_user_it_reads_a_capture(host: Host) -> None:
    """No root inside, no flag: the answer of a capture, as outside."""
    capture = host.engine.state / "ufw.tar.gz"
    shutil.copy(ROOT / "docs/captures/ufw.tar.gz", capture)
    capture.chmod(0o644)
    report = ("path", "outside", "host:8080", "--replay")
    outside = run(host, [*NETUI, *report, str(capture)])
    flags = ("--user", "65534", "--network", "none", "--read-only", "-v", f"{capture}:/capture.tar.gz:ro")
    docker = [str(host.engine.bin / "docker"), "run", "--rm", *flags, MADE, *report, "/capture.tar.gz"]
    assert "DELIVERED to web" in outside[1]
    assert run(host, docker) == outside


def test_it_is_small_and_has_no_shell(host: Host) -> None:
    """Nothing that somebody who gets in could run but what netui runs itself; less than 130 MB."""
    assert host.engine.client.images.get(MADE).attrs["Size"] < 130_000_000
    for program in ("/bin/sh", "/bin/bash", "/usr/bin/perl", "/usr/bin/dpkg", "/usr/bin/apt-get"):
        docker = [str(host.engine.bin / "docker"), "run", "--rm", "--entrypoint", program, MADE]
        status, _, errors = run(host, docker)
        assert status == 127 and "no such file" in errors
