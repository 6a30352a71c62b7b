"""The running kernel's modules and the engine's configuration, for the preflight findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Kernel:
    """The kernel's netfilter modules; a part that is None was not read.

    registered: the names in iptables' files in /proc/net, by file ("ip_tables_matches").
    builtin, loadable: module names of modules.builtin and modules.dep. config: CONFIG_ options that
    are "y" or "m". iptables: the variant of the command ``iptables``, "nft" or "legacy"; "none"
    without the program, "" where it is not known.
    """

    release: str = ""
    registered: Mapping[str, frozenset[str]] = field(default_factory=dict)
    builtin: frozenset[str] | None = None
    loadable: frozenset[str] | None = None
    config: Mapping[str, str] | None = None
    iptables: str = ""

    def has(self, modules: tuple[str, ...], options: tuple[str, ...]) -> bool | None:
        """Whether one of the modules is present or loadable; None where that is not known.

        options: the kernel's options (without CONFIG_) that provide one of them.
        """
        if any(name in (self.builtin or ()) or name in (self.loadable or ()) for name in modules):
            return True
        if self.config is not None:
            values = {self.config.get(option, "n") for option in options}
            if "y" in values:
                return True
            if "m" in values:
                return None if self.loadable is None else False
            return False
        return None if self.builtin is None or self.loadable is None else False

    def registers(self, kind: str, name: str) -> bool:
        """Whether a table, match or target is registered: a file of that kind in /proc/net names it."""
        return any(name in names for where, names in self.registered.items() if where.endswith(kind))


@dataclass(frozen=True, slots=True)
class DaemonSettings:
    """The settings of daemon.json that concern rules; None: not set there."""

    firewall: str = ""
    iptables: bool | None = None
    ip_forward: bool | None = None
    userland_proxy: bool | None = None
