"""``make untouched``: netui on Debian's own kernel with its modules, in a machine of qemu's (software emulation).

The machine is a bare Debian 12 with the packages that netui reads by, without any service; all of it lies in
its initial RAM disk, so that it has no disk that could be changed. A few minutes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.lab import cache
from tests.lab.bare import Bare

_PACKAGES = "linux-image-amd64 iptables nftables ipset iproute2 kmod cpio busybox-static"
_INIT = """#!/bin/sh
mkdir -p /proc /sys /dev /run
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/pts /run/asked; mount -t devpts devpts /dev/pts; mount -t tmpfs run /run; mkdir -p /run/asked
ip link set lo up
exec </dev/null >/dev/ttyS0 2>&1
stty -F /dev/ttyS0 raw 2>/dev/null
/root/netui/.venv/bin/python -B /root/netui/tests/untouched/guest.py
echo o > /proc/sysrq-trigger
sleep 60
"""
#: What the guest does not need, so that less is unpacked.
_LEAVE = ("proc", "sys", "dev", "run", "usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache", "var/lib/apt")
_SECONDS = 1800


def build(bare: Bare) -> tuple[Path, Path]:
    """Install the kernel, the programs and netui, and pack all of it; the kernel and the RAM disk."""
    pruned = " -o ".join(f"-path ./{place}" for place in (*_LEAVE, "root/initrd"))
    fetch = f"apt-get update -qq && apt-get install -y -qq --no-install-recommends {_PACKAGES}"
    steps = (
        f"export DEBIAN_FRONTEND=noninteractive; {fetch}",
        "sh tools/setup.sh run",
        f"cd / && find . -xdev \\( {pruned} \\) -prune -o -print | cpio -o -H newc --quiet > /root/initrd",
    )
    (bare.upper / "init").write_text(_INIT)
    (bare.upper / "init").chmod(0o755)
    for step in steps:
        done = bare.run(step, 900)
        if done.returncode:
            raise RuntimeError(f"{step}: {done.stdout[-600:]} {done.stderr[-600:]}")
    kernel = sorted((bare.upper / "boot").glob("vmlinuz-*"))[-1]
    return kernel, bare.upper / "root/initrd"


def boot(kernel: Path, disk: Path) -> list[str]:
    """Run the machine; its lines, each shown as it comes."""
    command = [
        *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-smp", "2", "-m", "3072", "-nographic", "-no-reboot"),
        *("-nodefaults", "-serial", "stdio", "-net", "none", "-kernel", str(kernel), "-initrd", str(disk)),
        *("-append", "console=ttyS0 quiet panic=1 rdinit=/init"),
    ]
    lines: list[str] = []
    deadline = time.monotonic() + _SECONDS
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as machine:
        assert machine.stdout is not None
        for raw in machine.stdout:
            line = raw.decode(errors="replace").rstrip()
            if line:
                print(line, flush=True)
                lines.append(line)
            if line == "DONE" or time.monotonic() > deadline:
                break
        machine.kill()
    return lines


def judge(lines: list[str]) -> int:
    """0 where everything held and every control changed something."""
    held = [line for line in lines if line.startswith("HELD")]
    changed = [line for line in lines if line.startswith(("CHANGED", "BROKEN")) or "TRACEBACK" in line]
    blind = [line for line in lines if line.startswith("CONTROL") and line.endswith(": nothing")]
    whole = "DONE" in lines
    print(
        f"{len(held)} held, {len(changed)} changed something, {len(blind)} controls saw nothing",
        "" if whole else "(cut off)",
    )
    return 0 if held and whole and not changed and not blind else 1


def main() -> int:
    """Build, boot, judge."""
    cache.ensure_tools()
    cache.ensure({"qemu-system-x86_64": "qemu-system-x86"})
    with (
        tempfile.TemporaryDirectory(prefix="netui-untouched-") as folder,
        Bare("bookworm", "root", Path(folder)) as bare,
    ):
        return judge(boot(*build(bare)))


if __name__ == "__main__":
    sys.exit(main())
