"""The owners of chains, rules and tables, by their names or comments: ufw, fail2ban, Tailscale, libvirt, Docker."""

from __future__ import annotations

import re
from functools import lru_cache

#: (prefix of the chain's name, owner, content); the first that fits counts.
_CHAINS: tuple[tuple[str, str, str], ...] = (
    ("ufw-before-logging-", "ufw", "what it logs before anything else"),
    ("ufw-after-logging-", "ufw", "what it logs of packets that no rule took"),
    ("ufw-before-", "ufw", "its rules from before.rules, ahead of the administrator's"),
    ("ufw-after-", "ufw", "its rules from after.rules, behind the administrator's"),
    ("ufw-user-limit", "ufw", "what becomes of connections over a limit"),
    ("ufw-user-", "ufw", "what `ufw allow`, `ufw deny` and the like made"),
    ("ufw-reject-", "ufw", "what its default policy rejects"),
    ("ufw-track-", "ufw", "what its default policy lets through"),
    ("ufw-skip-to-policy-", "ufw", "its default policy"),
    ("ufw-not-local", "ufw", "what is not meant for this machine"),
    ("ufw-logging-", "ufw", "what it logs"),
    ("ufw-docker", "ufw-docker", "what it keeps from containers, with a line in the log"),
    ("ufw", "ufw", "its own rules"),
    ("f2b-", "fail2ban", "the addresses that a jail has banned"),
    ("fail2ban-", "fail2ban", "the addresses that a jail has banned"),
    ("ts-", "Tailscale", "its own rules"),
    ("NETBIRD-", "NetBird", "its own rules"),
    ("LIBVIRT_FWI", "libvirt", "what may go in to virtual machines"),
    ("LIBVIRT_FWO", "libvirt", "what may come out of virtual machines"),
    ("LIBVIRT_FWX", "libvirt", "what virtual machines may send each other"),
    ("LIBVIRT_INP", "libvirt", "what virtual machines may ask of this machine (DNS, DHCP)"),
    ("LIBVIRT_OUT", "libvirt", "what this machine may answer virtual machines (DNS, DHCP)"),
    ("LIBVIRT_PRT", "libvirt", "how virtual machines' addresses are translated on the way out"),
    ("LIBVIRT_", "libvirt", "its own rules"),
    ("NETAVARK-ISOLATION", "podman (netavark)", "what keeps its networks apart"),
    ("NETAVARK", "podman (netavark)", "its networks and published ports"),
    ("netavark", "podman (netavark)", "its networks and published ports"),
    ("CNI-", "podman or Kubernetes (CNI)", "its networks and published ports"),
    ("KUBE-SVC-", "Kubernetes (kube-proxy)", "one service: which of its endpoints is taken"),
    ("KUBE-SEP-", "Kubernetes (kube-proxy)", "one endpoint of a service"),
    ("KUBE-EXT-", "Kubernetes (kube-proxy)", "a service as it is reached from outside"),
    ("KUBE-FW-", "Kubernetes (kube-proxy)", "who may reach a load balancer's service"),
    ("KUBE-SERVICES", "Kubernetes (kube-proxy)", "its services by address"),
    ("KUBE-NODEPORTS", "Kubernetes (kube-proxy)", "its services by node port"),
    ("KUBE-POSTROUTING", "Kubernetes (kube-proxy)", "which packets are masqueraded"),
    ("KUBE-MARK-", "Kubernetes (kube-proxy)", "a mark for a later chain"),
    ("KUBE-FORWARD", "Kubernetes (kube-proxy)", "what it lets through to services"),
    ("KUBE-FIREWALL", "Kubernetes (kubelet)", "what is dropped for a mark or a foreign source"),
    ("KUBE-ROUTER-", "Kubernetes (kube-router)", "its network policies"),
    ("KUBE-POD-FW-", "Kubernetes (kube-router)", "the network policies of one pod"),
    ("KUBE-NWPLCY-", "Kubernetes (kube-router)", "one network policy"),
    ("KUBE-", "Kubernetes", "its own rules"),
    ("CATTLE_", "Rancher", "what it lets through to its containers"),
    ("cali-", "Calico", "its own rules"),
    ("CILIUM_", "Cilium", "its own rules"),
    ("FLANNEL-POSTRTG", "flannel", "which packets of pods are masqueraded"),
    ("FLANNEL-FWD", "flannel", "what it lets through to and from pods"),
    ("FLANNEL-", "flannel", "its own rules"),
    ("WEAVE-NPC", "Weave", "its network policies"),
    ("WEAVE", "Weave", "its own rules"),
    ("weave-", "Weave", "its own rules"),
    ("AWS-SNAT-CHAIN", "Amazon's VPC CNI", "which packets of pods get the node's address as their source"),
    ("AWS-CONNMARK-CHAIN", "Amazon's VPC CNI", "a mark by which answers leave where the connection came in"),
    ("ISTIO_", "Istio", "what is sent through its proxy"),
    ("ANTREA-", "Antrea", "its own rules"),
    ("wg-quick", "wg-quick (WireGuard)", "its own rules"),
    ("INPUT_direct", "firewalld", "the administrator's direct rules"),
    ("FORWARD_direct", "firewalld", "the administrator's direct rules"),
    ("OUTPUT_direct", "firewalld", "the administrator's direct rules"),
    ("PREROUTING_direct", "firewalld", "the administrator's direct rules"),
    ("POSTROUTING_direct", "firewalld", "the administrator's direct rules"),
    ("INPUT_ZONES", "firewalld", "which zone a packet is of, by its source or interface"),
    ("FORWARD_IN_ZONES", "firewalld", "which zone a packet comes from"),
    ("FORWARD_OUT_ZONES", "firewalld", "which zone a packet goes to"),
    ("FORWARD_ZONES", "firewalld", "which zone a packet comes from"),
    ("INPUT_POLICIES_", "firewalld", "its policies between zones"),
    ("FORWARD_POLICIES_", "firewalld", "its policies between zones"),
    ("IN_", "firewalld", "its zones"),
    ("FWD_", "firewalld", "its zones"),
    ("FWDI_", "firewalld", "its zones"),
    ("FWDO_", "firewalld", "its zones"),
    ("MAILCOW", "mailcow", "what it bans, and what keeps its databases from other machines"),
    ("InstanceServices", "Oracle Cloud", "who may reach the cloud's own services (metadata, DNS, iSCSI)"),
    ("BareMetalInstanceServices", "Oracle Cloud", "who may reach the cloud's own services (metadata, DNS, iSCSI)"),
    ("FORWARD_FIREWALL", "Synology DSM", "its firewall for what passes through, containers' ports among it"),
    ("INPUT_FIREWALL", "Synology DSM", "its firewall for what is for this machine"),
    ("DEFAULT_INPUT", "Synology DSM", "what it lets in or keeps out by default"),
    ("DEFAULT_FORWARD", "Synology DSM", "what it lets through by default"),
    ("DEFAULT_", "Synology DSM", "its own rules"),
    ("YJ-FIREWALL-", "Tencent Cloud's host security", "the addresses that it has blocked"),
    ("delegate_", "OpenWrt (fw3)", "where it begins, before the zones"),
    ("zone_", "OpenWrt (fw3)", "one of its zones"),
    ("PVEFW-", "Proxmox VE", "its firewall for this machine and its guests"),
    ("UBIOS_", "UniFi OS", "the gateway's own rules"),
    ("nixos-fw", "NixOS", "its firewall"),
    ("nixos-nat-", "NixOS", "its translations (networking.nat)"),
    ("nm-sh-", "NetworkManager", "what a shared connection needs"),
    ("WHALEWALL", "Whalewall", "which packets of containers are let through, by their labels"),
    ("whalewall", "Whalewall", "which packets of containers are let through, by their labels"),
    ("lxd", "LXD", "its own rules"),
    ("incus", "Incus", "its own rules"),
    ("miniupnpd", "miniupnpd", "ports that machines asked for by UPnP"),
    ("MINIUPNPD", "miniupnpd", "ports that machines asked for by UPnP"),
    ("sshguard", "sshguard", "the addresses that it has blocked"),
    ("crowdsec", "CrowdSec", "the addresses that it has blocked"),
    ("CROWDSEC", "CrowdSec", "the addresses that it has blocked"),
)
#: Chains with a known name, whose prefix alone would be ambiguous.
_WHOLE: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("LOCALINPUT", "LOCALOUTPUT"), ("csf", "where it sorts packets by its lists of addresses")),
    **dict.fromkeys(("ALLOWIN", "ALLOWOUT", "ALLOWDYNIN", "ALLOWDYNOUT"), ("csf", "the addresses that it lets pass")),
    **dict.fromkeys(("DENYIN", "DENYOUT", "GDENYIN", "GDENYOUT"), ("csf", "the addresses that it has blocked")),
    **dict.fromkeys(("LOGDROPIN", "LOGDROPOUT"), ("csf", "what it logs and drops")),
    **dict.fromkeys(("INVDROP", "SYNFLOOD", "UDPFLOOD", "PORTFLOOD", "SMTPOUTPUT"), ("csf", "its own rules")),
    **dict.fromkeys(("SPAMHAUS", "DSHIELD", "CC_DENY", "CC_ALLOW"), ("csf", "a list of addresses that it fetches")),
    **dict.fromkeys(("smurfs", "tcpflags", "sfilter", "logflags"), ("Shorewall", "its own rules")),
    **dict.fromkeys(("FORWARD-firewalld", "INPUT-firewalld"), ("firewalld", "its own rules")),
}
_ZONE = "(?:fw|net|loc|lan|wan|dmz|all|vpn|dock)"
#: Shorewall names a chain by its two zones: net2fw or net-fw (its option ZONE_SEPARATOR).
_ZONES = re.compile(rf"{_ZONE}2\w{{1,8}}|\w{{1,8}}2{_ZONE}|{_ZONE}-{_ZONE}|\w{{1,15}}_(?:fwd|frwd)")
#: OpenWrt's chains for the administrator: input_rule, forwarding_lan_rule.
_RULE = re.compile(r"(?:input|output|forwarding|prerouting|postrouting)_(?:\w{1,24}_)?rule")
#: Comments that identify the owner of a rule in a built-in chain.
_COMMENTS: tuple[tuple[str, str], ...] = (
    ("generated for LXD network", "LXD"),
    ("generated for Incus network", "Incus"),
    ("managed by lxd-bridge", "LXD"),
    ("mailcow", "mailcow"),
    ("PVESIG:", "Proxmox VE"),
    ("!fw3", "OpenWrt (fw3)"),
    ("cali:", "Calico"),
    ("flanneld ", "flannel"),
    ("kubernetes ", "Kubernetes"),
    ("AWS, ", "Amazon's VPC CNI"),
    ("Antrea: ", "Antrea"),
    ("cilium: ", "Cilium"),
    ("CNI portfwd", "podman or Kubernetes (CNI)"),
)
#: nftables tables of others that are known by the table's name.
_TABLES: dict[str, str] = {
    "firewalld": "firewalld",
    "netavark": "podman (netavark)",
    "lxd": "LXD",
    "incus": "Incus",
    "crowdsec": "CrowdSec",
    "crowdsec6": "CrowdSec",
    "f2b-table": "fail2ban",
    "fail2ban": "fail2ban",
    "libvirt_network": "libvirt",
    "kube-proxy": "Kubernetes (kube-proxy)",
    "fw4": "OpenWrt (fw4)",
    "nixos-fw": "NixOS",
    "proxmox-firewall": "Proxmox VE",
    "proxmox-firewall-guests": "Proxmox VE",
    "sshguard": "sshguard",
    "docker-bridges": "Docker",
    "docker-overlay": "Docker",
}
_DOCKERS = {
    "DOCKER-USER": "the chain that Docker leaves to the administrator's own rules",
    "DOCKER-FORWARD": "where Docker (28 and newer) keeps its own rules for forwarded packets",
    "DOCKER-CT": "where Docker lets in answers of open connections",
    "DOCKER-INTERNAL": "where Docker closes internal networks",
    "DOCKER-BRIDGE": "where Docker sorts packets by the network that they go to",
    "DOCKER-ISOLATION": "where Docker keeps its networks apart",
    "DOCKER-ISOLATION-STAGE-1": "where Docker keeps its networks apart",
    "DOCKER-ISOLATION-STAGE-2": "where Docker drops what would enter another network of its own",
    "DOCKER-INGRESS": "where Docker keeps the ports that swarm services publish",
    "DOCKER": "where Docker keeps the ports that containers publish",
    "DOCKER_OUTPUT": "how this container's DNS queries reach Docker's resolver",
    "DOCKER_POSTROUTING": "how answers of Docker's resolver get back their port 53",
}


