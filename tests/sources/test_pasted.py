"""A single file as people paste it: every form, with prompts and line ends, and what it does not tell."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netui.audit.doctor import diagnose
from netui.dialects.pasted import sections
from netui.model import RulesetKey, Snapshot
from netui.reports.commands import explain
from netui.sources.capture.pasted import read_pasted
from netui.sources.capture.reader import read_capture
from netui.text.errors import SourceError
from netui.traversal import path, prepare

CASES = Path(__file__).parents[1] / "cases"
DATA = Path(__file__).parents[1] / "dialects" / "data"
SAVE = (DATA / "listed-save.txt").read_text()
SPECS = (DATA / "listed-S.txt").read_text()
NFT = (DATA / "every-kind.txt").read_text()

IP_NFT = RulesetKey("ip", "nft")
HEADLESS = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -s 10.0.0.1/32 -j DROP\nCOMMIT\n"
HEADLESS6 = HEADLESS.replace("10.0.0.1/32", "fd00::1/128")


def read(text: str) -> Snapshot:
    return read_pasted(text, "paste.txt")


def rules(snapshot: Snapshot, key: RulesetKey = IP_NFT) -> list[str]:
    return [rule.text for chain in snapshot.rulesets[key].chains() for rule in chain.rules]


def _indented(text: str) -> str:
    return "".join(f"    {line}  \n" for line in text.splitlines())


PASTES = {
    "as printed": SAVE,
    "a prompt": f"root@host:~# iptables-save\n{SAVE}root@host:~# ",
    "a prompt with a folder": f"[root@host ~]# sudo iptables-save -c\n{SAVE}[root@host ~]#\n",
    "a dollar": f"$ sudo iptables-save\n{SAVE}",
    "a hash": f"# iptables-save\n{SAVE}",
    "the command alone": f"sudo iptables-save\n{SAVE}",
    "indented, with blanks behind": _indented(SAVE),
    "Windows' line ends": SAVE.replace("\n", "\r\n"),
    "a fence": f"```\n{SAVE}```\n",
    "blank lines": f"\n\n{SAVE.replace('COMMIT', 'COMMIT' + chr(10))}\n",
    "no-break blanks": SAVE.replace("-A INPUT", "-A\xa0INPUT"),
}


@pytest.mark.parametrize("text", PASTES.values(), ids=PASTES)
def test_a_save_is_read_however_it_was_pasted(text: str) -> None:
    """Prompts, indentation, line ends and fences change no rule."""
    snapshot = read(text)
    assert rules(snapshot) == rules(read(SAVE))
    assert len(rules(snapshot)) > 30
    assert snapshot.alone
    assert snapshot.interfaces is None
    assert not snapshot.sources["route"].read


def test_specs_are_the_same_rules() -> None:
    """Iptables -S behind a prompt: the filter table as the save has it; the others are said to be missing."""
    snapshot = read(f"root@host:~# iptables -S\n{SPECS}")
    table = snapshot.rulesets[IP_NFT].table("filter")
    saved = read(SAVE).rulesets[IP_NFT].table("filter")
    assert table is not None
    assert saved is not None
    assert [c.rules for c in sorted(table.chains, key=lambda c: c.name)] != []
    assert sorted(r.text for c in table.chains for r in c.rules) == sorted(
        r.text for c in saved.chains for r in c.rules
    )
    assert "table nat is not in the listing" in snapshot.sources["iptables-nft"].note


LISTING = """user@box:~$ sudo iptables -L -n -v
Chain FORWARD (policy DROP 0 packets, 0 bytes)
 pkts bytes target     prot opt in     out     source               destination
   10   600 ACCEPT     tcp  --  !docker0 docker0  0.0.0.0/0            172.17.0.2           tcp dpt:80

Chain INPUT (policy ACCEPT 0 packets, 0 bytes)
 pkts bytes target     prot opt in     out     source               destination
Chain OUTPUT (policy ACCEPT 0 packets, 0 bytes)
 pkts bytes target     prot opt in     out     source               destination
