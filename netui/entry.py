"""The entry point of netui: it secures the process before other imports, and handles its end.

Python itself starts before this. Only ``python -I``, or sudo, which drops such variables, can keep out what
PYTHONPATH brings in at that time (sitecustomize).
"""

import os
import signal
import sys


def main() -> int:
    """Run netui; return the exit status, also after an interrupt."""
    # a signal can come during the imports, which take longest
    try:
        _trusted_path()
        _standard_files()
        _environment()
        from netui.ending import end_by_signals

        end_by_signals()
        from netui.cli.run import main as netui

        status = _flushed(netui())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    except (KeyboardInterrupt, RuntimeError) as error:
        # Python before 3.12 wraps an exception that comes while it makes a class (__set_name__)
        if isinstance(error, RuntimeError) and not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        status = 130
    except OSError as error:
        status = _failed(error)
    if status == 130:
        _flushed(status)
        # after an interrupt in code of exec(), as of a dataclass, Python would end by the signal although it was
        # caught, and not with a status
        os._exit(status)
    return status


def _trusted_path() -> None:
    """As root, import nothing from the current folder or from folders of the environment."""
    if os.geteuid() != 0 or sys.flags.isolated:
        return
    # Python makes its paths absolute, except in a deleted folder
    try:
        here = os.getcwd()  # noqa: PTH109 - pathlib is not imported yet
    except OSError:
        here = ""
    named = [] if sys.flags.ignore_environment else os.environ.get("PYTHONPATH", "").split(os.pathsep)
    refused = {here, *(os.path.normpath(os.path.join(here, path)) for path in named)}  # noqa: PTH118
    own = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120
    sys.path[:] = [path for path in sys.path if path.startswith("/") and (path == own or path not in refused)]


def _environment() -> None:
    """Remove variables that would run foreign code, and meaningless ones."""
    for name in [name for name in os.environ if name.startswith("TEXTUAL_")]:
        # variables for developers of Textual: one of them names a module to run
        del os.environ[name]
    if not os.environ.get("HOME", "").startswith("/"):
        home = os.path.expanduser("~")  # noqa: PTH111 - pathlib raises where there is none
        # without it, paths would be relative to the current folder
        os.environ["HOME"] = home if home.startswith("/") else "/nonexistent"


def _standard_files() -> None:
    """Open closed standard streams; otherwise another file could get their number and their output."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # open() returns the lowest free number, which is this one
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115


def _flushed(status: int) -> int:
    """Flush the streams; Python would report errors of this at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            _to_nowhere(stream.fileno())
        except OSError as error:
            status = _failed(error)
        except ValueError:
            # closed
            continue
    return status


def _failed(error: OSError) -> int:
    """Report an error of the system in one line."""
    _to_nowhere(1)
    from netui.text.visible import printable

    where = "" if error.filename is None else f"{error.filename!r}: "
    try:
        sys.stderr.write(f"netui: {printable(f'{where}{error.strerror or error}', 2000)}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        _to_nowhere(2)
    return 2


def _to_nowhere(number: int) -> None:
    """Redirect an unwritable stream to /dev/null, so that flushing its buffer works."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)


if __name__ == "__main__":
    sys.exit(main())
