"""The parser of the command line."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NoReturn

from netui import __version__
from netui.cli.commands import BadInput, Command, Diff, Doctor, Explain, Exposed, Host, Path, Record, Screen
from netui.cli.output import say
from netui.model.settings import THEMES

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message} ({self.prog} --help shows how)")

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        # help and version have signs that not every locale has
        if message:
            say(message.rstrip("\n"))


def read_arguments(arguments: list[str]) -> Command:
    """Parse a command line; raises BadInput."""
    given = command_line().parse_args(arguments)
    machines = dict.fromkeys((*given.hosts_before, *getattr(given, "hosts_behind", ())))
    # "exposed --host" without a name means the host's own ports
    own_ports = None in machines
    machines.pop(None, None)
    name = given.command or ""
    host = Host(given.replay, given.demo, tuple(machines))
    if machines and (host.demo or host.replay or name == "diff"):
        raise BadInput("--host reads another machine now: it does not go with --replay, --demo or diff")
    if given.print_config and name:
        raise BadInput(f"--print-config prints the screen's settings: leave {name} out")
    one_alone = name in ("explain", "record") or (name == "path" and given.batch is None)
    if len(machines) > 1 and one_alone:
        raise BadInput(f"{name}: give one --host; several go with exposed, doctor, path --batch and the screen")
    return _command(name, given, host, own_ports=own_ports)


def _command(name: str, given: argparse.Namespace, host: Host, *, own_ports: bool) -> Command:
    """Return the command with its own arguments."""
    match name:
        case "path":
            return Path(
                host, given.json, given.source, given.destination, given.batch, given.reply, given.iif, given.oif,
                given.sender,
            )  # fmt: skip
        case "exposed":
            return Exposed(host, given.json, given.fail_on, tuple(given.allow), given.wide, own_ports)
        case "doctor":
            return Doctor(host, given.json)
        case "explain":
            return Explain(host, given.json, given.table, given.chain, given.number)
        case "diff":
            return Diff(Host(given.before), Host(given.after), given.json)
        case "record":
            return Record(host, given.path, given.every, given.for_)
    return Screen(
        host, given.interval, given.config, given.compare, given.theme, given.ascii, given.colour, given.print_config
    )


def command_line() -> argparse.ArgumentParser:
    """Return the parser of netui's arguments; it raises BadInput."""
    parser = _Parser(
        prog="netui",
        description="Show what Docker's networks do to your packets.",
        epilog="Without a command, netui opens the screen on this host, or with --host on another one (keys: ?).",
    )
    _host_option(parser, "hosts_before")
    parser.add_argument("--version", action="version", version=f"netui {__version__}")
    _screen_options(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)

    path = commands.add_parser(
        "path",
        help="show which rules the first packet of SRC → DST meets, and its verdict",
        description="SRC: a container[@network], host, outside[:ADDRESS], lan[@IFACE] (the machines on the links), "
        "any (both) or an address. "
        "DST: the same with :PORT[/PROTO] or /icmp; '*': all ports that SRC reaches; outside without a port: "
        "the machines and ports outside that SRC reaches. "
        "Example: netui path outside host:443",
    )
    path.add_argument("source", metavar="SRC", nargs="?")
    path.add_argument("destination", metavar="DST", nargs="?")
    path.add_argument(
        "--batch", metavar="FILE", help='a path for each line "SRC DST" of FILE (- for stdin), as JSON lines'
    )
    path.add_argument(
        "--reply", action="store_true", help="walk the answer, too; without it the packet is not delivered"
    )
    path.add_argument(
        "--in", metavar="IFACE", dest="iif", default="", help="the interface by which a packet from outside comes in"
    )
    path.add_argument(
        "--out",
        metavar="IFACE",
        dest="oif",
        default="",
        help="for rules alone (--replay FILE): the interface by which a packet that is not for the host leaves",
    )
    path.add_argument(
        "--sender",
        metavar="N",
        type=_rule_number,
        help="show the steps for part N of the senders, where the outcome depends on the sender",
    )
    _report_options(path)

    exposed = commands.add_parser(
        "exposed",
        help="show which ports of containers, or of the host, are reached, from where, by which rule",
        description="Show from where each port of each container (with --host: of this machine) is reached, "
        "found by walking packets.",
    )
    exposed.add_argument(
        "--fail-on",
        choices=("world", "listed", "lan", "networks", "host", "own"),
        default="",
        help="exit with 1 if a port is open from there or wider (3 if that is unknown); "
        "listed: open to everyone outside, or to an address outside that a rule lets in",
    )
    exposed.add_argument(
        "--allow",
        metavar="NET",
        action="append",
        default=[],
        type=_network,
        help="with --fail-on listed: a network that rules may let in; may be given several times",
    )
    exposed.add_argument("--wide", action="store_true", help="name all networks that rules let in or keep out")
    exposed.add_argument(
        "--host",
        metavar="DEST",
        dest="hosts_behind",
        nargs="?",
        action="append",
        default=[],
        type=_destination,
        help="without DEST: show the ports of the host itself that other machines or containers reach, "
        "and what answers there; with DEST: another machine, over ssh",
    )
    _replay_options(exposed)

    doctor = commands.add_parser(
        "doctor", help="show what is wrong or surprising on this host, worst first; exit with 1 if there is anything"
    )
    _report_options(doctor)

    explain = commands.add_parser("explain", help="explain the rules of a table or chain, or one rule, in plain words")
    explain.add_argument("table", metavar="TABLE", nargs="?", default="")
    explain.add_argument("chain", metavar="CHAIN", nargs="?", default="")
    explain.add_argument("number", metavar="N", nargs="?", type=_rule_number)
    _report_options(explain)

    diff = commands.add_parser(
        "diff",
        help="show what changed from capture A to capture B (or to this host): networks, containers, rules, verdicts",
    )
    diff.add_argument("before", metavar="A", type=_path)
    diff.add_argument("after", metavar="B", nargs="?", type=_path)
    diff.add_argument("--json", action="store_true", help="print one JSON document on stdout, and nothing else")

    record = commands.add_parser(
        "record",
        help="write a capture of this host (a folder or a .tar.gz); with --every a recording",
        description="Only its owner can read the capture. It appears when it is complete, and never overwrites "
        "anything. It has the rules, addresses, routes, sysctls and listening sockets as their commands print them, "
        "and those fields of the engine's answers that netui reads: names, IDs, images, states, ports, networks and "
        "addresses, and the names of compose and swarm. It does not have environment variables, commands, health "
        "checks, other labels, mounts or log options. If something could not be read, netui names it and exits with 1.",
    )
    record.add_argument("path", metavar="PATH")
    _host_option(record, "hosts_behind")
    record.add_argument("--every", type=_seconds, metavar="S", help="write a frame every S seconds")
    record.add_argument("--for", type=_seconds, metavar="S", dest="for_", help="stop after S seconds")
    return parser


