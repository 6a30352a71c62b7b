"""The engine's events (``docker events``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the engine, or of netui's connection to it.

    time: seconds since 1970. type: ``container``, ``network``, ``daemon``. action:
    the engine's word (``start``, ``die``, ``connect``, ``health_status: healthy``). netui adds the actions
    ``connected`` and ``disconnected`` of type ``daemon``. name: of the container or network, "" if the
    engine gave none.
    """

    time: float
    type: str
    action: str
    name: str = ""
    id: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
