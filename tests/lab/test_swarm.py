"""An engine in a swarm: what netui can see of it is right, what it cannot see is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netui.audit.exposure import exposures
from netui.explain.names import Names
from netui.explain.rule_sentence import explain_rule
from netui.reports.explain import chosen
from netui.traversal import path
from tests.lab.cells import compare_cells
from tests.lab.findings import PORTS, outcome

from . import swarm
from .capture import write_capture
from .conftest import Hosts
from .doctor_host import diagnosis, findings, seen
from .hosts import HOST, OUTSIDE, Host, blog_host, serve
from .judge import compare, endpoints, judge, predict
from .senders import Flow, send
from .trace import Tracer

#: Ports that the swarm publishes through its ingress, and on the task's own node.
INGRESS, DIRECT = 8085, 8086


def _swarm_host(kind: str) -> Host:
    host = blog_host(kind)
    try:
        swarm.join(host)
        swarm.service(host, "far", f"{INGRESS}:80")
        swarm.service(host, "near", f"mode=host,published={DIRECT},target=80")
        host.engine.tool(
            *("docker", "network", "create", "--driver", "overlay", "--attachable", "--opt", "encrypted", "sealed")
        )
        swarm.service(host, "pair", network="sealed", replicas=2)
        host.container("both", serve([80]), networks={"sealed": {}, "hehe": {}}, ports={"80/tcp": 8077})
    except BaseException:
        host.close()
        raise
    return host


@pytest.fixture(scope="module")
def swarms(lab: None) -> Iterator[Hosts]:
    """A swarm of one node with a service of each kind, and a container on an overlay and hehe. Left as it is."""
    hosts = Hosts(_swarm_host)
    yield hosts
    hosts.close()


@pytest.fixture(params=["20.10-nft", "28.5"])
def host(request: pytest.FixtureRequest, swarms: Hosts) -> Host:
    """That host on the oldest and the newest engine."""
    return swarms(str(request.param))


def test_a_swarm_is_named_and_nothing_is_found_wrong(host: Host) -> None:
    """The note names the engine and its overlay; services and gwbridge bring no finding."""
    found = diagnosis(host)
    assert found.findings == ()
    assert found.unknown == ()
    note = next(note for note in found.notes if note.id == "swarm")
    assert "ingress: overlay" in [evidence.text for evidence in note.evidence]
    assert "overlay networks (ingress, sealed)" in note.why


def test_a_task_s_packets_meet_the_predicted_rules(host: Host, tmp_path: Path) -> None:
    """From and to tasks on an overlay and on a bridge: the kernel's trace has netui's steps."""
    (far,), (near,) = swarm.tasks(host, "far"), swarm.tasks(host, "near")
    blog = host.engine.client.api.inspect_container("blog")["NetworkSettings"]["Networks"]["hehe"]["IPAddress"]
    flows = [Flow(task, to, port) for task in (far, near) for to, port in ((OUTSIDE, 9), (HOST, 80), (blog, 8080))]
    flows += [Flow(one, HOST, DIRECT) for one in ("outside", "blog", far)]
    flows += [Flow("both", OUTSIDE, 9), Flow(swarm.tasks(host, "pair")[0], HOST, 8077)]
    result = judge(host, flows, f"swarm {host.kind}", tmp_path)
    assert [str(one) for one in (*result.disagreements, *result.outcomes)] == []
    assert result.undecided == []
    assert result.steps > 3 * len(flows)


def test_every_cell_of_a_swarm_s_table(host: Host, count: Callable[[str], None]) -> None:
    """Exposed ports of tasks, and from tasks: each cell is what a connection sees."""
    compare_cells(host, count, f"swarm {host.kind}")


def differing_steps(host: Host, flows: list[Flow], folder: Path) -> list[str]:
    """Where netui's steps are not the kernel's, whatever the verdict."""
    predictions = predict(write_capture(host, folder), [endpoints(flow) for flow in flows])
    with Tracer(host) as tracer:
        sent = send(flows, host.sandbox, PORTS, timeout=0.6)
        traces, others = tracer.collect(sent), tracer.others()
    rows = zip(sent, traces, predictions, strict=True)
    return [str(found) for one, trace, said in rows for found in compare(one, trace, said, others)]


@pytest.mark.parametrize("kind", ["20.10-nft", "28.5"])
def test_a_port_of_the_ingress_is_undecided(kind: str, own_host: Callable[..., Host], tmp_path: Path) -> None:
    """The rules lead into the sandbox, as the kernel says; which task answers is left open, and IPVS named."""
    host = own_host(kind)
    swarm.join(host)
    swarm.service(host, "far", f"{INGRESS}:80")
    swarm.ingress_rules(host, INGRESS)
    flows = [Flow(one, HOST, INGRESS) for one in ("outside", "blog")]
    assert differing_steps(host, flows, tmp_path) == []
    prepared = seen(host)
    way = path(prepared, "outside", f"host:{INGRESS}")
    assert way.verdict == "undecided"
    assert "IPVS" in way.reason
    assert ("nat", "DOCKER-INGRESS") in {(step.table, step.chain) for leg in way.legs for step in leg.steps}
    cells = next(e for e in exposures(prepared) if e.container.startswith("far.")).cells
    assert next(cell.state for cell in cells if cell.origin.where == "world") == "undecided"
    names = Names.of(prepared.snapshot)
    chain = chosen(prepared.snapshot, "nat", "DOCKER-INGRESS")[0]
    assert "a service publishes this port" in explain_rule(names, chain, chain.rules[0])
    found = diagnosis(host)
    assert found.findings == ()
    note = next(note for note in found.notes if note.id == "swarm")
    assert f"--dport {INGRESS} -j DNAT" in note.evidence[1].text


def test_an_overlay_with_the_subnet_of_a_node_s_network(own_host: Callable[..., Host]) -> None:
    """The manager allows it and the node rejects its tasks; with a subnet of its own they run."""
    host = own_host("28.5")
    swarm.join(host)
    make = ("docker", "network", "create", "--driver", "overlay", "--subnet")
    host.engine.tool(*make, "172.18.0.0/16", "over")
    found = findings(host)["subnets-overlap"]
    assert set(found.about) == {"hehe", "over"}
    assert {evidence.text for evidence in found.evidence} == {"hehe: 172.18.0.0/16", "over: 172.18.0.0/16"}
    reason = "Pool overlaps with other one on this address space"
    assert reason in swarm.rejected(host, "wrong", network="over")
    assert reason in found.why
    host.engine.tool("docker", "network", "rm", "over")
    host.engine.tool(*make, "10.99.0.0/24", "over")
    (task,) = swarm.service(host, "right", f"{INGRESS}:80", network="over")
    assert findings(host) == {}
    assert outcome(host, task, OUTSIDE, 9) == "ECONNREFUSED"
