"""What bad input gets in the real program: one clear line or a calm screen, never a traceback."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .capture import write_capture
from .hosts import Host, serve
from .screen import Screen, has
from .terminal import NETUI, ROOT, Terminal

# What netui's own driver sends, and what a name must never become.
_OWN = re.compile(
    rb"\x1b\[[0-9;:]*m|\x1b\[\d+(?:;\d+)?H|\x1b\[\??[0-9;]*[hlu$pcnJKrtA-G]|\x1b\[[<>=][0-9;]*u|\x1b\][0-9]+;[^\x07\x1b]*(?:\x07|\x1b\\)"
    rb"|\x1b\[\?[0-9;]*\$p|\x1b\[>[0-9]*q|\x1bP\+q[0-9a-f;]*\x1b\\|\x1b[=>78]|\x1b_G[^\x1b]*\x1b\\|\x1b\[[0-9 ]*q"
)


def calm(raw: bytes) -> None:
    """No traceback, and no control sequence but those that the screen itself is made of."""
    assert b"Traceback" not in raw
    assert b"owned\x07" not in raw
    left = _OWN.sub(b"", raw)
    found = re.search(rb"[^\n]{0,40}\x1b[^\n]{0,40}", left)
    assert found is None, found
    text = left.decode("utf-8", "replace")
    strange = {letter for letter in text if ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0} - set("\r\n\x0f\x08\t")
    assert not strange
    assert not re.search("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]", text)


def reads(screen: Screen, *words: str) -> str:
    """Wait for these words, check that all is calm, and leave by q; the screen."""
    shows = has(*words)
    # The last row is painted last: a screen may be looked at in the middle of its first frame.
    text = screen.wait(lambda text: shows(text) and text.split("\n")[-2].strip())
    screen.keys("q")
    assert screen.wait_ended(3) == 0
    calm(screen.raw())
    return text


@pytest.fixture
def host(blog_hosts: Callable[[str], Host]) -> Host:
    """One host that these tests leave as it is."""
    return blog_hosts("20.10-nft")


def test_no_docker_socket(host: Host) -> None:
    """The rules are shown all the same, and the screen says what is missing."""
    with Screen.on(host, environment={"DOCKER_HOST": "unix:///nowhere/docker.sock"}, width=170) as screen:
        text = reads(screen, "DNAT", "no Docker", "/nowhere/docker.sock")
        assert "172.18.0.3:443" in text


def test_a_docker_host_that_is_none(host: Host) -> None:
    """A DOCKER_HOST that cannot be one is a line on the screen."""
    with Screen.on(host, environment={"DOCKER_HOST": "what://ever"}) as screen:
        reads(screen, "DNAT", "no Docker", "what://ever")


def test_the_daemon_is_stopped(host: Host, tmp_path: Path) -> None:
    """A socket that nobody answers: said, with what to do; the rules are shown."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
    with Screen.on(host, environment={"DOCKER_HOST": f"unix://{path}"}, width=170) as screen:
        text = reads(screen, "DNAT", "no Docker")
        assert re.search(r"docker +✗ .*(refused|running|daemon)", text)


# It may read every file, so that a checkout below /root will do, and nothing else.
NOBODY = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all,+dac_read_search"),
    *("--ambient-caps=-all,+dac_read_search", "--bounding-set=-all,+dac_read_search"),
)


def test_not_root(host: Host) -> None:
    """Neither rules nor socket: each said with what to do; what can be read is shown."""
    environment = host.engine.environment() | {"PYTHONPATH": str(ROOT), "HOME": "/nonexistent"}
    with Screen([*NOBODY, *NETUI], place=host.namespace.path, environment=environment, width=170, height=60) as screen:
        text = reads(screen, "no Docker", "no rules", "address")
        assert re.search(r"docker +✗ .*(permission|group docker|root)", text)
        assert re.search(r"iptables-nft +✗ .*root", text)
        assert re.search(r"address +✓", text)


