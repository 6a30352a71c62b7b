"""``iptables -S`` and ``-L`` say what the save says, or that they do not tell it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netui.dialects.iptables.columns import read_columns
from netui.dialects.iptables.listed import ListedTable, NotAListing, merged, save_text
from netui.dialects.iptables.save import read_save
from netui.dialects.iptables.specs import read_specs

DATA = Path(__file__).parent / "data"


def lines(text: str) -> list[tuple[int, str]]:
    return [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def rules(tables: list[ListedTable]) -> dict[str, list[str]]:
    return {table.name: [rule.text for chain in table.chains.values() for rule in chain.rules] for table in tables}


def saved(text: str) -> dict[str, list[str]]:
    ruleset, _ = read_save(text, "ip", "nft")
    return {table.name: [rule.text for chain in table.chains for rule in chain.rules] for table in ruleset.tables}


def row(text: str, chain: str = "FORWARD") -> str:
    """Return the rule of one line of ``iptables -L -n -v``."""
    listing = (
        f"Chain {chain} (policy ACCEPT 0 packets, 0 bytes)\n"
        f" pkts bytes target     prot opt in     out     source               destination\n{text}\n"
    )
    return read_columns(lines(listing))[0].chains[chain].rules[0].text


def test_specs_equal_the_save() -> None:
    """Iptables -S of a table with every kind of match gives the save's own rules."""
    read = rules(read_specs(lines((DATA / "listed-S.txt").read_text())))
    assert read["filter"] == saved((DATA / "listed-save.txt").read_text())["filter"]


#: What iptables -L leaves out of a rule that it otherwise tells.
_LEFT_OUT = re.compile(r" --(?:mask 255\.255\.255\.255|hashlimit-name \S+|log-uid)")


def test_columns_equal_the_save_where_they_tell() -> None:
    """Four tables of iptables -L -n -v, one after another: each rule is the save's, or says what it does not tell."""
    tables = read_columns(lines((DATA / "listed-L.txt").read_text()))
    assert [table.name for table in tables] == ["filter", "nat", "raw", "mangle"]
    untold = 0
    truth = saved((DATA / "listed-save.txt").read_text())
    for name, read in rules(tables).items():
        for mine, theirs in zip(read, truth[name], strict=True):
            if "-m untold" in mine:
                untold += 1
                assert mine.split(" -m untold")[0] == theirs[: len(mine.split(" -m untold")[0])]
            else:
                assert mine == _LEFT_OUT.sub("", theirs)
    assert untold == 3


