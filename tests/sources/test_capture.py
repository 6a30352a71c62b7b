"""A capture, as a folder or packed, becomes a snapshot; damage stays where it is."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import time
from pathlib import Path

import pytest

from netui.model import Backend, RulesetKey
from netui.sources.capture import archive
from netui.sources.capture import files as capture_files
from netui.sources.capture.reader import read_capture
from netui.text.errors import SourceError
from tests.sources.conftest import CASES

HOST = CASES / "engine-20.10" / "host"


def pack(folder: Path, archive: Path, prefix: str = "") -> Path:
    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted(folder.rglob("*")):
            tar.add(path, prefix + path.relative_to(folder).as_posix(), recursive=False)
    return archive


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of a captured host that a test may damage."""
    return Path(shutil.copytree(HOST, tmp_path / "capture"))


def test_a_captured_host_is_read(host: Path) -> None:
    """Every file that is there gives its part of the snapshot."""
    snapshot = read_capture(host)
    assert snapshot.engine is not None
    assert snapshot.engine.version
    assert snapshot.networks
    assert snapshot.containers
    assert sum(ruleset.rule_count() for ruleset in snapshot.rulesets.values()) > 50
    assert snapshot.nft_chains == ()
    assert {"ip", "ip6"} == set(snapshot.routes)
    assert snapshot.interfaces
    assert snapshot.sockets
    assert snapshot.sysctls
    for name in ("docker", "iptables-nft", "ip6tables-nft", "nft", "address", "route", "rule", "sysctl", "sockets"):
        assert snapshot.sources[name].read, name


def test_what_a_captured_host_holds() -> None:
    """Names, addresses and ports come out as Docker and the kernel printed them."""
    snapshot = read_capture(HOST)
    assert snapshot.hostname == "lab"
    assert snapshot.origin == "replay"
    assert snapshot.time == 1795477602
    shop = next(entry for entry in snapshot.containers or () if entry.name == "shop")
    assert [endpoint.ipv4 for endpoint in shop.endpoints] == ["172.28.0.2"]
    assert any(port.host_port == 8080 and port.container_port == 80 for port in shop.bound_ports)
    assert any(socket.port == 80 and socket.address == "*" for socket in shop.listening or ())
    web = next(entry for entry in snapshot.networks or () if entry.name == "web")
    assert web.bridge == "br-389384f18e21"
    assert {member.name for member in web.members} == {"shop", "cart", "till"}
    veth = next(entry for entry in snapshot.interfaces or () if entry.master == web.bridge)
    assert veth.kind == "veth"
    assert not veth.hairpin


@pytest.mark.parametrize("prefix", ["", "./", "host/", "./some name/"])
def test_a_packed_capture_is_the_same(tmp_path: Path, prefix: str) -> None:
    """A .tar.gz with or without a folder around it reads as the folder does."""
    packed, plain = read_capture(pack(HOST, tmp_path / "c.tar.gz", prefix)), read_capture(HOST)
    assert packed.containers == plain.containers
    assert packed.networks == plain.networks
    assert packed.interfaces == plain.interfaces
    assert [set.skeleton for set in packed.rulesets.values()] == [set.skeleton for set in plain.rulesets.values()]
    assert packed.sources == plain.sources


def test_a_missing_file_is_not_known_rather_than_empty(copy: Path) -> None:
    """Without a file its part is None, and the source names the command that makes it."""
    for name in ("ss.txt", "ipset-save.txt", "ip-address.json", "docker-containers.json"):
        (copy / name).unlink()
    shutil.rmtree(copy / "listening")
    snapshot = read_capture(copy)
    assert snapshot.sockets is None
    assert snapshot.ipsets is None
    assert snapshot.interfaces is None
    assert snapshot.containers is None
    assert snapshot.networks is not None
    assert not snapshot.sources["sockets"].read
    assert "ss -Hltunp" in snapshot.sources["sockets"].error
    assert "docker-containers.json is not in the capture" in snapshot.sources["docker"].error


DAMAGE = [
    "",
    "{",
    "[",
    "null",
    "[null, 7, {}]",
    '{"nftables": 5}',
    "\x00\x01\x02",
    "[" * 100_000,
    "9" * 10_000,
    "*filter",
]