@lru_cache(maxsize=4096)
def neighbour(chain: str) -> tuple[str, str]:
    """Return a chain's owner and content; ("", "") where its name does not tell."""
    for beginning, owner, purpose in _CHAINS:
        if chain.startswith(beginning):
            if owner == "fail2ban":
                jail = chain.partition("-")[2]
                return owner, f"the addresses that its jail {jail} has banned"
            return owner, purpose
    if chain in _WHOLE:
        return _WHOLE[chain]
    if _ZONES.fullmatch(chain):
        return "Shorewall", "what passes between two of its zones"
    if _RULE.fullmatch(chain):
        return "OpenWrt (fw3)", "the administrator's own rules"
    return "", ""


def owner_by_comment(comment: str) -> str:
    """Return the owner of rules with such a comment, "" where it does not tell."""
    return next((owner for beginning, owner in _COMMENTS if comment.startswith(beginning)), "")


def owner_of_rule(chain: str, comment: str) -> str:
    """Return a rule's owner: by its chain, else by its comment; "" where neither tells."""
    return neighbour(chain)[0] or (owner_by_comment(comment) if comment else "")


def owner_of_table(table: str) -> str:
    """Return the owner of a native table, "" where its name does not tell."""
    owner = _TABLES.get(table, "")
    return owner or ("fail2ban" if table.startswith("f2b-") else "WireGuard" if table.startswith("wg-quick-") else "")


def chain_of_dockers(chain: str) -> str:
    """Return the purpose of one of Docker's chains, "" for other chains."""
    return _DOCKERS.get(chain, "")
