"""A lock for imports on reading threads, because two at once can deadlock.

docker (requests, http.client) and iptc (setuptools) import the same packages of the standard library in different
orders, and CPython 3.11's import locks then deadlock. This was seen at one start in ten on a host with legacy tables,
where both are first imported at the same moment.
"""

from __future__ import annotations

import threading

IMPORTING = threading.Lock()