@pytest.mark.parametrize("damage", DAMAGE, ids=[text[:10] or "empty" for text in DAMAGE])
@pytest.mark.parametrize("name", sorted(path.name for path in HOST.iterdir() if path.is_file()))
def test_a_damaged_file_takes_down_its_own_source_only(copy: Path, name: str, damage: str) -> None:
    """Whatever stands in one file, the others are read and no exception comes."""
    (copy / name).write_text(damage)
    snapshot = read_capture(copy)
    plain = read_capture(HOST)
    failed = {source for source, state in snapshot.sources.items() if not state.read} - {"ip6tables-legacy"}
    assert len(failed) <= 1, failed
    for state in snapshot.sources.values():
        assert state.error.isprintable()
        assert len(state.error) < 400
    if "docker" not in name:
        assert snapshot.networks == plain.networks
    if name != "iptables-nft-save.txt":
        assert snapshot.rulesets[RulesetKey("ip", "nft")].rule_count() == 67


def test_a_plain_save_goes_to_its_variant(copy: Path) -> None:
    """``iptables-save.txt`` is nft or legacy by its first line."""
    (copy / "iptables-nft-save.txt").rename(copy / "iptables-save.txt")
    (copy / "iptables-legacy-save.txt").unlink()
    snapshot = read_capture(copy)
    assert snapshot.rulesets[RulesetKey("ip", "nft")].rule_count() == 67
    assert snapshot.sources["iptables-nft"].via == "iptables-save.txt"
    assert not snapshot.sources["iptables-legacy"].read


@pytest.mark.parametrize(("lists_tables", "variant", "other"), [(True, "nft", "legacy"), (False, "legacy", "nft")])
def test_a_save_of_1_8_7_does_not_tell_its_variant(
    copy: Path, lists_tables: bool, variant: Backend, other: Backend
) -> None:
    """Of 1.8.4 to 1.8.7 nft's iptables-save wrote what legacy's did: nft's own listing tells, and a note says so."""
    text = (copy / "iptables-nft-save.txt").read_text().splitlines()[1:]
    for name in ("iptables-nft-save.txt", "iptables-legacy-save.txt"):
        (copy / name).unlink()
    head = "# Generated by iptables-save v1.8.7 on Mon Nov 23 23:46:42 2026"
    (copy / "iptables-save.txt").write_text("\n".join([head, *text, ""]))
    if not lists_tables:
        (copy / "nft-ruleset.json").write_text('{"nftables": [{"metainfo": {}}]}')
    snapshot = read_capture(copy)
    assert snapshot.rulesets[RulesetKey("ip", variant)].rule_count() == 67
    assert RulesetKey("ip", other) not in snapshot.rulesets
    assert "does not tell which variant" in snapshot.sources[f"iptables-{variant}"].note


def test_no_containers_print_nothing(copy: Path) -> None:
    """``docker inspect`` of no container is an empty file; info's count says that there are none."""
    (copy / "docker-containers.json").write_text("")
    assert read_capture(copy).containers is None
    info = json.loads((copy / "docker-info.json").read_text())
    (copy / "docker-info.json").write_text(json.dumps(info | {"Containers": 0}))
    snapshot = read_capture(copy)
    assert snapshot.containers == ()
    assert snapshot.sources["docker"].error == ""


def test_rules_in_a_containers_namespace_are_read(copy: Path) -> None:
    """``namespaces/<id>.txt`` may hold both families' saves."""
    save = (HOST / "iptables-nft-save.txt").read_text()
    (copy / "namespaces").mkdir()
    (copy / "namespaces" / "abc.txt").write_text(save + save.replace("iptables-nft", "ip6tables-nft"))
    (copy / "namespaces" / "bad.txt").write_text("# Generated by iptables-save\n???")
    rulesets = read_capture(copy).namespaces
    assert list(rulesets) == ["abc"]
    assert [ruleset.key for ruleset in rulesets["abc"]] == [RulesetKey("ip", "nft"), RulesetKey("ip6", "nft")]


