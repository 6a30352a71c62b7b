"""The lab from a shell.

python -m tests.lab up ENGINE                     a host, until Ctrl-C
python -m tests.lab run ENGINE [--wide] [--traffic SECONDS] -- COMMAND…
python -m tests.lab capture ENGINE DIR            a case: the host, its flows, the kernel's trace
python -m tests.lab judge [--engine X] [--variants all]
                                                  netui's prediction against the kernel, every flow
python -m tests.lab fuzz N [--seed S]             the same for N packets through random rules
python -m tests.lab soak [--minutes 60] [--engine X]
                                                  whether netui stays flat at ten times the events
python -m tests.lab on SUITE [TEST…]              the README's test command on another Debian or Ubuntu
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from .cache import LabUnavailable, ensure_tools
from .engines import KINDS, Options
from .hosts import Host, blog_host
from .namespaces import raise_on_sigterm
from .roots import UBUNTU
from .traffic import Traffic


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description="netui's lab")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("up", "bring a host up and keep it until Ctrl-C"),
        ("run", "run a command inside a host"),
        ("capture", "write a case: capture, flows and the kernel's trace"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("engine", choices=KINDS)
        command.add_argument("--wide", action="store_true", help="the judge's topology")
        command.add_argument("--demo", action="store_true", help="the demo recording's host")
        command.add_argument("--no-proxy", action="store_true", help="without docker-proxy")
        if name != "capture":
            command.add_argument("--traffic", type=float, default=0, metavar="SECONDS")
        if name == "run":
            command.add_argument("argv", nargs="+", metavar="COMMAND")
        if name == "capture":
            command.add_argument("folder", type=Path)
    _judge_arguments(commands.add_parser("judge", help="compare netui with the kernel on every flow"))
    fuzz = commands.add_parser("fuzz", help="compare netui with the kernel on random rules")
    fuzz.add_argument("packets", type=int, metavar="N")
    fuzz.add_argument("--seed", type=int)
    fuzz.add_argument("--keep", type=Path, help="where failing cases are kept")
    soak = commands.add_parser("soak", help="whether netui stays flat on a host that does not rest")
    soak.add_argument("--minutes", type=float, default=60)
    soak.add_argument("--engine", choices=KINDS, default="28.5")
    on = commands.add_parser("on", help="run `make test` in a root of another suite")
    on.add_argument("suite", choices=("bookworm", "trixie", *UBUNTU))
    on.add_argument("tests", nargs="*", default=["tests/lab"], metavar="TEST")
    return parser.parse_args(argv)


def run_on(suite: str, tests: list[str]) -> int:
    """Run `make test` as root on a bare root of a suite, as if that were the machine; its exit status."""
    from .bare import Bare

    with (
        tempfile.TemporaryDirectory(prefix="netui-lab-") as folder,
        Bare(suite, "root", Path(folder), lab=True) as bare,
    ):
        # some tests ask git which files are netui's
        return bare.show(f"git init -q . && git add -A && CI=true make test TESTS='{' '.join(tests)}'")


def _judge_arguments(judge: argparse.ArgumentParser) -> None:
    judge.add_argument("--engine", choices=KINDS, action="append", help="this kind only (may be repeated)")
    judge.add_argument("--variants", choices=("basic", "all"), default="basic")
    judge.add_argument("--folder", type=Path, help="keep the captures here")
    judge.add_argument("--limit", type=int, default=20, help="disagreements shown for each variant")


def make_host(options: argparse.Namespace) -> Host:
    """The host that the command line asks for."""
    engine = Options(userland_proxy=not options.no_proxy)
    if options.wide:
        from .wide import wide_host

        return wide_host(options.engine, engine)
    if options.demo:
        from .showcase import demo_host

        return demo_host(options.engine, engine)
    return blog_host(options.engine, engine)


def run_inside(host: Host, argv: list[str]) -> int:
    """Run a command as if the host were the machine; it keeps the terminal. Its exit status."""
    command = ["nsenter", f"--net={host.namespace.path}", *argv]
    previous = signal.signal(signal.SIGINT, lambda number, frame: None)  # Ctrl-C is the command's.
    try:
        process = subprocess.Popen(
            command,
            env=host.engine.environment(),
        )
        try:
            return process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
    finally:
        signal.signal(signal.SIGINT, previous)


def stay(host: Host) -> int:
    """Say how to enter, and wait for the end."""
    environment = host.engine.environment()
    enter = (
        f"nsenter --net={host.namespace.path} env DOCKER_HOST={environment['DOCKER_HOST']} "
        f"PATH={host.engine.bin}:$PATH bash"
    )
    print(f"engine {host.kind} is up. Enter with:\n\n  {enter}\n", flush=True)
    print(f"A machine outside: nsenter --net={host.outside.path} bash\nCtrl-C ends it.", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run one command; its exit status."""
    options = arguments(argv)
    raise_on_sigterm()
    try:
        ensure_tools()
        if options.command == "judge":
            from .judge import main as judge

            everything = options.variants == "all"
            kinds = options.engine or KINDS
            return judge(kinds, everything=everything, folder=options.folder, limit=options.limit)
        if options.command == "fuzz":
            from .fuzz import main as fuzz

            return fuzz(options.packets, options.seed, options.keep)
        if options.command == "soak":
            from .soak import main as soak

            return soak(options.engine, options.minutes)
        if options.command == "on":
            return run_on(options.suite, options.tests)
        with make_host(options) as host:
            if options.command == "capture":
                from .capture import write_case

                write_case(host, options.folder)
                return 0
            with Traffic(host, options.traffic):
                if options.command == "up":
                    return stay(host)
                return run_inside(host, options.argv)
    except LabUnavailable as reason:
        print(f"lab: {reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
