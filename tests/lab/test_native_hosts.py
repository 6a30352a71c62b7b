"""Hosts with the native tables that people run beside Docker: every flow meets the rules that netui says."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from netui.audit.doctor import Finding, diagnose
from netui.sources.capture.reader import read_capture
from netui.traversal import prepare
from tests.lab.findings import outcome

from .cache import LabUnavailable
from .capture import write_capture
from .conftest import unavailable
from .copied import CASE, containers_of_29_7, flows_of_29_7, host_of_29_7
from .doctor_host import run_advice
from .engines import Options
from .hosts import HOST, HOST6, Host
from .judge import judge, report
from .libvirt import virtual_machine
from .matrix import flows
from .neighbours import Fail2ban, dockers_zone
from .newest import CrowdSec, Incus, Machine, Netavark, NewFirewalld, NewLibvirt, flows_with
from .roots import new_neighbours_root, old_neighbours_root
from .senders import Flow
from .wide import wide_host


@pytest.fixture(scope="module", autouse=True)
def installed(lab: None) -> None:
    """The neighbours' roots; without it a skip with the reason, or a failure where CI is set."""
    try:
        old_neighbours_root()
        new_neighbours_root()
    except LabUnavailable as reason:
        unavailable(str(reason))


@pytest.fixture
def host(lab: None) -> Iterator[Host]:
    """A wide host for one test: neighbours are added to it."""
    with wide_host("28.5", Options(ip6tables=True)) as made:
        yield made


def agree(host: Host, wanted: Sequence[Flow], title: str, folder: Path, undecided: int = 0) -> None:
    """Every flow as the kernel traced it, none undecided but those that leave by the LAN's own router."""
    result = judge(host, wanted, title, folder)
    print(result.summary())
    assert not result.disagreements, report(result)
    assert not result.outcomes, report(result)
    told = [flow for flow, found in result.undecided if not any(why["match"] == "route" for why in found["undecided"])]
    assert len(told) <= undecided, report(result)


#: What an administrator tells firewalld, by firewall-cmd: zones by interface and by source, rich rules, forwards.
ZONES = (
    "--zone=external --change-interface=eth0",
    "--zone=internal --add-source=203.0.113.0/24",
    "--zone=work --add-source=2001:db8:1::/64",
    "--zone=drop --add-source=172.28.0.11",
    "--zone=internal --add-interface=lan0",
    '--zone=external --add-rich-rule="rule family=ipv4 source address=198.51.100.0/24 port port=9000 protocol=tcp '
    'accept"',
    '--zone=external --add-rich-rule="rule port port=8080 protocol=tcp reject"',
    '--zone=external --add-rich-rule="rule family=ipv4 source NOT address=198.51.100.0/28 port port=8443 protocol=tcp '
    'log prefix=x level=info drop"',
    '--zone=external --add-rich-rule="rule priority=-10 family=ipv4 destination address=172.28.0.10 protocol '
    'value=udp drop"',
    '--zone=external --add-rich-rule="rule family=ipv6 port port=8084 protocol=tcp mark set=5"',
    '--zone=external --add-rich-rule="rule family=ipv4 forward-port port=9 protocol=tcp to-port=80 '
    'to-addr=172.28.0.10"',
    "--zone=external --add-forward-port=port=8443:proto=tcp:toport=9000",
    "--zone=external --add-icmp-block-inversion",
    "--zone=internal --add-forward-port=port=9:proto=tcp:toport=80:toaddr=172.28.0.10",
    "--zone=internal --add-service=http",
    "--zone=internal --add-masquerade",
    "--zone=internal --add-icmp-block=echo-request",
    "--zone=work --add-port=8080-8090/tcp",
    "--zone=work --add-source-port=53/udp",
    "--zone=work --add-protocol=sctp",
)
#: Policies between zones, to and from the host, with an IP set; they are made permanent first.
POLICIES = (
    "--new-policy=outward",
    "--policy=outward --add-ingress-zone=docker",
    "--policy=outward --add-egress-zone=external",
    "--policy=outward --set-target=REJECT",
    "--policy=outward --set-priority=-5",
    '--policy=outward --add-rich-rule="rule family=ipv4 source address=172.28.0.0/16 accept"',
    "--new-policy=lanin",
    "--policy=lanin --add-ingress-zone=internal",
    "--policy=lanin --add-egress-zone=docker",
    "--policy=lanin --set-target=DROP",
    "--policy=lanin --set-priority=-20",
    "--policy=lanin --add-port=80/tcp",
    "--new-policy=tohost",
    "--policy=tohost --add-ingress-zone=ANY",
    "--policy=tohost --add-egress-zone=HOST",
    '--policy=tohost --add-rich-rule="rule port port=9053 protocol=udp reject"',
    "--new-policy=fromhost",
    "--policy=fromhost --add-ingress-zone=HOST",
    "--policy=fromhost --add-egress-zone=ANY",
    "--policy=fromhost --set-target=ACCEPT",
    '--policy=fromhost --add-rich-rule="rule family=ipv4 destination address=203.0.113.2 reject '
    'type=icmp-admin-prohibited"',
    "--new-ipset=bad --type=hash:net",
    "--ipset=bad --add-entry=198.51.100.2/31",
    '--policy=docker-forwarding --add-rich-rule="rule priority=-1 source ipset=bad drop"',
)


