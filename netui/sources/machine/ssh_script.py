"""Builds a POSIX shell script from questions for another machine, and parses its output into answers.

The script is the input of a shell there. Each answer ends with a random mark. Programs must be on the list of
permits.py. A program whose subsystem is a module runs only where the module is loaded: the script itself checks that.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netui.sources.machine import Ask, Exists, Lines, Links, Loaded, Read, Real, Run, permits
from netui.sources.machine.ssh_process import Lost

#: Seconds for a program there, where it has ``timeout``.
PROGRAM = 10
SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: ``ask`` runs a command with its output unchanged, then prints its status and its stderr.
_FUNCTIONS = r"""
ask() { e=$("$@" 2>&1 >&3 3>&- </dev/null); s=$?; printf '\n%s e %s\n%s\n%s\n' "$M" "$s" "$e" "$M" >&3; }
no() { printf '\n%s e n\n\n%s\n' "$M" "$M" >&3; }
has() { grep -q . "$1" 2>/dev/null; }
any() { for f; do [ -e "$f" ] && return 0; done; return 1; }
files() { for f; do [ ! -e "$f" ] || [ -f "$f" ] || return 2; done; cat "$@"; }
unpacked() { gzip -dc "$2" | grep -E "$1" | while IFS= read -r l; do printf '%s:%s\n' "$2" "$l"; done; }
loaded() {
  [ -r /proc/modules ] || return 0
  grep -q "^$1 " /proc/modules || [ -d "/sys/module/$1" ] ||
    grep -q "/$1\.ko" "/lib/modules/$(uname -r)/modules.builtin" 2>/dev/null
}
only_roots() {
  p=$(readlink -f "$1" 2>/dev/null) first=1
  p=${p:-$1}
  while :; do
    set -- $(ls -ldnL "${p:-/}" 2>/dev/null)
    [ "$3" = 0 ] || return 1
    case $1 in ?????-??-*) ;; ?????????[tT]*) [ -z "$first" ] || return 1 ;; *) return 1 ;; esac
    [ -n "$p" ] || return 0
    p=${p%/*} first=
  done
}
trusted_path() {
  r= o=$IFS; IFS=:; set -- $PATH; IFS=$o
  for d; do case $d in /*) if [ "$(id -u)" != 0 ] || only_roots "${d%/}"; then r=$r$d:; fi ;; esac; done
  PATH=$r@SYSTEM@; export PATH
}
""".replace("@SYSTEM@", SYSTEM)


def prelude(mark: str) -> str:
    """Return the first lines for a shell: the C locale, the functions, and no settings of the user."""
    return (
        "LC_ALL=C LANG=C; export LC_ALL LANG; unset CDPATH ENV BASH_ENV GREP_OPTIONS GREP_COLOR LS_COLORS TMOUT\n"
        f"cd /; umask 077; M={mark}; exec 3>&1 2>/dev/null\n{_FUNCTIONS}\n"
        f"trusted_path; T=; q=\n"
        f"timeout -k 1 {PROGRAM} true && T='timeout -k 1 {PROGRAM}'; ls -dq / >/dev/null && q=q\n"
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question: status None where it was not asked."""

    status: int | None
    output: bytes = b""
    errors: str = ""

    @property
    def text(self) -> str:
        """The output as text; bytes that are not UTF-8 become lone surrogates."""
        return self.output.decode("utf-8", "surrogateescape")


def compose(asks: Sequence[Ask], programs: Mapping[str, str]) -> str:
    """Return a script that answers the questions in order.

    programs: the path of each program there; others are not run. Raises NotPermitted.
    """
    needed = [_modules(ask) for ask in asks]
    flags = {module: f"l{number}" for number, module in enumerate(sorted({name for names in needed for name in names}))}
    lines = [f"{name}=; loaded {shlex.quote(module)} && {name}=1" for module, name in flags.items()]
    for ask, modules in zip(asks, needed, strict=True):
        if isinstance(ask, Run):
            conditions = [f'[ -n "${flags[module]}" ]' for module in modules]
            conditions += [f"has {shlex.quote(ask.where)}"] if ask.where else []
            lines.append(_run(ask, conditions, programs))
        elif isinstance(ask, Loaded):
            lines.append(f'ask [ -n "${flags[ask.module]}" ]')
        else:
            lines.append(_look(ask))
    return "\n".join([*lines, "times >&3", "printf '\\n%s done\\n' \"$M\" >&3", ""])


def _modules(ask: Ask) -> list[str]:
    """Return the subsystems that a question needs, or asks for."""
    if isinstance(ask, Loaded):
        return [ask.module]
    named = {permits.permit(ask.arguments).module, ask.module} if isinstance(ask, Run) else set()
    return sorted(named - {""})


def _run(ask: Run, conditions: list[str], programs: Mapping[str, str]) -> str:
    path = programs.get(ask.arguments[0], ask.arguments[0])
    if not path.startswith("/"):
        return "no"
    run = " ".join(["ask $T", shlex.quote(path), *map(shlex.quote, ask.arguments[1:])])
    return f"if {' && '.join(conditions)}; then {run}; else no; fi" if conditions else run


def _look(ask: Ask) -> str:
    """Return the line of a question that needs no program of the list."""
    match ask:
        case Read(paths):
            return f"ask files {' '.join(map(shlex.quote, paths))}"
        case Lines(patterns, only):
            plain = [_pattern(file) for file in patterns if not file.endswith(".gz")]
            wanted = shlex.quote(only or ".")
            # one grep for each pattern: the files of all interfaces may be too many for one command line
            run = [f"grep -sE {wanted} /dev/null {file}" for file in plain]
            run += [f"unpacked {wanted} {shlex.quote(file)}" for file in patterns if file.endswith(".gz")]
            return f"look() {{ {'; '.join(run)}; }}; ask look"
        case Links(patterns):
            return f"ask ls -l$q {' '.join(map(_pattern, patterns))}"
        case Exists(pattern):
            return f"ask any {_pattern(pattern)}"
        case Real(path):
            return f"ask readlink -f {shlex.quote(path)}"
    raise TypeError(ask)


def _pattern(pattern: str) -> str:
    """Quote a pattern, except for its asterisks."""
    return "*".join(shlex.quote(part) if part else "" for part in pattern.split("*"))


def answers(data: bytes, count: int, mark: str) -> tuple[list[Answer], float]:
    """Parse the output of a script: the answers, and the processor seconds of the shell and its programs.

    Raises Lost where it is no output of the script.
    """
    head, tail = f"\n{mark} e ".encode(), f"\n{mark}\n".encode()
    parsed: list[Answer] = []
    position = 0
    for _ in range(count):
        start = data.find(head, position)
        line = data.find(b"\n", start + len(head))
        end = data.find(tail, line)
        if start < 0 or line < 0 or end < 0:
            raise Lost("the shell there printed something else than asked")
        status = data[start + len(head) : line]
        errors = data[line + 1 : end].decode("utf-8", "replace")
        parsed.append(Answer(int(status) if status.isdigit() else None, data[position:start], errors))
        position = end + len(tail)
    return parsed, _seconds(data[position:])


_TIME = re.compile(rb"(\d+)m([\d.]+)s")


def _seconds(times: bytes) -> float:
    """``0m0.01s 0m0.02s`` twice: the shell's own time and its children's."""
    with_minutes = _TIME.findall(times[:200])
    try:
        return sum(60 * int(minutes) + float(seconds) for minutes, seconds in with_minutes)
    except ValueError:
        return 0.0


def by_path(text: str) -> dict[str, list[str]]:
    """``path:line`` as grep prints it → lines by path."""
    lines: dict[str, list[str]] = {}
    for line in text.split("\n"):
        path, colon, rest = line.partition(":")
        if colon and path.startswith("/"):
            lines.setdefault(path, []).append(rest)
    return lines
