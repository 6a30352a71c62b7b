"""A running POSIX shell on another machine, and the data that is read once for each connection."""

from __future__ import annotations

import secrets

from netui.sources.machine import permits
from netui.sources.machine.ssh_connection import ANSWER, BEGIN, LIFE, Connection
from netui.sources.machine.ssh_process import Shell
from netui.sources.machine.ssh_script import SYSTEM, Answer, answers, prelude
from netui.text.errors import plain

#: The programs that are searched for when a shell starts.
_PROGRAMS = (*(name for name in permits.PROGRAMS), "iptables")
_SETTINGS = ("HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG")


class Session:
    """A running shell, as root where sudo allows it, with its mark and its cost so far."""

    def __init__(self, connection: Connection, *, sudo: bool) -> None:
        self._connection = connection
        self.shell: Shell = connection.shell()
        self.mark = secrets.token_hex(16)
        self.spent = 0.0
        self.answered = False
        try:
            self._begin(sudo)
        except BaseException:
            self.end()
            raise

    def _begin(self, sudo: bool) -> None:
        values = " ".join(f'"${{{name}}}"' for name in _SETTINGS)
        self._tell(
            f"u=$(id -u); printf '\\n%s\\n' {self.mark} \"$u\" {values}\n"
            f'if [ "$u" != 0 ] && {"true" if sudo else "false"} && sudo -n /bin/sh -c : >/dev/null 2>&1 </dev/null\n'
            f"then printf '{self.mark} hello %s\\n' 0; t=; timeout -k 1 {LIFE} true 2>/dev/null && "
            f"t='timeout -k 1 {LIFE}'; exec sudo -n $t /bin/sh\n"
            f"else printf '{self.mark} hello %s\\n' \"$u\"\nfi"
        )
        # the output of the login shell comes before
        self.shell.until(f"\n{self.mark}\n".encode(), BEGIN, 2**20)
        words = self.shell.until(f"{self.mark} hello ".encode(), BEGIN, 2**16).decode("utf-8", "replace").split("\n")
        self.environment = {name: value for name, value in zip(_SETTINGS, words[3::2], strict=False) if value}
        self.root = self.shell.until(b"\n", BEGIN, 2**16) == b"0"
        self.by_sudo = self.root and words[1:2] != ["0"]
        self._tell(prelude(self.mark))

    def _tell(self, script: str) -> None:
        self.shell.send(script.encode("utf-8", "surrogateescape") + b"\n")

    def ask(self, script: str, count: int) -> tuple[list[Answer], float]:
        """Return the answers to a script's questions, and their processor seconds on that machine."""
        self._tell(script)
        data = self.shell.until(f"\n{self.mark} done\n".encode(), ANSWER)
        replies, spent = answers(data, count, self.mark)
        before, self.spent, self.answered = self.spent, spent, True
        return replies, max(0.0, spent - before)

    def end(self) -> None:
        """End the shell."""
        self._connection.end(self.shell)


class About:
    """The data of a machine that is read once for each connection."""

    def __init__(self, session: Session) -> None:
        self.root, self.by_sudo, self.environment = session.root, session.by_sudo, session.environment
        quoted_names = " ".join(_PROGRAMS)
        script = (
            'where() { for n; do f=$(command -v "$n") || continue; case $f in /*) ;; *) continue ;; esac\n'
            '[ "$(id -u)" != 0 ] || only_roots "$f" || continue\n'
            'printf "%s %s %s\\n" "$n" "$f" "$(readlink -f "$f" || echo "$f")"; done; }\n'
            f"ask where {quoted_names}\n"
            f"ask eval 'PATH={SYSTEM}; where iptables'\n"
            f"ask uname -r\nask uname -n\ntimes >&3\nprintf '\\n%s done\\n' \"$M\" >&3\n"
        )
        replies, _ = session.ask(script, 4)
        words = [line.split(" ") for line in replies[0].text.splitlines()]
        self.programs = {entry[0]: entry[1] for entry in words if len(entry) == 3}
        self.links = {entry[0]: entry[2] for entry in words if len(entry) == 3}
        system = [line.split(" ") for line in replies[1].text.splitlines()]
        self.system = {entry[0]: entry[2] for entry in system if len(entry) == 3}
        self.release = plain(replies[2].text.strip(), 100) if replies[2].text.strip() else ""
        self.hostname = plain(replies[3].text.strip(), 100) if replies[3].text.strip() else ""