def test_a_newer_netui_is_noted(copy: Path) -> None:
    """A capture from a later version is read, and says what made it."""
    (copy / "meta.json").write_text('{"hostname": "h", "time": "2026-01-02T03:04:05+00:00", "netui": "99.1.0"}')
    snapshot = read_capture(copy)
    assert "99.1.0" in snapshot.sources["capture"].note
    assert snapshot.time == 1767323045


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is no capture"),
        (lambda path: path.write_text("hello"), "line 1 is no output of iptables-save"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"\x1f\x8b\x08"), "is no .tar.gz"),
        (os.mkfifo, "neither a folder nor a file"),
    ],
    ids=["missing", "empty folder", "text", "empty file", "gzip head", "fifo"],
)
def test_what_is_no_capture_is_refused_in_one_line(tmp_path: Path, make: object, says: str) -> None:
    """A path that cannot be read gives one line that names it."""
    path = tmp_path / "p"
    make(path)  # type: ignore[operator]
    with pytest.raises(SourceError, match=says) as raised:
        read_capture(path)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_archive_is_refused(tmp_path: Path, keep: float) -> None:
    """Half a download is no capture."""
    archive = pack(HOST, tmp_path / "c.tar.gz")
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(SourceError, match="cut off"):
        read_capture(archive)


def test_tricks_with_names_and_links_are_ignored(tmp_path: Path) -> None:
    """Only regular members with a name of the layout are read, and nothing is written."""
    archive = tmp_path / "c.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("../../etc/ss.txt", "/ss.txt", "a/b/ss.txt", "ss.txt/../x", "listening/../../x.txt"):
            member = tarfile.TarInfo(name)
            member.size = 4
            tar.addfile(member, io.BytesIO(b"evil"))
        link = tarfile.TarInfo("ip-rule.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        tar.add(HOST / "ip-route.json", "ip-route.json")
    snapshot = read_capture(archive)
    assert snapshot.routes["ip"]
    assert snapshot.policy_rules == {}
    assert list(tmp_path.iterdir()) == [archive]


def test_a_huge_file_is_refused_and_the_rest_read(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound on a file holds in a folder and in an archive."""
    monkeypatch.setattr(capture_files, "MAX_FILE", 100_000)
    (copy / "ss.txt").write_text("x" * 100_001)
    for path in (copy, pack(copy, copy.parent / "c.tar.gz")):
        snapshot = read_capture(path)
        assert "larger than" in snapshot.sources["sockets"].error
        assert snapshot.networks


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small archive that unpacks to a huge one is given up early."""
    monkeypatch.setattr(archive, "MAX_TOTAL", 2**20)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "zeros").write_bytes(bytes(2**22))
    with pytest.raises(SourceError, match="unpacks to more"):
        read_capture(pack(tmp_path / "d", tmp_path / "c.tar.gz"))


def test_one_line_of_a_hundred_megabytes(copy: Path) -> None:
    """A line without an end is refused within seconds."""
    for name in ("iptables-nft-save.txt", "ss.txt", "ipset-save.txt", "sysctl.txt", "docker-networks.json"):
        with (copy / name).open("wb") as file:
            file.truncate(100 * 2**20)
    start = time.monotonic()
    snapshot = read_capture(copy)
    assert time.monotonic() - start < 30
    assert not snapshot.sources["iptables-nft"].read
    assert snapshot.containers


def test_a_save_and_nft_that_tell_other_rules_are_named(copy: Path) -> None:
    """The ruleset changed between the two, or somebody edited one: nft's rules count, and the report says so."""
    save = copy / "iptables-nft-save.txt"
    line = "[0:0] -A DOCKER-USER -s 203.0.113.7/32 -j DROP\n"
    text = save.read_text()
    first = next(at for at in text.splitlines(keepends=True) if "-A DOCKER-USER" in at)
    save.write_text(text.replace(first, line + first))
    damaged = read_capture(copy).damaged
    assert [
        fault for fault in damaged if "other rules than the iptables-nft-save.txt" in fault and "DOCKER-USER" in fault
    ]
    assert not read_capture(HOST).damaged
