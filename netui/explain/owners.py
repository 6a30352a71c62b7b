"""Whose chain it is: ufw's, fail2ban's, Tailscale's, libvirt's, podman's, Kubernetes', WireGuard's, Docker's."""

from __future__ import annotations

from functools import lru_cache

#: (beginning of the chain's name, whose it is, what is kept in it); the first that fits counts.
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
    ("ufw", "ufw", "its own rules"),
    ("f2b-", "fail2ban", "the addresses that a jail has banned"),
    ("fail2ban-", "fail2ban", "the addresses that a jail has banned"),
    ("ts-", "Tailscale", "its own rules"),
    ("LIBVIRT_FWI", "libvirt", "what may go in to virtual machines"),
    ("LIBVIRT_FWO", "libvirt", "what may come out of virtual machines"),
    ("LIBVIRT_FWX", "libvirt", "what virtual machines may send each other"),
    ("LIBVIRT_INP", "libvirt", "what virtual machines may ask of this machine (DNS, DHCP)"),
    ("LIBVIRT_OUT", "libvirt", "what this machine may answer virtual machines (DNS, DHCP)"),
    ("LIBVIRT_PRT", "libvirt", "how virtual machines' addresses are translated on the way out"),
    ("LIBVIRT_", "libvirt", "its own rules"),
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
    ("KUBE-", "Kubernetes", "its own rules"),
    ("cali-", "Calico", "its own rules"),
    ("CILIUM_", "Cilium", "its own rules"),
    ("FLANNEL-", "flannel", "its own rules"),
    ("WEAVE", "Weave", "its own rules"),
    ("wg-quick", "wg-quick (WireGuard)", "its own rules"),
    ("IN_", "firewalld", "its zones"),
    ("FWD_", "firewalld", "its zones"),
    ("FWDI_", "firewalld", "its zones"),
    ("FWDO_", "firewalld", "its zones"),
    ("INPUT_direct", "firewalld", "the administrator's direct rules"),
    ("FORWARD_direct", "firewalld", "the administrator's direct rules"),
    ("miniupnpd", "miniupnpd", "ports that machines asked for by UPnP"),
    ("MINIUPNPD", "miniupnpd", "ports that machines asked for by UPnP"),
    ("sshguard", "sshguard", "the addresses that it has blocked"),
    ("crowdsec", "CrowdSec", "the addresses that it has blocked"),
    ("CROWDSEC", "CrowdSec", "the addresses that it has blocked"),
)
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
    """Return whose chain it is and what is kept in it; ("", "") where the name does not tell."""
    for beginning, owner, purpose in _CHAINS:
        if chain.startswith(beginning):
            if owner == "fail2ban":
                jail = chain.partition("-")[2]
                return owner, f"the addresses that its jail {jail} has banned"
            return owner, purpose
    return "", ""


def chain_of_dockers(chain: str) -> str:
    """Return what one of Docker's chains is for, "" for a chain that is not Docker's."""
    return _DOCKERS.get(chain, "")
