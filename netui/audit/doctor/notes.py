"""Notes: what is not wrong but worth knowing, and what netui cannot see here."""

from __future__ import annotations

from collections.abc import Iterator

from netui.audit.doctor.checkup import ChainRule, View
from netui.audit.doctor.finding import Evidence, Finding
from netui.audit.doctor.publishing import shown
from netui.net.conditions import IIF
from netui.text.phrases import plural, some
from netui.traversal.host.listener import listening_socket


def _note(
    ident: str, what: str, why: str, *evidence: Evidence, advice: str = "", about: tuple[str, ...] = ()
) -> Finding:
    return Finding(ident, "note", what, why, evidence, (advice,) if advice else (), about)


def engine_elsewhere(view: View) -> Iterator[Finding]:
    """The engine is on another machine, or its rules cannot be read."""
    engine = view.host.snapshot.engine
    if engine is None:
        return
    shown_engine = Evidence("engine", f"Docker {engine.version} at {engine.address or 'this machine'}")
    if not engine.local:
        yield _note(
            "engine-remote",
            f"The engine at {engine.address} is on another machine: its containers are not behind these rules.",
            "Nothing about containers was checked.",
            shown_engine,
            advice="Run netui on that machine, or record there and --replay here.",
        )
    if engine.local and engine.rootless and not engine.here:
        yield _note(
            "engine-rootless",
            "The engine is rootless: its networks and rules are in RootlessKit's own namespace, not in these tables.",
            "Ports come in through RootlessKit's port driver, which no rule here shows.",
            shown_engine,
            advice="Run netui in that namespace: sudo nsenter -n -t $(cat $XDG_RUNTIME_DIR/docker.pid) "
            "env DOCKER_HOST=unix://$XDG_RUNTIME_DIR/docker.sock netui",
        )
    elif engine.rootless and engine.here:
        yield _note(
            "engine-rootless",
            "The engine is rootless, and this is RootlessKit's namespace: its networks and rules are these.",
            "Published ports come in through RootlessKit's port driver: its builtin one opens each connection anew "
            "from this namespace's own 127.0.0.1, the others bring them in by tap0, which is the outside here.",
            shown_engine,
        )
    elif engine.local and not engine.here:
        yield _note(
            "engine-namespace",
            "The engine works in another network namespace than the one that is read here: its containers are not "
            "behind these rules.",
            "Nothing about containers was checked.",
            shown_engine,
            advice="Run netui in the engine's namespace: nsenter -n -t $(pidof dockerd) netui",
        )
    if engine.firewall == "nftables":
        yield _note(
            "engine-nftables",
            "The engine makes native nftables rules (tables ip and ip6 docker-bridges), not iptables'.",
            "There is no DOCKER-USER: a rule of your own belongs into a table of your own, in a base chain at the "
            "hook forward, whose drop is final whatever docker-bridges accepts.",
            shown_engine,
            advice="See them with: nft list table ip docker-bridges",
        )
    if engine.swarm == "active":
        overlays = [network for network in view.host.networks.values() if network.driver == "overlay"]
        on_them = f" and on the overlay networks ({some([n.name for n in overlays])})" if overlays else ""
        yield _note(
            "swarm",
            "The engine is in a swarm: a published service's port goes through IPVS in the ingress sandbox, "
            "which chooses one of its tasks.",
            f"The host's rules show the way into the sandbox only; what happens in it{on_them} is in no table here.",
            shown_engine,
            *(
                view.rule_evidence(located)
                for located in view.rules("ip", "nat", "DOCKER-INGRESS")
                if located.rule.spec.target is not None and located.rule.spec.target.name == "DNAT"
            ),
            *(Evidence("network", f"{n.name}: overlay") for n in overlays),
        )


def off_the_bridge(view: View) -> Iterator[Finding]:
    """Macvlan and ipvlan endpoints, and containers on the host's network."""
    networks = [n for n in view.host.networks.values() if n.driver in ("macvlan", "ipvlan") and _used(view, n.id)]
    if networks:
        yield _note(
            "macvlan",
            f"{some([f'{n.name} ({n.driver} on {n.parent})' for n in networks])}: their containers' packets "
            "pass no rule of this host.",
            "They are on the parent's link themselves; a firewall for them is to be elsewhere.",
            *(Evidence("network", f"{n.name}: {n.driver}, parent {n.parent}") for n in networks),
            about=tuple(n.name for n in networks),
        )
    unread = {f"{c.family} {c.table}": c.why for c in view.host.snapshot.nft_chains or () if c.effects}
    if unread:
        yield _note(
            "native-tables",
            f"Native nftables tables whose rules could not be read: {some(list(unread))}.",
            f"Answers that hang on them are undecided. {'; '.join(dict.fromkeys(filter(None, unread.values())))}",
            *(Evidence("chain", f"table {table}") for table in unread),
            advice="Install an nftables that is as new as the program that wrote them, then: nft list ruleset",
        )


