"""The engine's address: DOCKER_HOST, a docker context, or the socket of this machine.

Order of the docker command (docker/cli, cli/command/cli.go): DOCKER_HOST,
DOCKER_CONTEXT, the config file's currentContext, the default socket. A context
is ``contexts/meta/<sha256 of its name>/meta.json`` beside the config file.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from netui.config.file import home
from netui.files.reading import read_regular
from netui.text import json_text as js
from netui.text.errors import SourceError, quoted

#: The most bytes of a settings file of docker; a truncated one is no JSON.
_LARGEST = 2**20
DEFAULT = "unix:///var/run/docker.sock"


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """The engine's address and its origin; certificates as file names, "" for none."""

    url: str
    source: str = "default"
    verify: bool = False
    ca: str = ""
    cert: str = ""
    key: str = ""
    #: the path on another machine, where its socket is forwarded
    there: str = ""
    #: whether each connection starts a program, so that a ping costs too much
    costly: bool = False

    @property
    def shown(self) -> str:
        """The address to show."""
        return self.there or self.url

    @property
    def path(self) -> str:
        """The path of a unix socket, "" for other addresses."""
        return self.url.removeprefix("unix://") if self.url.startswith("unix://") else ""

    @property
    def local(self) -> bool:
        """Whether it names this machine: a unix socket, or an address that is one of its own."""
        if self.path:
            return True
        host = urlsplit(self.url).hostname if self.url.startswith(("tcp://", "http://", "https://")) else None
        return bool(host) and _own_address(str(host))


def engine_address(environ: Mapping[str, str], text: Callable[[Path], str] | None = None) -> EngineAddress:
    """Find the engine's address; raise SourceError where the context is missing or invalid.

    text: reads a settings file of docker, of this or another machine.
    """
    text = text or _text
    host = environ.get("DOCKER_HOST", "").strip()
    if host:
        folder = Path(environ.get("DOCKER_CERT_PATH") or _config_folder(environ))
        verify = bool(environ.get("DOCKER_TLS_VERIFY"))
        tls = (verify or bool(environ.get("DOCKER_CERT_PATH"))) and host.startswith(("tcp://", "http://", "https://"))
        address = _with_certificates(EngineAddress(host, "DOCKER_HOST", verify), folder if tls else None)
        if tls and not (address.ca if verify else address.ca or address.cert):
            # no plain text where the user asked for TLS
            what = "DOCKER_TLS_VERIFY" if verify else "DOCKER_CERT_PATH"
            raise SourceError(f"{what} is set, but {quoted(str(folder), 100)} holds no ca.pem: set DOCKER_CERT_PATH")
        return address
    name, source = environ.get("DOCKER_CONTEXT", ""), "DOCKER_CONTEXT"
    if not name:
        name, source = _current_context(environ, text), "docker context"
    if name in ("", "default"):
        return EngineAddress(DEFAULT)
    return _context(_config_folder(environ), name, source, text)


def _config_folder(environ: Mapping[str, str]) -> Path:
    named = environ.get("DOCKER_CONFIG")
    return Path(named) if named else home(environ) / ".docker"


def _current_context(environ: Mapping[str, str], text: Callable[[Path], str]) -> str:
    try:
        document = text(_config_folder(environ) / "config.json")
        return js.text(js.obj(json.loads(document)).get("currentContext"))
    except (OSError, ValueError, RecursionError):
        # no file, or an invalid one: the default socket
        return ""


def _text(path: Path) -> str:
    return read_regular(path, _LARGEST).decode("utf-8", "replace")


def _context(config: Path, name: str, source: str, text: Callable[[Path], str]) -> EngineAddress:
    import hashlib  # with OpenSSL behind it: for a context alone

    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
    try:
        document = js.parse(text(config / "contexts/meta" / digest / "meta.json"))
    except OSError:
        raise SourceError(f"the docker context {quoted(name)} does not exist; see: docker context ls") from None
    except SourceError as error:
        raise SourceError(f"the docker context {quoted(name)} {error}") from None
    endpoint = js.obj(js.obj(js.obj(document).get("Endpoints")).get("docker"))
    url = js.text(endpoint.get("Host"))
    if not url:
        raise SourceError(f"the docker context {quoted(name)} names no host; see: docker context inspect")
    certificates = config / "contexts/tls" / digest / "docker"
    address = EngineAddress(url, f"{source} {name}", endpoint.get("SkipTLSVerify") is not True)
    return _with_certificates(address, certificates if certificates.is_dir() else None)


def _with_certificates(address: EngineAddress, folder: Path | None) -> EngineAddress:
    if folder is None:
        return EngineAddress(address.url, address.source)
    ca, cert, key = (
        str(folder / name) if (folder / name).exists() else "" for name in ("ca.pem", "cert.pem", "key.pem")
    )
    return EngineAddress(address.url, address.source, address.verify, ca, cert, key)


def _own_address(host: str) -> bool:
    """Whether an address is this machine's own: only such an address can be bound."""
    try:
        addresses = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return False
    for family, kind, protocol, _, address in addresses:
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.bind((address[0], 0, *address[2:]))
        except OSError:
            return False
    return bool(addresses)