user@box:~$ sudo iptables -t nat -nvL --line-numbers
Chain PREROUTING (policy ACCEPT 0 packets, 0 bytes)
num   pkts bytes target     prot opt in     out     source               destination
1        3   180 DNAT       tcp  --  !docker0 *       0.0.0.0/0            0.0.0.0/0            tcp dpt:80 to:172.17.0.2:80

Chain POSTROUTING (policy ACCEPT 0 packets, 0 bytes)
num   pkts bytes target     prot opt in     out     source               destination
1        0     0 MASQUERADE  all  --  *      !docker0  172.17.0.0/16        0.0.0.0/0

Chain OUTPUT (policy ACCEPT 0 packets, 0 bytes)
num   pkts bytes target     prot opt in     out     source               destination
user@box:~$ sudo ip6tables -L -n -v
Chain FORWARD (policy DROP 0 packets, 0 bytes)
 pkts bytes target     prot opt in     out     source               destination
    0     0 DROP       tcp      *      *       ::/0                 fd00::/8
"""


def test_listings_one_after_another() -> None:
    """The commands between them tell table and family."""
    snapshot = read(LISTING)
    assert rules(snapshot) == [
        "-A FORWARD -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT",
        "-A PREROUTING ! -i docker0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.2:80",
        "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
    ]
    assert "-A FORWARD -d fd00::/8 -p tcp -j DROP" in rules(snapshot, RulesetKey("ip6", "nft"))
    counter = snapshot.counters[IP_NFT][snapshot.rulesets[IP_NFT].tables[0].chains[0].rules[0].index]
    assert counter == (10, 600)


def test_several_saves_in_one_file() -> None:
    """Heads tell family and variant; without heads the addresses tell the family."""
    head = "# Generated by {}tables-save v1.8.9 ({}) on Fri\n"
    both = read(head.format("ip", "nf_tables") + HEADLESS + head.format("ip6", "nf_tables") + HEADLESS6)
    assert {key.family for key in both.rulesets} == {"ip", "ip6"}
    plain = read(HEADLESS + HEADLESS6)
    assert set(plain.rulesets) == {IP_NFT, RulesetKey("ip6", "nft")}
    variants = read(head.format("ip", "nf_tables") + HEADLESS + head.format("ip", "legacy") + HEADLESS)
    assert set(variants.rulesets) == {IP_NFT, RulesetKey("ip", "legacy")}


def test_a_save_that_is_cut_off_is_read_and_said() -> None:
    """The chain at the end and those behind it may go on: a rule stands for what is not known, and a note says so."""
    text = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -j ACCEPT\n-A FORWARD -i eth0 -p tc"
    snapshot = read(text)
    rest = '-m untold --text "the rest of the chain" -j untold'
    assert rules(snapshot) == ["-A INPUT -j ACCEPT", f"-A FORWARD {rest}", f"-A OUTPUT {rest}"]
    assert "cut off in line 6" in snapshot.sources["iptables-nft"].note


def test_native_rules_as_text_and_as_json() -> None:
    """Nft's text and its JSON are told apart by what they hold."""
    text = read(f"# nft list ruleset\n{NFT}")
    json = read((DATA / "every-kind.json").read_text())
    assert set(text.rulesets) == set(json.rulesets) != set()
    assert text.nft_chains == ()


REFUSED = [
    ("", "is empty"),
    ("\n\n", "is empty"),
    ("Hello,\nmy container is not reachable", "line 1 is no output of iptables-save"),
    ("*filter\n:INPUT ACCEPT [0:0]\nhello\nCOMMIT\n", "line 3 is no iptables-save output"),
    (f"# nft list ruleset\n{NFT[:-200]}", "cut off in line"),
    ('{"nftables": [', "cut off"),
    (HEADLESS + HEADLESS.replace("DROP [", "ACCEPT ["), "comes twice"),
    ("Chain INPUT (policy ACCEPT)\nhello", "line 2 stands before the columns' names"),
]