def test_iptables_is_missing(host: Host) -> None:
    """No iptables on the machine: said by name; networks and containers are shown."""
    hidden = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /usr/sbin && exec "$@"', "sh")
    environment = host.engine.environment() | {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/usr/sbin"}
    with Screen([*hidden, *NETUI], place=host.namespace.path, environment=environment, width=170, height=60) as screen:
        text = reads(screen, "openresty", "no rules")
        assert re.search(r"iptables-nft +✗ .*iptables", text)


@pytest.mark.parametrize("term", ["", "dumb", "unknown"])
def test_a_terminal_of_no_kind(host: Host, term: str) -> None:
    """One line that names TERM, and exit status 2."""
    with Terminal.on(host, term=term) as terminal:
        refused(terminal, "TERM")


def refused(terminal: Terminal, *words: str, timeout: float = 10) -> None:
    """The program ends with status 2 and one line that holds these words."""
    assert terminal.wait_ended(timeout) == 2
    # what it wrote last may come after its end
    terminal.wait_for(lambda: b"\n" in terminal.raw(), "a line", timeout)
    said = [line for line in terminal.raw().decode().splitlines() if line.strip()]
    assert len(said) == 1, said
    assert said[0].startswith("netui: ")
    assert all(word in said[0] for word in words), said
    calm(terminal.raw())


def test_no_terminal(host: Host) -> None:
    """Output into a pipe: one line that says what to do, and exit status 2."""
    environment = host.engine.environment() | {"PYTHONPATH": str(ROOT)}
    for arguments in ([], ["--demo"]):
        done = subprocess.run(
            [*NETUI, *arguments], check=False, capture_output=True, env=environment, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 2
        assert done.stdout == b""
        assert done.stderr.count(b"\n") == 1
        assert b"needs a terminal" in done.stderr


def test_an_unknown_terminal_works(host: Host) -> None:
    """A TERM that no database knows shows the screen."""
    with Screen.on(host, term="xyzzy-42") as screen:
        reads(screen, "openresty", "DNAT")


@pytest.mark.parametrize(("width", "height"), [(20, 5), (80, 24), (9, 3)])
def test_a_small_terminal(host: Host, width: int, height: int) -> None:
    """Every pane and the help can be walked through; making it larger shows all again."""
    with Screen.on(host, width=width, height=height) as screen:
        screen.wait("netui")
        screen.keys("1", "j", "Tab", "j", "z", "j", "Tab", "j", "e", "e", "3", "1", "_")
        screen.resize(150, 40)
        reads(screen, "openresty", "DNAT", "live")


def test_no_colour(host: Host) -> None:
    """NO_COLOR: no colour at all is sent, and the cursor can still be seen."""
    with Screen.on(host, environment={"NO_COLOR": "1"}) as screen:
        screen.wait(has("openresty", "DNAT"))
        screen.keys("j", "j", "Tab", "j", "3", "t")
        screen.wait("▏")
        codes = {code for sgr in re.findall(rb"\x1b\[([0-9;]*)m", screen.raw()) for code in sgr.split(b";")}
        assert codes <= {b"", b"0", b"1", b"2", b"3", b"4", b"7", b"9", b"22", b"24", b"27", b"39", b"49"}
        assert b"7" in codes
        reads(screen, "openresty")


@pytest.mark.parametrize(
    "setting", [{"TERM": "linux"}, {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_ascii(host: Host, setting: dict[str, str]) -> None:
    """The Linux console and a locale without UTF-8 get ASCII alone."""
    term = setting.get("TERM", "xterm-256color")
    with Screen.on(host, environment=setting, term=term) as screen:
        screen.wait(has("openresty", "DNAT"))
        screen.keys("2", "j", "3", "?")
        screen.wait("Esc closes")
        screen.keys("Escape")
        screen.wait(lambda text: "Esc closes" not in text)
        reads(screen, "openresty")
        assert screen.raw().isascii()


# ---- replays ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def capture(blog_hosts: Callable[[str], Host], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good capture of that host."""
    return write_capture(blog_hosts("20.10-nft"), tmp_path_factory.mktemp("capture") / "host")


def copy(capture: Path, tmp_path: Path) -> Path:
    """A copy of the capture, to be broken."""
    return Path(shutil.copytree(capture, tmp_path / "host"))


def test_replay_of_nothing(tmp_path: Path) -> None:
    """A path that is missing, an empty folder, a file that is no archive: one line, exit status 2."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.tar.gz").write_text("no archive")
    for name in ("missing", "empty", "text.tar.gz"):
        with Terminal([*NETUI, "--replay", str(tmp_path / name)]) as terminal:
            refused(terminal, str(tmp_path)[:20])


def test_replay_of_truncated_files(capture: Path, tmp_path: Path) -> None:
    """Every file cut in half: what can be read is shown, the rest is said."""
    folder = copy(capture, tmp_path)
    for path in folder.rglob("*.*"):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
    with Screen([*NETUI, "--replay", str(folder)]) as screen:
        reads(screen, "REPLAY", "✗")


def test_replay_that_is_not_json(capture: Path, tmp_path: Path) -> None:
    """JSON files with something else in them: said by name; the rules are shown."""
    folder = copy(capture, tmp_path)
    # nft's text would tell the rules, in nft's words
    (folder / "nft-ruleset.txt").unlink(missing_ok=True)
    for number, path in enumerate(folder.glob("*.json")):
        path.write_bytes((b"not json", b"[1, 2, {]", b"\xff\xfe\x00\x1b[31m", b"[[[[" * 5000, b"42")[number % 5])
    with Screen([*NETUI, "--replay", str(folder)]) as screen:
        reads(screen, "REPLAY", "DNAT", "✗")


def test_replay_of_a_newer_version(capture: Path, tmp_path: Path) -> None:
    """Files and fields of a version to come are passed over."""
    folder = copy(capture, tmp_path)
    (folder / "meta.json").write_text(
        json.dumps({"hostname": "later", "time": "2031-01-01T00:00:00+00:00", "netui": "99.1"})
    )
    (folder / "hologram.bin").write_bytes(b"\0" * 100)
    rules = folder / "iptables-nft-save.txt"
    rules.write_text(
        rules.read_text() + "*quantum\n:FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -m qubit --spin up -j TELEPORT\nCOMMIT\n"
    )
    with Screen([*NETUI, "--replay", str(folder)]) as screen:
        reads(screen, "REPLAY", "later", "DNAT")


@pytest.mark.parametrize(
    ("name", "missing", "shown"),
    [
        ("iptables-nft-save.txt", "nft-ruleset.json", False), ("docker-containers.json", "", True),
        # nft tells iptables' own tables, too
        ("iptables-nft-save.txt", "", True), ("sysctl.txt", "", True),
    ],
)  # fmt: skip
def test_replay_of_one_huge_line(capture: Path, tmp_path: Path, name: str, missing: str, shown: bool) -> None:
    """100 MB in one line: said by name, and the rest is shown; never a hang."""
    folder = copy(capture, tmp_path)
    if missing:
        (folder / missing).unlink()
    with (folder / name).open("w") as huge:
        for _ in range(100):
            huge.write("x" * 1_000_000)
    with Screen([*NETUI, "--replay", str(folder)]) as screen:
        text = reads(screen, "REPLAY", "not read", name)
        assert ("DNAT" in text) == shown


# ---- names -----------------------------------------------------------------------------------

EVIL = "\x1b]0;owned\x07[red]tag[/red] \x1b[2J\u202eabc\u200b \x9b31m\r\nnext \x00"[:-1]


def test_names_and_comments_of_any_kind(own_host: Callable[..., Host]) -> None:
    """Markup, escapes, newlines, bidi and 10,000 letters in labels, options and comments stay text."""
    host = own_host("20.10-nft")
    client = host.engine.client
    label = {"com.docker.compose.project": EVIL, "com.docker.compose.service": "s" * 10_000, EVIL: "b" * 10_000}
    client.networks.create("labelled", labels=label, options={"com.example." + "o" * 10_000: EVIL, "x[bold]": "y"})
    host.container("evil", serve([81]), networks={"labelled": {"aliases": [EVIL, "a" * 10_000]}}, labels=label)
    for comment in (EVIL.replace("\n", " ").replace("\r", ""), "[blink]$(id)`id`\"'\\", "c" * 250, "\u202eevil\u2066"):
        host.engine.tool("iptables", "-I", "DOCKER-USER", "-m", "comment", "--comment", comment, "-j", "RETURN")
    with Screen.on(host, width=170, height=60) as screen:
        screen.wait(has("evil", "labelled", "live"))
        screen.focus("2")
        screen.keys("C", "C", "C")
        screen.select("● evil")
        # with its first flow open the title has the verdict
        screen.wait(lambda text: "Container evil" in text or "evil — " in text)
        screen.focus("3")
        screen.keys("G", "g")
        screen.select("labelled")
        screen.wait("Network labelled")
        screen.focus("3")
        screen.keys("G", "g")
        _walk_to_user_rules(screen)
        reads(screen, "[blink]$(id)")


def _walk_to_user_rules(screen: Screen) -> None:
    """Go to DOCKER-USER and through its rules, the details following."""
    screen.keys("o")
    screen.wait("Go to")
    screen.type("docker-user")
    screen.keys("Enter")
    screen.wait("Chain filter DOCKER-USER")
    for _ in range(3):
        screen.keys("j")
    screen.wait("Rule of filter DOCKER-USER")
