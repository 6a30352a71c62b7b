"""What the running kernel has, and how the engine was told to start: what a preflight asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Kernel:
    """The kernel's netfilter modules; a part that is None was not read.

    registered: what iptables' own lists in /proc/net name, by list ("ip_tables_matches").
    builtin, loadable: modules by name, as modules.builtin and modules.dep have them. config:
    CONFIG_ options that are "y" or "m". iptables: the variant that the command ``iptables`` is,
    "nft" or "legacy"; "none" without the program, "" where it is not known.
    """

    release: str = ""
    registered: Mapping[str, frozenset[str]] = field(default_factory=dict)
    builtin: frozenset[str] | None = None
    loadable: frozenset[str] | None = None
    config: Mapping[str, str] | None = None
    iptables: str = ""

    def has(self, modules: tuple[str, ...], options: tuple[str, ...]) -> bool | None:
        """Whether one of the modules is there or can be loaded; None where that is not known.

        options: the configuration's names (without CONFIG_) that give one of them.
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
        """Whether a table, match or target is in use already: it stands in one of the lists of that kind."""
        return any(name in names for where, names in self.registered.items() if where.endswith(kind))


@dataclass(frozen=True, slots=True)
class DaemonSettings:
    """The part of daemon.json that decides over rules; None: not set there."""

    firewall: str = ""
    iptables: bool | None = None
    ip_forward: bool | None = None
    userland_proxy: bool | None = None
