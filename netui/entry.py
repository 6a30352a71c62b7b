"""The program netui: what is to be right before anything of it is imported, and at its very end.

Python's own start comes before this: what PYTHONPATH brings in there (sitecustomize) only ``python -I`` or
sudo, which drops such variables, can keep out.
"""

import os
import signal
import sys


def main() -> int:
    """Run netui; returns the exit status. An interrupted one ends here."""
    # A signal can come during the imports, which take longest.
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
        # Python before 3.12 wraps what interrupts it while it makes a class (__set_name__).
        if isinstance(error, RuntimeError) and not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        status = 130
    except OSError as error:
        status = _failed(error)
    if status == 130:
        _flushed(status)
        # Python forgets that an interrupt in code made by exec(), as of a dataclass, was caught: it would end by
        # the signal and not with a status.
        os._exit(status)
    return status


def _trusted_path() -> None:
    """As root, import nothing from the current folder, or from where the environment says."""
    if os.geteuid() != 0 or sys.flags.isolated:
        return
    # Python made its own paths absolute, but for one in a folder that is gone.
    try:
        here = os.getcwd()  # noqa: PTH109 - pathlib is not imported yet
    except OSError:
        here = ""
    named = [] if sys.flags.ignore_environment else os.environ.get("PYTHONPATH", "").split(os.pathsep)
    refused = {here, *(os.path.normpath(os.path.join(here, path)) for path in named)}  # noqa: PTH118
    own = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120
    sys.path[:] = [path for path in sys.path if path.startswith("/") and (path == own or path not in refused)]


def _environment() -> None:
    """Take out of the environment what would run strangers' code, and what has no meaning."""
    for name in [name for name in os.environ if name.startswith("TEXTUAL_")]:
        # They are for those who develop with Textual: one of them names a module to be run.
        del os.environ[name]
    if not os.environ.get("HOME", "").startswith("/"):
        home = os.path.expanduser("~")  # noqa: PTH111 - pathlib raises where there is none
        # Without one a file's name would begin in the current folder.
        os.environ["HOME"] = home if home.startswith("/") else "/nonexistent"


def _standard_files() -> None:
    """Open what the shell closed, lest another file gets its number and what is printed."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # It gets the lowest number that is free, which is this one.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115


def _flushed(status: int) -> int:
    """Write what is still to be written; what goes wrong would else be said by Python at its end."""
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
    """Say in one line what the system refused."""
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
    """Let a file that cannot be written take what is still kept for it."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)


if __name__ == "__main__":
    sys.exit(main())
