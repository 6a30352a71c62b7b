"""The command line: the contract's JSON, its exit statuses, and one line for every mistake."""

from __future__ import annotations

import io
import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from netui import __version__, entry
from netui.cli.commands import BadInput, Diff, Exposed, Host, Screen
from netui.cli.parser import read_arguments
from netui.cli.run import main, parse
from tests.traversal.kernel import CASES

HOST = str(CASES / "engine-20.10" / "host")
HOST29 = str(CASES / "engine-29" / "host")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run netui in this process; returns status, stdout, stderr."""
    try:
        status = main(list(arguments))
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_path_prints_the_contracts_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A published port's path has the contract's keys, steps and verdict."""
    status, out, err = run(capsys, "path", "outside:198.51.100.2", "host:8080", "--json", "--replay", HOST)
    found = json.loads(out)
    assert (status, err) == (0, "")
    assert found["verdict"] == "delivered"
    assert found["delivered_to"] == {"kind": "container", "name": "shop", "address": "172.28.0.2", "port": 80}
    assert found["reply"] is None
    assert found["undecided"] == []
    leg = found["legs"][0]
    assert leg["packet"]["src"] == "198.51.100.2"
    assert (leg["packet"]["iif"], leg["packet"]["oif"]) == ("vh", "br-389384f18e21")
    first = leg["steps"][0]
    assert first == {
        "hook": "prerouting",
        "family": "ip",
        "backend": "nft",
        "table": "nat",
        "chain": "PREROUTING",
        "rule": 1,
        "text": "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
        "verdict": "jump DOCKER",
    }
    assert [step["verdict"] for step in leg["steps"] if step["chain"] == "DOCKER"] == ["dnat 172.28.0.2:80", "accept"]


def test_path_in_words_ends_with_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    """The text has a step a line and the verdict last."""
    status, out, _ = run(capsys, "path", "shop", "far:80", "--replay", HOST)
    lines = out.splitlines()
    assert status == 1
    assert lines[-1].startswith("DROPPED: rule 1 of filter DOCKER-ISOLATION-STAGE-2 drops it")
    assert any("jump DOCKER-ISOLATION-STAGE-1" in line for line in lines)


def test_path_with_reply_walks_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """--reply adds the legs of the answer packet."""
    _, out, _ = run(capsys, "path", "outside:198.51.100.2", "host:8080", "--json", "--reply", "--replay", HOST29)
    reply = json.loads(out)["reply"]
    assert reply[0]["packet"]["src"] == "172.30.0.2"
    assert not [step for step in reply[0]["steps"] if step["table"] == "nat"]


def test_a_lost_answer_is_not_delivered(capsys: pytest.CaptureFixture[str]) -> None:
    """The packet arrives and its answer does not: status 0 without --reply, 1 with it, and the drop decides."""
    question = ("path", "nm1", "203.0.113.10:80", "--replay", HOST29)
    assert run(capsys, *question)[0] == 0
    status, out, _ = run(capsys, *question, "--reply")
    assert status == 1
    assert out.splitlines()[-1].startswith("DROPPED: the answer does not come back: rule 15 of raw PREROUTING")
    status, out, _ = run(capsys, *question, "--reply", "--json")
    assert (status, json.loads(out)["verdict"], json.loads(out)["delivered_to"]) == (1, "dropped", None)


def test_the_interface_of_a_packet_from_outside_can_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    """--in names it; of a packet that is not from outside, or an interface that is not there, it is a mistake."""
    asked: tuple[str, ...] = ("path", "outside", "192.0.2.1:8080", "--json", "--replay", HOST29)
    for arguments, interface in ((asked, "lan0"), ((*asked, "--in", "ext0"), "ext0")):
        status, out, _ = run(capsys, *arguments)
        assert (status, json.loads(out)["legs"][0]["packet"]["iif"]) == (0, interface)
    refused: list[tuple[str, ...]] = [
        (*asked, "--in", "wan9"),
        ("path", "nm1", "host:80", "--in", "ext0", "--replay", HOST29),
    ]
    for arguments in refused:
        status, out, err = run(capsys, *arguments)
        assert (status, out, len(err.splitlines())) == (2, "", 1)


