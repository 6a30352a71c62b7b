"""A machine that prints what a capture holds: live readings without a host, and without patched privates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from netui.sources.docker.context import EngineAddress
from netui.sources.machine import Ask
from netui.sources.machine.local import LocalMachine
from netui.sources.outputs import OUTPUTS
from netui.text.errors import SourceError

_BY_ARGUMENTS = {output.arguments: output.file for output in OUTPUTS if output.arguments}


class CaptureMachine(LocalMachine):
    """Another machine, by its captured files. asked: every program that it was asked for."""

    name = "captured"
    is_root = True
    needs_root = "needs root"
    hostname = "captured"
    release = ""

    def __init__(self, folder: Path) -> None:
        super().__init__({})
        self.folder = folder
        self.asked: list[tuple[str, ...]] = []

    def fetch(self, asks: Sequence[Ask]) -> CaptureMachine:
        """Return itself."""
        return self

    def find(self, program: str) -> str | None:
        """Say that every program is there."""
        return f"/usr/sbin/{program}"

    def real(self, program: str, *, system: bool = False) -> str | None:
        """Say that iptables is nft's."""
        return f"/usr/sbin/{program}-nft"

    def loaded(self, module: str) -> bool:
        """Say that every subsystem is there."""
        return True

    def run(self, arguments: Sequence[str], timeout: float = 10.0) -> str:
        """Return the file of an output; of ``nft list table`` what the whole ruleset's JSON has of it."""
        key = tuple(arguments)
        self.asked.append(key)
        file = _BY_ARGUMENTS.get(key, "")
        if file and (file != "nft-ruleset.txt" or (self.folder / file).exists()):
            return self._file(file)
        entries = json.loads(self._file("nft-ruleset.json"))["nftables"]
        if file:
            tables = [entry["table"] for entry in entries if "table" in entry]
            return "".join(f"table {table['family']} {table['name']} {{\n}}\n" for table in tables)
        if key == ("nft", "list", "tables"):
            tables = [entry["table"] for entry in entries if "table" in entry]
            return "".join(f"table {table['family']} {table['name']}\n" for table in tables)
        if key == ("nft", "list", "hooks"):
            raise SourceError("no hooks here")
        assert key[:4] == ("nft", "-j", "list", "table"), key
        return json.dumps({"nftables": [entry for entry in entries if _is_of(entry, key[4], key[5])]})

    def _file(self, name: str) -> str:
        path = self.folder / name
        if not path.exists():
            raise SourceError(f"{name} is not there")
        return path.read_text("utf-8", "surrogateescape")

    def read(self, *paths: str) -> str:
        """Return the names of legacy tables; no other file is there."""
        if paths[0].endswith("_tables_names"):
            save = "ip6tables-legacy-save.txt" if "ip6_" in paths[0] else "iptables-legacy-save.txt"
            there = (self.folder / save).exists() and "\n*" in f"\n{self._file(save)}"
            return "filter\n" if there else ""
        raise FileNotFoundError(2, "No such file or directory", paths[0])

    def lines(self, patterns: Iterable[str], only: str = "") -> Mapping[str, list[str]]:
        """Return the sysctls of the capture."""
        if not any(pattern.startswith("/proc/sys/") for pattern in patterns):
            return {}
        pairs = [line.split(" = ", 1) for line in self._file("sysctl.txt").splitlines() if " = " in line]
        return {f"/proc/sys/{key.translate(str.maketrans('./', '/.'))}": [value] for key, value in pairs}

    def links(self, *patterns: str) -> str:
        """Return nothing."""
        return ""

    def exists(self, pattern: str) -> bool:
        """Say so of IPv6 alone."""
        return pattern == "/proc/net/if_inet6"

    def engine_address(self) -> EngineAddress:
        """Say that there is no engine."""
        raise SourceError("no engine here")


def _is_of(entry: Mapping[str, Mapping[str, str]], family: str, table: str) -> bool:
    for kind, value in entry.items():
        if value.get("family") == family and value.get("name" if kind == "table" else "table") == table:
            return True
    return False
