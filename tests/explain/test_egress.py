"""Where a container may go out: each machine and port is what it is alone."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netui.audit.egress import EgressPart, ways_out
from netui.reports.commands import egress
from netui.reports.egress import egress_json, egress_text
from netui.traversal import EndpointError, path
from tests.traversal.build import filter_rules, host, ip_set, nat_rules

SETS = {"banned": ip_set("banned", "hash:net", "203.0.113.0/24", "203.0.113.128/25 nomatch", "9.0.0.0/9")}
RULES = st.lists(
    st.builds(
        lambda match, target: f"-A FORWARD {match} -j {target}",
        st.sampled_from((
            "-d 203.0.113.0/24", "! -d 9.0.0.0/8", "-p tcp -m tcp --dport 25",
            "-p tcp -m multiport --dports 25,465,587",
            "-p udp -m udp ! --dport 53", "-d 9.9.9.0/24 -p tcp -m tcp --dport 443", "-m set --match-set banned dst",
            "-s 172.18.0.0/16 -p tcp -m tcp --dport 1:1023", "-i eth0", "-d 9.9.9.9 -m limit --limit 5/sec", "-p icmp",
            "-p tcp -m tcp --sport 443", "-s 9.9.9.9",
        )), st.sampled_from(("DROP", "ACCEPT", "REJECT")),
    ), max_size=8,
)  # fmt: skip
TRANSLATIONS = st.sampled_from((
    (), ("-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.18.0.2:3128",),
    ("-A PREROUTING -p udp -m udp --dport 53 -j DNAT --to-destination 9.9.9.9",),
    ("-A POSTROUTING -s 172.18.0.0/16 -j MASQUERADE",),
))  # fmt: skip
ADDRESSES = ("203.0.113.1", "203.0.113.200", "9.9.9.9", "9.9.9.8", "9.200.0.1", "8.8.8.8")
PORTS = (1, 25, 53, 80, 443, 465, 1023, 1024, 65535)


def said_of(found: tuple[EgressPart, ...], protocol: str, address: str, port: int) -> EgressPart:
    """The row of one machine and port."""
    here = [one for one in found if one.protocol == protocol and (one.ports is None or port in one.ports)]
    machine = ipaddress.ip_address(address)
    named = [one for one in here if any(machine in ipaddress.ip_network(net) for net in one.addresses or ())]
    (row,) = named or [one for one in here if one.addresses is None]
    return row


@settings(max_examples=40, deadline=None)
@given(RULES, TRANSLATIONS, st.booleans())
def test_each_machine_and_port_is_what_it_is_alone(rules: list[str], nat: tuple[str, ...], reply: bool) -> None:
    """Verdict and deciding rule, by address, by port and by both."""
    made = host(nat_rules(*nat) + filter_rules(*rules), ipsets=SETS)
    found = ways_out(made, "openresty", reply=reply)
    for protocol in ("tcp", "udp", "icmp"):
        for address in ADDRESSES:
            for port in PORTS if protocol != "icmp" else (1,):
                target = f"{address}/icmp" if protocol == "icmp" else f"{address}:{port}/{protocol}"
                alone = path(made, "openresty", target, reply=reply)
                row = said_of(found, protocol, address, port)
                assert row.path.verdict == alone.verdict, (target, rules)
                assert row.path.condition == alone.condition, (target, rules)
                one, other = row.path.deciding, alone.deciding
                assert (one and (one.chain, one.rule)) == (other and (other.chain, other.rule)), (target, rules)


def test_what_is_said() -> None:
    """Mail is closed, and a network; the rest is open to everyone."""
    made = host(filter_rules("-A FORWARD -p tcp -m tcp --dport 25 -j REJECT", "-A FORWARD -d 203.0.113.0/24 -j DROP"))
    text = egress_text("openresty", ways_out(made, "openresty"))
    assert ["tcp", "25", "everyone", "rejected"] in [line.split()[:4] for line in text.splitlines()]
    found = ways_out(made, "openresty")
    rows = {(one.protocol, one.addresses, str(one.ports and list(one.ports))): one.path.verdict for one in found}
    assert rows["tcp", None, "[(25, 25)]"] == "rejected"
    assert rows["tcp", ("203.0.113.0/24",), "[(1, 24), (26, 65535)]"] == "dropped"
    assert rows["udp", ("203.0.113.0/24",), "[(1, 65535)]"] == "dropped"
    assert rows["icmp", None, "None"] == "delivered"
    document = egress_json("openresty", ways_out(made, "openresty"))
    assert {one["everyone_else"] for one in document["ways_out"]} == {True, False}
    assert egress(made, "openresty").status == 0
    assert egress(host(filter_rules("-A FORWARD -i br-+ -j DROP")), "openresty").status == 1


def test_many_senders_have_no_one_way_out() -> None:
    """The way out is of one sender."""
    with pytest.raises(EndpointError, match="one sender"):
        ways_out(host(), "outside")
