"""Docker beside its real neighbours: firewalld, fail2ban, libvirt, podman's netavark."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from docker.types import IPAMConfig, IPAMPool

from netui.audit.exposure import exposures
from netui.traversal import path
from tests.lab.cells import compare_cells
from tests.lab.findings import outcome, publish

from .cache import LabUnavailable
from .conftest import unavailable
from .doctor_host import diagnosis, findings, restart, run_advice, seen
from .hosts import HOST, OUTSIDE, Host, serve
from .libvirt import Libvirt, virtual_machine
from .neighbours import Fail2ban, Firewalld, podman_container
from .roots import old_neighbours_root

Own = Callable[..., Host]


@pytest.fixture(scope="module", autouse=True)
def installed(lab: None) -> None:
    """The neighbours' root; without it a skip with the reason, or a failure where CI is set."""
    try:
        old_neighbours_root()
    except LabUnavailable as reason:
        unavailable(str(reason))


# --- firewalld -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["20.10-nft", "28.5"])
def test_firewalld_wipes_docker_s_rules(kind: str, own_host: Own) -> None:
    """Its start and its reload take Docker's chains away; the engine's restart brings them back beside it."""
    host = own_host(kind)
    with Firewalld(host) as firewall:
        assert outcome(host, "outside", HOST, 80) != "connected"
        found = findings(host)["rules-missing"]
        assert found.evidence[0].text == "table filter has no chain DOCKER"
        assert "firewalld" in found.advice[1]
        restart(host)
        assert findings(host) == {}
        assert outcome(host, "outside", HOST, 80) == "connected"
        assert outcome(host, "blog", OUTSIDE, 9) == "ECONNREFUSED"
        firewall.cmd("--complete-reload" if kind == "28.5" else "--reload")
        assert outcome(host, "outside", HOST, 80) != "connected"
        assert "rules-missing" in findings(host)


def test_firewalld_denies_a_published_port_in_vain(own_host: Own) -> None:
    """A rich rule that rejects port 80 stands in INPUT: the port is open, and the rule given closes it."""
    host = own_host("20.10-nft")
    with Firewalld(host) as firewall:
        restart(host)
        firewall.cmd('--add-rich-rule="rule port port=80 protocol=tcp reject"')
        assert outcome(host, "outside", HOST, 80) == "connected"
        found = findings(host)["input-bypassed"]
        assert found.about == ("openresty",)
        assert found.what.startswith("firewalld's rule")
        assert found.evidence[0].rule_ref is not None and found.evidence[0].rule_ref[3] == "IN_public_deny"
        run_advice(host, found)
        assert findings(host) == {}
        assert outcome(host, "outside", HOST, 80) == "timeout"
        assert outcome(host, "outside", HOST, 443) == "connected"


@pytest.mark.parametrize("kind", ["20.10-nft", "28.5"])
def test_firewalld_with_tables_of_its_own(kind: str, own_host: Own, count: Callable[[str], None]) -> None:
    """With nftables, as Debian has it: Docker's rules are wiped all the same, and after that its table is walked.

    The lab's engine is not on firewalld's bus, so its bridge is in no zone: firewalld refuses what containers send,
    which the doctor says, until the bridge is in the zone trusted.
    """
    host = own_host(kind)
    with Firewalld(host, "nftables") as firewall:
        assert "rules-missing" in findings(host)
        restart(host)
        refused = findings(host)
        assert set(refused) == {"neighbours-blocked", "outbound-blocked"}
        assert all("firewalld filter_FWD_public" in finding.what for finding in refused.values())
        assert outcome(host, "blog", OUTSIDE, 9) == "unreachable"
        bridge = host.engine.client.networks.get("hehe").id[:12]
        firewall.cmd(f"--zone=trusted --change-interface=br-{bridge}")
        assert outcome(host, "blog", OUTSIDE, 9) == "ECONNREFUSED"
        found = diagnosis(host)
        assert found.findings == ()
        assert "native-tables" not in {note.id for note in found.notes}
        way = path(seen(host), "outside", "host:80")
        tables = {step.table for leg in way.legs for step in leg.steps}
        assert (way.verdict, "firewalld" in tables) == ("delivered", True)
        compare_cells(host, count, f"firewalld's nftables {kind}")


# --- fail2ban -------------------------------------------------------------------------------------


