"""What the tests of native tables share."""

from __future__ import annotations

HOST = "198.51.100.1"
LIVE_PATH = """
import json, sys
from netui.sources.live.machine_sources import read_live
from netui.traversal import path, prepare
snapshot = read_live()
host = prepare(snapshot)
found = {}
for port in (80, 443):
    way = path(host, "outside", f"host:{port}")
    found[port] = [way.verdict, way.reason, [[s.table, s.chain, s.rule, s.text] for leg in way.legs for s in leg.steps]]
print(json.dumps({"paths": found, "errors": {k: v.error for k, v in snapshot.sources.items() if v.error}}))
"""
