"""The fuzzer's machine: a router without Docker, three neighbours, a bridge with two ports.

    a 10.1.0.0/24 — ea ┐          ┌ br0 10.4.0.0/24 — d (10.4.0.2), e (10.4.0.3)
    b 10.2.0.0/24 — eb ┤  router  │
    c 10.3.0.0/24 — ec ┘          └ lo 10.9.9.9

The default route leads to a; 10.50.0.0/16 lies behind b; 10.60-62 are a blackhole, unreachable and
prohibited; packets marked 1 are routed by table 100 to c. The same with fd00:… in IPv6.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .capture import sysctls
from .namespaces import Namespace, call_in, path_with
from .packets import Wire, echo_request, first_packet, sctp_init

NEIGHBOURS = {"a": (1, "ea"), "b": (2, "eb"), "c": (3, "ec")}
PORTS = {"d": ("pd", 2), "e": ("pe", 3)}
ROUTER_MAC = "02:00:00:00:00:01"
SETS = """create hosts hash:ip family inet
add hosts 10.1.0.3
add hosts 10.2.0.2
create nets hash:net family inet
add nets 10.2.0.0/16
add nets 10.2.0.2 nomatch
add nets 10.50.0.0/24
create services hash:ip,port family inet
add services 10.2.0.2,tcp:80
add services 10.3.0.2,udp:53
create ports bitmap:port range 0-9999
add ports 53
add ports 80
create hosts6 hash:ip family inet6
add hosts6 fd01::3
add hosts6 fd02::2
"""
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Probe:
    """One packet: who puts it on the wire (or "host"), and its addresses.

    source "" lets the router choose. `towards` is the neighbour whose MAC the frame has; "" is the
    router's.
    """

    sender: str
    source: str
    destination: str
    protocol: str
    port: int = 0
    towards: str = ""

    @property
    def family(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.destination else 4


class Router:
    """The router's namespace and those around it. `engine` and `sandbox` serve the Tracer."""

    def __init__(self, backend: str = "nft") -> None:
        label = f"{next(_numbers)}-router"
        self.backend = backend
        self.namespace = Namespace(label)
        self.around: dict[str, Namespace] = {}
        self.macs: dict[str, str] = {}
        own = self.namespace
        own.sysctl(**{"ipv4/ip_forward": 1, "ipv4/conf/all/rp_filter": 0, "ipv4/conf/default/rp_filter": 0})
        own.sysctl(**{"ipv6/conf/all/forwarding": 1, "ipv6/conf/default/accept_dad": 0, "ipv6/conf/all/accept_dad": 0})
        own.sysctl(**{"ipv4/conf/all/send_redirects": 0, "ipv4/conf/default/send_redirects": 0})
        for name, (number, interface) in NEIGHBOURS.items():
            self._neighbour(name, interface)
            own.ip("address", "add", f"10.{number}.0.1/24", "dev", interface)
            own.ip("-6", "address", "add", f"fd0{number}::1/64", "dev", interface, "nodad")
        own.ip("link", "add", "br0", "type", "bridge")
        own.ip("link", "set", "br0", "address", ROUTER_MAC, "up")
        for name, (port, _) in PORTS.items():
            self._neighbour(name, port)
            own.ip("link", "set", port, "master", "br0")
        own.ip("address", "add", "10.4.0.1/24", "dev", "br0")
        own.ip("-6", "address", "add", "fd04::1/64", "dev", "br0", "nodad")
        own.ip("address", "add", "10.9.9.9/32", "dev", "lo")
        own.ip("-6", "address", "add", "fd09::9/128", "dev", "lo", "nodad")
        self._wires = {name: Wire(self.sandbox(name), "eth0") for name in self.around}
        self._routes()
        own.run("ipset", "restore", stdin=SETS)

    def _neighbour(self, name: str, interface: str) -> None:
        space = Namespace(f"{self.namespace.label}-{name}")
        self.around[name] = space
        self.namespace.connect(space, interface, "eth0")
        # Silent: it only puts our frames on the wire and answers nothing.
        space.sysctl(**{"ipv6/conf/all/disable_ipv6": 1})
        self.macs[name] = json.loads(space.ip("-j", "link", "show", "eth0"))[0]["address"]
        self.namespace.ip(
            "link", "set", interface, "address", ROUTER_MAC if name in NEIGHBOURS else self._port_mac(name)
        )

    @staticmethod
    def _port_mac(name: str) -> str:
        return f"02:00:00:00:01:0{PORTS[name][1]}"

    def _routes(self) -> None:
        own = self.namespace
        own.ip("rule", "add", "fwmark", "0x1", "lookup", "100")
        own.ip("-6", "rule", "add", "fwmark", "0x1", "lookup", "100")
        own.ip("route", "add", "default", "via", "10.1.0.2")
        own.ip("-6", "route", "add", "default", "via", "fd01::2")
        own.ip("route", "add", "10.50.0.0/16", "via", "10.2.0.2")
        own.ip("-6", "route", "add", "fd50::/32", "via", "fd02::2")
        own.ip("route", "add", "default", "via", "10.3.0.2", "table", "100")
        own.ip("-6", "route", "add", "default", "via", "fd03::2", "table", "100")
        for kind, number in (("blackhole", 60), ("unreachable", 61), ("prohibit", 62)):
            own.ip("route", "add", kind, f"10.{number}.0.0/16")
            own.ip("-6", "route", "add", kind, f"fd{number}::/32")
        for name, (number, interface) in NEIGHBOURS.items():
            self._known(f"10.{number}.0", f"fd0{number}:", interface, name, (2, 3))
        for name, (_, last) in PORTS.items():
            self._known("10.4.0", "fd04:", "br0", name, (last,))

    def _known(self, stem: str, stem6: str, device: str, name: str, lasts: tuple[int, ...]) -> None:
        """Permanent neighbour entries: nobody is asked, nothing is waited for."""
        for last in lasts:
            for family, address in (("-4", f"{stem}.{last}"), ("-6", f"{stem6}:{last}")):
                mac = self.macs[name]
                self.namespace.ip(family, "neigh", "replace", address, "lladdr", mac, "dev", device, "nud", "permanent")

    # ---- what the Tracer asks of a host ----------------------------------------------------

    @property
    def engine(self) -> Router:
        """The tools are the machine's own."""
        return self

    def sandbox(self, name: str) -> str:
        """Path of the router's namespace, or of a neighbour's."""
        return str(self.namespace.path if name in ("host", "router") else self.around[name].path)

    def tool(self, *command: str, stdin: str | None = None, check: bool = True, sandbox: str = "") -> str:
        """Run a tool in the router's namespace."""
        return self.namespace.run(*command, stdin=stdin, check=check).stdout

    def environment(self) -> dict[str, str]:
        """The environment of a program that is to see the router as its machine."""
        return dict(os.environ, PATH=path_with([]))

    # ---- rules and state -------------------------------------------------------------------

    def load(self, text: str, family: int) -> str:
        """Replace a family's tables; the error when the kernel or iptables refuses ("" when not)."""
        tool = f"{'iptables' if family == 4 else 'ip6tables'}-{self.backend}-restore"
        done = self.namespace.run(tool, stdin=text, check=False)
        return done.stderr.strip() or f"status {done.returncode}" if done.returncode else ""

    def load_native(self, text: str) -> str:
        """Load native tables; the error when the kernel or nft refuses ("" when not)."""
        done = self.namespace.run("nft", "-f", "-", stdin=text, check=False)
        return done.stderr.strip() or f"status {done.returncode}" if done.returncode else ""

    def drop_native(self) -> None:
        """Delete all tables but the tracer's own."""
        listing = json.loads(self.tool("nft", "-j", "list", "tables"))
        gone = [entry["table"] for entry in listing["nftables"] if "table" in entry and entry["table"]["name"] != "trc"]
        script = "".join(f"delete table {table['family']} {table['name']}\n" for table in gone)
        self.tool("nft", "-f", "-", stdin=script)

    def forget_connections(self) -> None:
        """Empty the connection table."""
        self.namespace.run("conntrack", "-F", check=False)

    def capture(self, folder: Path) -> None:
        """All of a capture but the rules: what stays the same from one ruleset to the next."""
        folder.mkdir(parents=True, exist_ok=True)
        run = self.namespace.run
        (folder / "ip-address.json").write_text(run("ip", "-j", "-d", "address").stdout)
        for flag, prefix in (("-4", "ip"), ("-6", "ip6")):
            (folder / f"{prefix}-route.json").write_text(run("ip", flag, "-j", "route", "show", "table", "all").stdout)
            (folder / f"{prefix}-rule.json").write_text(run("ip", flag, "-j", "rule").stdout)
        (folder / "ipset-save.txt").write_text(run("ipset", "save").stdout)
        (folder / "ss.txt").write_text(run("ss", "-Hltunp").stdout)
        (folder / "meta.json").write_text(json.dumps({"hostname": "router", "time": "2026-01-01T00:00:00Z"}))
        self.capture_sysctls(folder)

    def capture_sysctls(self, folder: Path) -> None:
        """The sysctls that packets depend on (the whole list would be 100 kB a case)."""
        words = ("forward", "rp_filter", "route_localnet", "bridge-nf-call", "port_range", "accept_local")
        lines = [line for line in sysctls(self.sandbox("host")).splitlines() if any(word in line for word in words)]
        (folder / "sysctl.txt").write_text("\n".join(lines) + "\n")

    def capture_rules(self, folder: Path) -> dict[str, Any]:
        """The rules as they are now, without the tracer's own table; what nft listed."""
        for family in ("iptables", "ip6tables"):
            saved = self.tool(f"{family}-{self.backend}-save", "-c")
            (folder / f"{family}-{self.backend}-save.txt").write_text(saved)
        listing = json.loads(self.tool("nft", "-j", "-a", "list", "ruleset"))
        kept = [
            item
            for item in listing["nftables"]
            if "trc" not in (next(iter(item.values())).get("table"), next(iter(item.values())).get("name"))
        ]
        (folder / "nft-ruleset.json").write_text(json.dumps({"nftables": kept}))
        return {"nftables": kept}

    # ---- packets ---------------------------------------------------------------------------

    def put(self, probe: Probe, sport: int) -> socket.socket | None:
        """Send the probe; a real socket of the router is returned, to be closed by the caller."""
        if probe.sender == "host":
            return self._send(probe, sport)
        target = self.macs[probe.towards] if probe.towards else ROUTER_MAC
        frame = first_packet(probe.protocol, probe.source, probe.destination, sport, probe.port)
        self._wires[probe.sender].put(target, frame)
        return None

    def _send(self, probe: Probe, sport: int) -> socket.socket:
        family = socket.AF_INET6 if probe.family == 6 else socket.AF_INET
        stream = probe.protocol == "tcp"

        def opened() -> socket.socket:
            if probe.protocol in ("icmp", "sctp"):
                number = {"icmp": 58 if probe.family == 6 else 1, "sctp": 132}[probe.protocol]
                return socket.socket(family, socket.SOCK_RAW, number)
            return socket.socket(family, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)

        made = call_in(self.namespace.path, opened)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            if probe.protocol in ("icmp", "sctp"):
                if probe.source:
                    made.bind((probe.source, 0))
                body = sctp_init(sport, probe.port) if probe.protocol == "sctp" else echo_request(sport, probe.family)
                made.sendto(body, (probe.destination, 0))
            else:
                made.bind((probe.source, sport))
                made.connect((probe.destination, probe.port))
                if not stream:
                    made.send(b"netui lab")
        except OSError:
            pass  # Refused, unreachable, in progress, denied: the trace says which rules it met.
        return made

    def close(self) -> None:
        """Take everything down."""
        for wire in self._wires.values():
            wire.close()
        for space in (self.namespace, *self.around.values()):
            space.delete()

    def __enter__(self) -> Router:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