@pytest.mark.parametrize(("text", "says"), REFUSED)
def test_what_cannot_be_read_is_named_with_line_and_reason(text: str, says: str) -> None:
    """One line: the file, the line, the reason."""
    with pytest.raises(SourceError, match=says) as raised:
        read(text)
    assert str(raised.value).startswith("'paste.txt': ")
    assert str(raised.value).isprintable()


PROMPTS = ["root@h:~# iptables -S", "[me@h ~]$ sudo iptables -S", "$ iptables -S", "# iptables -S", "+ iptables -S",
           "iptables -S", "sudo -n /usr/sbin/iptables -S", "root@h:/etc/docker# iptables -t filter -S"]  # fmt: skip


@pytest.mark.parametrize("prompt", PROMPTS)
def test_prompts(prompt: str) -> None:
    """A prompt with its command begins a section and is none of its lines."""
    (section,) = sections(f"{prompt}\n-P INPUT ACCEPT\n").sections
    assert (section.form, section.family, section.table) == ("specs", "ip", "filter")
    assert section.lines == [(2, "-P INPUT ACCEPT")]


@given(st.text(alphabet="*:-APNC[]#$@ {}\n\"'ChainINPUTtable ip0:.,/", max_size=120))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text ends in another error than SourceError."""
    try:
        read(text)
    except SourceError as error:
        assert str(error).isprintable()


def test_a_packed_file_is_read_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single file that was packed with gzip, by its path or through standard input; a tar is a capture."""
    packed = tmp_path / "rules.txt.gz"
    packed.write_bytes(gzip.compress(SPECS.encode()))
    assert rules(read_capture(packed)) == rules(read_pasted(SPECS, "rules.txt"))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(packed.read_bytes())))
    assert rules(read_capture("-")) == rules(read_capture(packed))
    (tmp_path / "cut.gz").write_bytes(packed.read_bytes()[:60])
    with pytest.raises(SourceError, match="is cut off"):
        read_capture(tmp_path / "cut.gz")


def test_a_pipe_is_offered_standard_input(tmp_path: Path) -> None:
    """A named pipe is not opened, which would wait: the line says how its text is read."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="is read from standard input, named -"):
        read_capture(tmp_path / "pipe")


def test_a_table_that_was_not_listed_is_not_missing(tmp_path: Path) -> None:
    """`iptables -S` of table filter beside an engine: that Docker's nat chains are not in it says nothing of them."""
    shutil.copytree(CASES / "engine-20.10" / "host", tmp_path / "host")
    for name in (*(tmp_path / "host").glob("*tables*"), *(tmp_path / "host").glob("nft-*")):
        name.unlink()
    (tmp_path / "host" / "iptables-S.txt").write_text(
        "-P INPUT ACCEPT\n-P FORWARD DROP\n-P OUTPUT ACCEPT\n-N DOCKER\n-A FORWARD -j DOCKER\n"
    )
    found = diagnose(prepare(read_capture(tmp_path / "host")))
    assert not {"rules-missing", "missing-dnat"} & {finding.id for finding in found.findings}
    assert any("table nat was not read whole" in line for line in found.unknown)


@pytest.mark.parametrize("how", ["w:xz", "w:bz2"])
def test_another_packing_is_refused_as_such(how: Literal["w:xz", "w:bz2"], tmp_path: Path) -> None:
    """An archive of xz or bzip2 is no text of rules, and is called no .tar.gz."""
    packed = tmp_path / "host.tar"
    with tarfile.open(packed, how) as archive:
        archive.add(CASES / "engine-29" / "host" / "ss.txt", "ss.txt")
    with pytest.raises(SourceError, match=r"is no \.tar\.gz"):
        read_capture(packed)


def test_a_listing_without_nat_decides_nothing_that_nat_could_change() -> None:
    """The filter table alone, as most paste it: where a packet goes hangs on nat, of which nothing is known."""
    host = prepare(read(f"root@host:~# iptables -S\n{SPECS}"))
    found = path(host, "outside", "host:8080", iif="eth0")
    assert found.verdict == "undecided"
    assert found.reason == "the listing does not tell what table nat holds (rule 1 of nat PREROUTING)"
    assert (
        explain(host.snapshot, "nat", "PREROUTING", 1)
        .text.splitlines()[1]
        .endswith("The listing does not tell what table nat holds.")
    )


