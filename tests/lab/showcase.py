"""The host of the demo recording: the blog post's, and what else people have on theirs.

An internal network, one with IPv6, a port that only two networks may ask for, a stopped container, and a rule of
DOCKER-USER that does not do what it was written for, so that the doctor has something to say.
"""

from __future__ import annotations

from docker.types import IPAMConfig, IPAMPool

from .engines import Options
from .hosts import Host, blog_host, serve

#: Who may ask for the API: the office, and a machine of the hoster's.
ALLOWED = ("203.0.113.0/24", "192.0.2.10/32")

_ASKED = "-i eth0 -p tcp -m conntrack --ctorigdstport 8080 --ctdir ORIGINAL"
# The last one is what people write: it never counts, for DNAT has put 9000 in the place of 9090 before.
_RULES = [
    *(f"{_ASKED} -s {net} -j RETURN" for net in ALLOWED),
    f"{_ASKED} -j DROP",
    "-i eth0 -p tcp --dport 9090 -j DROP",
]


def demo_host(kind: str, options: Options | None = None) -> Host:
    """The demo's host; no name, address or rule of it is anybody's."""
    host = blog_host(kind, options)
    try:
        client = host.engine.client
        client.networks.create("vault", driver="bridge", internal=True)
        pools = [IPAMPool(subnet="172.20.0.0/16"), IPAMPool(subnet="2001:db8:20::/64")]
        client.networks.create("api", driver="bridge", enable_ipv6=True, ipam=IPAMConfig(pool_configs=pools))
        host.container("ledger", serve([5432]), networks={"vault": {}})
        host.container("shop", serve([8080]), networks={"api": {}, "vault": {}}, ports={"8080/tcp": 8080})
        host.container("metrics", serve([9000]), networks={"api": {}}, ports={"9000/tcp": 9090})
        host.container("old", serve([80]), networks={"hehe": {}}).stop()
        for number, rule in enumerate(_RULES, 1):
            host.engine.tool("iptables", "-I", "DOCKER-USER", str(number), *rule.split())
    except BaseException:
        host.close()
        raise
    return host
