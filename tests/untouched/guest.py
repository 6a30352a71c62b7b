"""In the machine: runs every command of netui and compares modules, tables, sysctls and files before and after.

Prints a line for each: ``HELD name``, ``CHANGED name: what``; for a control, which must change something,
``CONTROL name: what``.
"""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

NETUI = "/root/netui/.venv/bin/netui"
#: Files that the kernel and this program write, and those that a command names.
PASSED_OVER = ("/proc", "/sys", "/dev", "/run/asked")

COMMANDS = {
    "--version": ["--version"],
    "path": ["path", "outside", "host:443"],
    "path --json": ["path", "host", "127.0.0.1:80", "--json"],
    "exposed": ["exposed"],
    "exposed --fail-on": ["exposed", "--fail-on", "world"],
    "doctor": ["doctor"],
    "doctor --json": ["doctor", "--json"],
    "explain": ["explain"],
    "record to an archive": ["record", "/run/asked/host.tar.gz"],
    "record to a folder": ["record", "/run/asked/host"],
    "record, moving": ["record", "/run/asked/moving.tar.gz", "--every", "1", "--for", "2"],
    "path --replay": ["path", "outside", "host:443", "--replay", "/run/asked/host.tar.gz"],
}

#: Rules of both variants and a set, so that there is something to be read.
RULES = """
iptables-nft -A INPUT -p tcp --dport 7 -j DROP
iptables-legacy -A INPUT -p tcp --dport 8 -j DROP
nft add table inet own
nft add chain inet own entry { type filter hook input priority 5\\; }
nft add rule inet own entry tcp dport { 9, 10 } drop
ipset create bad hash:ip
ipset add bad 192.0.2.1
"""

#: What would change the machine, to show that the comparison sees it.
CONTROLS = {
    "ss": "ss -Hltunp",
    "ipset save": "ipset save",
    "nft list ruleset": "nft list ruleset",
    "iptables-legacy-save of a table": "iptables-legacy-save -t nat",
    "a file": "touch /etc/left",
}


def modules() -> set[str]:
    return {line.split()[0] for line in Path("/proc/modules").read_text().splitlines()}


def names() -> dict[str, str]:
    """The legacy tables that exist."""
    found = {}
    for name in ("ip_tables_names", "ip6_tables_names"):
        path = Path("/proc/net", name)
        found[name] = path.read_text() if path.exists() else ""
    return found


def files() -> dict[str, tuple[int, int, int]]:
    """Every file with its size, time of change and mode."""
    found: dict[str, tuple[int, int, int]] = {}
    waiting = [Path("/")]
    while waiting:
        for path in waiting.pop().iterdir():
            if str(path).startswith(PASSED_OVER):
                continue
            state = path.lstat()
            # a folder's own time says that something came or went in it
            found[str(path)] = (state.st_size, state.st_mtime_ns, state.st_mode)
            if path.is_dir() and not path.is_symlink():
                waiting.append(path)
    return found


def rules(loaded: set[str]) -> dict[str, str]:
    """The rules, without their counters, where asking for them loads nothing."""
    found: dict[str, str] = {}
    if "nf_tables" in loaded:
        found["nft"] = run("nft -s list ruleset")
    for line in names().values():
        if line:
            found["legacy"] = run("iptables-legacy-save; ip6tables-legacy-save")
    if "ip_set" in loaded:
        found["ipset"] = run("ipset save")
    return {
        name: "\n".join(line for line in text.splitlines() if not line.startswith("#")) for name, text in found.items()
    }


def run(command: str) -> str:
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False).stdout


def state() -> dict[str, object]:
    loaded = modules()
    return {"modules": loaded, "tables": names(), "rules": rules(loaded), "links": run("ip -o link; ip -o address"),
            "routes": run("ip route show table all; ip rule"), "files": files()}  # fmt: skip


def changes(before: dict[str, object], after: dict[str, object]) -> list[str]:
    found = []
    for name, was in before.items():
        now = after[name]
        if was == now:
            continue
        if isinstance(was, set) and isinstance(now, set):
            found.append(f"{name}: {' '.join(sorted(was ^ now))}")
        elif isinstance(was, dict) and isinstance(now, dict):
            differ = [key for key in {**was, **now} if was.get(key) != now.get(key)]
            found.append(f"{name}: {' '.join(differ[:8])}")
        else:
            found.append(name)
    return found


def screen() -> str:
    """The screen for a while, with keys, ended by q."""
    pid, master = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
        os.execv(NETUI, [NETUI])
    shown, began, pressed = b"", time.monotonic(), 0
    keys = (b"\t", b"j", b"D", b"\x1b", b"E", b"\x1b", b"e", b"e", b"q")
    while time.monotonic() - began < 240:
        if select.select([master], [], [], 1)[0]:
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            shown += data
        if b"Networks" in shown and pressed < len(keys) and time.monotonic() - began > 3 * pressed:
            os.write(master, keys[pressed])
            pressed += 1
    _, status = os.waitpid(pid, 0)
    return f"the screen ended with {os.waitstatus_to_exitcode(status)}, {len(shown)} bytes"


def compare(name: str, what: object) -> None:
    before = state()
    said = what() if callable(what) else ""
    after = state()
    changed = changes(before, after)
    print(f"CHANGED {name}: {'; '.join(changed)}" if changed else f"HELD {name} {said}".rstrip(), flush=True)


def main() -> None:
    """Everything twice: on a fresh machine, and with rules of every kind."""
    os.environ |= {"HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    Path("/run/asked").mkdir(exist_ok=True)
    for when in ("fresh", "with rules"):
        if when == "with rules":
            for line in RULES.strip().splitlines():
                done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
                if done.returncode:
                    print(f"BROKEN {line}: {done.stderr.strip()}", flush=True)
        print(f"MODULES {when}: {' '.join(sorted(modules()))}", flush=True)
        for name, arguments in COMMANDS.items():

            def asked(arguments: list[str] = arguments) -> str:
                run("rm -rf /run/asked/*") if arguments[0] == "record" and "host.tar.gz" in arguments[1] else None
                done = subprocess.run([NETUI, *arguments], capture_output=True, text=True, check=False)
                return f"(status {done.returncode})" + (" TRACEBACK" if "Traceback" in done.stderr else "")

            compare(f"{when}: netui {name}", asked)
        compare(f"{when}: the screen", screen)
        if when == "fresh":
            for name, command in CONTROLS.items():
                before = state()
                run(command)
                print(f"CONTROL {name}: {'; '.join(changes(before, state())) or 'nothing'}", flush=True)
    print("DONE", flush=True)


if __name__ == "__main__":
    try:
        main()
    finally:
        sys.stdout.flush()
