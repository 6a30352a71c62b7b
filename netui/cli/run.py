"""The entry of the command line: it parses the arguments and runs the command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from netui.cli.arguments import BadInput, Options
from netui.cli.delivery import BAD, DONE
from netui.cli.output import complain, prepare_streams


def parse(arguments: list[str]) -> Options:
    """Read the arguments; raise BadInput.

    Without arguments, the usual case of the screen, argparse is not imported, which saves some milliseconds.
    """
    if not arguments:
        return Options()
    from netui.cli.parser import command_line

    given = vars(command_line().parse_args(arguments))
    hosts = dict.fromkeys((*given.pop("hosts_before"), *given.pop("hosts_behind", [])))
    # "exposed --host" without a name means the host's own ports
    own_ports = None in hosts
    hosts.pop(None, None)
    options = Options(**given | {"command": given["command"] or "", "hosts": tuple(hosts), "own_ports": own_ports})
    if options.hosts and (options.demo or options.replay or options.command == "diff"):
        raise BadInput("--host reads another machine now: it does not go with --replay, --demo or diff")
    if options.print_config and options.command:
        raise BadInput(f"--print-config prints the screen's settings: leave {options.command} out")
    batch = options.command == "path" and options.batch is not None
    if len(options.hosts) > 1 and options.command in ("path", "explain", "record") and not batch:
        raise BadInput(
            f"{options.command}: give one --host; several go with exposed, doctor, path --batch and the screen"
        )
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run netui; returns the exit status."""
    prepare_streams()
    try:
        options = parse(sys.argv[1:] if arguments is None else list(arguments))
        return _answer(options)
    except BadInput as error:
        complain(str(error))
        return BAD
    except BrokenPipeError:
        # the reader of the output has ended (netui path … | head)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return DONE
    except KeyboardInterrupt:
        return 130


def _answer(options: Options) -> int:
    """Run a command; each imports its modules only when it runs."""
    if not options.command:
        from netui.cli.screen import run_screen

        return run_screen(options)
    if options.command == "path":
        from netui.cli.path import run_path

        return run_path(options)
    from netui.cli import reports

    commands = {
        "exposed": reports.run_exposed,
        "doctor": reports.run_doctor,
        "explain": reports.run_explain,
        "diff": reports.run_diff,
        "record": reports.run_record,
    }
    return commands[options.command](options)


if __name__ == "__main__":
    sys.exit(main())
