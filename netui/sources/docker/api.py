"""Docker's JSON (info, version, networks, containers) → the model.

The same documents come from the Engine API, from ``docker … -f '{{json .}}'`` and
from ``docker inspect``. Field by field: docs/api of moby, versions 1.40 to 1.52.
The container's top-level IPAddress is gone in 1.52 and is not read.
"""

from __future__ import annotations

import re
from typing import Any

from netui.model import Container, Endpoint, Engine, Member, Network, PublishedPort, Subnet
from netui.text import json_text as js
from netui.text.errors import SourceError, quoted

#: An ID becomes part of file names and requests, so only these letters are allowed. A swarm's ID is in base 36.
_CONTAINER_ID = re.compile(r"[0-9a-f]{1,64}")
_NETWORK_ID = re.compile(r"[0-9a-z]{1,64}")


def engine(info: object, version: object, address: str = "", local: bool = True, here: bool | None = None) -> Engine:
    """Build the engine from ``/info`` and ``/version`` (``docker version`` nests it under Server).

    here: whether its rules are those that are read; None: unknown, which counts as no for a rootless engine.
    """
    about, versions = js.obj(info), js.obj(version)
    server = js.obj(versions.get("Server")) or versions
    firewall = js.obj(about.get("FirewallBackend"))
    rootless = any("rootless" in option for option in js.texts(about.get("SecurityOptions")))
    return Engine(
        version=js.text(server.get("Version")) or js.text(about.get("ServerVersion")),
        api_version=js.text(server.get("ApiVersion")),
        name=js.text(about.get("Name")),
        address=address,
        local=local,
        here=here if here is not None else not rootless,
        firewall=js.text(firewall.get("Driver")).removesuffix("+firewalld"),
        rootless=rootless,
        swarm=js.text(js.obj(about.get("Swarm")).get("LocalNodeState")) or "inactive",
        userland_proxy=_userland_proxy(firewall),
        live_restore=about.get("LiveRestoreEnabled") is True,
        about=bool(about),
    )


def networks(listing: object) -> tuple[Network, ...]:
    """Build the networks from ``docker network inspect``; raise SourceError where it is no list."""
    listed = [_network(entry) for entry in js.list_of_objects(listing, "a list of networks")]
    return tuple(sorted(listed, key=lambda network: (network.name, network.id)))


def containers(listing: object) -> tuple[Container, ...]:
    """Build the containers from ``docker inspect``; raise SourceError where it is no list."""
    listed = [container(entry) for entry in js.list_of_objects(listing, "a list of containers")]
    return tuple(sorted(listed, key=lambda entry: (entry.name, entry.id)))


def container_id(value: object) -> str:
    """Return a container's ID; raise SourceError for an invalid one."""
    return _checked(_CONTAINER_ID, value, "a container's ID is hexadecimal")


def network_id(value: object) -> str:
    """Return a network's ID; raise SourceError for an invalid one."""
    return _checked(_NETWORK_ID, value, "a network's ID has letters and digits alone")


def _checked(form: re.Pattern[str], value: object, rule: str) -> str:
    text = js.text(value)
    if not form.fullmatch(text):
        raise SourceError(f"names {quoted(text)}: {rule}, so nothing of it is taken")
    return text


#: The capabilities in HostConfig.CapAdd by which a container can change its own routes.
_MAY_CHANGE = frozenset({"ALL", "CAP_ALL", "NET_ADMIN", "CAP_NET_ADMIN", "SYS_ADMIN", "CAP_SYS_ADMIN"})


def container(entry: dict[str, Any]) -> Container:
    """Build one container from ``/containers/{id}/json``."""
    state, config = js.obj(entry.get("State")), js.obj(entry.get("Config"))
    host, settings = js.obj(entry.get("HostConfig")), js.obj(entry.get("NetworkSettings"))
    endpoints = [_endpoint(name, js.obj(endpoint)) for name, endpoint in js.obj(settings.get("Networks")).items()]
    exposed = {port: None for key in js.obj(config.get("ExposedPorts")) if (port := _port(key))[0]}
    return Container(
        id=container_id(entry.get("Id")),
        name=js.text(entry.get("Name")).removeprefix("/"),
        image=js.text(config.get("Image")) or js.text(entry.get("Image")),
        state=js.text(state.get("Status")) or ("running" if state.get("Running") is True else ""),
        pid=js.number(state.get("Pid")),
        network_mode=js.text(host.get("NetworkMode")),
        endpoints=tuple(sorted(endpoints, key=lambda endpoint: endpoint.network_name)),
        requested_ports=_published(host.get("PortBindings")),
        bound_ports=_published(settings.get("Ports")),
        exposed=tuple(sorted(exposed)),
        labels=js.labels(config.get("Labels")),
        health=js.text(js.obj(state.get("Health")).get("Status")),
        created=js.text(entry.get("Created")),
        started=js.text(state.get("StartedAt")),
        sandbox_key=js.text(settings.get("SandboxKey")),
        hostname=js.text(config.get("Hostname")),
        privileged=host.get("Privileged") is True,
        changes_routes=host.get("Privileged") is True or not _MAY_CHANGE.isdisjoint(js.texts(host.get("CapAdd"))),
    )


