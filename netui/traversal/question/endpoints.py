"""SRC and DST as people write them: parsed, then resolved against a host.

Every mistake raises EndpointError with one line that says what is wrong and what to do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from netui.model import Container, Endpoint, Family
from netui.net.addresses import parse_address
from netui.traversal.host.prepared import Owner, PreparedHost

_PROTOCOLS = {
    "tcp": "tcp",
    "udp": "udp",
    "sctp": "sctp",
    "icmp": "icmp",
    "icmp6": "icmp",
    "icmpv6": "icmp",
    "ipv6-icmp": "icmp",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class EndpointError(ValueError):
    """SRC or DST cannot be used; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """An endpoint as written. address: of ``outside:ADDR`` or a plain one. network: of ``lan@``, an interface."""

    text: str
    kind: Literal["host", "outside", "lan", "any", "container", "address"]
    name: str = ""
    network: str = ""
    address: str = ""
    port: int | None = None
    protocol: str = ""


@lru_cache(maxsize=4096)
def parse_source(text: str) -> EndpointSpec:
    """Parse SRC: host, outside[:ADDR], lan[@IFACE], any, an address or a container[@network]."""
    text = text.strip()
    if not text:
        raise EndpointError("the source is empty: give host, outside, an address or a container's name")
    if text == "host":
        return EndpointSpec(text, "host")
    if text == "outside":
        return EndpointSpec(text, "outside")
    if text in ("lan", "any"):
        return EndpointSpec(text, "lan" if text == "lan" else "any")
    if text.startswith("lan@"):
        return EndpointSpec(text, "lan", network=text.removeprefix("lan@"))
    if text.startswith("outside:"):
        address = text.removeprefix("outside:").strip("[]")
        if parse_address(address) is None:
            raise EndpointError(f"{shown(text)}: {shown(address)} is no address (outside:198.51.100.2 names one)")
        return EndpointSpec(text, "outside", address=address)
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if parse_address(bare) is not None:
        return EndpointSpec(text, "address", address=bare)
    name, at, network = text.partition("@")
    if ":" in name or "/" in name:
        raise EndpointError(f"{shown(text)}: a source takes no port; write the port behind the destination")
    _check_name(text, name, at, network)
    return EndpointSpec(text, "container", name=name, network=network)


@lru_cache(maxsize=4096)
def parse_destination(text: str) -> EndpointSpec:
    """Parse DST: as SRC, with ``:PORT[/PROTO]`` or ``/icmp`` behind it."""
    text = text.strip()
    if not text:
        raise EndpointError("the destination is empty: give NAME:PORT, host:PORT, outside:PORT or ADDRESS:PORT")
    base, protocol = text, ""
    if "/" in text:
        base, _, protocol_text = text.rpartition("/")
        protocol = _PROTOCOLS.get(protocol_text.lower(), "")
        if not protocol:
            raise EndpointError(f"{shown(text)}: {shown(protocol_text)} is no protocol; use tcp, udp, sctp or icmp")
    if protocol == "icmp":
        end = parse_source(_without_brackets(base))
        return EndpointSpec(text, end.kind, end.name, end.network, end.address, None, "icmp")
    end_text, port_text = _split_port(text, base)
    if end_text == "outside" or end_text.startswith("outside:"):
        end = parse_source(end_text)
    elif end_text.count(":") > 1 and not end_text.startswith("["):
        raise EndpointError(f"{shown(text)}: put an IPv6 address in brackets: [{shown(end_text)}]:{shown(port_text)}")
    else:
        end = parse_source(_without_brackets(end_text))
    return EndpointSpec(text, end.kind, end.name, end.network, end.address, _port(text, port_text), protocol or "tcp")


def _split_port(text: str, base: str) -> tuple[str, str]:
    bracketed = re.fullmatch(r"((?:outside:)?\[[^\]]*\])(?::(.*))?", base)
    if bracketed:
        if bracketed[2] is None:
            raise EndpointError(f"{shown(text)}: the port is missing: {shown(base)}:PORT")
        return bracketed[1], bracketed[2]
    if parse_address(base) is not None and ":" in base:
        # ambiguous: an address with a port, or one without
        raise EndpointError(
            f"{shown(text)}: put an IPv6 address in brackets, with the port behind: [{shown(base)}]:PORT"
        )
    if base.startswith("outside:"):
        rest = base.removeprefix("outside:")
        if ":" not in rest:
            if parse_address(rest) is not None:
                raise EndpointError(f"{shown(text)}: the port is missing: {shown(base)}:PORT")
            return "outside", rest
        address, _, port = rest.rpartition(":")
        if ":" in address:
            raise EndpointError(
                f"{shown(text)}: put an IPv6 address in brackets: outside:[{shown(address)}]:{shown(port)}"
            )
        return f"outside:{address}", port
    end, colon, port = base.rpartition(":")
    if not colon:
        raise EndpointError(f"{shown(text)}: the port is missing: {shown(base)}:PORT, or {shown(base)}/icmp")
    return end, port


