"""Which netfilter modules the running kernel has: read from files, so that nothing is loaded or changed."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from netui.model.kernel import DaemonSettings, Kernel
from netui.sources import json_text as js
from netui.sources.errors import SourceError
from netui.sources.parts import Part
from netui.sources.read_file import read_regular

_RELEASE = Path("/proc/sys/kernel/osrelease")
_LISTS = tuple(f"{stem}_tables_{kind}" for stem in ("ip", "ip6") for kind in ("names", "matches", "targets"))
_DAEMON = Path("/etc/docker/daemon.json")
#: Lines of modules.builtin, modules.dep and the configuration that tell of netfilter, bridges and veth pairs.
_MODULE = re.compile(r"/(?:netfilter|bridge|overlayfs)/|/veth\.ko")
_OPTION = re.compile(r"CONFIG_(?:NETFILTER|NF_|NFT_|IP_NF|IP6_NF|BRIDGE|VETH|OVERLAY_FS|MODULES)")
#: More than this is no configuration of a kernel.
_LARGEST = 4 * 2**20
#: The keys of daemon.json that are read and recorded; others can hold a proxy's password.
_KEYS = ("firewall-backend", "iptables", "ip-forward", "userland-proxy")


def read_kernel() -> Part:
    """Read what the kernel has."""
    kernel = parse_kernel(kernel_text())
    release = kernel.release
    modules = Path("/lib/modules")
    installed = modules.is_dir() and any(modules.iterdir())
    if kernel.loadable is None and installed and not (modules / release).exists():
        # kernels are installed, but not the one that runs: it was upgraded and waits for a reboot
        kernel = replace(kernel, loadable=frozenset())
    return Part({"kernel": replace(kernel, iptables=_variant())}, via="/proc, /lib/modules, /boot")


def kernel_text() -> str:
    """Return the files' lines as ``grep -sH .`` prints them, those only that tell something."""
    # what the file holds, where /proc/sys is not to be seen as well
    release = os.uname().release
    lines = [f"{_RELEASE}:{release}"] if release else []
    for name in _LISTS:
        path = Path("/proc/net", name)
        lines += [f"{path}:{line}" for line in _text(path).splitlines() if line]
    return "\n".join([*lines, *_unchanging(release), ""])


@lru_cache(maxsize=1)
def _unchanging(release: str) -> tuple[str, ...]:
    """The files that stay the same while the kernel runs."""
    found: list[str] = []
    if not release or "/" in release:
        return ()
    for name in ("modules.builtin", "modules.dep"):
        path = Path("/lib/modules", release, name)
        found += [f"{path}:{line}" for line in _text(path).splitlines() if _MODULE.search(line.partition(":")[0])]
    for path in (Path(f"/boot/config-{release}"), Path("/proc/config.gz")):
        lines = [f"{path}:{line}" for line in _text(path).splitlines() if _OPTION.search(line)]
        found += lines
        if lines:
            break
    return tuple(found)


def _text(path: Path) -> str:
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rb") as file:
                return file.read(_LARGEST).decode("ascii", "replace")
        with path.open("rb") as file:
            return file.read(_LARGEST).decode("ascii", "replace")
    except (OSError, EOFError):
        return ""


def _variant() -> str:
    """Return which variant the command ``iptables`` is, by where its link leads."""
    program = shutil.which("iptables", path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        return "none"
    name = Path(program).resolve().name
    return "nft" if "nft" in name else "legacy" if "legacy" in name else ""


# --- parsing ------------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def parse_kernel(text: str) -> Kernel:
    """Parse ``grep -sH . FILES``; lines of other files are left out."""
    release = ""
    registered: dict[str, set[str]] = {}
    builtin: set[str] = set()
    loadable: set[str] = set()
    config: dict[str, str] = {}
    seen: set[str] = set()
    for where, line in _by_file(text.splitlines()):
        name = where.rpartition("/")[2]
        seen.add(name)
        if name == "osrelease":
            release = line.strip()
        elif name in _LISTS:
            registered.setdefault(name, set()).add(line.strip())
        elif name == "modules.builtin":
            builtin.add(_module(line))
        elif name == "modules.dep":
            loadable.add(_module(line.partition(":")[0]))
        elif line.startswith("CONFIG_"):
            option, _, value = line.removeprefix("CONFIG_").partition("=")
            config[option] = value.strip()
    configured = any(name.startswith("config") for name in seen)
    return Kernel(
        release,
        {name: frozenset(names) for name, names in registered.items()},
        frozenset(builtin) if "modules.builtin" in seen else None,
        frozenset(loadable) if "modules.dep" in seen else None,
        {option: value for option, value in config.items() if value in ("y", "m")} if configured else None,
    )


def _by_file(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        where, colon, rest = line.partition(":")
        if colon and where.startswith("/"):
            yield where, rest


def _module(path: str) -> str:
    """Return ``xt_addrtype`` for ``kernel/net/netfilter/xt_addrtype.ko.zst``."""
    return path.strip().rpartition("/")[2].partition(".ko")[0].replace("-", "_")


# --- daemon.json --------------------------------------------------------------------------------


def read_daemon() -> Part:
    """Read the part of daemon.json that decides over rules; a host without the file has the defaults."""
    text = daemon_text()
    return Part({"daemon": parse_daemon(text)} if text else {}, via=str(_DAEMON))


def daemon_text() -> str:
    """Return the keys of daemon.json that are read, as JSON; "" where there is no such file."""
    try:
        document = js.obj(js.parse(read_regular(_DAEMON, _LARGEST).decode("utf-8", "replace")))
    except (OSError, SourceError):
        return ""
    return json.dumps({key: document[key] for key in _KEYS if key in document})


def parse_daemon(text: str) -> DaemonSettings:
    """Parse daemon.json; raises SourceError where it is no JSON."""
    document = js.obj(js.parse(text))

    def flag(key: str) -> bool | None:
        value = document.get(key)
        return value if isinstance(value, bool) else None

    return DaemonSettings(
        js.text(document.get("firewall-backend")), flag("iptables"), flag("ip-forward"), flag("userland-proxy")
    )
