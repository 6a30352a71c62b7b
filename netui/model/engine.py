"""The engine, its networks, endpoints, containers and published ports (Docker's words)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from netui.model.host import Route, Socket


@dataclass(frozen=True, slots=True)
class Engine:
    """The fields of ``docker info`` and ``docker version`` that concern the network.

    firewall: "iptables", "nftables", or "" where the engine does not report it (before 29).
    local: False where DOCKER_HOST or the context names another machine; the rules here are not its rules.
    here: False where it runs in another network namespace than the one that was read, as a rootless
    engine does; these are not its rules either.
    userland_proxy: None where the API does not tell. about: whether ``docker info`` was read.
    """

    version: str
    api_version: str = ""
    name: str = ""
    address: str = ""
    local: bool = True
    here: bool = True
    firewall: str = ""
    rootless: bool = False
    swarm: str = "inactive"
    userland_proxy: bool | None = None
    live_restore: bool = False
    about: bool = True


@dataclass(frozen=True, slots=True)
class Subnet:
    """One IPAM pool of a network, in CIDR, with the gateway's address ("" if none)."""

    subnet: str
    gateway: str = ""
    ip_range: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """An endpoint in a network's list (``/networks/{id}``), addresses in CIDR."""

    container_id: str
    name: str
    endpoint_id: str = ""
    mac: str = ""
    ipv4: str = ""
    ipv6: str = ""


@dataclass(frozen=True, slots=True)
class Network:
    """A Docker network."""

    id: str
    name: str
    driver: str
    scope: str = "local"
    internal: bool = False
    ipv6: bool = False
    ingress: bool = False
    attachable: bool = False
    created: str = ""
    subnets: tuple[Subnet, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    members: tuple[Member, ...] = ()

    @property
    def bridge(self) -> str:
        """The host's interface of a bridge network, "" for other drivers.

        moby: ``com.docker.network.bridge.name``, else ``br-`` and 12 digits of the ID.
        """
        if self.driver != "bridge":
            return ""
        return self.options.get("com.docker.network.bridge.name") or f"br-{self.id[:12]}"

    def bridge_option(self, name: str) -> str:
        """Return ``com.docker.network.bridge.<name>``, "" where it is not set."""
        return self.options.get(f"com.docker.network.bridge.{name}", "")

    @property
    def icc(self) -> bool:
        """Whether its containers may reach each other (``enable_icc``)."""
        return self.bridge_option("enable_icc").lower() not in ("false", "0")

    @property
    def parent(self) -> str:
        """The parent interface of a macvlan or ipvlan network, else ""."""
        return self.options.get("parent", "")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A container's endpoint on one network; addresses without prefix, "" where none."""

    network_id: str
    network_name: str
    endpoint_id: str = ""
    ipv4: str = ""
    ipv4_prefix: int = 0
    gateway4: str = ""
    ipv6: str = ""
    ipv6_prefix: int = 0
    gateway6: str = ""
    mac: str = ""
    aliases: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    gw_priority: int = 0

    def of_family(self, family: Literal["ip", "ip6"]) -> tuple[str, str]:
        """Return its address and gateway of a family, each "" where there is none."""
        return (self.ipv4, self.gateway4) if family == "ip" else (self.ipv6, self.gateway6)


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """A container port, with the host address and port to which it is published.

    host_ip: "" or "0.0.0.0" or "::" mean all addresses. host_port: 0 where the
    engine is to choose (requested) or none was given.
    """

    container_port: int
    protocol: str
    host_ip: str = ""
    host_port: int = 0


@dataclass(frozen=True, slots=True)
class Inside:
    """The routes and devices of a container's own namespace.

    routes: of table main. devices: index by name. more_tables: it has other tables, which its policy rules may use.
    netns: the namespace's number in the host's namespace, -1 if not known.
    """

    routes: tuple[Route, ...] = ()
    devices: Mapping[str, int] = field(default_factory=dict)
    more_tables: bool = False
    netns: int = -1


@dataclass(frozen=True, slots=True)
class Container:
    """A container.

    requested_ports: ``HostConfig.PortBindings``; bound_ports: ``NetworkSettings.Ports``, what the
    engine bound. listening: sockets in its own namespace, None if not known.
    network_mode: ``HostConfig.NetworkMode`` (``host``, ``none``, ``container:ID``, a name).
    changes_routes: it may change its routes (NET_ADMIN or privileged). inside: its own routes, None if not known.
    """

    id: str
    name: str
    image: str = ""
    state: str = "running"
    pid: int = 0
    network_mode: str = ""
    endpoints: tuple[Endpoint, ...] = ()
    requested_ports: tuple[PublishedPort, ...] = ()
    bound_ports: tuple[PublishedPort, ...] = ()
    exposed: tuple[tuple[int, str], ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    health: str = ""
    created: str = ""
    started: str = ""
    sandbox_key: str = ""
    hostname: str = ""
    privileged: bool = False
    changes_routes: bool = False
    listening: tuple[Socket, ...] | None = None
    inside: Inside | None = None

    @property
    def running(self) -> bool:
        """Whether it has a live network namespace (paused ones have)."""
        return self.state in ("running", "paused")

    @property
    def project(self) -> str:
        """The compose project, else the swarm stack, else ""."""
        return self.labels.get("com.docker.compose.project") or self.labels.get("com.docker.stack.namespace", "")

    @property
    def service(self) -> str:
        """The compose service, else the swarm service, else ""."""
        return self.labels.get("com.docker.compose.service") or self.labels.get("com.docker.swarm.service.name", "")
