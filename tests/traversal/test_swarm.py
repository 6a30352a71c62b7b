"""A task of a swarm's service: on an overlay network, its way out by docker_gwbridge, its port by the ingress."""

from __future__ import annotations

from dataclasses import replace

from netui.audit.exposure import exposures
from netui.model import Container, Endpoint, Member, Network, Socket, Subnet
from netui.traversal import PreparedHost, path

from .build import SIDE_BRIDGE, container, filter_rules, host, nat_rules, networks, snapshot

TASK = "9" * 64
INGRESS = Network("i" * 25, "ingress", "overlay", scope="swarm", ingress=True, subnets=(Subnet("10.0.0.0/24"),))


def swarm(*, published: bool = True) -> PreparedHost:
    """The small host, its second network in the place of docker_gwbridge."""
    members = (
        Member(TASK, "gateway_4982fb26ab6e", ipv4="172.19.0.9/16"),
        Member("ingress-sbox", "gateway_ingress-sbox", ipv4="172.19.0.8/16"),
    )
    mine = tuple(replace(network, members=members) if network.name == "side" else network for network in networks())
    endpoint = Endpoint(INGRESS.id, "ingress", ipv4="10.0.0.4", ipv4_prefix=24)
    task = Container(
        TASK, "svc.1", network_mode="ingress", endpoints=(endpoint,), listening=(Socket("tcp", "0.0.0.0", 80, ""),)
    )
    rules = ("-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS",) if published else ()
    dnat = ("-A DOCKER-INGRESS -p tcp -m tcp --dport 8085 -j DNAT --to-destination 172.19.0.8:8085",)
    nat = nat_rules(*rules, *dnat[: len(rules)], chains=("DOCKER-INGRESS",))
    return host(
        nat + filter_rules(forward="ACCEPT"),
        networks=(*mine, INGRESS),
        containers=(*(snapshot().containers or ()), task),
    )


def test_a_task_leaves_by_the_gateway_bridge() -> None:
    """Its own inspection names the overlay only: the bridge's list of members names it."""
    found = path(swarm(), "svc.1", "outside:443")
    assert found.verdict == "delivered"
    assert (found.legs[0].packet.iif, found.legs[0].packet.src) == (SIDE_BRIDGE, "172.19.0.9")


def test_an_answer_to_the_overlay_s_address_does_not_come_back() -> None:
    """The host knows no way to an address of the overlay: what is sent from it by the bridge gets no answer."""
    found = path(swarm(), "svc.1@ingress", "host:22", reply=True)
    assert "the answer does not come back: it leaves by eth0, not by " + SIDE_BRIDGE in found.notes
    found = path(swarm(), "svc.1", "host:22", reply=True)
    assert not any("come back" in note for note in found.notes)


def test_what_the_overlay_does_is_not_known() -> None:
    """From one task to another over the overlay: undecided, and the network is named."""
    found = path(swarm(), "svc.1", "10.0.0.5:80")
    assert found.verdict == "undecided"
    assert "ingress" in found.reason


def test_a_port_that_the_swarm_publishes_may_be_the_task_s() -> None:
    """IPVS chooses the task: whether the world reaches it is undecided, and without such a port it does not."""
    for published, state in ((True, "undecided"), (False, "closed")):
        task = next(e for e in exposures(swarm(published=published)) if e.container == "svc.1")
        cells = {cell.origin.where: cell for cell in task.cells if cell.origin.family == "ip"}
        assert cells["world"].state == state
        assert ("IPVS" in cells["world"].reason) == published


def test_a_task_asks_others_by_its_own_way_out() -> None:
    """What the overlay's containers reach beside it they reach by the bridge: no place of the overlay's own."""
    blog = next(e for e in exposures(swarm()) if e.container == "openresty")
    names = {cell.origin.name for cell in blog.cells if cell.origin.where == "networks"}
    assert names == {"side"}


def test_a_container_that_is_listed_is_left_as_it_is() -> None:
    """A member that its container's own inspection names too adds nothing."""
    members = (Member("d" * 64, "blog", ipv4="172.18.0.2/16"),)
    mine = tuple(replace(network, members=members) if network.name == "hehe" else network for network in networks())
    assert host(networks=mine).by_id["d" * 64] == container("d" * 64, "blog", "172.18.0.2")