ROWS = [
    ("0 0 ACCEPT all -- * * 0.0.0.0/0 0.0.0.0/0", "-A FORWARD -j ACCEPT"),
    (
        "12 3456K DOCKER  all  --  *      br-1a2b  0.0.0.0/0  0.0.0.0/0",
        "-A FORWARD -o br-1a2b -j DOCKER",
    ),
    (
        "0 0 ACCEPT  all  --  docker0 !docker0  0.0.0.0/0  0.0.0.0/0",
        "-A FORWARD -i docker0 ! -o docker0 -j ACCEPT",
    ),
    (
        "0 0 DROP tcp -- !lo * 0.0.0.0/0 127.0.0.1 tcp dpt:8080",
        "-A FORWARD -d 127.0.0.1/32 ! -i lo -p tcp -m tcp --dport 8080 -j DROP",
    ),
    # without -n: names for services
    ("0 0 ACCEPT tcp -- any any anywhere anywhere tcp dpt:https", "-A FORWARD -p tcp -m tcp --dport 443 -j ACCEPT"),
    ("0 0 ACCEPT tcp -- any any anywhere anywhere tcp dpt:x11", "-A FORWARD -p tcp -m tcp --dport x11 -j ACCEPT"),
    # numbers for protocols since 1.8.9
    ("0 0 ACCEPT 6 -- * * 10.0.0.0/8 0.0.0.0/0 tcp dpt:22", "-A FORWARD -s 10.0.0.0/8 -p tcp -m tcp --dport 22 -j ACCEPT"),
    # older ip6tables leaves the option's column empty
    ("0 0 ACCEPT tcp   *  *  ::/0  fd00::1/128 tcp dpt:22", "-A FORWARD -d fd00::1/128 -p tcp -m tcp --dport 22 -j ACCEPT"),
    ("0 0        tcp   *  *  ::/0  ::/0 tcp dpt:22", "-A FORWARD -p tcp -m tcp --dport 22"),
    ("0 0            tcp  --  *  *  0.0.0.0/0  0.0.0.0/0 tcp dpt:22", "-A FORWARD -p tcp -m tcp --dport 22"),
    ("0 0 ACCEPT all -f * * 0.0.0.0/0 0.0.0.0/0", "-A FORWARD -f -j ACCEPT"),
    (
        "0 0 DNAT tcp -- !docker0 * 0.0.0.0/0 0.0.0.0/0 tcp dpt:8080 to:172.17.0.2:80",
        "-A FORWARD ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80",
    ),
    (
        "0 0 DOCKER all -- * * 0.0.0.0/0 !127.0.0.0/8 ADDRTYPE match dst-type LOCAL",
        "-A FORWARD ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER",
    ),
    (
        '0 0 DROP tcp -- * * 0.0.0.0/0 0.0.0.0/0 /* it\'s "mine" */ multiport dports 80,443',
        '-A FORWARD -p tcp -m comment --comment "it\'s \\"mine\\"" -m multiport --dports 80,443 -j DROP',
    ),
    (
        "0 0 f2b-sshd tcp -- * * 0.0.0.0/0 0.0.0.0/0 multiport dports 22",
        "-A FORWARD -p tcp -m multiport --dports 22 -j f2b-sshd",
    ),
    (
        "0 0 REJECT all -- * * 1.2.3.4 0.0.0.0/0 reject-with icmp-port-unreachable",
        "-A FORWARD -s 1.2.3.4/32 -j REJECT --reject-with icmp-port-unreachable",
    ),
    (
        '0 0 LOG all -- * * 0.0.0.0/0 0.0.0.0/0 limit: avg 3/min burst 10 LOG flags 0 level 4 prefix "[UFW BLOCK] "',
        '-A FORWARD -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW BLOCK] "',
    ),
    ("0 0 DROP all -- * * 0.0.0.0/0 0.0.0.0/0 match-set bad src", "-A FORWARD -m set --match-set bad src -j DROP"),
    ("0 0 DROP all -- * * 0.0.0.0/0 0.0.0.0/0 ! match-set ok src,dst", "-A FORWARD -m set ! --match-set ok src,dst -j DROP"),
    ("0 0 DROP icmp -- * * 0.0.0.0/0 0.0.0.0/0 icmptype 8", "-A FORWARD -p icmp -m icmp --icmp-type 8 -j DROP"),
    (
        "0 0 ACCEPT ipv6-icmp * * ::/0 ::/0 ipv6-icmptype 134",
        "-A FORWARD -p ipv6-icmp -m icmp6 --icmpv6-type 134 -j ACCEPT",
    ),
    ("0 0 next all -- * * 0.0.0.0/0 0.0.0.0/0 [goto] ctstate INVALID", "-A FORWARD -m conntrack --ctstate INVALID -g next"),
    ("0 0 MARK all -- * * 0.0.0.0/0 0.0.0.0/0 MARK xset 0x4000/0x4000", "-A FORWARD -j MARK --set-xmark 0x4000/0x4000"),
    ("0 0 MARK all -- * * 0.0.0.0/0 0.0.0.0/0 MARK and 0xffff", "-A FORWARD -j MARK --set-xmark 0x0/0xffff0000"),
]  # fmt: skip


@pytest.mark.parametrize(("printed", "rule"), ROWS)
def test_rows_are_rules(printed: str, rule: str) -> None:
    """A line of iptables -L -n -v is the rule that a save prints."""
    assert row(printed) == rule


UNTOLD = [
    '0 0 DROP tcp -- * * 0.0.0.0/0 0.0.0.0/0 STRING match  "tcp dpt:22" ALGO name bm',
    "0 0 ACCEPT all -- * * 0.0.0.0/0 0.0.0.0/0 something new tcp dpt:22",
    "0 0 ACCEPT all -- * * gateway 0.0.0.0/0",
    "0 0 ACCEPT all -- * * 0.0.0.0/0 !db.example.com tcp dpt:22",
    # a comment that holds a comment's end hides what is a match
    "0 0 ACCEPT all -- * * 0.0.0.0/0 0.0.0.0/0 /* a */ tcp dpt:22 /* b */",
    "0 0 ACCEPT all -- * * 0.0.0.0/0 0.0.0.0/0 match-set s src return-nomatch",
    "0 0 ACCEPT tcp -- * * 0.0.0.0/0 0.0.0.0/0 tcp dpt:22 flags:0xff/0x02",
]


@pytest.mark.parametrize("printed", UNTOLD)
def test_what_is_not_understood_is_a_match_that_cannot_be_known(printed: str) -> None:
    """Unknown words, names for addresses and a comment without an end never widen a rule."""
    assert " -m untold --text " in row(printed)


def test_without_v_every_interface_is_untold() -> None:
    """Iptables -L without -v prints no interfaces: any rule may ask for one."""
    listing = "Chain INPUT (policy DROP)\ntarget prot opt source destination\nACCEPT all -- anywhere anywhere\n"
    (table,) = read_columns(lines(listing))
    (rule,) = table.chains["INPUT"].rules
    assert rule.text.startswith('-A INPUT -m untold --text "interfaces')
    assert rule.packets is None
    assert table.chains["INPUT"].policy == "DROP"


