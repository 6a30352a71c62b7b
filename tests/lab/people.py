"""Rules that people and their firewalls put on top of Docker's, in the shape they are found in.

Administrators' lines in DOCKER-USER, ufw's and fail2ban's chains at INPUT, Tailscale's, marks with
policy routing, sets, untracked packets. None hangs on a rate or on chance, so that each is decided.
"""

from __future__ import annotations

from .hosts import HOST, LAN, Host

SETS = """create blocked hash:ip family inet
add blocked 172.28.0.11
create pairs hash:ip,port family inet
add pairs 172.31.0.10,tcp:80
create nets hash:net family inet
add nets 172.30.0.0/24
add nets 172.30.0.11 nomatch
"""

# DOCKER-USER ends in a RETURN up to 28.1: what people add goes before it.
DOCKER_USER = (
    "-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
    f'-i eth0 -p tcp -m conntrack --ctorigdst {HOST} --ctorigdstport 8084 -j LOG --log-prefix "six: "',
    "-i eth0 -p tcp -m conntrack --ctorigdstport 7000 --ctdir ORIGINAL -j DROP",
    "-i eth0 -p tcp -m multiport --dports 81,7001:7002 -j REJECT --reject-with icmp-port-unreachable",
    "-p tcp -m iprange --src-range 172.28.0.11-172.28.0.20 -m tcp --dport 8080 "
    '-m comment --comment "a \\"word\\"" -j DROP',
    "-m set --match-set blocked src -m set ! --match-set pairs dst,dst -p tcp -j people",
    "-m set --match-set nets dst -j people",
    "-i lan0 -m mark --mark 0x4/0xff -j ACCEPT",
    "-i lan0 -m conntrack --ctstate DNAT -p tcp -j REJECT --reject-with tcp-reset",
    "-i eth0 -p udp -m conntrack ! --ctstate DNAT -j DROP",
    "-p icmp -m icmp --icmp-type 8 -i eth0 -g people",
)

FILTER = """*filter
:people - [0:0]
:ufw-before-input - [0:0]
:ufw-user-input - [0:0]
:ufw-after-input - [0:0]
:ufw-not-local - [0:0]
:f2b-web - [0:0]
:ts-input - [0:0]
:ts-forward - [0:0]
-A people -d 172.28.0.0/16 -j RETURN
-A people -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j REJECT --reject-with icmp-host-prohibited
-A people -p udp -j DROP
-A INPUT -p tcp -m multiport --dports 22,9000 -j f2b-web
-A INPUT -j ts-input
-A INPUT -j ufw-before-input
-A INPUT -j ufw-user-input
-A INPUT -j ufw-after-input
-A f2b-web -s 172.28.0.10/32 -j REJECT --reject-with icmp-port-unreachable
-A f2b-web -j RETURN
-A ts-input -s 100.101.102.103/32 -i lo -j ACCEPT
-A ts-input -s 100.64.0.0/10 ! -i tailscale0 -j DROP
-A ts-input -p udp -m udp --dport 41641 -j ACCEPT
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m addrtype --dst-type MULTICAST,BROADCAST -j RETURN
-A ufw-not-local -j DROP
-A ufw-user-input -p tcp -m tcp --dport 9000 -j ACCEPT
-A ufw-user-input -s 172.16.0.0/12 -p tcp -m tcp --dport 8080:8085 -j ACCEPT
-A ufw-user-input -i eth0 -p udp -m udp --dport 9053 -j ACCEPT
-A ufw-after-input -p udp -m udp --dport 137 -j DROP
-A ufw-after-input -m pkttype --pkt-type multicast -j DROP
-I FORWARD 1 -j ts-forward
-A ts-forward -i tailscale0 -j MARK --set-xmark 0x40000/0xff0000
-A ts-forward -m mark --mark 0x40000/0xff0000 -j ACCEPT
-A ts-forward -s 100.64.0.0/10 -o tailscale0 -j DROP
-A ts-forward -o tailscale0 -j ACCEPT
-A OUTPUT -p tcp -m tcp --dport 8083 -m owner --uid-owner 65534 -j DROP
-A OUTPUT -p udp -m udp --dport 5353 ! -o lo -j REJECT
-P INPUT DROP
COMMIT
"""

OTHER_TABLES = f"""*raw
-A PREROUTING -i eth0 -p udp -m udp --dport 5354 -j CT --notrack
-A PREROUTING -i lan0 -p tcp -m tcp --dport 8085 -j DROP
COMMIT
*mangle
-A PREROUTING -i lan0 -p tcp -m tcp --dport 8080 -j MARK --set-xmark 0x4/0xff
-A PREROUTING -s 172.28.0.10/32 -p tcp -m tcp --dport 9 -j MARK --set-xmark 0x5/0xffffffff
-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
-A POSTROUTING -m mark --mark 0x4/0xff -j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff
-A OUTPUT -d 192.0.2.0/24 -p tcp -j MARK --set-xmark 0x5/0xffffffff
COMMIT
*nat
:ts-postrouting - [0:0]
-A PREROUTING -i eth0 -p tcp -m tcp --dport 8443 -j REDIRECT --to-ports 9000
-A PREROUTING -d {HOST}/32 -i lan0 -p tcp -m tcp --dport 9 -j DNAT --to-destination 172.28.0.10:80
-I POSTROUTING 1 -j ts-postrouting
-A ts-postrouting -m mark --mark 0x40000/0xff0000 -j MASQUERADE
-A ts-postrouting -s 172.31.1.0/24 -d 192.0.2.0/24 -j SNAT --to-source {HOST}
COMMIT
"""

FILTER6 = """*filter
:people6 - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT
-A INPUT -p ipv6-icmp -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 9000 -j REJECT --reject-with icmp6-adm-prohibited
-A INPUT -p tcp -m multiport --dports 8080,8085 -j people6
-A people6 -s 2001:db8:1::2/128 -j RETURN
-A people6 -j DROP
-A FORWARD -s fd00:27::11/128 -p tcp -j DROP
-P INPUT DROP
COMMIT
"""


def add_rules(host: Host) -> None:
    """Put all of it on a wide host, by the engine's own iptables."""
    engine = host.engine
    engine.tool("ipset", "restore", stdin=SETS)
    engine.tool("iptables-restore", "--noflush", stdin=FILTER)
    lines = [f"-I DOCKER-USER {number} {rule}" for number, rule in enumerate(DOCKER_USER, 1)]
    user = "\n".join(["*filter", *lines, "COMMIT", ""])
    engine.tool("iptables-restore", "--noflush", stdin=user + OTHER_TABLES)
    engine.tool("ip6tables-restore", "--noflush", stdin=FILTER6)
    # Marked packets leave by the other interface.
    host.namespace.ip("rule", "add", "fwmark", "0x5", "lookup", "100")
    host.namespace.ip("route", "add", "default", "via", LAN, "table", "100")
