"""The fields of the engine's answers that a capture keeps: only those that netui reads.

Other fields can contain secrets: environment variables, commands, arguments, health checks, labels, log options,
mounts, a proxy's password. sources/docker/api.py reads the same fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from netui.text import json_text as js

#: For each field: True keeps its value, a mapping keeps fields of it, EACH keeps fields of each entry.
Keep: TypeAlias = "Mapping[str, Keep] | Callable[[object], object] | bool"


def _each(keep: Keep) -> Callable[[object], object]:
    """Apply ``keep`` to each value of an object, or entry of a list."""

    def entries(value: object) -> object:
        if isinstance(value, dict):
            return {key: kept(entry, keep) for key, entry in value.items()}
        if isinstance(value, list):
            return [kept(entry, keep) for entry in value]
        return None

    return entries


def _keys(value: object) -> object:
    """Keep only an object's keys, each with an empty object, as Docker writes a set."""
    return {key: {} for key in value} if isinstance(value, dict) else None


def _named(*names: str, prefix: str = "") -> Callable[[object], object]:
    """Keep only the texts with these names, or with names that begin with the prefix."""

    def chosen(value: object) -> object:
        return {
            key: entry for key, entry in js.obj(value).items() if key in names or (prefix and key.startswith(prefix))
        }

    return chosen


def _plain(value: object) -> object:
    """Keep a text, a number, true, false or null; drop objects and lists."""
    return value if value is None or isinstance(value, str | int | float | bool) else None


def _texts(value: object) -> object:
    return list(js.texts(value)) if isinstance(value, list) else None


#: The labels of Compose and swarm that group containers.
_LABELS = _named(
    "com.docker.compose.project",
    "com.docker.compose.service",
    "com.docker.stack.namespace",
    "com.docker.swarm.service.name",
)
_PORTS = _each(_each({"HostIp": _plain, "HostPort": _plain}))

CONTAINER: Keep = {
    **dict.fromkeys(("Id", "Name", "Image", "Created"), _plain),
    "State": {
        **dict.fromkeys(("Status", "Running", "Pid", "StartedAt"), _plain),
        "Health": {"Status": _plain},
    },
    "Config": {"Image": _plain, "Hostname": _plain, "ExposedPorts": _keys, "Labels": _LABELS},
    "HostConfig": {"NetworkMode": _plain, "Privileged": _plain, "CapAdd": _texts, "PortBindings": _PORTS},
    "NetworkSettings": {
        "SandboxKey": _plain,
        "Ports": _PORTS,
        "Networks": _each(
            {
                **dict.fromkeys(
                    (
                        "NetworkID", "EndpointID", "IPAddress", "IPPrefixLen", "Gateway", "GlobalIPv6Address",
                        "GlobalIPv6PrefixLen", "IPv6Gateway", "MacAddress", "GwPriority",
                    ),
                    _plain,
                ),
                "Aliases": _texts,
                "DNSNames": _texts,
            }
        ),
    },
}  # fmt: skip
NETWORK: Keep = {
    **dict.fromkeys(
        ("Id", "Name", "Driver", "Scope", "Internal", "EnableIPv6", "Ingress", "Attachable", "Created"), _plain
    ),
    "IPAM": {"Config": _each({"Subnet": _plain, "Gateway": _plain, "IPRange": _plain})},
    # the options of a foreign driver may contain a password
    "Options": _named("parent", "macvlan_mode", "ipvlan_mode", "ipvlan_flag", prefix="com.docker.network."),
    "Containers": _each(dict.fromkeys(("Name", "EndpointID", "MacAddress", "IPv4Address", "IPv6Address"), _plain)),
}
INFO: Keep = {
    **dict.fromkeys(("Name", "ServerVersion", "LiveRestoreEnabled", "Containers"), _plain),
    "SecurityOptions": _texts,
    "FirewallBackend": {"Driver": _plain, "Info": _each(_texts)},
    "Swarm": {"LocalNodeState": _plain},
}
VERSION: Keep = {"Version": _plain, "ApiVersion": _plain}


def kept(value: object, keep: Keep) -> Any:  # noqa: ANN401 - JSON
    """Return the part of a JSON value to keep; missing fields stay missing."""
    if callable(keep):
        return keep(value)
    if isinstance(keep, bool):
        return value if keep else None
    if not isinstance(value, dict):
        return None
    return {key: kept(value[key], inner) for key, inner in keep.items() if key in value}
