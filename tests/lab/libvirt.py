"""The real libvirt on a lab host: its network driver alone, which is what makes bridges and rules.

libvirtd runs in the host's network namespace among the neighbours' programs (neighbours.py), with empty
folders in the place of ``/etc/libvirt`` and ``/var/lib/libvirt``: it starts no machine, and finds no network
but those that a test defines.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType

from .hosts import Host
from .namespaces import Namespace
from .neighbours import inside, surroundings, wait_for

NETWORK = """<network>
  <name>{name}</name>
  <forward mode='{mode}'/>
  <bridge name='{bridge}' stp='off' delay='0'/>
  <ip address='{prefix}.1' netmask='255.255.255.0'>
    <dhcp><range start='{prefix}.100' end='{prefix}.200'/></dhcp>
  </ip>
</network>
"""

# The driver's folder holds the network driver only: no hypervisor, storage or device is looked at.
_DAEMON = """
for folder in /etc/libvirt /var/lib/libvirt /var/cache/libvirt; do
  mkdir -p $folder
  mkdir -p "$FOLDER$folder"
  mount --bind "$FOLDER$folder" $folder
done
mkdir "$FOLDER/drivers"
ln -s /usr/lib/*/libvirt/connection-driver/libvirt_driver_network.so "$FOLDER/drivers/"
printf 'auth_unix_rw = "none"\\nauth_unix_ro = "none"\\n' > /etc/libvirt/libvirtd.conf
LIBVIRT_DRIVER_DIR="$FOLDER/drivers" exec libvirtd
"""


class Libvirt:
    """libvirtd, with the networks that are defined on it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._folder: Path = host.engine.state / "libvirt"
        self._daemon: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Libvirt:
        self._folder.mkdir()
        log = self._folder / "log"
        with log.open("wb") as file:
            self._daemon = subprocess.Popen(
                inside(self._host.namespace, _DAEMON),
                env={**surroundings(self._host), "FOLDER": str(self._folder)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        wait_for(lambda: self._virsh("uri").returncode == 0, "libvirtd", log)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(timeout=20)

    def network(self, prefix: str = "192.168.122", *, bridge: str = "virbr0", mode: str = "nat") -> str:
        """Define and start a network of 254 addresses; its name. nat is libvirt's default, open makes no rules."""
        name = f"lab-{bridge}"
        xml = self._folder / f"{name}.xml"
        xml.write_text(NETWORK.format(name=name, mode=mode, bridge=bridge, prefix=prefix))
        self.virsh("net-define", str(xml))
        self.virsh("net-start", name)
        return name

    def virsh(self, *words: str) -> str:
        """Run virsh; what it prints."""
        done = self._virsh(*words)
        if done.returncode:
            raise RuntimeError(f"virsh {' '.join(words)}: {done.stdout} {done.stderr}")
        return done.stdout

    def _virsh(self, *words: str) -> subprocess.CompletedProcess[str]:
        assert self._daemon is not None
        place = f"/proc/{self._daemon.pid}"
        # The networks' definitions lie on the same path for both.
        into = (f"--mount={place}/ns/mnt", f"--root={place}/root", f"--wd={place}/root")
        return subprocess.run(
            ["nsenter", *into, "virsh", "-c", "network:///system", *words],
            check=False,
            capture_output=True,
            text=True,
        )


def virtual_machine(host: Host, prefix: str = "192.168.122", *, bridge: str = "virbr0", name: str = "vm") -> Namespace:
    """A machine at .2 of the bridge's network, on a port of the bridge as libvirt plugs a machine's tap."""
    machine = Namespace(f"{host.namespace.label}-{name}")
    host.around.append(machine)
    host.namespace.connect(machine, f"vnet-{name}", "eth0")
    host.namespace.ip("link", "set", f"vnet-{name}", "master", bridge)
    machine.ip("address", "add", f"{prefix}.2/24", "dev", "eth0")
    machine.ip("route", "add", "default", "via", f"{prefix}.1")
    return machine
