"""A swarm of one node on a lab host: docker_gwbridge, the ingress sandbox, services with real tasks.

A kernel without IPVS (ip_vs) has all of it but the load balancer: Docker then makes no
DOCKER-INGRESS, and `ingress_rules` writes it as Docker's service_linux.go does, to the real
sandbox's address. Where the kernel has IPVS, Docker's own rules are there and stay.
"""

from __future__ import annotations

import json
import time
from typing import Any

from .engines import IMAGE
from .hosts import HOST, Host, serve

#: A registry that refuses at once: a task's image is asked for there first, then found on the node.
_LOCAL = "127.0.0.1:5/lab"


def join(host: Host) -> None:
    """Make the host a swarm's only node; returns when docker_gwbridge and the ingress sandbox stand."""
    host.engine.client.images.get(IMAGE).tag(_LOCAL, "1")
    host.engine.tool("docker", "swarm", "init", "--advertise-addr", HOST)
    _wait(lambda: bool(sandbox_address(host)), "the ingress sandbox")


def service(host: Host, name: str, publish: str = "", *, network: str = "", replicas: int = 1) -> list[str]:
    """Create a service that serves port 80; the names of its tasks' containers, when they run."""
    more = (*(("--publish", publish) if publish else ()), *(("--network", network) if network else ()))
    host.engine.tool(
        *("docker", "service", "create", "--detach", "--no-resolve-image", "--name", name),
        *("--replicas", str(replicas), *more),
        *(f"{_LOCAL}:1", "sh", "-c", serve([80])),
    )
    _wait(lambda: len(tasks(host, name)) == replicas, f"service {name}")
    return tasks(host, name)


def rejected(host: Host, name: str, network: str) -> str:
    """Create a service of which the node rejects each task, and remove it; the reason that Docker gives."""
    local = f"{_LOCAL}:1"
    host.engine.tool(
        "docker", "service", "create", "-d", "--no-resolve-image", "--name", name, "--network", network, local
    )

    def reason() -> str:
        said = host.engine.tool("docker", "service", "ps", name, "--no-trunc", "--format", "{{.Error}}")
        return next(iter(said.split("\n")), "")

    _wait(lambda: bool(reason()), "the rejection")
    said = reason()
    host.engine.tool("docker", "service", "rm", name)
    return said


def tasks(host: Host, name: str) -> list[str]:
    """The running containers of a service."""
    found = host.engine.client.containers.list(filters={"label": f"com.docker.swarm.service.name={name}"})
    return sorted(str(container.name) for container in found)


def inspect(host: Host, network: str) -> dict[str, Any]:
    """A network's own inspection, {} where there is none yet."""
    text = host.engine.tool("docker", "network", "inspect", network, check=False)
    found = json.loads(text or "[]")
    return dict(found[0]) if found else {}


def sandbox_address(host: Host) -> str:
    """The ingress sandbox's address on docker_gwbridge, "" where it is not there yet."""
    member = (inspect(host, "docker_gwbridge").get("Containers") or {}).get("ingress-sbox") or {}
    return str(member.get("IPv4Address", "")).partition("/")[0]


def ingress_rules(host: Host, port: int) -> None:
    """Let Docker's own rules for a port that the swarm publishes stand, or write them as it does."""
    if f"--dport {port} -j DNAT" in host.engine.tool("iptables", "-t", "nat", "-S"):
        return
    address = sandbox_address(host)
    for line in (
        "-t nat -N DOCKER-INGRESS",
        "-N DOCKER-INGRESS",
        "-t nat -A DOCKER-INGRESS -j RETURN",
        "-A DOCKER-INGRESS -j RETURN",
        "-t nat -I OUTPUT -m addrtype --dst-type LOCAL -j DOCKER-INGRESS",
        "-t nat -I PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS",
        "-t nat -I POSTROUTING -m addrtype --src-type LOCAL -o docker_gwbridge -j MASQUERADE",
        # DOCKER-USER is put before it again
        "-I FORWARD 2 -j DOCKER-INGRESS",
        f"-t nat -I DOCKER-INGRESS -p tcp --dport {port} -j DNAT --to-destination {address}:{port}",
        f"-I DOCKER-INGRESS -m conntrack --ctstate ESTABLISHED,RELATED -p tcp --sport {port} -j ACCEPT",
        f"-I DOCKER-INGRESS -p tcp --dport {port} -j ACCEPT",
    ):
        host.engine.tool("iptables", *line.split())
    host.namespace.sysctl(**{"ipv4/conf/docker_gwbridge/route_localnet": 1})


def _wait(condition: Any, what: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not come up")
        time.sleep(0.05)