def _without_brackets(text: str) -> str:
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def _port(text: str, port_text: str) -> int:
    if not port_text.isascii() or not port_text.isdigit() or not 1 <= int(port_text[:8]) <= 65535:
        raise EndpointError(f"{shown(text)}: {shown(port_text) or 'an empty text'} is no port; use 1 to 65535")
    return int(port_text)


def _check_name(text: str, name: str, at: str, network: str) -> None:
    if not _NAME.fullmatch(name) or (at and not network):
        raise EndpointError(
            f"{shown(text)}: neither host, outside, an address nor a container's name (NAME or NAME@NETWORK)"
        )


def shown(text: str) -> str:
    """Text of strangers for an error line: printable, and of one line at most."""
    shown = "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text[:80])
    return shown + ("…" if len(text) > 80 else "")


# --- resolving -----------------------------------------------------------------------------


def engine_apart(host: PreparedHost) -> str:
    """Return why the rules that were read do not concern the engine's containers, "" where they do."""
    engine = host.snapshot.engine
    if engine is None or host.snapshot.joined:
        return ""
    if not engine.local:
        return f"the engine is on another machine ({shown(engine.address)})"
    if engine.rootless:
        return "the engine is rootless: its networks and rules are in RootlessKit's own namespace, not in this one"
    return "the engine is in another network namespace of this machine"


def find_container(host: PreparedHost, name: str) -> Container:
    """Return the container of that name or ID prefix; raises EndpointError with the candidates."""
    apart = engine_apart(host)
    if apart:
        raise EndpointError(f"{shown(name)}: {apart}; its containers are not behind these rules")
    if host.snapshot.containers is None and not host.containers:
        state = host.snapshot.sources.get("docker")
        why = f": {shown(state.error)}" if state is not None and state.error else ""
        raise EndpointError(f"{shown(name)}: the containers were not read{why}")
    whole = host.by_id.get(name)
    if whole is not None:
        return whole
    for container in host.containers:
        if container.name == name:
            return container
    candidates = [container for container in host.containers if container.id.startswith(name.lower())]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        listed = ", ".join(f"{shown(container.name)} ({container.id[:12]})" for container in candidates[:8])
        more = f" and {len(candidates) - 8} more" if len(candidates) > 8 else ""
        raise EndpointError(f"{shown(name)} is ambiguous: {listed}{more}; give more of the ID or the name")
    near = [c.name for c in host.containers if name.lower() in c.name.lower()][:5]
    hint = f"; did you mean {', '.join(shown(n) for n in near)}?" if near else "; `docker ps -a` lists the names"
    raise EndpointError(f"no container is called {shown(name)} or has an ID that begins so{hint}")


def shared_namespace(host: PreparedHost, container: Container) -> Container:
    """Return the container whose network namespace it uses (``--network container:X``)."""
    for _ in range(8):
        if not container.network_mode.startswith("container:"):
            return container
        other = container.network_mode.removeprefix("container:")
        following = host.by_id.get(other) or next((c for c in host.containers if c.name == other), None)
        if following is None:
            return container
        container = following
    return container


def namespace_owner(host: PreparedHost, name: str) -> Container:
    """Return the running container of that name or ID prefix, or the one whose namespace it uses."""
    owner = host.named.get(name)
    if owner is None:
        owner = host.named[name] = shared_namespace(host, running(find_container(host, name)))
    return owner


def endpoint_on(host: PreparedHost, container: Container, network: str) -> Endpoint:
    """Return the container's endpoint on a network (name or ID prefix); raises EndpointError."""
    for endpoint in container.endpoints:
        if endpoint.network_name == network:
            return endpoint
    candidates = [e for e in container.endpoints if len(network) >= 4 and e.network_id.startswith(network)]
    if len(candidates) == 1:
        return candidates[0]
    names = ", ".join(shown(e.network_name) for e in container.endpoints) or "none"
    exists = any(n.name == network for n in host.networks.values())
    what = "is not on network" if exists else "is not on a network called"
    raise EndpointError(f"{shown(container.name)} {what} {shown(network)}; its networks: {names}")


def running(container: Container) -> Container:
    """Return the container, or raise EndpointError if it has no address because it does not run."""
    if not container.running:
        raise EndpointError(
            f"{shown(container.name)} is not running ({container.state}): it has no address; start it first"
        )
    return container


def address_of(endpoint: Endpoint, family: Family) -> str:
    """Return the endpoint's address in a family, "" if it has none."""
    return endpoint.ipv4 if family == "ip" else endpoint.ipv6


def owner_of(host: PreparedHost, address: str) -> Owner | None:
    """Return the running container that has the address, if any."""
    parsed = parse_address(address)
    return host.owner(*parsed) if parsed else None
