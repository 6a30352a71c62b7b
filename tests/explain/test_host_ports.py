"""The host's own ports: what all ports asked at once say of one is what that port says alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from netui.audit.cells import Cell
from netui.audit.host_ports import host_ports
from netui.audit.port_rows import HostPort
from netui.dialects.nft.ruleset import native_rules
from netui.model import IpSet, PolicyRule, PublishedPort, Socket
from netui.reports.commands import exposed_host
from netui.reports.host_ports import host_json, host_text
from netui.sources.capture.pasted import nft_text
from netui.traversal import PreparedHost, path, prepare
from tests.traversal.build import container, filter_rules, ip_set, nat_rules, snapshot

SOCKETS = (
    Socket("tcp", "0.0.0.0", 22, "sshd"), Socket("tcp", "*", 9100, "exporter"), Socket("udp", "0.0.0.0", 53, "dns"),
    Socket("tcp", "127.0.0.1", 5432, "postgres"), Socket("tcp", "172.18.0.1", 8125, "statsd"),
    Socket("tcp", "0.0.0.0", 8080, "docker-proxy"), Socket("tcp", "0.0.0.0", 68, "dhcp", device="eth7"),
)  # fmt: skip
SETS = {"doors": IpSet("doors", "bitmap:port", "ip", ("22", "8000-8100", "53")),
        "pairs": ip_set("pairs", "hash:ip,port", "203.0.113.9,tcp:22", "8.8.8.8,tcp:9100")}  # fmt: skip
MATCHES = (
    "-p tcp -m tcp --dport 22", "-p tcp -m tcp --dport 8000:8100", "-p tcp -m tcp ! --dport 9100", "-p udp",
    "-p tcp -m multiport --dports 22,80,9000:9200", "-m set --match-set doors dst", "-s 203.0.113.0/24",
    "-p tcp -m tcp --dport 22 -s 203.0.113.0/24", "-m set --match-set pairs src,dst", "-i eth0", "",
    "-p tcp -m conntrack --ctorigdstport 8080", "-p tcp -m multiport ! --ports 22,80", "-m limit --limit 5/sec",
)  # fmt: skip
RULES = st.lists(
    st.builds(
        lambda chain, match, target: f"-A {chain} {match} -j {target}",
        st.sampled_from(("INPUT", "INPUT", "FORWARD")),
        st.sampled_from(MATCHES),
        st.sampled_from(("ACCEPT", "DROP", "REJECT")),
    ),
    max_size=8,
)
REPLIES = st.lists(
    st.sampled_from((
        "-A OUTPUT -p tcp -m tcp --sport 22 -j DROP", "-A OUTPUT -p tcp -m multiport --sports 9100,80 -j DROP",
        "-A FORWARD -p tcp -m tcp --sport 80 -j DROP", "-A OUTPUT -d 203.0.113.0/25 -j DROP",
        "-A OUTPUT -p tcp -m tcp --sport 1:1024 -j REJECT",
    )), max_size=2,
)  # fmt: skip
TRANSLATIONS = st.lists(
    st.sampled_from((
        "-p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.3:80",
        "-p tcp -m tcp --dport 80:90 -j DNAT --to-destination 172.18.0.3",
        "-p tcp -m tcp --dport 2222 -j REDIRECT --to-ports 22",
        "-p tcp -m tcp --dport 7000:7003 -j DNAT --to-destination 9.9.9.9:7000-7003/7000",
        "-p udp -m udp --dport 54 -j DNAT --to-destination 172.18.0.2:53",
        "-p tcp -m tcp --dport 3000:4000 -j DNAT --to-destination 172.18.0.3:3500-3600",
        "-p tcp -j DNAT --to-destination :9100",
        "-s 203.0.113.0/24 -p tcp -m tcp --dport 25 -j DNAT --to-destination 172.19.0.2:25",
    )).map(lambda words: f"-A PREROUTING {words}"), max_size=3,
)  # fmt: skip
ASKED = st.lists(st.integers(1, 65535), max_size=4)
TELLING = (21, 22, 23, 25, 53, 54, 68, 80, 85, 2222, 3000, 3500, 5432, 7001, 8050, 8080, 8125, 9000, 9100, 9200, 65535)


def a_host(rules: str, rules6: str = "", **fields: Any) -> PreparedHost:
    """The small host with programs of its own, and a container whose sockets are known."""
    listening = (Socket("tcp", "0.0.0.0", 80, "nginx"), Socket("tcp", "127.0.0.1", 3510, "x"))
    made = snapshot(rules, rules6, sockets=SOCKETS, ipsets=SETS, **fields)
    assert made.containers is not None
    bound = (PublishedPort(80, "tcp", "0.0.0.0", 8080),)
    web = container("1" * 64, "web", "172.18.0.3", bound_ports=bound, listening=listening)
    return prepare(replace(made, containers=(web, *made.containers[1:])))


def cell_of(rows: tuple[HostPort, ...], where: str, port: int, protocol: str) -> list[tuple[str, Cell]]:
    """What the rows say of a port, from a place at the host's outer address."""
    found = []
    for row in rows:
        if row.protocol != protocol or port not in row.ports:
            continue
        for cell in row.cells:
            if (
                cell.origin.where == where
                and cell.destination.startswith("198.51.100.1:")
                and cell.origin.family == "ip"
            ):
                found.append((row.answered_by.name, cell))
    return found


