"""Which engine is asked, as the docker command would choose, and whether it is this machine."""

from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path

import pytest

from netui.sources.docker.context import DEFAULT, EngineAddress, engine_address
from netui.sources.docker.errors import explain
from netui.text.errors import SourceError


def make_context(config: Path, name: str, meta: object) -> Path:
    folder = config / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(meta if isinstance(meta, str) else json.dumps(meta))
    return folder


def endpoint(host: str) -> dict[str, object]:
    return {"Name": "x", "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}}}


def test_without_anything_the_default_socket(tmp_path: Path) -> None:
    """No variable, no config file."""
    address = engine_address({"HOME": str(tmp_path)})
    assert (address.url, address.local, address.path) == (DEFAULT, True, "/var/run/docker.sock")


def test_the_order_of_the_docker_command(tmp_path: Path) -> None:
    """DOCKER_HOST, then DOCKER_CONTEXT, then currentContext of DOCKER_CONFIG."""
    make_context(tmp_path, "far", endpoint("tcp://192.0.2.1:2375"))
    make_context(tmp_path, "near", endpoint("unix:///run/near.sock"))
    (tmp_path / "config.json").write_text('{"currentContext": "far"}')
    environ = {"DOCKER_CONFIG": str(tmp_path)}
    assert engine_address(environ).url == "tcp://192.0.2.1:2375"
    assert engine_address(environ).source == "docker context far"
    assert engine_address(environ | {"DOCKER_CONTEXT": "near"}).url == "unix:///run/near.sock"
    assert engine_address(environ | {"DOCKER_CONTEXT": "default"}).url == DEFAULT
    found = engine_address(environ | {"DOCKER_CONTEXT": "near", "DOCKER_HOST": "unix:///x.sock"})
    assert (found.url, found.source) == ("unix:///x.sock", "DOCKER_HOST")


def test_certificates_of_a_context(tmp_path: Path) -> None:
    """They lie beside it, by the same name."""
    digest = make_context(tmp_path, "far", endpoint("tcp://192.0.2.1:2376")).name
    folder = tmp_path / "contexts/tls" / digest / "docker"
    folder.mkdir(parents=True)
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (folder / name).write_text("")
    address = engine_address({"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "far"})
    assert address.verify
    assert (address.ca, address.cert, address.key) == tuple(
        str(folder / name) for name in ("ca.pem", "cert.pem", "key.pem")
    )


@pytest.mark.parametrize(
    ("meta", "says"),
    [(None, "does not exist"), ("{", "cut off"), ("[]", "names no host"), ({"Endpoints": None}, "names no host")],
)
def test_a_broken_context_says_so(tmp_path: Path, meta: object, says: str) -> None:
    """One line that names the context, not another engine silently."""
    if meta is not None:
        make_context(tmp_path, "x", meta)
    with pytest.raises(SourceError, match=says):
        engine_address({"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "x"})


@pytest.mark.parametrize("text", ["", "{", "null", '{"currentContext": []}', "\x00"])
def test_a_strange_config_file_counts_as_none(tmp_path: Path, text: str) -> None:
    """Docker's own config is not netui's to complain of."""
    (tmp_path / "config.json").write_text(text)
    assert engine_address({"DOCKER_CONFIG": str(tmp_path)}).url == DEFAULT


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("unix:///var/run/docker.sock", True),
        ("tcp://127.0.0.1:2375", True),
        ("tcp://[::1]:2375", socket.has_dualstack_ipv6()),
        ("tcp://192.0.2.77:2375", False),
        ("https://192.0.2.77:2376", False),
        ("ssh://me@host", False),
        ("tcp://:bad", False),
    ],
)
def test_local_is_a_socket_or_an_own_address(url: str, local: bool) -> None:
    """An address is this machine's if it can be bound here."""
    assert EngineAddress(url).local == local


def test_errors_of_the_system_are_found_inside_the_sdks() -> None:
    """The SDK wraps them; what to do hangs on the innermost."""
    address = EngineAddress("unix:///s")
    wrapped = RuntimeError("Error while fetching server API version: ...")
    wrapped.__cause__ = ConnectionError("Connection aborted.", PermissionError(13, "Permission denied"))
    assert "join the group docker" in str(explain(wrapped, address))
    assert "does not answer" in str(explain(RuntimeError(TimeoutError()), address))
    strange = str(explain(RuntimeError("a\x1b[31m\nb"), address))
    assert strange.isprintable()


@pytest.mark.parametrize("asked", [{"DOCKER_TLS_VERIFY": "1"}, {"DOCKER_CERT_PATH": "{}"}])
def test_certificates_that_are_missing_are_an_error(tmp_path: Path, asked: dict[str, str]) -> None:
    """Where certificates were asked for and are not there, the engine is not asked in plain text."""
    environ = {"DOCKER_HOST": "tcp://192.0.2.1:2376", "HOME": str(tmp_path)}
    with pytest.raises(SourceError, match=r"is set, but .* holds no ca\.pem"):
        engine_address(environ | {name: value.format(tmp_path) for name, value in asked.items()})