def test_batch_answers_every_line_in_order(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that cannot be answered gives an error and the rest goes on; - reads stdin."""
    text = "outside:198.51.100.2 host:8080\nnobody host:1\n\none two three\nshop far:80\n"
    file = tmp_path / "flows"
    file.write_text(text)
    status, out, _ = run(capsys, "path", "--batch", str(file), "--replay", HOST)
    answers = [json.loads(line) for line in out.splitlines()]
    assert status == 2
    assert [answer.get("verdict", "error") for answer in answers] == ["delivered", "error", "error", "dropped"]
    assert "nobody" in answers[1]["error"]
    monkeypatch.setattr("sys.stdin", io.StringIO("shop far:80\n"))
    status, out, _ = run(capsys, "path", "--batch", "-", "--replay", HOST)
    assert (status, json.loads(out)["verdict"]) == (1, "dropped")


STATUSES = [
    (("path", "outside:198.51.100.2", "host:8080"), 0),
    (("path", "shop", "far:80"), 1),
    (("path", "shop", "127.0.0.11:53/udp"), 3),
]


@pytest.mark.parametrize(("arguments", "status"), STATUSES)
def test_exit_status_says_what_became_of_it(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], status: int
) -> None:
    """0 delivered, 1 not delivered, 3 undecided."""
    assert run(capsys, *arguments, "--replay", HOST)[0] == status


MISTAKES = [
    (("path",), "give SRC and DST"),
    (("path", "outside"), "give SRC and DST"),
    (("path", "nobody", "host:80", "--replay", HOST), "no container is called nobody"),
    (("path", "outside", "host:99999", "--replay", HOST), "99999 is no port"),
    (("path", "outside", "host:80", "--replay", "/does/not/exist"), "/does/not/exist"),
    (("path", "--batch", "/does/not/exist", "--replay", HOST), "/does/not/exist"),
    (("path", "--batch", "a\0b", "--replay", HOST), "no file can have this name"),
    (("path", "a", "b", "--batch", "-"), "not both"),
    (("path", "outside", "host:80", "--sender", "1", "--replay", HOST), "the same for all senders"),
    (("path", "outside", "host:80", "--sender", "zero"), "zero"),
    (("exposed", "--fail-on", "listed", "--allow", "everybody"), "everybody"),
    (("frobnicate",), "frobnicate"),
    (("--frobnicate",), "--frobnicate"),
    (("--interval", "zero"), "zero"),
    (("--interval", "-1"), "-1"),
    (("record", "/tmp/x", "--for", "3"), "--for needs --every"),
    ((), "needs a terminal"),
    (("--demo",), "needs a terminal"),
]


@pytest.mark.parametrize(("arguments", "says"), MISTAKES)
def test_a_mistake_is_one_line_on_stderr_and_status_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    """Nothing on stdout, one line on stderr, no traceback."""
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1


UNUSABLE = [
    (lambda path: None, "does not exist; give a folder or .tar.gz of record"),
    (lambda path: path.mkdir(), "is no capture: it holds none of iptables-nft-save.txt"),
    (lambda path: path.write_bytes(b"\x1f\x8bno tar"), "is no .tar.gz, or is cut off; record it again"),
    (lambda path: path.write_text("no rules"), ": line 1 is no output of iptables-save, iptables -S, iptables -L or"),
    (lambda path: path.symlink_to(path.name), "cannot be read: Too many levels of symbolic links"),
]


@pytest.mark.parametrize(("make", "reason"), UNUSABLE)
@pytest.mark.parametrize("depth", [1, 20])
def test_a_long_path_leaves_the_reason_to_be_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, make: Callable[[Path], object], reason: str, depth: int
) -> None:
    """However deep a capture lies, the line ends with what is wrong, behind the end of the path."""
    folder = tmp_path.joinpath(*["a-folder-with-a-long-name"] * depth)
    folder.mkdir(parents=True)
    make(folder / "customer-7.tar.gz")
    status, out, err = run(capsys, "exposed", "--replay", str(folder / "customer-7.tar.gz"))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"/customer-7.tar.gz'{' ' if reason[0] != ':' else ''}{reason}" in err
    assert str(tmp_path)[:20] in err and len(err) < 400


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    """--version and --help deliver on stdout."""
    assert run(capsys, "--version")[:2] == (0, f"netui {__version__}\n")
    status, out, _ = run(capsys, "--help")
    assert status == 0
    assert "path" in out


def test_hostile_names_reach_no_terminal_raw(capsys: pytest.CaptureFixture[str]) -> None:
    """A name with escape codes is shown escaped, also in an error line."""
    _, _, err = run(capsys, "path", "a\x1b[31m", "host:80", "--replay", HOST)
    assert "\x1b" not in err
    assert "\\x1b" in err


def test_no_arguments_mean_what_the_parser_makes_of_none() -> None:
    """The screen without arguments, for which nothing is parsed, has the parser's own defaults."""
    assert parse([]) == read_arguments([]) == Screen()


RULES = Path(__file__).parent / "dialects" / "data"


@pytest.mark.parametrize(
    "name", ["listed-save.txt", "listed-S.txt", "listed-L.txt", "every-kind.txt", "every-kind.json"]
)
def test_explain_takes_what_people_paste(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A file of rules by its name, and the same text from standard input."""
    status, out, _ = run(capsys, "explain", "--replay", str(RULES / name))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((RULES / name).read_bytes())))
    assert (status, run(capsys, "explain", "--replay", "-")[1]) == (0, out)
    assert len(out.splitlines()) > 40


EMPTY = [
    ("", 2, "is empty: it holds no rules"),
    ("# Generated by iptables-save v1.8.9 (nf_tables) on Fri\n# Completed on Fri\n", 0, "there are no rules"),
    ('{"nftables": [{"metainfo": {"version": "1.0.6"}}]}', 0, "there are no rules"),
]


@pytest.mark.parametrize(("text", "status", "says"), EMPTY)
def test_explain_of_an_empty_save_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, status: int, says: str
) -> None:
    """No rules at all is said in one clear line."""
    (tmp_path / "rules.txt").write_text(text)
    ended, out, err = run(capsys, "explain", "--replay", str(tmp_path / "rules.txt"))
    assert (ended, (out + err).count("\n")) == (status, 1)
    assert says in out + err


def test_standard_input_is_read_once(capsys: pytest.CaptureFixture[str]) -> None:
    """It is the rules, the questions or the keys, never two of them."""
    assert run(capsys, "path", "--replay", "-", "--batch", "-")[0] == 2
    status, _, err = run(capsys, "--replay", "-")
    assert (status, err.count("\n")) == (2, 1)
    assert "give --replay a file" in err


def test_a_damaged_file_is_named_in_every_report(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """On stderr, with line and reason; stdout holds the report alone."""
    folder = tmp_path / "capture"
    shutil.copytree(HOST, folder)
    (folder / "ip-route.json").write_text("[\n{]")
    for report in (("path", "outside", "host:8080"), ("exposed",), ("doctor",), ("explain",)):
        _, out, err = run(capsys, *report, "--json", "--replay", str(folder))
        assert "ip-route.json is not JSON (line 2" in err, report
        json.loads(out)


@pytest.mark.parametrize(
    ("arguments", "hosts"),
    [
        (["--host", "a", "--host", "b", "exposed"], ("a", "b")),
        (["exposed", "--host", "a"], ("a",)),
        (["--host", "a", "doctor", "--host", "b", "--host", "a"], ("a", "b")),
        (["--host=ssh://me@a:22"], ("ssh://me@a:22",)),
    ],
)
def test_machines_are_named_before_or_behind_the_command(arguments: list[str], hosts: tuple[str, ...]) -> None:
    """Each once, in their order."""
    command = parse(arguments)
    assert not isinstance(command, Diff)
    assert command.host == Host(machines=hosts)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--host", "a", "--demo"], ["exposed", "--host", "a", "--replay", "x"], ["--host", "a", "diff", "x"],
        ["--host", "a", "--host", "b", "explain"], ["--host", "a", "--host", "b", "path", "outside", "host:1"],
        ["--host=-oProxyCommand=x", "exposed"], ["--host", "", "exposed"],
    ],
)  # fmt: skip
def test_what_does_not_go_with_another_machine_is_refused(arguments: list[str]) -> None:
    """One line, before anything is connected to."""
    with pytest.raises(BadInput):
        parse(arguments)


@pytest.mark.parametrize(
    ("arguments", "own", "hosts"),
    [
        (["exposed", "--host"], True, ()),
        (["exposed", "--host", "--json"], True, ()),
        (["exposed", "--host", "--host", "a"], True, ("a",)),
        (["--host", "a", "exposed", "--host"], True, ("a",)),
        (["exposed", "--host", "a"], False, ("a",)),
        (["exposed"], False, ()),
    ],
)
def test_the_hosts_own_ports_or_another_machine(arguments: list[str], own: bool, hosts: tuple[str, ...]) -> None:
    """`exposed --host` without a name asks for the ports of the machine itself."""
    command = parse(arguments)
    assert isinstance(command, Exposed)
    assert (command.own_ports, command.host.machines) == (own, hosts)


def test_the_reports_of_ports_and_ways_out(capsys: pytest.CaptureFixture[str]) -> None:
    """The demo's published ports are open to the world, and its containers may go out."""
    status, out, _ = run(capsys, "exposed", "--host", "--demo", "--fail-on", "world")
    assert status == 1
    assert "openresty (172.18.0.3:443)" in out
    status, out, _ = run(capsys, "path", "openresty", "outside", "--demo")
    assert status == 0
    assert ["tcp", "all", "everyone", "delivered"] in [line.split()[:4] for line in out.splitlines()]
    status, _, err = run(capsys, "path", "outside", "outside", "--demo")
    assert status == 2
    assert "one sender" in err


def test_an_interrupt_while_a_class_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.11 wraps an interrupt in the making of a class: it ends netui with 130; a fault does not."""

    def interrupted() -> int:
        raise RuntimeError("Error calling __set_name__") from KeyboardInterrupt()

    def ended(status: int) -> None:
        raise SystemExit(status)

    def faulty() -> int:
        raise RuntimeError("a fault")

    before = signal.getsignal(signal.SIGINT)
    for preparation in ("_trusted_path", "_standard_files", "_environment"):
        monkeypatch.setattr(entry, preparation, lambda: None)
    monkeypatch.setattr("netui.ending.end_by_signals", lambda: None)
    monkeypatch.setattr("os._exit", ended)
    monkeypatch.setattr("netui.cli.run.main", interrupted)
    try:
        with pytest.raises(SystemExit) as end:
            entry.main()
    finally:
        signal.signal(signal.SIGINT, before)
    assert end.value.code == 130
    monkeypatch.setattr("netui.cli.run.main", faulty)
    with pytest.raises(RuntimeError, match="a fault"):
        entry.main()