def _userland_proxy(firewall: dict[str, Any]) -> bool | None:
    """Read the proxy from ``FirewallBackend.Info``, a list of pairs; development builds of 29 have it there."""
    for pair in js.items(firewall.get("Info")):
        words = js.texts(pair)
        if len(words) == 2 and words[0] == "EnableUserlandProxy":
            return words[1].lower() == "true"
    return None


def _network(entry: dict[str, Any]) -> Network:
    members = [
        Member(
            container_id=key,
            name=js.text(member.get("Name")),
            endpoint_id=js.text(member.get("EndpointID")),
            mac=js.text(member.get("MacAddress")),
            ipv4=js.text(member.get("IPv4Address")),
            ipv6=js.text(member.get("IPv6Address")),
        )
        for key, member in js.obj(entry.get("Containers")).items()
        if isinstance(member, dict)
    ]
    pools = js.items(js.obj(entry.get("IPAM")).get("Config"))
    return Network(
        id=network_id(entry.get("Id")),
        name=js.text(entry.get("Name")),
        driver=js.text(entry.get("Driver")),
        scope=js.text(entry.get("Scope")) or "local",
        internal=entry.get("Internal") is True,
        ipv6=entry.get("EnableIPv6") is True,
        ingress=entry.get("Ingress") is True,
        attachable=entry.get("Attachable") is True,
        created=js.text(entry.get("Created")),
        subnets=tuple(
            Subnet(js.text(pool.get("Subnet")), js.text(pool.get("Gateway")), js.text(pool.get("IPRange")))
            for pool in pools
            if isinstance(pool, dict)
        ),
        options=js.labels(entry.get("Options")),
        labels=js.labels(entry.get("Labels")),
        members=tuple(sorted(members, key=lambda member: (member.name, member.container_id))),
    )


def _endpoint(name: str, entry: dict[str, Any]) -> Endpoint:
    return Endpoint(
        network_id=js.text(entry.get("NetworkID")),
        network_name=name,
        endpoint_id=js.text(entry.get("EndpointID")),
        ipv4=js.text(entry.get("IPAddress")),
        ipv4_prefix=js.number(entry.get("IPPrefixLen")),
        gateway4=js.text(entry.get("Gateway")),
        ipv6=js.text(entry.get("GlobalIPv6Address")),
        ipv6_prefix=js.number(entry.get("GlobalIPv6PrefixLen")),
        gateway6=js.text(entry.get("IPv6Gateway")),
        mac=js.text(entry.get("MacAddress")),
        aliases=js.texts(entry.get("Aliases")),
        dns_names=js.texts(entry.get("DNSNames")),
        gw_priority=js.number(entry.get("GwPriority")),
    )


def _published(bindings: object) -> tuple[PublishedPort, ...]:
    """``{"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}``; null where a port is only exposed.

    For a requested range (``HostPort`` "8000-8010") the port is 0: the engine chooses.
    """
    published: list[PublishedPort] = []
    for key, bound in js.obj(bindings).items():
        port, protocol = _port(key)
        for binding in js.items(bound):
            entry = js.obj(binding)
            if port and entry:
                host_port = js.number(js.text(entry.get("HostPort")).lstrip("0"))
                published.append(PublishedPort(port, protocol, js.text(entry.get("HostIp")), host_port))
    return tuple(sorted(published, key=lambda entry: (entry.container_port, entry.protocol, entry.host_ip)))


def _port(key: str) -> tuple[int, str]:
    port, _, protocol = key.partition("/")
    return js.number(port.lstrip("0")), protocol or "tcp"