def ask_each(host: PreparedHost, asked: list[int]) -> None:
    rows = host_ports(host)
    assert rows.unknown == ()
    for protocol, port in {(protocol, port) for protocol in ("tcp", "udp") for port in (*TELLING, *asked)}:
        alone = path(host, "outside", f"198.51.100.1:{port}/{protocol}", reply=True)
        said = cell_of(rows.ports, "world", port, protocol)
        if alone.verdict == "undecided":
            assert any(cell.state == "undecided" for _name, cell in said), (port, protocol)
            continue
        # refused where nothing listens, open where somebody does
        reached = [(name, cell) for name, cell in said if cell.state in ("open", "refused")]
        assert bool(reached) == (alone.verdict == "delivered"), (port, protocol, said, alone.reason)
        if not reached or alone.delivered_to is None:
            continue
        assert len(reached) == 1, (port, protocol, reached)
        name, cell = reached[0]
        refused = "refuses it" in alone.reason
        assert (cell.state == "refused") == refused, (port, protocol, alone.reason)
        assert (cell.step and (cell.step.table, cell.step.chain, cell.step.rule)) == (
            alone.deciding and (alone.deciding.table, alone.deciding.chain, alone.deciding.rule)
        ), (port, protocol)
        if alone.delivered_to.kind == "container" and not refused:
            assert name == alone.delivered_to.name, (port, protocol)


def test_many_ports_in_one_place_are_few_in_another() -> None:
    """All ports are passed on to one program, and one rule cuts them: no port stands in two rows."""
    rules = ("-A INPUT -i eth0 -j ACCEPT", "-A INPUT -p tcp -m conntrack --ctorigdstport 8080 -j ACCEPT")
    ask_each(a_host(nat_rules("-A PREROUTING -p tcp -j DNAT --to-destination :9100") + filter_rules(*rules)), [])


@settings(max_examples=25, deadline=None)
@given(RULES, REPLIES, TRANSLATIONS, ASKED)
def test_each_port_is_what_it_is_alone(
    rules: list[str], replies: list[str], translations: list[str], asked: list[int]
) -> None:
    """Ports by rule, by set, by translation (kept, changed, shifted), by program, and their answers' ways."""
    ask_each(a_host(nat_rules(*translations) + filter_rules(*rules, *replies)), asked)


@settings(max_examples=10, deadline=None)
@given(RULES, ASKED)
def test_the_same_where_policy_rules_ask_for_ports(rules: list[str], asked: list[int]) -> None:
    """Answers of one port have a table of their own, which leads nowhere."""
    made = a_host(
        filter_rules(*rules),
        policy_rules={"ip": (
            PolicyRule("ip", 0, "local"),
            PolicyRule("ip", 100, "", action="blackhole", sport=(9000, 9150)),
            PolicyRule("ip", 32766, "main"),
        )},
    )  # fmt: skip
    ask_each(made, asked)