@pytest.mark.long
def test_firewalld(host: Host, tmp_path: Path) -> None:
    """Its zone and policy for Docker, then zones by source, rich rules, forward ports, then policies."""
    with NewFirewalld(host, "firewalld") as firewall:
        firewall.show_to_engine()
        assert "docker-forwarding" in firewall.cmd("--get-policies")
        agree(host, flows(host)[::2], "firewalld", tmp_path / "docker")
        for words in ZONES:
            firewall.cmd(words)
        # a rule for a source port cannot be told from a client's port that is chosen by chance
        agree(host, flows(host), "firewalld's zones", tmp_path / "zones", undecided=1)
        for words in POLICIES:
            firewall.cmd(f"--permanent {words}")
        firewall.cmd("--runtime-to-permanent")
        firewall.cmd("--reload")
        firewall.show_to_engine()
        agree(host, flows(host), "firewalld's policies", tmp_path / "policies", undecided=1)


def test_netavark(host: Host, tmp_path: Path) -> None:
    """podman's networks, one isolated, one internal, with ports published: its chains have iptables' priorities."""
    netavark = Netavark(host)
    machines = [
        Machine("pod", "10.88.0.2", {8190: 80}),
        Machine("pod2", "10.88.0.3"),
        Machine("iso", "10.89.0.2", {8191: 80}),
        Machine("hid", "10.90.0.2", {8192: 80}, routed=False),
    ]
    for machine, network, subnet, options in zip(
        machines,
        ("podman", "podman", "island", "hidden"),
        ("10.88.0.0/16", "10.88.0.0/16", "10.89.0.0/24", "10.90.0.0/24"),
        ({}, {}, {"isolate": "true"}, {"internal": "true"}),
        strict=True,
    ):
        netavark.attach(machine, network, subnet, **options)
    agree(host, [*flows_with(host, machines), *flows(host)[::2]], "netavark", tmp_path)


def test_libvirt(host: Host, tmp_path: Path) -> None:
    """libvirt's networks of every kind: it rejects where Docker's policy drops, at the same priority."""
    machines = []
    with NewLibvirt(host, "libvirt") as libvirt:
        for number, (mode, name) in enumerate(
            [("nat", "vmnat"), ("route", "vmroute"), ("open", "vmopen"), ("", "vmalone")]
        ):
            prefix, bridge = f"192.168.{122 + number}", f"virbr{number}"
            libvirt.network(prefix, bridge=bridge, mode=mode)
            virtual_machine(host, prefix, bridge=bridge, name=name)
            machines.append(Machine(name, f"{prefix}.2"))
        assert "libvirt_network" in host.engine.tool("nft", "list", "tables")
        agree(host, [*flows_with(host, machines), *flows(host)[::2]], "libvirt", tmp_path)


def test_incus(host: Host, tmp_path: Path) -> None:
    """Incus's bridges with a forward and an ACL: six chains that have other chains' priorities."""
    with Incus(host, "incus") as incus:
        for words in (
            "network create incusbr0 ipv4.address=10.99.0.1/24 ipv4.nat=true ipv6.address=none",
            "network create incusbr1 ipv4.address=10.98.0.1/24 ipv4.nat=false ipv6.address=none ipv4.firewall=false",
            "network forward create incusbr0 198.51.100.1",
            "network forward port add incusbr0 198.51.100.1 tcp 8290 10.99.0.2 80",
            "network acl create some",
            "network acl rule add some ingress action=allow protocol=tcp destination_port=80,8000-8100 "
            "source=203.0.113.0/24",
            "network acl rule add some egress action=reject destination=203.0.113.2",
            "network set incusbr1 security.acls=some",
        ):
            incus.cmd(words)
        virtual_machine(host, "10.99.0", bridge="incusbr0", name="instance")
        virtual_machine(host, "10.98.0", bridge="incusbr1", name="limited")
        machines = [Machine("instance", "10.99.0.2", {8290: 80}), Machine("limited", "10.98.0.2")]
        agree(host, [*flows_with(host, machines), *flows(host)[::2]], "incus", tmp_path)


def test_crowdsec_and_fail2ban(host: Host, tmp_path: Path) -> None:
    """Bans in sets: CrowdSec's bouncer logs and rejects, fail2ban's jail rejects, both at input."""
    banned = ("203.0.113.2", "172.28.0.11", "fd00:27::11", "2001:db8:1::7")
    with (
        CrowdSec(host, banned, log=True, action="REJECT"),
        Fail2ban(host, 9000, action="nftables-allports") as jail,
    ):
        for address in ("198.51.100.2", "172.31.0.10", "2001:db8:1::9"):
            jail.ban(address)
        agree(host, flows(host), "crowdsec, fail2ban", tmp_path)


