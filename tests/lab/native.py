"""The rules of Engine 29's native nftables backend, for the blog post's host.

No Debian suite has that engine (28.5 is the newest): the lab's 28.5, started without iptables,
stands behind the table as 29 writes it, with its verdict maps and a chain for each bridge.
"""

from __future__ import annotations

from .hosts import Host

_TABLE = """table ip docker-bridges {{
  map filter-forward-in-jumps {{ type ifname : verdict; elements = {{ "{br}" : jump filter-forward-in__{br} }}; }}
  map filter-forward-out-jumps {{ type ifname : verdict; elements = {{ "{br}" : jump filter-forward-out__{br} }}; }}
  map nat-postrouting-out-jumps {{ type ifname : verdict; elements = {{ "{br}" : jump nat-postrouting-out__{br} }}; }}
  chain filter-FORWARD {{
    type filter hook forward priority filter; policy accept;
    oifname vmap @filter-forward-in-jumps
    iifname vmap @filter-forward-out-jumps
  }}
  chain nat-OUTPUT {{
    type nat hook output priority -100; policy accept;
    ip daddr != 127.0.0.0/8 fib daddr type local counter jump nat-prerouting-and-output
  }}
  chain nat-POSTROUTING {{
    type nat hook postrouting priority srcnat; policy accept;
    iifname vmap @nat-postrouting-out-jumps
  }}
  chain nat-PREROUTING {{
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local counter jump nat-prerouting-and-output
  }}
  chain nat-prerouting-and-output {{
    iifname != "{br}" tcp dport 80 counter dnat to {web}:80 comment "DNAT"
    iifname != "{br}" tcp dport 443 counter dnat to {web}:443 comment "DNAT"
  }}
  chain raw-PREROUTING {{
    type filter hook prerouting priority raw; policy accept;
    ip daddr {web} iifname != "{br}" counter drop comment "DROP DIRECT ACCESS"
    ip daddr {blog} iifname != "{br}" counter drop comment "DROP DIRECT ACCESS"
  }}
  chain filter-forward-in__{br} {{
    ct state established,related counter accept
    iifname "{br}" counter accept comment "ICC"
    ip daddr {web} tcp dport {{ 80, 443 }} counter accept
    counter drop comment "UNPUBLISHED PORT DROP"
  }}
  chain filter-forward-out__{br} {{
    ct state established,related counter accept
    counter accept comment "OUTGOING"
  }}
  chain nat-postrouting-out__{br} {{
    oifname != "{br}" ip saddr 172.18.0.0/16 counter masquerade comment "MASQUERADE"
  }}
}}
"""


def native_rules(host: Host) -> None:
    """Load the table for hehe, whose containers are blog and openresty."""
    client = host.engine.client
    bridge = f"br-{client.networks.get('hehe').id[:12]}"
    found = {
        name: client.api.inspect_container(name)["NetworkSettings"]["Networks"]["hehe"]["IPAddress"]
        for name in ("blog", "openresty")
    }
    rules = _TABLE.format(br=bridge, web=found["openresty"], blog=found["blog"])
    host.engine.tool("nft", "-f", "-", stdin=rules)
