"""By which destinations an origin can ask for a container's port: the published ones and the container's address."""

from __future__ import annotations

from collections.abc import Iterator

from netui.audit.origins import Origin, is_private
from netui.dialects.conditions import first_asked
from netui.model import Container, PublishedPort
from netui.net.addresses import PROTOCOLS
from netui.net.conditions import DPORT, PROTOCOL
from netui.traversal import PreparedHost


class Approaches:
    """The destinations of one port, by the kind of origin: most origins use the same ones."""

    def __init__(
        self, host: PreparedHost, container: Container, bound: list[PublishedPort], port: int, protocol: str
    ) -> None:
        self._asked = (container, bound, port, protocol)
        self._host = host
        self._known: dict[tuple[str, str, str, str], tuple[tuple[str, str], ...]] = {}

    def of(self, origin: Origin) -> tuple[tuple[str, str], ...]:
        """Return the destinations from an origin, each with its kind: published or direct."""
        own = origin.name if origin.where == "own" else ""
        key = (origin.where, own, origin.family, origin.address)
        pairs = self._known.get(key)
        if pairs is None:
            pairs = self._known[key] = tuple(approaches(self._host, origin, *self._asked))
        return pairs


def approaches(
    host: PreparedHost,
    origin: Origin,
    container: Container,
    bound: list[PublishedPort],
    port: int,
    protocol: str,
) -> Iterator[tuple[str, str]]:
    """Yield the destinations by which an origin could ask for the port, each with its kind."""
    if container.network_mode == "host":
        yield "host", f"{_bracketed(origin.address) or _host(host, origin)}:{port}/{protocol}"
        return
    direct = list(_direct(origin, container, port, protocol))
    published = list(
        dict.fromkeys((*_as_published(host, origin, bound, protocol), *_of_a_swarm(host, origin, container, protocol)))
    )
    if origin.where in ("own", "host"):
        # at its own address first
        yield from (*direct, *published)
        return
    # the host's 127.0.0.1 from elsewhere needs forged frames, so it comes last
    inner = [pair for pair in published if pair[1].startswith(("127.", "[::1]"))]
    yield from (*(pair for pair in published if pair not in inner), *direct, *inner)


def _direct(origin: Origin, container: Container, port: int, protocol: str) -> Iterator[tuple[str, str]]:
    for endpoint in container.endpoints:
        address = endpoint.ipv4 if origin.family == "ip" else endpoint.ipv6
        if not address or (origin.where == "own" and endpoint.network_name != origin.name):
            continue
        if origin.where == "world" and is_private(origin.family, address):
            continue
        yield "direct", f"{_bracketed(address)}:{port}/{protocol}"


def _as_published(
    host: PreparedHost, origin: Origin, bound: list[PublishedPort], protocol: str
) -> Iterator[tuple[str, str]]:
    for published in bound:
        six = ":" in published.host_ip
        if published.host_ip and six != (origin.family == "ip6"):
            continue
        if published.host_ip in ("", "0.0.0.0", "::"):
            address = _bracketed(origin.address) or _host(host, origin)
            loopback = "127.0.0.1" if origin.family == "ip" else "[::1]"
            for at in (address, loopback) if origin.where == "host" else (address,):
                if at:
                    yield "published", f"{at}:{published.host_port}/{protocol}"
        elif origin.where != "world" or not (published.host_ip.startswith("127.") or published.host_ip == "::1"):
            yield "published", f"{_bracketed(published.host_ip)}:{published.host_port}/{protocol}"


def _of_a_swarm(host: PreparedHost, origin: Origin, container: Container, protocol: str) -> Iterator[tuple[str, str]]:
    """The ports that the swarm publishes on this node; the host's rules do not tell the service of a port."""
    on_ingress = any(network.ingress for e in container.endpoints if (network := host.network_of(e)) is not None)
    if not on_ingress or origin.family != "ip":
        return
    for ruleset in host.snapshot.rulesets.values():
        for chain in ruleset.chains():
            if (chain.family, chain.table, chain.name) != ("ip", "nat", "DOCKER-INGRESS"):
                continue
            for rule in chain.rules:
                target, asked = rule.spec.target, first_asked(rule, "ip", PROTOCOL)
                port = first_asked(rule, "ip", DPORT)
                if asked is None or asked.number != PROTOCOLS.get(protocol) or port is None or port.number is None:
                    continue
                if target is not None and target.name == "DNAT":
                    yield "published", f"host:{port.number}/{protocol}"


def _host(host: PreparedHost, origin: Origin) -> str:
    """The host's address of the family, for a container or the host itself."""
    if origin.family == "ip":
        return "host"
    outer = host.outer("ip6")
    for interface in host.namespace.interfaces.values():
        if outer is None or interface.name == outer.interface:
            for address in interface.addresses:
                if address.family == "ip6" and address.scope == "global":
                    return f"[{address.address}]"
    return ""


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
