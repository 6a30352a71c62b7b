"""The real neighbours of Docker's rules on a lab host: firewalld, fail2ban, podman's network.

Each runs in the host's network namespace, on a copy of its configuration, in a mount namespace whose root
is Debian 12's (roots.py): they are the same on every machine, and nothing of the machine's is read or changed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from .hosts import Host
from .namespaces import Namespace
from .roots import old_neighbours_root

# The mount namespace's root becomes a layer over $R; nothing of /run is seen but the lab's own, and no module
# is loaded. Where this file system stacks no layers, the root itself is taken: no test writes into it on purpose.
_ENTER = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay neighbours -o "lowerdir=$R,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/root 2>/dev/null ||
  mount --bind "$R" /mnt/root
R=/mnt/root
mount --rbind /proc $R/proc
mount --rbind /dev $R/dev
mount --rbind /sys $R/sys
mount -t tmpfs tmpfs $R/run
mount -t tmpfs tmpfs $R/tmp
mkdir $R/run/netui-lab $R/tmp/old
mount --rbind /run/netui-lab $R/run/netui-lab
cd $R
pivot_root . tmp/old
cd /
umount -l /tmp/old
[ ! -e /sbin/modprobe ] || mount --bind /bin/true /sbin/modprobe
"""


def inside(namespace: Namespace, script: str) -> list[str]:
    """The command that runs a shell script among the neighbours' programs, in a network namespace."""
    return ["nsenter", f"--net={namespace.path}", "unshare", "-m", "sh", "-c", f"{_ENTER}\n{script}"]


def surroundings(host: Host) -> dict[str, str]:
    """The environment of `inside`: the engine's own tools come first."""
    return {**host.engine.environment(), "R": str(old_neighbours_root())}


BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
"""


def wait_for(condition: Callable[[], bool], what: str, log: Path, seconds: float = 30.0) -> None:
    """Wait until a condition holds; RuntimeError with the log's end where it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not start: {log.read_text(errors='replace')[-800:]}")
        time.sleep(0.02)


class Firewalld:
    """firewalld on a message bus of its own, with its iptables backend or, as Debian has it, with nftables."""

    def __init__(self, host: Host, backend: str = "iptables") -> None:
        self._host = host
        self._folder = host.engine.state / "firewalld"
        self._folder.mkdir()
        etc = self._folder / "etc"
        shutil.copytree(old_neighbours_root() / "etc/firewalld", etc)
        settings = (etc / "firewalld.conf").read_text()
        lines = [line for line in settings.splitlines() if not line.startswith("FirewallBackend")]
        (etc / "firewalld.conf").write_text("\n".join([*lines, f"FirewallBackend={backend}", ""]))
        self._socket = self._folder / "bus"
        (self._folder / "bus.conf").write_text(BUS.format(socket=self._socket))
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Firewalld:
        self._spawn("exec dbus-daemon --nofork --nopidfile --config-file=$FOLDER/bus.conf")
        wait_for(self._socket.exists, "the message bus", self._folder / "log0")
        self._spawn("mount --bind $FOLDER/etc /etc/firewalld\nexec firewalld --nofork --nopid")
        wait_for(lambda: self._run("firewall-cmd --state").returncode == 0, "firewalld", self._folder / "log1")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._running):
            process.terminate()
            process.wait(timeout=20)

    def cmd(self, words: str) -> str:
        """Run firewall-cmd; what it prints."""
        done = self._run(f"firewall-cmd {words}")
        if done.returncode:
            raise RuntimeError(f"firewall-cmd {words}: {done.stdout!r} {done.stderr!r}")
        return done.stdout.decode()

    def _environment(self) -> dict[str, str]:
        bus = f"unix:path={self._socket}"
        return {**surroundings(self._host), "FOLDER": str(self._folder), "DBUS_SYSTEM_BUS_ADDRESS": bus}

    def _spawn(self, script: str) -> None:
        log = (self._folder / f"log{len(self._running)}").open("wb")
        command = inside(self._host.namespace, script)
        process = subprocess.Popen(command, env=self._environment(), stdout=log, stderr=log)
        self._running.append(process)

    def _run(self, script: str) -> subprocess.CompletedProcess[bytes]:
        command = inside(self._host.namespace, script)
        return subprocess.run(command, env=self._environment(), check=False, capture_output=True)