NATIVE = st.lists(
    st.sampled_from((
        "tcp dport 22 accept", "tcp dport { 22, 9000-9200 } drop", "tcp dport > 9000 drop", "tcp dport != 22 drop",
        "th dport @doors accept", "tcp dport vmap { 22 : accept, 80-90 : drop, 9100 : jump inner }",
        "udp dport 53 reject",
        "ip saddr . tcp dport { 203.0.113.5 . 22, 9.9.9.9 . 9100 } drop", "ct original proto-dst 8080 drop", "drop",
        "ip saddr 203.0.113.0/24 tcp dport 9100 accept", "tcp dport 9100 limit rate 5/second accept",
    )), max_size=8,
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(NATIVE, ASKED)
def test_the_same_of_native_rules(rules: list[str], asked: list[int]) -> None:
    """Sets, intervals, comparisons, verdict maps and concatenations of nft."""
    text = "table inet t {\nset doors { type inet_service; flags interval; elements = { 22, 8000-8100 } }\n"
    text += "chain inner {\ntcp dport 9100 drop\n}\nchain main {\ntype filter hook input priority 0; policy accept;\n"
    read = native_rules(nft_text(text + "\n".join(rules) + "\n}\n}\n"), ())
    made = a_host("").snapshot
    rulesets = {**made.rulesets, **{key: ruleset for key, (ruleset, _) in read.rules.items()}}
    ask_each(prepare(replace(made, rulesets=rulesets)), asked)


def test_what_is_said_of_a_host() -> None:
    """Programs, a container behind its port, another machine, and where nothing listens."""
    nat = nat_rules(
        "-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.3:80",
        "-A PREROUTING -p tcp -m tcp --dport 3000 -j DNAT --to-destination 9.9.9.9:3001",
        "-A POSTROUTING -d 9.9.9.9/32 -j MASQUERADE",
    )
    rules = filter_rules(
        "-A INPUT -p tcp -m tcp --dport 22 -s 203.0.113.0/24 -j ACCEPT",
        "-A INPUT -p tcp -m tcp --dport 22 -j DROP",
        "-A INPUT -p tcp -m tcp --dport 9000:65535 -j DROP",
    )
    made = a_host(nat + rules)
    found = {(row.protocol, *row.ports): row for row in host_ports(made).ports}
    assert found["tcp", (8080, 8080)].answered_by.name == "web"
    elsewhere = found["tcp", (3000, 3000)]
    assert (elsewhere.answered_by.kind, elsewhere.answered_by.address, elsewhere.answered_by.port) == (
        "elsewhere", "9.9.9.9", 3001,
    )  # fmt: skip
    ssh = found["tcp", (22, 22)]
    ((_name, world),) = cell_of((ssh,), "world", 22, "tcp")
    assert (world.state, world.listed, world.step and world.step.rule) == ("closed", ("203.0.113.0/24",), 2)
    text = host_text(host_ports(made))
    assert "22/tcp" in text and "sshd" in text and "another machine, 9.9.9.9:3001" in text and "nothing listens" in text
    named = {one["answered_by"]["name"] for one in host_json(host_ports(made))["host_ports"]}
    assert {"sshd", "web", "9.9.9.9"} <= named
    # only by its own address, which machines on the link may ask for
    statsd = next(row for row in found.values() if row.answered_by.name == "statsd")
    assert {cell.destination for cell in statsd.cells if cell.state == "open"} == {"172.18.0.1:8125/tcp"}


def test_its_exit_status() -> None:
    """`--fail-on` judges the host's ports as it does containers'."""
    closed = filter_rules("-A INPUT -j DROP")
    made = a_host(
        filter_rules("-A INPUT -s 203.0.113.0/24 -j ACCEPT", "-A INPUT -j DROP", "-A FORWARD -j DROP"), rules6=closed
    )
    assert exposed_host(made).status == 0
    assert exposed_host(made, "world").status == 0
    assert exposed_host(made, "listed").status == 1
    assert exposed_host(made, "listed", ["203.0.113.0/24"]).status == 0
    report = exposed_host(a_host(filter_rules("-A INPUT -i br+ -j DROP")), "world")
    assert report.status == 1
    assert "22/tcp" in report.document["failing"]


def test_what_was_not_read_is_no_closed_port() -> None:
    """Rules alone tell no addresses: nothing is said to be closed, and the status is 3."""
    made = a_host("").snapshot
    for unread in (replace(made, interfaces=None), replace(made, routes={})):
        report = exposed_host(prepare(unread), "world")
        assert (report.status, report.document["host_ports"]) == (3, [])
        assert "not known" in report.text
    without = exposed_host(prepare(replace(made, sockets=None)), "world")
    assert without.status in (1, 3) and "sockets were not read" in without.text


def test_ports_of_one_row_are_alike_to_everyone() -> None:
    """One port cannot be told for a network alone, another for nobody: they are no row."""
    made = a_host(
        nat_rules("-A PREROUTING -s 203.0.113.0/24 -p tcp -m tcp --dport 25 -j DNAT --to-destination 172.19.0.2:25")
        + filter_rules("-A OUTPUT -p tcp -m multiport --sports 9100,80 -j DROP", "-A FORWARD -j NFQUEUE")
    )
    ask_each(made, [25, 8080])


def test_ports_of_one_program_share_a_row_where_all_is_alike() -> None:
    """The same program, senders and rules: one row; a rule of its own for one of them gives that one its own."""
    sockets = tuple(Socket("tcp", "0.0.0.0", port, "prometheus") for port in (8080, 9090, 9091, 9100))
    made = a_host(filter_rules("-A INPUT -p tcp -m tcp --dport 9100 -j ACCEPT", "-A INPUT -i lo -j DROP")).snapshot
    rows = host_ports(prepare(replace(made, containers=(), sockets=sockets))).ports
    found = {tuple(row.ports): row for row in rows if row.answered_by.name == "prometheus"}
    assert set(found) == {((8080, 8080), (9090, 9091)), ((9100, 9100),)}
    together = found[(8080, 8080), (9090, 9091)]
    assert (together.answered_by.port, found[((9100, 9100),)].answered_by.port) == (None, 9100)
    text = host_text(host_ports(prepare(replace(made, containers=(), sockets=sockets))))
    assert "8080, 9090-9091/tcp" in text
    ask_each(prepare(replace(made, containers=(), sockets=sockets)), [8080, 9090, 9091, 9100])


def test_ports_of_one_container_share_a_row_where_they_lead_to_one_port() -> None:
    """Two published ports of one port are a row; of another port of the container they are not."""
    rules = nat_rules(
        *(
            f"-A PREROUTING -p tcp -m tcp --dport {port} -j DNAT --to-destination 172.18.0.3:{to}"
            for port, to in ((7000, 80), (7001, 80), (7002, 81))
        )
    )
    accepting = filter_rules("-A FORWARD -d 172.18.0.3/32 -j ACCEPT")
    found = {tuple(row.ports): row.answered_by for row in host_ports(a_host(rules + accepting)).ports}
    assert found[((7000, 7001),)].port == 80
    assert found[((7002, 7002),)].port == 81
