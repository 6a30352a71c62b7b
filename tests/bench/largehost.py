"""A large host in a network namespace: bridges, routes, rules in the kernel, and an engine with its containers."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.large import PER_NETWORK, networks, save_text

ROOT = Path(__file__).parent.parent.parent
_NUMBERS = itertools.count()


def compiled() -> dict[str, str]:
    """Return the environment in which netui's modules are compiled, as those of an installed package are."""
    folder = Path(tempfile.gettempdir()) / "netui-bench-bytecode"
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder)}


class LargeHost:
    """``containers`` containers, at least ``rules`` rules; taken down at the end."""

    def __init__(self, containers: int, rules: int = 0, backend: str = "nft") -> None:
        self.name = f"netui-bench-{os.getpid()}-{next(_NUMBERS)}"
        self.containers, self.rules, self.backend = containers, rules, backend
        self._folder = tempfile.TemporaryDirectory()
        self._socket = Path(self._folder.name) / "docker.sock"
        self._engine: subprocess.Popen[bytes] | None = None
        self._traffic: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> LargeHost:
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self._links()
        subprocess.run([*self.inside, "sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
        plain = save_text(self.containers).count(" -A ")
        self._load(save_text(self.containers, max(0, self.rules - plain)))
        serve = [*self.inside, sys.executable, "-m", "tests.bench.engine", str(self._socket), str(self.containers)]
        self._engine = subprocess.Popen(serve, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
        assert self._engine.stdout is not None
        assert self._engine.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_exc: object) -> None:
        self.quiet()
        if self._engine is not None:
            self._engine.kill()
            self._engine.communicate()
        subprocess.run(["ip", "netns", "delete", self.name], check=False)
        self._folder.cleanup()

    def _links(self) -> None:
        lines = ["link set lo up", "link add eth0 type veth peer name far"]
        # a link without its other end has no carrier: nothing would come in by it
        lines += ["link set far up", "link set eth0 up"]
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
        return {"DOCKER_HOST": f"unix://{self._socket}", "PYTHONPATH": str(ROOT), **compiled()}

    @property
    def netui(self) -> list[str]:
        """The program on this host."""
        return [*self.inside, sys.executable, "-m", "netui"]

    def traffic(self, every: float = 0.2) -> None:
        """Let some counters move: packets to the host's own address."""
        self._traffic = subprocess.Popen([*self.inside, sys.executable, "-c", _SENDER, str(every)])

    def quiet(self) -> None:
        """Let the counters stand."""
        if self._traffic is not None:
            self._traffic.kill()
            self._traffic.communicate()
            self._traffic = None


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
