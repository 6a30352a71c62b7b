"""The captures of docs/questions.md: for each question the host of somebody who asks it, on a real engine.

python -m tests.lab.asked [NAME…]          docs/captures/NAME.tar.gz, by netui's own `record`
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from netui.sources.live.kernel_modules import kernel_text

from .cache import ensure, ensure_tools
from .copied import CASE, host_of_29_7
from .doctor_host import restart
from .hosts import Host, blog_host, serve
from .namespaces import raise_on_sigterm
from .neighbours import Firewalld, dockers_zone
from .terminal import NETUI, ROOT
from .ufw import ufw

TARGET = ROOT / "docs/captures"
ENGINE = "28.5"

#: What goes into a capture beside what was recorded, by the file's name; None leaves a file out.
More = dict[str, str | None]


def _ufw(host: Host, running: ExitStack) -> More:
    """Closed by default, 8080 closed once more by name; a program of the host on 9000, a container on 8080."""
    host.container("web", serve([80]), networks={"hehe": {}}, ports={"80/tcp": 8080})
    ufw(host, "default deny incoming", "allow 22/tcp", "deny 8080/tcp", "--force enable")
    return {}


def _kernel(host: Host, running: ExitStack) -> More:
    """The engine does not start: this kernel has no xt_addrtype."""
    lines = [line for line in kernel_text().splitlines() if "addrtype" not in line.lower()]
    release = next(line.partition(":")[2] for line in lines if "osrelease" in line)
    text = "\n".join(lines).replace(release, "6.12.0") + "\n"
    gone: More = {f"docker-{name}.json": None for name in ("info", "version", "networks", "containers")}
    for table in ("raw", "nat", "filter"):
        host.engine.tool("iptables", "-t", table, "-F")
        host.engine.tool("iptables", "-t", table, "-X")
    return {**gone, "iptables-nft-save.txt": "", "ip6tables-nft-save.txt": "", "kernel-modules.txt": text}


def _wiped(host: Host, running: ExitStack) -> More:
    """`iptables -F; iptables -t nat -F`, as a firewall's reload or a script does it."""
    for table in ("nat", "filter"):
        host.engine.tool("iptables", "-t", table, "-F")
        host.engine.tool("iptables", "-t", table, "-X")
    return {}


def _no_masquerade(host: Host, running: ExitStack) -> More:
    """Somebody's script took the MASQUERADE of one network away."""
    rules = host.engine.tool("iptables", "-t", "nat", "-S", "POSTROUTING").splitlines()
    rule = next(line for line in rules if "172.18.0.0/16" in line and "MASQUERADE" in line)
    host.engine.tool("iptables", "-t", "nat", *rule.replace("-A", "-D", 1).split())
    return {}


def _nftables(host: Host, running: ExitStack) -> More:
    """Engine 29 with the nftables backend; the rules of DOCKER-USER are still there, and nothing leads to them."""
    host.engine.tool("iptables", "-N", "DOCKER-USER")
    host.engine.tool("iptables", "-A", "DOCKER-USER", "-p", "tcp", "--dport", "80", "-j", "DROP")
    return {name: (CASE / name).read_text() for name in ("docker-info.json", "docker-version.json")}


def _firewalld(host: Host, running: ExitStack) -> More:
    """firewalld with tables of its own, and Docker's bridges in its zone docker, as an engine on its bus puts them."""
    firewall = running.enter_context(Firewalld(host, "nftables"))
    bridge = f"br-{host.engine.client.networks.get('hehe').id[:12]}"
    for words in (
        *dockers_zone("docker0", bridge),
        "--zone=public --change-interface=eth0",
        '--zone=public --add-rich-rule="rule port port=443 protocol=tcp reject"',
    ):
        firewall.cmd(f"--permanent {words}")
    firewall.cmd("--reload")
    restart(host)
    return {}


HOSTS: dict[str, tuple[Callable[[], Host], Callable[[Host, ExitStack], More]]] = {
    "ufw": (lambda: blog_host(ENGINE), _ufw),
    "no-addrtype": (lambda: blog_host(ENGINE), _kernel),
    "wiped": (lambda: blog_host(ENGINE), _wiped),
    "no-masquerade": (lambda: blog_host(ENGINE), _no_masquerade),
    "nftables": (host_of_29_7, _nftables),
    "firewalld": (lambda: blog_host(ENGINE), _firewalld),
}


def record(host: Host, more: More, target: Path) -> None:
    """Let netui record the host as its own machine, whose name is nobody's, and pack it the same way each time."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "host"
        inside = ["unshare", "--uts", "sh", "-c", 'hostname server && exec "$@"', "sh"]
        command = ["nsenter", f"--net={host.namespace.path}", *inside, *NETUI, "record", str(folder)]
        subprocess.run(command, env=host.engine.environment() | {"PYTHONPATH": str(ROOT)}, check=False)
        # this kernel's names are of no use to the reader
        for name, text in {"kernel-modules.txt": None, **more}.items():
            (folder / name).unlink(missing_ok=True) if text is None else (folder / name).write_text(text)
        with tarfile.open(target, "w:gz", compresslevel=9) as archive:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    entry = tarfile.TarInfo(str(path.relative_to(folder)))
                    data = path.read_bytes()
                    entry.size = len(data)
                    archive.addfile(entry, io.BytesIO(data))


def main() -> None:
    """Make those that are named, else all."""
    raise_on_sigterm()
    ensure_tools()
    ensure({"ufw": "ufw"})
    TARGET.mkdir(exist_ok=True)
    os.umask(0o022)
    for name in sys.argv[1:] or HOSTS:
        make, prepare = HOSTS[name]
        with make() as host, ExitStack() as running:
            record(host, prepare(host, running), TARGET / f"{name}.tar.gz")
            print(TARGET / f"{name}.tar.gz", flush=True)


if __name__ == "__main__":
    main()