def _screen_options(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--demo", action="store_true", help="open the screen on netui's recorded demo host")
    which.add_argument(
        "--replay", metavar="PATH", type=_path, help="open the screen on a capture, a recording, or a file of rules"
    )
    parser.add_argument(
        "--interval", type=_seconds, metavar="S", help="read counters every S seconds (default 1, at least 0.5)"
    )
    parser.add_argument(
        "--config",
        metavar="PATH",
        type=_path,
        help="the screen's settings (default $XDG_CONFIG_HOME/netui/config.toml); flags override them",
    )
    parser.add_argument(
        "--compare", metavar="PATH", type=_path, help="a capture with which the key = compares, in place of the start"
    )
    parser.add_argument(
        "--print-config",
        action="store_true",
        help="print the effective settings as a config.toml with comments; exit with 1 if one is ignored",
    )
    parser.add_argument("--theme", choices=THEMES, help="the theme (default netui-dark)")
    parser.add_argument("--ascii", action="store_true", default=None, help="use only ASCII")
    parser.add_argument(
        "--no-colour", "--no-color", action="store_false", default=None, dest="colour", help="use no colour"
    )


def _host_option(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument(
        "--host",
        metavar="DEST",
        dest=name,
        action="append",
        default=[],
        type=_destination,
        help="read another machine over ssh, without netui there; DEST as for ssh; may be given several times",
    )


def _destination(text: str) -> str:
    """Parse a machine's name for ssh; refuse what ssh would read as an option."""
    if not text.strip() or text.startswith("-") or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} is no machine; write it as ssh takes it: name, user@name, ssh://…")
    return text


def _report_options(parser: argparse.ArgumentParser) -> None:
    _host_option(parser, "hosts_behind")
    _replay_options(parser)


def _replay_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--replay",
        metavar="PATH",
        type=_path,
        default=argparse.SUPPRESS,
        help="read a capture instead of this host; or a file of rules, - for stdin: "
        "iptables-save, iptables -S, iptables -L -n -v, nft list ruleset",
    )
    parser.add_argument("--demo", action="store_true", default=argparse.SUPPRESS, help="read the recorded demo host")
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout, and nothing else")


def _path(text: str) -> str:
    if not text:
        # most likely an unset variable of a script, which does not mean this host
        raise argparse.ArgumentTypeError("the path is empty")
    return text


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds") from None
    if not 0 < value < 1e7:
        raise argparse.ArgumentTypeError(f"{text} seconds is out of range")
    return value


def _rule_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text[:9]) >= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no rule's number: rules count from 1")
    return int(text[:9])


def _network(text: str) -> str:
    """Parse a network or address of --allow."""
    from ipaddress import ip_network

    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no network; write it as 203.0.113.0/24") from None
