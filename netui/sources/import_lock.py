"""One import at a time for the threads that read: two at once can wait for each other forever.

docker (requests, http.client) and iptc (setuptools) import the same packages of the standard
library in another order; CPython 3.11's import locks then deadlock. Seen at one start in ten on
a host with legacy tables, where both are first needed at the same moment.
"""

from __future__ import annotations

import threading

IMPORTING = threading.Lock()