def test_a_ban_does_not_keep_its_address_from_a_published_port(own_host: Own) -> None:
    """fail2ban bans in INPUT, past which published ports go; the same chain in DOCKER-USER keeps it out."""
    host = own_host("20.10-nft")
    with Fail2ban(host, 80) as jail:
        assert findings(host) == {}
        jail.ban(OUTSIDE)
        assert outcome(host, "outside", HOST, 80) == "connected"
        found = findings(host)["ban-bypassed"]
        assert found.about == ("openresty",)
        assert found.evidence[0].rule_ref is not None and found.evidence[0].rule_ref[3] == "f2b-web"
        assert OUTSIDE in found.what
        run_advice(host, found)
        assert findings(host) == {}
        assert outcome(host, "outside", HOST, 80) == "ECONNREFUSED"


def test_a_ban_in_docker_user_for_the_published_port(own_host: Own) -> None:
    """A jail of DOCKER-USER that names the published port bans nobody; asked for the original port, it does."""
    host = own_host("20.10-nft")
    publish(host, "web", {"80/tcp": 8088})
    with Fail2ban(host, 8088, chain="DOCKER-USER") as jail:
        jail.ban(OUTSIDE)
        assert outcome(host, "outside", HOST, 8088) == "connected"
        found = findings(host)["docker-user-published-port"]
        assert found.about == ("web",)
        assert found.evidence[0].rule_ref is not None and found.evidence[0].rule_ref[3:] == ("DOCKER-USER", 1)
        run_advice(host, found)
        assert findings(host) == {}
        assert outcome(host, "outside", HOST, 8088) == "ECONNREFUSED"
        # at the container's own address, before 28, it is still let in; the others of its link are by both ways
        prepared = seen(host)
        web = next(each for each in prepared.containers if each.name == "web")
        direct = path(prepared, f"outside:{OUTSIDE}", f"{web.endpoints[0].ipv4}:80")
        assert (path(prepared, f"outside:{OUTSIDE}", "host:8088").verdict, direct.verdict) == ("rejected", "delivered")
        cells = [c for e in exposures(prepared) if e.container == "web" for c in e.cells if c.origin.where == "lan"]
        assert next((c.way, c.state) for c in cells if c.origin.family == "ip") == ("published", "open")


def test_a_ban_that_works_is_no_finding(own_host: Own) -> None:
    """A jail for all ports in DOCKER-USER: the banned address is kept out, and doctor is silent."""
    host = own_host("28.5")
    with Fail2ban(host, 80, chain="DOCKER-USER", action="iptables-allports") as jail:
        jail.ban(OUTSIDE)
        assert outcome(host, "outside", HOST, 80) == "ECONNREFUSED"
        assert findings(host) == {}


# --- virtual machines and podman ---------------------------------------------------------------------


def test_a_virtual_machine_behind_docker_s_policy(own_host: Own) -> None:
    """A network for which libvirt makes no rules is stranded by Docker's policy DROP; the rules given let it out."""
    host = own_host("20.10-nft")
    with Libvirt(host) as libvirt:
        libvirt.network(mode="open")
        virtual_machine(host)
        assert outcome(host, "vm", OUTSIDE, 9) == "timeout"
        found = findings(host)["bridge-stranded"]
        assert found.about == ("virbr0",)
        assert found.evidence[0].text == "-P FORWARD DROP"
        run_advice(host, found)
        host.outside.ip("route", "add", "192.168.122.0/24", "via", HOST)
        assert findings(host) == {}
        assert outcome(host, "vm", OUTSIDE, 9) == "ECONNREFUSED"


@pytest.mark.parametrize("kind", ["20.10-nft", "28.5"])
def test_libvirt_s_own_rules_let_its_machines_out(kind: str, own_host: Own) -> None:
    """With libvirt's chains before Docker's there is no finding, and the machine reaches the outside."""
    host = own_host(kind)
    with Libvirt(host) as libvirt:
        libvirt.network()
        virtual_machine(host)
        assert outcome(host, "vm", OUTSIDE, 9) == "ECONNREFUSED"
        assert findings(host) == {}
        way = path(seen(host), "192.168.122.2", f"outside:{OUTSIDE}:9")
        assert way.deciding is not None and way.deciding.chain == "LIBVIRT_FWO"
        host.engine.tool("iptables", "-D", "FORWARD", "-j", "LIBVIRT_FWO")
        assert outcome(host, "vm", OUTSIDE, 9) == "timeout"
        assert findings(host)["bridge-stranded"].about == ("virbr0",)


