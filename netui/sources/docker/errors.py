"""Errors of the engine, in one line that says what to do."""

from __future__ import annotations

from collections.abc import Iterator

from netui.sources.docker.context import EngineAddress
from netui.sources.machine.own_container import SOCKET, inside
from netui.text.errors import SourceError, plain, quoted


def explain(error: BaseException, address: EngineAddress) -> SourceError:
    """Turn an error of the docker SDK into a SourceError with one plain line.

    The SDK wraps the system's error several times; the innermost error counts.
    """
    where = quoted(address.there.removeprefix("unix://") or address.path or address.url, 100)
    if isinstance(error, SourceError):
        # about one answer, which has no name here
        return SourceError(f"the Docker engine at {where} {error}") if str(error).startswith("names ") else error
    for cause in _causes(error):
        if isinstance(cause, FileNotFoundError) and address.path:
            if inside():
                return SourceError(f"netui's container has no Docker socket ({where}): start it with {SOCKET}")
            return SourceError(
                f"no Docker socket at {where}: start Docker (systemctl start docker), or set DOCKER_HOST"
            )
        if isinstance(cause, PermissionError):
            return SourceError(f"no permission for {where}: run netui with sudo, or join the group docker")
        if isinstance(cause, ConnectionRefusedError):
            return SourceError(f"the Docker daemon is not running ({where}): start it (systemctl start docker)")
        if isinstance(cause, TimeoutError) or type(cause).__name__ in ("ReadTimeout", "ConnectTimeout"):
            return SourceError(f"the Docker daemon at {where} does not answer: see journalctl -u docker")
    if address.url.startswith("ssh://"):
        return elsewhere(address)
    if address.there:
        return SourceError(
            f"the Docker engine at {where} on {quoted(address.source.removeprefix('ssh '))} does not answer: "
            "is it running, and may this user open its socket (group docker)?"
        )
    return SourceError(f"the Docker engine at {where} gave an error: {plain(error)}")


def elsewhere(address: EngineAddress) -> SourceError:
    """Return the message about an engine over ssh: the rules here are not its rules."""
    machine = "/".join(address.url.split("/")[:3])
    return SourceError(
        f"the engine at {quoted(address.url, 100)} ({address.source}) is another machine: "
        f"netui --host {plain(machine, 100)} reads its rules with it"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors inside an error, the innermost first."""
    waiting: list[object] = [error]
    causes: list[BaseException] = []
    while waiting and len(causes) < 50:
        current = waiting.pop()
        if isinstance(current, BaseException) and not any(current is seen for seen in causes):
            causes.append(current)
            waiting += [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
    yield from reversed(causes)
