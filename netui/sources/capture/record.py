"""``netui record``: writes a capture of this host, or a recording with a frame every few seconds."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from netui import __version__
from netui.dialects import inside, iproute
from netui.dialects import sockets as socket_text
from netui.dialects.iptables import save as iptables_save
from netui.model import RulesetKey, packet_family
from netui.sources.capture.files import FRAMES
from netui.sources.capture.kept_fields import CONTAINER, INFO, NETWORK, VERSION, kept
from netui.sources.capture.new import Ending, Writer, new_capture
from netui.sources.docker import api as docker_api
from netui.sources.docker.engine import DockerEngine
from netui.sources.live import host as host_live
from netui.sources.live import iptables as iptables_live
from netui.sources.live import kernel_modules as kernel
from netui.sources.live import netns, nft_netlink, proc_sockets
from netui.sources.machine import Ask, Lines, Loaded, Machine, Run
from netui.sources.machine.local import LOCAL
from netui.sources.outputs import BY_FILE, OUTPUTS, RULESET_SOURCES
from netui.text import json_text as js
from netui.text.errors import SourceError, plain, quoted_path

Say = Callable[[str], None]

_TEXT_COUNTER = re.compile(r"\bcounter packets \d+ bytes \d+")
_NFT_COUNTER = re.compile(r'"counter": ?\{[^{}]*\}')

_SAVES: Mapping[str, RulesetKey] = {BY_FILE[f"{source}-save.txt"].file: key for source, key in RULESET_SOURCES.items()}
_NFT_TEXT = "nft-ruleset.txt"
#: The output of one program.
_PRINTED = tuple(output for output in OUTPUTS if output.arguments and output.file not in _SAVES)


def record(
    path: str | Path,
    every: float | None = None,
    for_: float | None = None,
    say: Say | None = None,
    machine: Machine = LOCAL,
) -> Path:
    """Write a capture of a machine to a folder, or to a .tar.gz by its name.

    every: seconds between frames of a recording; None: one capture. for_: its duration in seconds; None: until
    Ctrl-C. say: called for each file that could not be made. The capture is readable only by its owner, appears when
    it is complete, and has only those fields of the engine's answers that netui reads (kept_fields.py). Raises
    SourceError where the path is not empty or cannot be written.
    """
    target = Path(path)
    engine = DockerEngine(os.environ, machine=machine)
    try:
        with Ending() as ending, new_capture(target, ending) as writer:
            files, missing = _files(engine, machine)
            for line in missing:
                (say or _quiet)(line)
            with ending.later():
                _write(writer, "", files)
            if every is not None:
                _frames(writer, engine, machine, files, every, for_, ending)
            ending.hold()
    except OSError as error:
        raise SourceError(f"{quoted_path(path)} cannot be written: {plain(error.strerror or error)}") from None
    finally:
        engine.close()
    return target


def _frames(
    writer: Writer,
    engine: DockerEngine,
    machine: Machine,
    files: dict[str, str],
    every: float,
    for_: float | None,
    ending: Ending,
) -> None:
    start = time.monotonic()
    number = 0
    # Ctrl-C or another signal is the way to end a recording without a duration
    with suppress(KeyboardInterrupt):
        while for_ is None or (number + 1) * every <= for_ + 1e-6:
            number += 1
            time.sleep(max(0.0, start + number * every - time.monotonic()))
            try:
                now, _ = _files(engine, machine, text=_NFT_TEXT in files)
            except SourceError:
                # the connection is lost: an unchanged frame; the next one may work
                now = {}
            changed = {n: text for n, text in now.items() if _meaning(n, text) != _meaning(n, files.get(n))}
            files |= changed
            with ending.later():
                _write(writer, f"{FRAMES}/{number:04d}/", changed)


def _write(writer: Writer, prefix: str, files: Mapping[str, str]) -> None:
    for name, text in sorted(files.items()):
        writer.add(prefix + name, text.encode("utf-8", "surrogateescape"))


def _files(engine: DockerEngine, machine: Machine, *, text: bool = False) -> tuple[dict[str, str], list[str]]:
    """Return all files of the layout that can be made now, and a message for each other one.

    text: whether nft's text is wanted even where its JSON is complete.
    """
    files: dict[str, str] = {}
    missing: list[str] = []
    engine_of, machine = machine, machine.fetch(_asks(machine)) if machine.name else machine

    def take(name: str, make: Callable[[], str]) -> None:
        try:
            files[name] = make()
        except SourceError as error:
            missing.append(f"{name}: {error}")

    for name, key in _SAVES.items():
        take(name, partial(_save_text, key, machine))
    for output in _PRINTED:
        if output.file == _NFT_TEXT and not text and not _leaves_out(machine, output.module):
            continue
        if output.optional:
            if machine.loaded(output.module):
                with suppress(SourceError):
                    files[output.file] = machine.run(output.arguments)
        elif not output.module or machine.loaded(output.module):
            take(output.file, partial(machine.run, output.arguments))
        else:
            files[output.file] = output.without
    take("ss.txt", lambda: proc_sockets.as_ss(host_live.read_sockets(host_live.sockets_of(machine), machine)))
    take("sysctl.txt", lambda: host_live.as_text(host_live.read_sysctls(machine)))
    files["kernel-modules.txt"] = kernel.kernel_text(machine)
    if settings := kernel.daemon_text(machine):
        files["daemon.json"] = settings
    try:
        files |= _docker_files(engine, engine_of, missing)
    except SourceError as error:
        missing.append(f"docker-*.json: {error}")
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    meta = {"hostname": machine.hostname, "time": now, "netui": __version__}
    files["meta.json"] = json.dumps(meta)
    return files, missing


def _asks(machine: Machine) -> tuple[Ask, ...]:
    """Return the questions to another machine, except those about containers."""
    modules = {output.module for output in _PRINTED if output.module}
    return (
        *iptables_live.LiveRules().asks(machine), *map(Loaded, modules),
        *(Run(output.arguments) for output in _PRINTED),
        Lines(host_live.SYSCTLS), *host_live.listed_asks(machine), *kernel.kernel_asks(machine),
    )  # fmt: skip


def _save_text(key: RulesetKey, machine: Machine) -> str:
    return iptables_live.save_text(key, machine=machine)[0]


def _leaves_out(machine: Machine, module: str) -> bool:
    """Whether ``nft -j`` may omit what the text has: dormant tables, and the devices of chains."""
    if machine.name:
        # its kernel's own list is not to be had
        return True
    try:
        return machine.loaded(module) and (
            any(state.dormant for state in nft_netlink.tables().values())
            or any(chain.hook in ("ingress", "egress") for chain in nft_netlink.base_chains())
        )
    except SourceError:
        # then nft lists nothing either
        return False


def _docker_files(engine: DockerEngine, machine: Machine, missing: list[str]) -> dict[str, str]:
    part = engine.read()
    if not part.values["engine"].local:
        raise SourceError("the engine is another machine, so it is no part of this host's capture")
    files = {
        "docker-info.json": json.dumps(kept(engine.listing.info, INFO)),
        "docker-version.json": json.dumps({"Client": None, "Server": kept(engine.listing.version, VERSION)}),
        "docker-networks.json": json.dumps([kept(entry, NETWORK) for entry in engine.listing.networks.values()]),
        "docker-containers.json": json.dumps([kept(entry, CONTAINER) for entry in engine.listing.containers.values()]),
    }
    machine = machine.fetch(host_live.container_asks(part.values["containers"], (), machine))
    if not machine.name:
        files[netns.FILE] = netns.as_lsns(netns.read_netns(c.pid for c in part.values["containers"] if c.pid > 0))
    for container in part.values["containers"]:
        if not container.running or container.pid <= 0:
            continue
        try:
            files[f"listening/{container.id}.txt"] = host_live.listening_text(container.pid, machine)
            saves = iptables_live.namespace_texts(container.pid, machine)
        except (FileNotFoundError, ProcessLookupError):
            # it ended just now
            continue
        except (OSError, SourceError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            missing.append(f"of container {container.id[:12]}: {plain(reason)}")
            continue
        if saves:
            files[f"namespaces/{container.id}.txt"] = "".join(saves.values())
    return files


def _meaning(name: str, text: str | None) -> object:
    """Return a file's content without values that always change (dates, timers, ages of connections)."""
    if text is None:
        return None
    try:
        if name in _SAVES:
            key = _SAVES[name]
            ruleset, counters = iptables_save.read_save(text, packet_family(key.family), key.backend)
            return ruleset.skeleton, counters
        if name == "ip-address.json":
            return iproute.interfaces(js.parse(text))
        if name.startswith("listening/"):
            return socket_text.proc_sockets(text), inside.read_inside(text)
        if name.startswith("namespaces/"):
            return [
                iptables_save.read_save(save, packet_family(key.family), key.backend)[0].skeleton
                for key, save in iptables_save.split_saves(text).items()
            ]
        if name == "nft-ruleset.json":
            return _NFT_COUNTER.sub("", text)
        if name == _NFT_TEXT:
            return _TEXT_COUNTER.sub("", text)
        if name == "docker-info.json":
            return docker_api.engine(js.parse(text), {})
    except SourceError:
        pass
    return text


def _quiet(_line: str) -> None:
    """Ignore the message."""
