"""The list of all programs that netui may run, with their arguments. Each of them only reads.

Even a program that reads can change the machine, because the kernel may load a module for it. So a program
whose subsystem is a module runs only where the module is loaded. :func:`check` is called before each program starts.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath

from netui.text.errors import SourceError, plain


class NotPermitted(SourceError):
    """A program is not on the list, or would load a module."""


@dataclass(frozen=True, slots=True)
class Permit:
    """A program that may run: its arguments as a pattern, and the module that must be loaded ("" for none)."""

    arguments: re.Pattern[str]
    module: str = ""


def loaded(module: str) -> bool:
    """Whether a subsystem is loaded or built in, so that using it loads nothing.

    A kernel without loadable modules has no /proc/modules. A built-in subsystem is listed in modules.builtin.
    """
    try:
        if f"\n{module} " in f"\n{Path('/proc/modules').read_text('utf-8', 'replace')}":
            return True
    except OSError:
        return True
    return Path("/sys/module", module).exists() or f"/{module}.ko" in _built_in(platform.release())


@lru_cache(maxsize=2)
def _built_in(release: str) -> str:
    try:
        return Path("/lib/modules", release, "modules.builtin").read_text("utf-8", "replace")
    except OSError:
        return ""


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


_SAVE = _words("-c")
#: iptables-legacy-save and its twin print the tables of /proc/net/ip_tables_names and load none;
#: callers ask only where that file names some.
PROGRAMS: Mapping[str, Permit] = {
    "ip": Permit(_words(r"-j -d address|-[46] -j route show table all|-[46] -j rule")),
    "nft": Permit(_words(r"--version|(?:-j )?list (?:ruleset|tables|table \S+ \S+)"), "nf_tables"),
    "ipset": Permit(_words("save"), "ip_set"),
    # carries bytes to an engine's socket where sudo alone may open it, on another machine
    "docker": Permit(_words(r"-H unix:///[A-Za-z0-9_./-]+ system dial-stdio")),
    "iptables-nft-save": Permit(_SAVE, "nf_tables"),
    "ip6tables-nft-save": Permit(_SAVE, "nf_tables"),
    "iptables-legacy-save": Permit(_SAVE),
    "ip6tables-legacy-save": Permit(_SAVE),
    "iptables-save": Permit(_words("-c|--version")),
    "ip6tables-save": Permit(_words("-c|--version")),
    "nsenter": Permit(_words(r"-t \d+ -n \S*/ip6?tables-(?:nft|legacy)-save -c")),
}


#: The order of base chains: it needs a subsystem that many kernels lack.
_HOOKS = Permit(_words("list hooks"), "nfnetlink_hook")


def check(arguments: Sequence[str], is_there: Callable[[str], bool] = loaded) -> None:
    """Raise NotPermitted where these arguments are not on the list, or would load a module."""
    module = permit(arguments).module
    if module and not is_there(module):
        raise would_load(arguments[0], module)


def permit(arguments: Sequence[str]) -> Permit:
    """Return the permit for a program with its arguments; raise NotPermitted where they are not on the list."""
    name = PurePath(arguments[0]).name
    written = " ".join(arguments[1:])
    if (name, written) == ("nft", "list hooks"):
        return _HOOKS
    permitted = PROGRAMS.get(name)
    if permitted is None or permitted.arguments.fullmatch(written) is None:
        raise NotPermitted(f"netui does not run: {plain(f'{name} {written}')}")
    return permitted


def would_load(program: str, module: str) -> NotPermitted:
    """Return the message about a program whose module is not loaded."""
    return NotPermitted(f"{PurePath(program).name} would load the module {module}")
