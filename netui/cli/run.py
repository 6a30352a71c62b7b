"""The entry of the command line: it parses the arguments and runs the command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from netui.cli.commands import BadInput, Command, Diff, Doctor, Explain, Exposed, Path, Record, Screen
from netui.cli.delivery import BAD, DONE
from netui.cli.output import complain, prepare_streams


def parse(arguments: list[str]) -> Command:
    """Read the arguments; raise BadInput.

    Without arguments, the usual case of the screen, argparse is not imported, which saves some milliseconds.
    """
    if not arguments:
        return Screen()
    from netui.cli.parser import read_arguments

    return read_arguments(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run netui; returns the exit status."""
    prepare_streams()
    try:
        return _answer(parse(sys.argv[1:] if arguments is None else list(arguments)))
    except BadInput as error:
        complain(str(error))
        return BAD
    except BrokenPipeError:
        # the reader of the output has ended (netui path … | head)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return DONE
    except KeyboardInterrupt:
        return 130


def _answer(command: Command) -> int:
    """Run a command; each imports its modules only when it runs."""
    match command:
        case Screen():
            from netui.cli.screen import run_screen

            return run_screen(command)
        case Path():
            from netui.cli.path import run_path

            return run_path(command)
    from netui.cli import reports

    match command:
        case Exposed():
            return reports.run_exposed(command)
        case Doctor():
            return reports.run_doctor(command)
        case Explain():
            return reports.run_explain(command)
        case Diff():
            return reports.run_diff(command)
        case Record():
            return reports.run_record(command)


if __name__ == "__main__":
    sys.exit(main())
