"""The table of outputs: the command of each, its file in a capture, and its parser.

Live readings, captures, ``record``, replays and the poller all use these tables. To add an output, add a row here, a
permit in permits.py, and a field of the snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from netui.dialects import iproute, sysctl
from netui.dialects import ipset as ipset_save
from netui.dialects import sockets as socket_text
from netui.model import Family, RulesetKey
from netui.text import json_text as js

#: The source of each ruleset.
RULESET_SOURCES: Mapping[str, RulesetKey] = {
    "iptables-nft": RulesetKey("ip", "nft"),
    "ip6tables-nft": RulesetKey("ip6", "nft"),
    "iptables-legacy": RulesetKey("ip", "legacy"),
    "ip6tables-legacy": RulesetKey("ip6", "legacy"),
}


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a machine.

    file: its name in a capture. command: the command line that prints it. source: its source, "" where several sources
    use it. arguments: the program that netui runs for it, () where netui gets it in another way. family: of routes and
    policy rules. field, parse: the snapshot's field and the text's parser, where one text is the whole value. module,
    without: the kernel subsystem that it needs, and the output to assume without that subsystem. optional: only few
    machines can print it, and its absence is not reported.
    """

    file: str
    command: str
    source: str = ""
    arguments: tuple[str, ...] = ()
    family: Family | None = None
    field: str = ""
    parse: Callable[[str], Any] | None = None
    module: str = ""
    without: str = ""
    optional: bool = False


def _save(source: str) -> Output:
    return Output(f"{source}-save.txt", f"{source}-save -c", source, (f"{source}-save", "-c"))


def _tables(tool: str, options: str) -> str:
    return f"for t in raw mangle nat filter; do {tool} -t $t {options}; done"


def _interfaces(text: str) -> object:
    return iproute.interfaces(js.parse(text))


#: In the order of reading.
OUTPUTS: tuple[Output, ...] = (
    *map(_save, RULESET_SOURCES),
    Output("iptables-save.txt", "iptables-save -c"),
    Output("ip6tables-save.txt", "ip6tables-save -c"),
    Output("iptables-S.txt", _tables("iptables", "-S")),
    Output("ip6tables-S.txt", _tables("ip6tables", "-S")),
    Output("iptables-L.txt", _tables("iptables", "-L -n -v")),
    Output("ip6tables-L.txt", _tables("ip6tables", "-L -n -v")),
    Output("nft-ruleset.json", "nft -j list ruleset", "nft", ("nft", "-j", "list", "ruleset"),
           module="nf_tables", without='{"nftables": []}\n'),
    Output("nft-ruleset.txt", "nft list ruleset", "nft", ("nft", "list", "ruleset"), module="nf_tables"),
    Output("nft-hooks.txt", "nft list hooks", "nft", ("nft", "list", "hooks"), module="nfnetlink_hook", optional=True),
    Output("ipset-save.txt", "ipset save", "ipset", ("ipset", "save"),
           field="sets", parse=ipset_save.ipsets, module="ip_set"),
    Output("ip-address.json", "ip -j -d address", "address", ("ip", "-j", "-d", "address"),
           field="interfaces", parse=_interfaces),
    Output("ip-route.json", "ip -j route show table all", "route",
           ("ip", "-4", "-j", "route", "show", "table", "all"), "ip"),
    Output("ip6-route.json", "ip -6 -j route show table all", "route",
           ("ip", "-6", "-j", "route", "show", "table", "all"), "ip6"),
    Output("ip-rule.json", "ip -j rule", "rule", ("ip", "-4", "-j", "rule"), "ip"),
    Output("ip6-rule.json", "ip -6 -j rule", "rule", ("ip", "-6", "-j", "rule"), "ip6"),
    Output("sysctl.txt", "sysctl -a", "sysctl", field="sysctls", parse=sysctl.sysctls),
    Output("ss.txt", "ss -Hltunp", "sockets", field="sockets", parse=socket_text.ss_sockets),
    Output("kernel-modules.txt",
           "grep -sH . /proc/sys/kernel/osrelease /proc/net/ip*_tables_* "
           "/lib/modules/$(uname -r)/modules.{builtin,dep} /boot/config-$(uname -r)", "kernel"),
    Output("daemon.json", "cat /etc/docker/daemon.json", "daemon"),
    Output("netns.txt", "lsns -n -t net -o NETNSID,PID", optional=True),
    Output("docker-info.json", "docker info -f '{{json .}}'", "docker"),
    Output("docker-version.json", "docker version -f '{{json .}}'", "docker"),
    Output("docker-networks.json", "docker network inspect $(docker network ls -q)", "docker"),
    Output("docker-containers.json", "docker inspect $(docker ps -aq)", "docker"),
    Output("meta.json", ""),
)  # fmt: skip
BY_FILE: Mapping[str, Output] = {output.file: output for output in OUTPUTS}
#: The parsers of the two sources that have a text for each family.
BUILD: Mapping[str, Callable[[object, Family], object]] = {"route": iproute.routes, "rule": iproute.policy_rules}


def of_source(source: str) -> tuple[Output, ...]:
    """Return the outputs of one source."""
    return tuple(output for output in OUTPUTS if output.source == source)


@dataclass(frozen=True, slots=True)
class Group:
    """Sources that one thread reads together.

    every: seconds between two readings without an event; None: the user's interval. budget: the share of one core
    that its readings may take. deadline, line: seconds after which a reading is reported as hanging, on this machine
    and on another one.
    """

    sources: tuple[str, ...]
    every: float | None
    budget: float
    deadline: float
    line: float


#: Budgets: below 5 % of a core together with the painting.
GROUPS: Mapping[str, Group] = {
    "docker": Group(("docker",), 30.0, 0.003, 15.0, 30.0),
    "rules": Group((*RULESET_SOURCES, "nft"), None, 0.035, 5.0, 7.0),
    "host": Group(("address", "route", "rule", "sysctl", "sockets", "listening"), 15.0, 0.003, 5.0, 15.0),
    "sets": Group(("ipset",), 30.0, 0.003, 15.0, 15.0),
}
