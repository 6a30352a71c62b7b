"""The netfilter modules of the running kernel, read from files, so nothing is loaded or changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import PurePath

from netui.model.kernel import DaemonSettings, Kernel
from netui.sources.machine import Ask, Exists, Lines, Machine, Read
from netui.sources.machine.local import LOCAL
from netui.sources.reading import Reading
from netui.text import json_text as js
from netui.text.errors import SourceError

_RELEASE = "/proc/sys/kernel/osrelease"
_LISTS = tuple(f"{stem}_tables_{kind}" for stem in ("ip", "ip6") for kind in ("names", "matches", "targets"))
_LIST_FILES = tuple(f"/proc/net/{name}" for name in _LISTS)
_DAEMON = "/etc/docker/daemon.json"
_MODULES = "/lib/modules"
#: The lines of modules.builtin, modules.dep and the configuration about netfilter, bridges and veth pairs.
_MODULE = r"^[^:]*(/(netfilter|bridge|overlayfs)/|/veth\.ko)"
_OPTION = "CONFIG_(NETFILTER|NF_|NFT_|IP_NF|IP6_NF|BRIDGE|VETH|OVERLAY_FS|MODULES)"
#: The keys of daemon.json that are read and recorded; others can contain a proxy's password.
_KEYS = ("firewall-backend", "iptables", "ip-forward", "userland-proxy")


def kernel_asks(machine: Machine) -> tuple[Ask, ...]:
    """Return the questions of :func:`read_kernel` and :func:`read_daemon`."""
    release = machine.release
    asks: list[Ask] = [
        Lines(_LIST_FILES), Read((_DAEMON,)), Exists(f"{_MODULES}/*"), Exists(f"{_MODULES}/{release}")
    ]  # fmt: skip
    if release not in machine.kept:
        modules, configurations = _unchanging_files(release)
        asks += [Lines(modules, _MODULE), Lines(configurations, _OPTION)]
    return tuple(asks)


def read_kernel(machine: Machine = LOCAL) -> Reading:
    """Read the kernel's modules and options."""
    kernel = parse_kernel(kernel_text(machine))
    if kernel.loadable is None and _only_others(machine, kernel.release):
        # the running kernel's modules are gone: it was upgraded, and the host was not rebooted
        kernel = replace(kernel, loadable=frozenset())
    return Reading({"kernel": replace(kernel, iptables=_variant(machine))}, via="/proc, /lib/modules, /boot")


def _only_others(machine: Machine, release: str) -> bool:
    """Whether only modules of other kernels are installed."""
    return machine.exists(f"{_MODULES}/*") and not machine.exists(f"{_MODULES}/{release}")


def kernel_text(machine: Machine = LOCAL) -> str:
    """Return the relevant lines of the files as ``grep -sH .`` prints them."""
    # what the file holds, where /proc/sys is not to be seen as well
    release = machine.release
    lines = [f"{_RELEASE}:{release}"] if release else []
    lines += _printed(machine.lines(_LIST_FILES))
    return "\n".join([*lines, *_unchanging(machine, release), ""])


def _unchanging(machine: Machine, release: str) -> tuple[str, ...]:
    """The lines of the files that do not change while the kernel runs; read once."""
    if not release or "/" in release:
        return ()
    if (kept := machine.kept.get(release)) is not None:
        return kept
    modules, configurations = _unchanging_files(release)
    lines = _printed(machine.lines(modules, _MODULE))
    options = machine.lines(configurations, _OPTION)
    first = next((path for path in configurations if path in options), "")
    machine.kept[release] = kept = (*lines, *_printed({first: options[first]} if first else {}))
    return kept


def _unchanging_files(release: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lists of modules, and the possible paths of the configuration."""
    modules = tuple(f"{_MODULES}/{release}/{name}" for name in ("modules.builtin", "modules.dep"))
    return modules, (f"/boot/config-{release}", "/proc/config.gz")


def _printed(lines: Mapping[str, list[str]]) -> list[str]:
    return [f"{path}:{line}" for path, lines_of in lines.items() for line in lines_of]


def _variant(machine: Machine) -> str:
    """Return the variant of the command ``iptables``, by the target of its link."""
    program = machine.real("iptables", system=True)
    if program is None:
        return "none"
    name = PurePath(program).name
    return "nft" if "nft" in name else "legacy" if "legacy" in name else ""


# --- parsing ------------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def parse_kernel(text: str) -> Kernel:
    """Parse ``grep -sH . FILES``; lines of other files are skipped."""
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
        # the two lie in one folder; Debian's kernel has nothing of netfilter built in, and so no line of that file
        frozenset(builtin) if not seen.isdisjoint({"modules.builtin", "modules.dep"}) else None,
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


def read_daemon(machine: Machine = LOCAL) -> Reading:
    """Read the settings of daemon.json that concern rules; without the file they are the defaults."""
    text = daemon_text(machine)
    return Reading({"daemon": parse_daemon(text)} if text else {}, via=_DAEMON)


def daemon_text(machine: Machine = LOCAL) -> str:
    """Return the relevant keys of daemon.json as JSON; "" without the file."""
    try:
        document = js.obj(js.parse(machine.read(_DAEMON)))
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
