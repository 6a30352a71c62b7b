"""The newest of Docker's neighbours, in a root of a newer Debian: firewalld, netavark, libvirt, fail2ban, Incus.

Their tables are native nftables here. Each program runs as Debian 12's do (neighbours.py), in another root.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from .hosts import HOST, HOST_LAN, LAN, OUTSIDE, Host
from .libvirt import NETWORK
from .matrix import CLOSED, boxes_of
from .namespaces import Namespace
from .neighbours import BUS, inside, wait_for
from .roots import new_neighbours_root
from .senders import Flow

# Their own network namespace's devices; libvirt's checksums for DHCP by tc are a module's work.
_PREPARE = """
mount -t sysfs sysfs /sys
[ ! -e /sbin/tc ] || mount --bind /bin/true /sbin/tc
"""


class Inside:
    """Programs of that Debian on a lab host, ended with the context."""

    def __init__(self, host: Host, name: str) -> None:
        self.host = host
        self.folder = host.engine.state / name
        self.folder.mkdir()
        self.root = new_neighbours_root()
        self._running: list[subprocess.Popen[bytes]] = []

    def command(self, script: str) -> list[str]:
        """What runs a script in there."""
        return inside(self.host.namespace, f"{_PREPARE}{script}")

    def environment(self) -> dict[str, str]:
        """Its environment: nothing of the machine's."""
        path = "/usr/sbin:/usr/bin:/sbin:/bin"
        bus = f"unix:path={self.folder}/bus"
        return {
            "PATH": path, "R": str(self.root), "HOME": "/tmp", "LANG": "C.UTF-8",
            "DBUS_SYSTEM_BUS_ADDRESS": bus,
        }  # fmt: skip

    def spawn(self, script: str) -> Path:
        """Start a program that stays; its log."""
        log = self.folder / f"log{len(self._running)}"
        command, nothing = self.command(f"exec {script}"), subprocess.DEVNULL
        with log.open("wb") as file:
            started = subprocess.Popen(command, env=self.environment(), stdin=nothing, stdout=file, stderr=file)
        self._running.append(started)
        return log

    @property
    def pid(self) -> int:
        """The process that was started last."""
        return self._running[-1].pid

    def run(self, script: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        return subprocess.run(
            self.command(script), env=self.environment(), check=False, capture_output=True, text=True, input=stdin
        )

    def there(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a program in the mount namespace and root of what was started last."""
        place = f"/proc/{self.pid}"
        return subprocess.run(
            ["nsenter", f"--mount={place}/ns/mnt", f"--root={place}/root", "sh", "-c", command],
            check=False, capture_output=True, text=True, env=self.environment(),
        )  # fmt: skip

    def must(self, script: str, stdin: str = "") -> str:
        """Run a program that is to succeed; what it prints."""
        done = self.run(script, stdin)
        if done.returncode:
            raise RuntimeError(f"{script}: {done.stdout} {done.stderr}")
        return done.stdout

    def end(self) -> None:
        """Stop what was started, the last first."""
        for process in reversed(self._running):
            process.terminate()
            process.wait(timeout=20)
        self._running.clear()


class NewFirewalld(Inside):
    """firewalld with its nftables backend on a message bus of its own; the engine may be told of the bus."""

    def __enter__(self) -> NewFirewalld:
        socket = self.folder / "bus"
        (self.folder / "bus.conf").write_text(BUS.format(socket=socket))
        log = self.spawn(f"dbus-daemon --nofork --nopidfile --config-file={self.folder}/bus.conf")
        wait_for(socket.exists, "the message bus", log)
        log = self.spawn("firewalld --nofork --nopid")
        wait_for(lambda: self.run("firewall-cmd --state").returncode == 0, "firewalld", log)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def cmd(self, words: str) -> str:
        """Run firewall-cmd; what it prints."""
        return self.must(f"firewall-cmd {words}")

    def show_to_engine(self) -> None:
        """Restart the engine on this bus: it makes its zone and its policy; containers are started again."""
        engine = self.host.engine
        running = [container.id for container in engine.client.containers.list()]
        engine.stop()
        engine.bus = f"unix:path={self.folder}/bus"
        engine.start()
        for container in running:
            engine.client.containers.get(container).start()


@dataclass(frozen=True)
class Machine:
    """A machine that some other program than Docker attached: its name, its address, its ports by the host's port.

    routed: it has a default route, and can ask more than its own network.
    """

    name: str
    address: str
    ports: dict[int, int] = field(default_factory=dict)
    routed: bool = True


class Netavark(Inside):
    """podman's networks, made by its netavark with nftables: no podman and no image is needed."""

    def __init__(self, host: Host) -> None:
        super().__init__(host, "netavark")
        self._config = self.folder / "config"
        self._config.mkdir()

    def attach(self, machine: Machine, network: str, subnet: str, **options: str) -> None:
        """Make a namespace of the machine's name and attach it to a network, as podman does for a container."""
        space = Namespace(f"{self.host.namespace.label}-{machine.name}")
        self.host.around.append(space)
        gateway = f"{subnet.partition('/')[0].rpartition('.')[0]}.1"
        described = {
            "name": network, "id": f"{network:0<64}".encode().hex()[:64], "driver": "bridge",
            "network_interface": f"{network}0", "subnets": [{"subnet": subnet, "gateway": gateway}],
            "ipv6_enabled": False, "internal": options.pop("internal", "") == "true", "dns_enabled": False,
            "ipam_options": {"driver": "host-local"}, "options": options,
        }  # fmt: skip
        mappings = [
            {"host_ip": "", "container_port": inner, "host_port": outer, "range": 1, "protocol": "tcp"}
            for outer, inner in machine.ports.items()
        ]
        asked = {
            "container_id": f"{machine.name:0<32}".encode().hex()[:64], "container_name": machine.name,
            "networks": {network: {"static_ips": [machine.address], "interface_name": "eth0"}},
            "port_mappings": mappings, "network_info": {network: described},
        }  # fmt: skip
        binary = "/usr/lib/podman/netavark"
        script = f"NETAVARK_FW=nftables exec {binary} --config {self._config} setup /proc/$$/fd/3"
        # opened before an empty /run stands in the place of the machine's
        command = ["sh", "-c", f'exec 3<{space.path}; exec "$@"', "sh", *self.command(script)]
        done = subprocess.run(
            command, env=self.environment(), check=False, capture_output=True, text=True, input=json.dumps(asked)
        )
        if done.returncode:
            raise RuntimeError(f"netavark: {done.stdout} {done.stderr}")
        for port in machine.ports.values():
            space.run("busybox", "httpd", "-p", str(port), "-h", "/tmp")


def flows_with(
    host: Host, machines: Sequence[Machine], containers: Sequence[tuple[str, str]] | None = None, *, lan: bool = True
) -> Iterator[Flow]:
    """Every flow between these machines and the host, its containers and the machines around it.

    containers: their names and addresses, where they are not the wide host's. lan: the host has a second link.
    """
    published = [port for machine in machines for port in machine.ports]
    if containers is None:
        containers = [(box.name, address) for box in boxes_of(host) for address in box.networks.values() if address]
    senders: list[tuple[str, str | None]] = [("outside", None), *([("lan", None)] if lan else []), ("host", None)]
    senders += [(name, None) for name, _ in containers]
    around = [OUTSIDE, HOST, "192.0.2.77", *([LAN] if lan else [])]
    for name, own in [*senders, *((machine.name, machine.address) for machine in machines if machine.routed)]:
        for machine in machines:
            if machine.address != own:
                for port in (*machine.ports.values(), CLOSED):
                    yield Flow(name, machine.address, port, source=own)
                yield Flow(name, machine.address, 53, "udp", own)
                yield Flow(name, machine.address, 0, "icmp", own)
        for port in published:
            yield Flow(name, HOST, port, source=own)
            if lan and name != "lan":
                yield Flow(name, HOST_LAN, port, source=own)
        if own:
            for address in (*(address for _, address in containers), *around):
                for port in (80, 8080, 9000, CLOSED):
                    yield Flow(name, address, port, source=own)
                yield Flow(name, address, 53, "udp", own)
                yield Flow(name, address, 0, "icmp", own)


class NewLibvirt(Inside):
    """libvirtd with its network driver alone, whose rules are nftables' (firewall_backend in its network.conf)."""

    def __enter__(self) -> NewLibvirt:
        drivers = self.folder / "drivers"
        drivers.mkdir()
        found = next(self.root.glob("usr/lib/*/libvirt/connection-driver/libvirt_driver_network.so"))
        (drivers / found.name).symlink_to(f"/{found.relative_to(self.root)}")
        config = self.folder / "libvirtd.conf"
        config.write_text('auth_unix_rw = "none"\nauth_unix_ro = "none"\n')
        (self.folder / "network.conf").write_text('firewall_backend = "nftables"\n')
        start = f"cp {self.folder}/network.conf /etc/libvirt/; LIBVIRT_DRIVER_DIR={drivers} exec libvirtd -f {config}"
        log = self.spawn(f"sh -c '{start}'")
        wait_for(lambda: self.there("virsh -c network:///system uri").returncode == 0, "libvirtd", log)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def network(self, prefix: str, *, bridge: str, mode: str = "nat") -> None:
        """Define and start a network of 254 addresses: nat, route, open or (mode "") isolated."""
        xml = NETWORK.format(name=f"lab-{bridge}", mode=mode, bridge=bridge, prefix=prefix)
        xml = xml if mode else xml.replace("  <forward mode=''/>\n", "")
        (self.folder / f"{bridge}.xml").write_text(xml)
        for words in (f"net-define {self.folder}/{bridge}.xml", f"net-start lab-{bridge}"):
            done = self.there(f"virsh -c network:///system {words}")
            if done.returncode:
                raise RuntimeError(f"virsh {words}: {done.stdout} {done.stderr}")


_DECISIONS = """
import http.server, json, sys
class Decisions(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        wanted = sys.argv[2:] if "startup=true" in self.path else []
        ban = {"duration": "3h59m0s", "origin": "cscli", "scenario": "manual", "scope": "Ip", "type": "ban"}
        new = [{**ban, "id": number, "value": value} for number, value in enumerate(wanted)]
        body = json.dumps({"new": new, "deleted": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Decisions)
print("ready", flush=True)
server.serve_forever()
"""

_BOUNCER = """mode: nftables
update_frequency: 10s
daemonize: false
log_mode: stdout
log_level: info
api_url: http://127.0.0.1:{port}/
api_key: lab
deny_action: {action}
deny_log: {log}
supported_decisions_types: [ban]
blacklists_ipv4: crowdsec-blacklists
blacklists_ipv6: crowdsec6-blacklists
nftables:
  ipv4: {{enabled: true, set-only: false, table: crowdsec, chain: crowdsec-chain}}
  ipv6: {{enabled: true, set-only: false, table: crowdsec6, chain: crowdsec6-chain}}
prometheus: {{enabled: false}}
"""


class CrowdSec(Inside):
    """CrowdSec's firewall bouncer, which is told by a program of the lab whom to ban."""

    def __init__(self, host: Host, banned: Sequence[str], *, log: bool = False, action: str = "DROP") -> None:
        super().__init__(host, "crowdsec")
        port = 48081
        (self.folder / "decisions.py").write_text(_DECISIONS)
        settings = _BOUNCER.format(port=port, action=action, log=str(log).lower())
        (self.folder / "bouncer.yaml").write_text(settings)
        self._api = f"python3 {self.folder}/decisions.py {port} {' '.join(banned)}"

    def __enter__(self) -> CrowdSec:
        log = self.spawn(self._api)
        wait_for(lambda: "ready" in log.read_text(), "the list of decisions", log)
        log = self.spawn(f"crowdsec-firewall-bouncer -c {self.folder}/bouncer.yaml")
        engine = self.host.engine
        wait_for(lambda: "elements" in engine.tool("nft", "list", "sets", "ip", check=False), "CrowdSec's bouncer", log)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


class Incus(Inside):
    """Incus's daemon, for the bridges that it makes: no instance is started."""

    def __enter__(self) -> Incus:
        log = self.spawn("env PATH=$PATH:/usr/libexec/incus /usr/libexec/incus/incusd --group root")
        wait_for(lambda: self.there("incus network list").returncode == 0, "incusd", log)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def cmd(self, words: str) -> str:
        """Run incus; what it prints."""
        done = self.there(f"incus {words}")
        if done.returncode:
            raise RuntimeError(f"incus {words}: {done.stdout} {done.stderr}")
        return done.stdout