def _used(view: View, network_id: str) -> bool:
    return any(c.running and any(e.network_id == network_id for e in c.endpoints) for c in view.host.containers)


def client_address_lost(view: View) -> Iterator[Finding]:
    """Published on IPv6 through docker-proxy: the container sees the bridge's gateway as the client."""
    sockets = view.host.namespace.sockets
    reached = any(origin.family == "ip6" and origin.where == "world" for origin in view.origins.outer)
    if sockets is None or not reached:
        return
    ports: dict[str, str] = {}
    for container, bound in view.published():
        if ":" not in bound.host_ip:
            continue
        address = view.outside_address(bound)
        if not address or (any(endpoint.ipv6 for endpoint in container.endpoints) and view.translates("ip6")):
            continue
        socket = listening_socket(sockets, bound.protocol, address.strip("[]"), bound.host_port)
        if socket is not None and socket.program == "docker-proxy":
            ports.setdefault(shown(bound), container.name)
    if ports:
        yield _note(
            "client-address-lost",
            f"Over IPv6, {plural(len(ports), 'published port')} ({some(list(ports))}) "
            f"{'is' if len(ports) == 1 else 'are'} answered by docker-proxy: the container sees the network's gateway "
            "as the client, not who called.",
            "Logs, limits by address and allow lists in the container take all of them for one.",
            *(Evidence("socket", f"docker-proxy listens on {port} over IPv6") for port in list(ports)[:8]),
            advice="Give the network IPv6 (docker network create --ipv6) and turn ip6tables on (the default since 27).",
            about=tuple(dict.fromkeys(ports.values())),
        )


#: The least connections through docker-proxy for a note.
_MANY = 10_000


def proxy_busy(view: View) -> Iterator[Finding]:
    """Containers often use published ports of this host through docker-proxy."""
    for located in view.rules("ip", "nat", "DOCKER"):
        target, inwards = located.rule.spec.target, located.asked(IIF)
        if target is None or target.name != "RETURN" or inwards is None or inwards.negated:
            continue
        connections = view.packets(located)
        if connections >= _MANY:
            network = next((n.name for n in view.host.networks.values() if n.bridge == inwards.name), inwards.printed)
            yield _note(
                "proxy-busy",
                f"Containers of {network} opened {connections:,} connections to this host's own addresses; those to "
                "published ports were carried by docker-proxy.",
                "Each costs two connections and a copy of its bytes in user space.",
                view.rule_evidence(located),
                advice="Let containers call each other by name on a shared network, not by the host's address.",
                about=(network,),
            )


def direct_drops(view: View) -> Iterator[Finding]:
    """Packets to containers' own addresses were dropped in raw (28 and newer)."""
    dropped: list[tuple[int, ChainRule]] = []
    for located in view.rules("ip", "raw", "PREROUTING"):
        target, inwards = located.rule.spec.target, located.asked(IIF)
        if target is None or target.name != "DROP" or inwards is None or not inwards.negated:
            continue
        if any(network.bridge == inwards.name for network in view.host.networks.values()) and view.packets(located):
            dropped.append((view.packets(located), located))
    if dropped:
        total = sum(packets for packets, _ in dropped)
        dropped.sort(key=lambda pair: -pair[0])
        yield _note(
            "direct-drops",
            f"{plural(total, 'packet')} straight to containers' own addresses {'was' if total == 1 else 'were'} "
            "dropped before any other rule.",
            "Somebody outside a network asks its containers at their own addresses; since Engine 28.2 that is not "
            "answered. A route to a container that worked before the upgrade ends here.",
            *(view.rule_evidence(located) for _, located in dropped[:4]),
            advice="For a routed network: the gateway mode routed, trusted_host_interfaces, or allow-direct-routing.",
        )