def test_line_numbers_and_rounded_counters() -> None:
    """--line-numbers is one column more; K, M and G are thousands."""
    listing = (
        "Chain INPUT (policy ACCEPT 12M packets, 3G bytes)\n"
        "num   pkts bytes target     prot opt in     out     source               destination\n"
        "1     100K 2048M ACCEPT     all  --  lo     *       0.0.0.0/0            0.0.0.0/0\n"
    )
    chain = read_columns(lines(listing))[0].chains["INPUT"]
    assert (chain.packets, chain.bytes) == (12_000_000, 3_000_000_000)
    assert (chain.rules[0].packets, chain.rules[0].bytes) == (100_000, 2_048_000_000)


NAMES = [
    (["INPUT", "FORWARD", "OUTPUT", "DOCKER"], "filter", False),
    (["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING", "DOCKER"], "nat", False),
    (["PREROUTING", "POSTROUTING", "OUTPUT"], "nat", False),
    (["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"], "mangle", False),
    (["PREROUTING", "OUTPUT"], "raw", False),
    (["FORWARD"], "filter", False),
    (["DOCKER-USER"], "filter", True),
]


@pytest.mark.parametrize(("chains", "name", "guessed"), NAMES)
def test_a_table_is_named_by_its_chains(chains: list[str], name: str, guessed: bool) -> None:
    """Neither listing prints the table's name: the built-in chains tell it, where there are any."""
    header = "target     prot opt source               destination"
    built_in = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}
    text = "\n".join(
        f"Chain {chain} ({'policy ACCEPT' if chain in built_in else '1 references'})\n{header}\n" for chain in chains
    )
    (table,) = read_columns(lines(text))
    assert (table.name, table.guessed) == (name, guessed)


def test_chains_that_are_not_listed_are_not_empty() -> None:
    """Iptables -L FORWARD tells nothing of INPUT: it gets a rule that may be anything."""
    text = "Chain FORWARD (policy DROP 0 packets, 0 bytes)\n pkts bytes target prot opt in out source destination\n"
    assert '-A INPUT -m untold --text "the rest of the chain" -j untold' in save_text(read_columns(lines(text)))


def test_counters_of_specs_stand_before_the_target() -> None:
    """Iptables -S -v: a comment that looks like a counter stays."""
    (table,) = read_specs(lines('-P INPUT ACCEPT -c 5 6\n-A INPUT -m comment --comment "x -c 1 2 -j y" -c 7 8 -j DROP'))
    chain = table.chains["INPUT"]
    assert (chain.packets, chain.bytes) == (5, 6)
    rule = chain.rules[0]
    assert (rule.text, rule.packets, rule.bytes) == ('-A INPUT -m comment --comment "x -c 1 2 -j y" -j DROP', 7, 8)


def test_a_piece_of_a_listing_is_not_the_whole_chain() -> None:
    """Rules without their chain's heading (a grep) may have others behind them."""
    text = save_text(read_specs(lines("-A DOCKER-USER -i eth0 -j DROP")))
    assert '-A DOCKER-USER -m untold --text "the rest of the chain" -j untold' in text


def test_a_chain_that_comes_twice_is_refused() -> None:
    """Which of two listings of one chain holds is not known."""
    with pytest.raises(NotAListing, match="comes twice"):
        merged([*read_specs(lines("-N A"), "filter"), *read_specs(lines("-N A"), "filter")])


BROKEN = [
    ("hello", "line 1 is no iptables -S output"),
    ("-P INPUT ACCEPT\n-A INPUT -j DROP\nhello", "line 3 is no iptables -S output"),
]


@pytest.mark.parametrize(("text", "says"), BROKEN)
def test_a_line_of_no_listing_is_named(text: str, says: str) -> None:
    """The message has the line."""
    with pytest.raises(NotAListing, match=says):
        read_specs(lines(text))


CELL = st.sampled_from(
    ["0", "12K", "ACCEPT", "tcp", "all", "--", "*", "!eth0", "0.0.0.0/0", "anywhere", "::/0", "tcp", "dpt:22", "/*", "*/",
     "ctstate", "NEW", "[goto]", "to:1.2.3.4", "limit:", "\"", "\\", "! match-set", "x" * 30]
)  # fmt: skip


@given(st.lists(CELL, max_size=16))
def test_any_row_is_a_rule_that_a_save_could_hold_or_is_refused(cells: list[str]) -> None:
    """Whatever stands in a line, it becomes one rule or one message."""
    header = " pkts bytes target     prot opt in     out     source               destination"
    text = f"Chain INPUT (policy ACCEPT 0 packets, 0 bytes)\n{header}\n{' '.join(cells)}\n"
    try:
        tables = read_columns(lines(text))
    except NotAListing:
        return
    ruleset, _ = read_save(save_text(tables), "ip", "nft")
    assert sum(len(chain.rules) for chain in ruleset.chains() if chain.name == "INPUT") == bool(cells)
