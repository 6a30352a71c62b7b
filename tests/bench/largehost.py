"""A large host in a network namespace: bridges, routes, rules in the kernel, and an engine with its containers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.large import PER_NETWORK, networks, save_text
from tests.sources.fake_engine import FakeEngine

ROOT = Path(__file__).parent.parent.parent


class LargeHost:
    """``containers`` containers, at least ``rules`` rules; taken down at the end."""

    def __init__(self, containers: int, rules: int = 0, backend: str = "nft") -> None:
        self.name = f"netui-bench-{os.getpid()}"
        self.containers, self.rules, self.backend = containers, rules, backend
        self._folder = tempfile.TemporaryDirectory()
        self._engine = _engine(Path(self._folder.name) / "docker.sock", containers)
        self._traffic: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> LargeHost:
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self._links()
        subprocess.run([*self.inside, "sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
        plain = save_text(self.containers).count(" -A ")
        self._load(save_text(self.containers, max(0, self.rules - plain)))
        self._engine.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._traffic is not None:
            self._traffic.kill()
            self._traffic.wait()
        self._engine.stop()
        subprocess.run(["ip", "netns", "delete", self.name], check=False)
        self._folder.cleanup()

    def _links(self) -> None:
        lines = ["link set lo up", "link add eth0 type veth peer name far", "link set eth0 up"]
        lines += ["addr add 198.51.100.1/24 dev eth0", "route add default via 198.51.100.2"]
        for net in networks(-(-self.containers // PER_NETWORK)):
            lines += [f"link add {net.bridge} type bridge", f"addr add {net.gateway}/24 dev {net.bridge}"]
            lines += [f"link set {net.bridge} up"]
        subprocess.run(["ip", "-n", self.name, "-batch", "-"], input="\n".join(lines), text=True, check=True)

    def _load(self, text: str) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".rules") as file:
            file.write(text)
            file.flush()
            subprocess.run([*self.inside, f"iptables-{self.backend}-restore", file.name], check=True)

    @property
    def inside(self) -> list[str]:
        """The beginning of a command that sees this host as its machine."""
        return ["ip", "netns", "exec", self.name]

    @property
    def environment(self) -> dict[str, str]:
        """What netui needs to find the engine and itself, compiled as an installed package is."""
        compiled = Path(tempfile.gettempdir()) / "netui-bench-bytecode"
        bytecode = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(compiled)}
        return {**self._engine.environ, "PYTHONPATH": str(ROOT), **bytecode}

    @property
    def netui(self) -> list[str]:
        """The program on this host."""
        return [*self.inside, sys.executable, "-m", "netui"]

    def traffic(self, every: float = 0.2) -> None:
        """Let some counters move: packets to the host's own address."""
        self._traffic = subprocess.Popen([*self.inside, sys.executable, "-c", _SENDER, str(every)])


_SENDER = """
import socket, sys, time
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    try:
        sender.sendto(b"x", ("198.51.100.1", 9))
    except OSError:
        pass
    time.sleep(float(sys.argv[1]))
"""


def _engine(path: Path, containers: int) -> FakeEngine:
    engine = FakeEngine(path)
    engine.containers, engine.networks = {}, {}
    for net in networks(-(-containers // PER_NETWORK)):
        engine.networks[net.id] = {
            "Id": net.id,
            "Name": net.name,
            "Driver": "bridge",
            "Scope": "local",
            "IPAM": {"Config": [{"Subnet": str(net.subnet), "Gateway": net.gateway}]},
            "Options": {},
            "Labels": {},
            "Containers": {},
        }
    everything = list(engine.networks.values())
    for number in range(containers):
        network: dict[str, Any] = everything[number // PER_NETWORK]
        address = f"{str(network['IPAM']['Config'][0]['Subnet']).rpartition('.')[0]}.{2 + number % PER_NETWORK}"
        identity = f"c{number:011x}" + "0" * 52
        bindings = {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": str(20000 + number)}]}
        network["Containers"][identity] = {"Name": f"app{number}", "IPv4Address": f"{address}/24"}
        engine.containers[identity] = {
            "Id": identity,
            "Name": f"/app{number}",
            "State": {"Status": "running", "Running": True, "Pid": 0},
            "Config": {"Image": "app:1", "ExposedPorts": {"80/tcp": {}}, "Labels": {}},
            "HostConfig": {"NetworkMode": network["Name"], "PortBindings": bindings},
            "NetworkSettings": {
                "Ports": bindings,
                "Networks": {
                    network["Name"]: {
                        "NetworkID": network["Id"],
                        "IPAddress": address,
                        "IPPrefixLen": 24,
                        "Gateway": network["IPAM"]["Config"][0]["Gateway"],
                    }
                },
            },
        }
    return engine
