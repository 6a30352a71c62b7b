"""An engine with many containers, in the network namespace of its host.

``python -m tests.bench.engine SOCKET CONTAINERS`` serves until its input ends.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.bench.large import PER_NETWORK, networks
from tests.sources.fake_engine import FakeEngine


def main() -> int:
    """Serve."""
    many_containers(Path(sys.argv[1]), int(sys.argv[2])).start()
    print("ready", flush=True)
    sys.stdin.read()
    return 0


def many_containers(path: Path, containers: int) -> FakeEngine:
    """Return an engine with that many containers on networks of 25."""
    engine = FakeEngine(path)
    engine.containers, engine.networks = {}, {}
    for net in networks(-(-containers // PER_NETWORK)):
        engine.networks[net.id] = {
            "Id": net.id,
            "Name": net.name,
            "Driver": "bridge",
            "Scope": "local",
            "IPAM": {"Config": [{"Subnet": str(net.subnet), "Gateway": net.gateway}]},
            "Options": {},
            "Labels": {},
            "Containers": {},
        }
    everything = list(engine.networks.values())
    for number in range(containers):
        network: dict[str, Any] = everything[number // PER_NETWORK]
        address = f"{str(network['IPAM']['Config'][0]['Subnet']).rpartition('.')[0]}.{2 + number % PER_NETWORK}"
        identity = f"c{number:011x}" + "0" * 52
        bindings = {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": str(20000 + number)}]}
        network["Containers"][identity] = {"Name": f"app{number}", "IPv4Address": f"{address}/24"}
        engine.containers[identity] = {
            "Id": identity,
            "Name": f"/app{number}",
            "State": {"Status": "running", "Running": True, "Pid": 0},
            "Config": {"Image": "app:1", "ExposedPorts": {"80/tcp": {}}, "Labels": {}},
            "HostConfig": {"NetworkMode": network["Name"], "PortBindings": bindings},
            "NetworkSettings": {
                "Ports": bindings,
                "Networks": {
                    network["Name"]: {
                        "NetworkID": network["Id"],
                        "IPAddress": address,
                        "IPPrefixLen": 24,
                        "Gateway": network["IPAM"]["Config"][0]["Gateway"],
                    }
                },
            },
        }
    return engine


if __name__ == "__main__":
    sys.exit(main())