# --- the same in a capture's folder --------------------------------------------------------------


def test_listings_in_a_capture(tmp_path: Path) -> None:
    """iptables-S.txt and iptables-L.txt serve where there is no save; tables in neither may hold anything."""
    (tmp_path / "iptables-S.txt").write_text(SPECS)
    (tmp_path / "ip6tables-L.txt").write_text(LISTING.partition("ip6tables -L -n -v\n")[2])
    snapshot = read_capture(tmp_path)
    assert not snapshot.alone
    assert snapshot.sources["iptables-nft"].via == "iptables-S.txt"
    assert '-A PREROUTING -m untold --text "what table nat holds" -j untold' in rules(snapshot)
    assert "-A FORWARD -d fd00::/8 -p tcp -j DROP" in rules(snapshot, RulesetKey("ip6", "nft"))


def test_nft_text_in_a_capture(tmp_path: Path) -> None:
    """nft-ruleset.txt is read where there is no JSON."""
    (tmp_path / "nft-ruleset.txt").write_text(NFT)
    assert read_capture(tmp_path).sources["nft"].read
    (tmp_path / "nft-ruleset.json").write_text('{"nftables": []}')
    assert read_capture(tmp_path).rulesets == {}


@pytest.mark.parametrize("broken", ["", '{"nftables": ['])
def test_nft_text_does_not_correct_a_save(tmp_path: Path, broken: str) -> None:
    """Beside a save, nft's text (alone, or for a JSON that is cut off) tells native tables; iptables' rules stay."""
    line = "-A INPUT -p tcp -m conntrack --ctstate NEW -m tcp --dport 22 -j ACCEPT"
    chains = ":INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    (tmp_path / "iptables-nft-save.txt").write_text(f"*filter\n{chains}[0:0] {line}\nCOMMIT\n")
    base = "type filter hook input priority filter; policy accept;"
    rule = 'ip protocol tcp xt match "conntrack" tcp dport 22 counter packets 0 bytes 0 accept'
    (tmp_path / "nft-ruleset.txt").write_text(
        f"table ip filter {{\n\tchain INPUT {{\n\t\t{base}\n\t\t{rule}\n\t\taccept\n\t}}\n}}\n{NFT}"
    )
    if broken:
        (tmp_path / "nft-ruleset.json").write_text(broken)
    snapshot = read_capture(tmp_path)
    assert rules(snapshot) == [line]
    assert any(key.backend == "nftables" for key in snapshot.rulesets)
    assert [fault.partition(" ")[0] for fault in snapshot.damaged] == (["nft-ruleset.json"] if broken else [])


DAMAGED = [
    ("iptables-save.txt", "", "iptables-save.txt is empty"),
    ("iptables-save.txt", "hello\n", "iptables-save.txt: line 1 is no iptables-save output"),
    ("iptables-S.txt", "-P INPUT ACCEPT\nhello\n", "iptables-S.txt: line 2 is no iptables -S output"),
    ("ip-route.json", '[{"dst":\n"x",]', "ip-route.json is not JSON (line 2"),
    ("ip-route.json", "default via 10.0.0.1 dev eth0", "ip-route.json is not JSON (line 1"),
    ("docker-networks.json", "{}", "docker-networks.json is not"),
    ("docker-containers.json", "[{]", "docker-containers.json is not JSON (line 1"),
    ("nft-ruleset.json", NFT, "nft-ruleset.json: line 1 is nft's text, no JSON"),
    ("nft-ruleset.txt", "table ip t {\nhello\n}", "nft-ruleset.txt: line 2: 'hello' is nothing that nft prints"),
]


@pytest.mark.parametrize(("name", "content", "says"), DAMAGED)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: str, says: str) -> None:
    """The file that is there and cannot be read, by its own name, with line and reason."""
    (tmp_path / name).write_text(content)
    damaged = read_capture(tmp_path).damaged
    assert any(fault.startswith(says) for fault in damaged), damaged