def test_engine_29_7_with_rules_left_behind(lab: None, tmp_path: Path) -> None:
    """Engine 29.7's own tables and people's as captured; then with a policy DROP that iptables left in FORWARD."""
    with host_of_29_7() as host:
        wanted = list(flows_of_29_7())
        agree(host, wanted, "29.7", tmp_path / "as-captured")
        host.engine.tool("iptables", "-P", "FORWARD", "DROP")
        agree(host, wanted, "29.7, FORWARD DROP", tmp_path / "left")


DOCKERS = (
    *dockers_zone("docker0", "br-a15309ec8f18", "br-125ced89f7cb", "br-dbca0dcf445c", "brown0"),
    "--zone=external --change-interface=vh",
    '--zone=external --add-rich-rule="rule port port=8080 protocol=tcp reject"',
    "--zone=external --add-port=22/tcp",
)


@pytest.mark.long
def test_all_of_them_beside_engine_29_7(lab: None, tmp_path: Path) -> None:
    """firewalld, libvirt, Incus and podman at once: native tables of six programs at the same hooks."""
    with (
        host_of_29_7() as host,
        NewFirewalld(host, "firewalld") as firewall,
        NewLibvirt(host, "libvirt") as libvirt,
        Incus(host, "incus") as incus,
    ):
        for words in DOCKERS:
            firewall.cmd(f"--permanent {words}")
        firewall.cmd("--reload")
        libvirt.network("192.168.122", bridge="virbr0")
        incus.cmd("network create incusbr0 ipv4.address=10.99.0.1/24 ipv4.nat=true ipv6.address=none")
        virtual_machine(host, "192.168.122", bridge="virbr0", name="vm")
        virtual_machine(host, "10.99.0", bridge="incusbr0", name="instance")
        machines = [Machine("pod", "10.88.0.2", {8190: 80}), Machine("vm", "192.168.122.2")]
        machines.append(Machine("instance", "10.99.0.2"))
        Netavark(host).attach(machines[0], "podman", "10.88.0.0/16")
        wanted = [*flows_of_29_7(), *flows_with(host, machines, containers_of_29_7(), lan=False)]
        agree(host, wanted, "29.7 and all of them", tmp_path)


def diagnosed(host: Host, folder: Path) -> dict[str, Finding]:
    """What doctor finds on the host of 29.7, whose engine it is told as captured."""
    write_capture(host, folder)
    for name in ("docker-info.json", "docker-version.json"):
        (folder / name).write_text((CASE / name).read_text())
    return {finding.id: finding for finding in diagnose(prepare(read_capture(folder))).findings}


_DENIES = """table inet firewalld {
  chain filter_IN_public_deny { tcp dport 7000 reject with icmpx admin-prohibited; }
  chain filter_INPUT { type filter hook input priority 10; jump filter_IN_public_deny; }
}
"""


@pytest.mark.long
def test_what_iptables_left_beside_engine_29_7(lab: None, tmp_path: Path) -> None:
    """A policy DROP in FORWARD stops what Docker accepts until it is ACCEPT; a drop in DOCKER-USER stops nothing."""
    with host_of_29_7() as host:
        # without the entries that the two were given, nobody finds the host over IPv6
        host.namespace.ip("-6", "neigh", "flush", "all", "nud", "permanent")
        host.outside.ip("-6", "neigh", "flush", "all", "nud", "permanent")
        assert outcome(host, "outside", HOST6, 22) in ("timeout", "unreachable")
        assert "inet guard input" in diagnosed(host, tmp_path / "guarded")["discovery-dropped"].advice[0]
        host.engine.tool("nft", "delete", "table", "inet", "guard")
        found = diagnosed(host, tmp_path / "open")
        assert "discovery-dropped" not in found
        # what firewalld denies at input is open, until the table given stands
        host.engine.tool("nft", "-f", "-", stdin=_DENIES)
        assert outcome(host, "outside", HOST, 7000) == "connected"
        advice = diagnosed(host, tmp_path / "denied")["input-bypassed"].advice[0]
        host.engine.tool(*shlex.split(advice[advice.index("nft ") :]))
        assert outcome(host, "outside", HOST, 7000) == "timeout"
        assert "input-bypassed" not in diagnosed(host, tmp_path / "closed")
        host.engine.tool("nft", "delete", "table", "inet", "admin")
        assert outcome(host, "outside", HOST6, 22) == "ECONNREFUSED"
        host.engine.tool("iptables", "-N", "DOCKER-USER")
        host.engine.tool("iptables", "-A", "DOCKER-USER", "-p", "tcp", "--dport", "80", "-j", "DROP")
        assert outcome(host, "outside", HOST, 7000) == "connected"
        found = diagnosed(host, tmp_path / "user")
        assert "forward-policy-left" not in found
        assert found["docker-user-left"].evidence[0].rule_ref == ("ip", "nft", "filter", "DOCKER-USER", 1)
        host.engine.tool("iptables", "-P", "FORWARD", "DROP")
        assert outcome(host, "outside", HOST, 7000) == "timeout"
        found = diagnosed(host, tmp_path / "policy")
        assert "published-unreachable" not in found
        run_advice(host, found["forward-policy-left"])
        assert "forward-policy-left" not in diagnosed(host, tmp_path / "cured")
        assert outcome(host, "outside", HOST, 7000) == "connected"