def dockers_zone(*bridges: str) -> list[str]:
    """The words for firewall-cmd by which an engine that finds it on the bus puts its bridges into zone docker."""
    return [
        "--new-zone=docker",
        "--zone=docker --set-target=ACCEPT",
        "--new-policy=docker-forwarding",
        "--policy=docker-forwarding --add-ingress-zone=ANY",
        "--policy=docker-forwarding --add-egress-zone=docker",
        "--policy=docker-forwarding --set-target=ACCEPT",
        *(f"--zone=docker --add-interface={bridge}" for bridge in bridges),
    ]


_JAIL = """[DEFAULT]
backend = polling
banaction = {action}
chain = {chain}
bantime = 1h
[web]
enabled = true
filter = netui
port = {port}
logpath = {folder}/access.log
"""


class Fail2ban:
    """fail2ban with one jail, ``web``, for a port and with its rules in a chain."""

    def __init__(self, host: Host, port: int, *, chain: str = "INPUT", action: str = "iptables-multiport") -> None:
        self._host = host
        self._native = action.startswith("nftables")
        self._folder = folder = host.engine.state / "fail2ban"
        etc = folder / "etc"
        shutil.copytree(old_neighbours_root() / "etc/fail2ban", etc)
        for given in (*etc.glob("jail.d/*"), *etc.glob("jail.local")):
            given.unlink()
        (etc / "fail2ban.local").write_text("[DEFAULT]\ndbfile = None\n")
        (etc / "filter.d/netui.conf").write_text("[Definition]\nfailregex = ^bad <HOST>$\n")
        (etc / "jail.d/web.conf").write_text(_JAIL.format(action=action, chain=chain, port=port, folder=folder))
        (folder / "access.log").touch()

    def __enter__(self) -> Fail2ban:
        self.client("start")
        wait_for(lambda: "web" in self.client("status", check=False), "fail2ban", self._folder / "log")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client("stop", check=False)

    def ban(self, address: str) -> None:
        """Ban an address, as the jail does by itself after so many failures; returns when the rule stands."""
        self.client(f"set web banip {address}")
        rules: tuple[str, ...]
        if self._native:
            rules, banned = ("nft", "list", "table", "inet", "f2b-table"), address
        else:
            rules, banned = ("iptables", "-S"), f"-A f2b-web -s {address}/32"
        tool = self._host.engine.tool
        wait_for(lambda: banned in tool(*rules, check=False), "the ban", self._folder / "log")

    def client(self, words: str, *, check: bool = True) -> str:
        """Run fail2ban-client; what it prints."""
        own = f"-c {self._folder}/etc -s {self._folder}/socket -p {self._folder}/pid --logtarget {self._folder}/log"
        done = subprocess.run(
            inside(self._host.namespace, f"exec fail2ban-client {own} {words}"),
            check=False,
            capture_output=True,
            text=True,
            env=surroundings(self._host),
        )
        if check and done.returncode:
            raise RuntimeError(f"fail2ban-client {words}: {done.stdout} {done.stderr}")
        return done.stdout


_NETAVARK = "/usr/lib/podman/netavark"


def podman_container(host: Host, host_port: int) -> Namespace:
    """A container of podman's default network at 10.88.0.2, its port 80 published: made by podman's own netavark."""
    pod = Namespace(f"{host.namespace.label}-pod")
    host.around.append(pod)
    subnet = {"subnet": "10.88.0.0/16", "gateway": "10.88.0.1"}
    network = {
        "name": "podman",
        "id": "2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9",
        "driver": "bridge",
        "network_interface": "podman0",
        "subnets": [subnet],
        "ipv6_enabled": False,
        "internal": False,
        "dns_enabled": False,
        "ipam_options": {"driver": "host-local"},
    }
    port = {"host_ip": "", "container_port": 80, "host_port": host_port, "range": 1, "protocol": "tcp"}
    asked = {
        "container_id": "a" * 64,
        "container_name": "pod",
        "networks": {"podman": {"static_ips": ["10.88.0.2"], "interface_name": "eth0"}},
        "port_mappings": [port],
        "network_info": {"podman": network},
    }
    config = host.engine.state / "netavark"
    config.mkdir()
    # opened before an empty /run comes in the machine's place
    with Path(pod.path).open() as space:
        place = f"/proc/self/fd/{space.fileno()}"
        done = subprocess.run(
            inside(host.namespace, f"exec {_NETAVARK} --config {config} setup {place}"),
            check=False,
            capture_output=True,
            text=True,
            input=json.dumps(asked),
            env=surroundings(host),
            pass_fds=(space.fileno(),),
        )
    if done.returncode:
        raise RuntimeError(f"netavark: {done.stdout} {done.stderr}")
    pod.run("busybox", "httpd", "-p", "80", "-h", "/tmp")
    return pod