def test_libvirt_s_rules_in_the_other_variant(own_host: Own) -> None:
    """libvirt fills nft's tables and Docker legacy ones, whose policy strands the machine: both are said."""
    host = own_host("20.10-legacy")
    with Libvirt(host) as libvirt:
        libvirt.network()
        virtual_machine(host)
        assert outcome(host, "vm", OUTSIDE, 9) == "timeout"
        found = findings(host)
        assert set(found) == {"bridge-stranded", "two-variants"}
        assert found["bridge-stranded"].evidence[0].rule_ref == ("ip", "legacy", "filter", "FORWARD", None)
        run_advice(host, found["bridge-stranded"], "iptables-legacy")
        assert set(findings(host)) == {"two-variants"}
        assert outcome(host, "vm", OUTSIDE, 9) == "ECONNREFUSED"


def test_a_docker_subnet_that_libvirt_has(own_host: Own) -> None:
    """A network with the subnet of libvirt's: the older link wins, Docker's containers are not reached."""
    host = own_host("28.5")
    client = host.engine.client
    with Libvirt(host) as libvirt:
        libvirt.network()
        virtual_machine(host)
        assert findings(host) == {}
        pool = IPAMPool(subnet="192.168.122.0/24", gateway="192.168.122.254")
        client.networks.create("same", ipam=IPAMConfig(pool_configs=[pool]))
        host.container("lost", serve([80]), networks={"same": {"ipv4_address": "192.168.122.40"}})
        assert outcome(host, "host", "192.168.122.40", 80) != "connected"
        assert outcome(host, "host", "192.168.122.2", 80) == "ECONNREFUSED"
        found = findings(host)["route-hidden"]
        assert found.about == ("same",)
        assert found.what.startswith("The route to 192.168.122.0/24 (dev virbr0) takes addresses of network same")
        client.containers.get("lost").remove(force=True)
        client.networks.get("same").remove()
        client.networks.create("same", ipam=IPAMConfig(pool_configs=[IPAMPool(subnet="192.168.123.0/24")]))
        host.container("found", serve([80]), networks={"same": {"ipv4_address": "192.168.123.40"}})
        assert findings(host) == {}
        assert outcome(host, "host", "192.168.123.40", 80) == "connected"


def test_a_port_that_podman_publishes_beside_docker(own_host: Own) -> None:
    """netavark leaves new connections to FORWARD's policy, which Docker made DROP; the rule given lets them in."""
    host = own_host("20.10-nft")
    podman_container(host, 8090)
    assert outcome(host, "pod", OUTSIDE, 9) == "ECONNREFUSED"
    assert outcome(host, "outside", HOST, 8090) == "timeout"
    found = findings(host)["publish-stranded"]
    assert found.about == ("podman0",)
    assert found.what.startswith("podman (netavark) publishes port 8090/tcp")
    assert found.evidence[1].text == "-P FORWARD DROP"
    run_advice(host, found)
    assert findings(host) == {}
    assert outcome(host, "outside", HOST, 8090) == "connected"


def test_guests_are_let_pass_in_firewalld_s_words(own_host: Own) -> None:
    """firewalld's last REJECT strands a guest: its direct rule is advised, and real firewall-cmd lets the guest out."""
    host = own_host("28.5")
    host.namespace.ip("link", "add", "virbr0", "type", "bridge")
    host.namespace.ip("address", "add", "192.168.122.1/24", "dev", "virbr0")
    host.namespace.ip("link", "set", "virbr0", "up")
    host.outside.ip("route", "add", "192.168.122.0/24", "via", HOST)
    guest = virtual_machine(host, name="guest")
    with Firewalld(host) as firewall:
        firewall.cmd("--zone=work --change-interface=virbr0")
        restart(host)
        assert guest.run("busybox", "ping", "-c1", "-W1", OUTSIDE, check=False).returncode
        found = findings(host)["bridge-stranded"]
        assert found.evidence[0].rule_ref is not None and found.evidence[0].rule_ref[3] == "FWD_work"
        advice = next(text for text in found.advice if "firewall-cmd --direct" in text)
        firewall.cmd(advice.partition("firewall-cmd ")[2].partition(";")[0])
        assert "bridge-stranded" not in findings(host)
        assert not guest.run("busybox", "ping", "-c1", "-W1", OUTSIDE, check=False).returncode
        firewall.cmd("--zone=drop --change-interface=virbr0")
        assert "bridge-stranded" not in findings(host)
