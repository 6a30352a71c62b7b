"""The lab's hosts: an engine with networks and containers, and a machine outside.

`BlogHost` is the host of the blog post that started netui. The outside machine (198.51.100.2)
is the host's default route, so that a connection from there to 198.51.100.1:80 reaches a
published port like one from the network.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from .engines import IMAGE, Engine, Options
from .namespaces import Namespace, write_sysctls
from .senders import Ports
from .udp import UdpEcho

OUTSIDE, HOST = "198.51.100.2", "198.51.100.1"
OUTSIDE6, HOST6 = "2001:db8:1::2", "2001:db8:1::1"
LAN, HOST_LAN = "203.0.113.2", "203.0.113.1"
# Many flows are refused at once: every one is to get its ICMP error. A type outside the masks has no
# limit; icmp_msgs_per_sec alone is not enough, for its burst of 50 grows again only after 20 ms.
UNLIMITED = {
    "ipv4/icmp_ratemask": 0,
    "ipv6/icmp/ratemask": 0,
    # A remembered round trip makes a SYN be sent again after 200 ms instead of a second.
    "ipv4/tcp_no_metrics_save": 1,
}
HTTP = "httpd -p {0} -h /www"

_numbers = itertools.count(1)


class Host:
    """One engine, the namespace that is its machine, and the namespaces around it."""

    def __init__(self, kind: str, options: Options | None = None, *, lan: bool = False) -> None:
        self.kind = kind
        label = f"{next(_numbers)}-{kind}"
        self.namespace = Namespace(label)
        self.outside = Namespace(f"{label}-outside")
        self.around = [self.outside]
        self.echo = UdpEcho()
        # One series for the host's life: a server may still wait in the handshake of an older flow.
        self.ports = Ports()
        self._wire()
        if lan:
            self._wire_lan(Namespace(f"{label}-lan"))
        self.engine = Engine(kind, self.namespace, options).start()
        # What dockerd sets of this differs by version; a router is what all of them want.
        self.namespace.sysctl(**{"ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1})

    def _wire(self) -> None:
        """eth0 of the host to eth0 of the outside machine, each the other's default route."""
        # Off, so that dockerd turns it on itself and sets FORWARD's policy to DROP.
        fixed = {"ipv4/ip_forward": 0, "ipv4/conf/all/rp_filter": 0, "ipv4/conf/default/rp_filter": 0}
        # Sources of judged flows are given; the machine's own choices stay out of their range.
        self.namespace.sysctl(**fixed, **{"ipv4/ip_local_port_range": "40000 60999"})
        for space in (self.namespace, self.outside):
            # No waiting for duplicate address detection.
            space.sysctl(**{"ipv6/conf/all/accept_dad": 0, "ipv6/conf/default/accept_dad": 0, **UNLIMITED})
        self.namespace.connect(self.outside, "eth0", "eth0")
        ends = ((self.namespace, HOST, HOST6, OUTSIDE, OUTSIDE6), (self.outside, OUTSIDE, OUTSIDE6, HOST, HOST6))
        for space, own, own6, other, other6 in ends:
            space.ip("address", "add", f"{own}/24", "dev", "eth0")
            space.ip("-6", "address", "add", f"{own6}/64", "dev", "eth0", "nodad")
            space.ip("route", "add", "default", "via", other)
            space.ip("-6", "route", "add", "default", "via", other6)

    def _wire_lan(self, lan: Namespace) -> None:
        """A second interface and address: lan0 of the host to eth0 of a machine beside it."""
        self.around.append(lan)
        self.namespace.connect(lan, "lan0", "eth0")
        self.namespace.ip("address", "add", f"{HOST_LAN}/24", "dev", "lan0")
        lan.ip("address", "add", f"{LAN}/24", "dev", "eth0")
        lan.ip("route", "add", "default", "via", HOST_LAN)

    # ---- containers ----------------------------------------------------------------------

    def container(
        self,
        name: str,
        command: str,
        *,
        networks: dict[str, dict[str, Any]] | None = None,
        image: str = IMAGE,
        **create: Any,
    ) -> Any:
        """Create and start a container; `networks` gives each network its endpoint settings."""
        client = self.engine.client
        networks = dict(networks or {})
        first = next(iter(networks), None)
        if first is not None:
            settings = client.api.create_endpoint_config(**networks.pop(first))
            create |= {"network": first, "networking_config": {first: settings}}
        # A shell that is process 1 ignores SIGTERM: without this, stopping takes ten seconds.
        create |= {"stop_signal": "SIGKILL", "init": False}
        made = client.containers.create(image, ["sh", "-c", command], name=name, **create)
        for network, more in networks.items():
            client.networks.get(network).connect(made, **more)
        made.start()
        made.reload()
        if made.attrs["HostConfig"]["NetworkMode"] != "host":
            write_sysctls(f"/proc/{made.attrs['State']['Pid']}/ns/net", UNLIMITED)
        await_servers(int(made.attrs["State"]["Pid"]), command)
        return made

    def pid(self, name: str) -> int:
        """The container's main process."""
        return int(self.engine.client.api.inspect_container(name)["State"]["Pid"])

    def sandbox(self, name: str) -> str:
        """Path of the network namespace of `host`, `outside` or a container."""
        if name == "host":
            return str(self.namespace.path)
        for space in self.around:
            if space.label.endswith(f"-{name}"):
                return str(space.path)
        return f"/proc/{self.pid(name)}/ns/net"

    # ---- life ----------------------------------------------------------------------------

    def close(self) -> None:
        """Take everything down."""
        self.echo.close()
        for space in (self.namespace, *self.around):
            space.delete()

    def __enter__(self) -> Host:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def serve(tcp: Sequence[int]) -> str:
    """A container's command: busybox httpd on each TCP port."""
    return "\n".join([*(HTTP.format(port) for port in tcp), "exec sleep 2147483647"])


def await_servers(pid: int, command: str, seconds: float = 10.0) -> None:
    """Wait until each server of `serve` listens in the network namespace of a process, or the process has ended."""
    wanted = {int(port) for port in re.findall(r"httpd -p (\d+)", command)}
    deadline = time.monotonic() + seconds
    while wanted and time.monotonic() < deadline:
        try:
            lines = Path(f"/proc/{pid}/net/tcp").read_text() + Path(f"/proc/{pid}/net/tcp6").read_text()
        except OSError:
            return
        # local address, remote address, state: 0A listens
        rows = [line.split() for line in lines.splitlines()]
        wanted -= {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A"}
        time.sleep(0.01)


def blog_host(kind: str, options: Options | None = None) -> Host:
    """Network `hehe` (172.18.0.0/16), `blog` on 8080, `openresty` with 80 and 443 published."""
    host = Host(kind, options)
    try:
        client = host.engine.client
        for name in ("openresty/openresty", "blog"):
            client.images.get(IMAGE).tag(name, "latest")
        client.networks.create("hehe", driver="bridge")
        host.container("blog", serve([8080]), image="blog:latest", networks={"hehe": {}})
        host.container(
            "openresty",
            serve([80, 443]),
            image="openresty/openresty:latest",
            networks={"hehe": {}},
            ports={"80/tcp": 80, "443/tcp": 443},
        )
    except BaseException:
        host.close()
        raise
    return host
