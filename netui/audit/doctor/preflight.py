"""Findings about what prevents the engine, or a container, from starting; they only read data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netui.audit.doctor.checkup import View
from netui.audit.doctor.finding import Change, Evidence, Finding
from netui.audit.doctor.publishing import shown
from netui.audit.doctor.remedy import cure
from netui.model import Container, Family, PublishedPort
from netui.model.kernel import Kernel
from netui.text.phrases import some


@dataclass(frozen=True, slots=True)
class _Need:
    """A kernel feature that Docker's rules need: its name in words, and the modules and options that provide it.

    kind, name: its file and entry in /proc/net once it is in use.
    """

    what: str
    modules: tuple[str, ...]
    options: tuple[str, ...]
    kind: str = ""
    name: str = ""


_ALWAYS = (
    _Need("bridges", ("bridge",), ("BRIDGE",)),
    _Need("veth pairs", ("veth",), ("VETH",)),
)
_IPTABLES = (
    _Need("the match addrtype", ("xt_addrtype",), ("NETFILTER_XT_MATCH_ADDRTYPE",), "matches", "addrtype"),
    _Need("the match conntrack", ("xt_conntrack",), ("NETFILTER_XT_MATCH_CONNTRACK",), "matches", "conntrack"),
    _Need(
        "the target MASQUERADE",
        ("xt_MASQUERADE", "ipt_MASQUERADE"),
        ("NETFILTER_XT_TARGET_MASQUERADE", "IP_NF_TARGET_MASQUERADE"),
        "targets",
        "MASQUERADE",
    ),
    _Need("the target DNAT", ("xt_nat",), ("NETFILTER_XT_NAT", "NF_NAT"), "targets", "DNAT"),
)
_NFT = (
    _Need("nf_tables", ("nf_tables",), ("NF_TABLES",)),
    _Need("iptables' matches in nf_tables (nft_compat)", ("nft_compat",), ("NFT_COMPAT",)),
    _Need("nat chains in nf_tables", ("nft_chain_nat", "nft_chain_nat_ipv4"), ("NFT_NAT", "NFT_CHAIN_NAT_IPV4")),
)
_LEGACY = (
    _Need("the table filter", ("iptable_filter",), ("IP_NF_FILTER",), "ip_tables_names", "filter"),
    _Need("the table nat", ("iptable_nat",), ("IP_NF_NAT",), "ip_tables_names", "nat"),
)
_RAW = _Need("the table raw", ("iptable_raw",), ("IP_NF_RAW",), "ip_tables_names", "raw")
_NFTABLES = (
    _Need("nf_tables", ("nf_tables",), ("NF_TABLES",)),
    _Need("the expression ct", ("nft_ct",), ("NFT_CT",)),
    _Need("the expression fib", ("nft_fib_ipv4",), ("NFT_FIB_IPV4",)),
    _Need("the expression masquerade", ("nft_masq", "nft_masq_ipv4"), ("NFT_MASQ", "NFT_MASQ_IPV4")),
    _Need("the expression dnat", ("nft_nat",), ("NFT_NAT",)),
)


def _backend(view: View) -> str:
    """Return the firewall backend that the engine has, or that its configuration names."""
    snapshot = view.host.snapshot
    if snapshot.engine is not None and snapshot.engine.firewall:
        return snapshot.engine.firewall
    return (snapshot.daemon.firewall if snapshot.daemon is not None else "") or "iptables"


def _needs(view: View, kernel: Kernel) -> Iterator[_Need]:
    yield from _ALWAYS
    daemon = view.host.snapshot.daemon
    if _backend(view) == "nftables":
        yield from _NFTABLES
        return
    if daemon is not None and daemon.iptables is False:
        return
    yield from _IPTABLES
    if kernel.iptables == "nft":
        yield from _NFT
    elif kernel.iptables == "legacy":
        yield from (*_LEGACY, _RAW)


def kernel_lacks(view: View) -> Iterator[Finding]:
    """The kernel lacks a feature for the engine's rules, so the engine fails to start."""
    snapshot = view.host.snapshot
    kernel = snapshot.kernel
    if kernel is None or snapshot.engine is not None:
        # the engine answers, so it has started
        return
    lacking = [
        need
        for need in _needs(view, kernel)
        if kernel.has(need.modules, need.options) is False and not kernel.registers(need.kind or "-", need.name)
    ]
    if not lacking:
        return
    upgraded = kernel.loadable is not None and not kernel.loadable
    advice: list[str] = []
    if upgraded:
        advice.append("Reboot into the kernel that is installed: the modules of the running one are gone.")
    else:
        advice.append(
            "Install the package with the kernel's further modules (kernel-modules-extra on RHEL and Fedora, "
            "linux-modules-extra on Ubuntu) or a kernel that was built with them."
        )
    if _RAW in lacking:
        advice.append("For the raw table alone: start the engine with DOCKER_INSECURE_NO_IPTABLES_RAW=1 (28.0.2 on).")
    if _backend(view) != "nftables" and all(kernel.has(n.modules, n.options) for n in _NFTABLES):
        advice.append('Or let engine 29 make nftables rules, which this kernel can: "firewall-backend": "nftables".')
    yield Finding(
        "kernel-lacks",
        "high",
        f"The running kernel{f' ({kernel.release})' if kernel.release else ''} lacks "
        f"{some([need.what for need in lacking])}: the engine cannot make its rules and does not start.",
        "The modules are neither built in nor there to be loaded. The raw table is needed since engine 28 only."
        if _RAW in lacking
        else "The modules are neither built in nor there to be loaded.",
        tuple(Evidence("kernel", _shows(kernel, need)) for need in lacking),
        tuple(advice),
    )


def _shows(kernel: Kernel, need: _Need) -> str:
    if kernel.config is not None and not any(option in kernel.config for option in need.options):
        return f"CONFIG_{need.options[0]} is not set"
    return f"{need.modules[0]} is neither in modules.builtin nor in modules.dep"


_FORWARDING: tuple[tuple[Family, str], ...] = (("ip", "net.ipv4.ip_forward"), ("ip6", "net.ipv6.conf.all.forwarding"))


def forwarding_for_nftables(view: View) -> Iterator[Finding]:
    """With the nftables backend the engine does not turn forwarding on: it refuses to make bridge networks."""
    daemon = view.host.snapshot.daemon
    if _backend(view) != "nftables" or (daemon is not None and daemon.ip_forward is False):
        return
    engine = view.host.snapshot.engine
    if any(True for _ in view.bridged()) or (engine is not None and view.host.snapshot.containers is None):
        # containers run, and have a finding about forwarding
        return
    family, name = _FORWARDING[0]
    if view.host.namespace.sysctl(name) != "0":
        return
    yield Finding(
        "forwarding-for-nftables",
        "high",
        f"This host does not forward IPv4 ({name} is 0), and the engine is to make nftables rules: it does not start.",
        "With that backend the engine leaves the setting alone and refuses to make a bridge network without it.",
        (Evidence("sysctl", f"{name} = 0"),),
        (
            cure(view, "", (Change("sysctl", family, chain=name, words=("1",)),)),
            "Keep it over a reboot in /etc/sysctl.d.",
        ),
    )


def published_twice(view: View) -> Iterator[Finding]:
    """A container publishes one port on all addresses and on one of them, so the engine refuses to start it.

    Seen on 20.10, 26.1 and 28.5, with the userland proxy and without: binding the second one fails ("address
    already in use"). 29.7 without the proxy makes the same rule twice ("rule exists").
    """
    snapshot = view.host.snapshot
    engine, daemon = snapshot.engine, snapshot.daemon
    major = engine.version.partition(".")[0] if engine is not None else ""
    if engine is None or not major.isdigit() or not snapshot.joined:
        return
    proxy = engine.userland_proxy
    if proxy is None and daemon is not None:
        proxy = daemon.userland_proxy
    if int(major) >= 29 and proxy is not False:
        return
    message = "rule exists" if int(major) >= 29 else "address already in use"
    for container in view.host.containers:
        # a running container was accepted
        for wide, narrow in _twice(container) if not container.running else ():
            yield Finding(
                "published-twice",
                "high",
                f"{container.name} publishes port {narrow.host_port}/{narrow.protocol} on all addresses and on "
                f"{narrow.host_ip}: the engine does not start it.",
                f'All addresses hold {narrow.host_ip}, too, so the second one is refused ("{message}").',
                (
                    Evidence("network", f"{container.name}: {shown(wide)}"),
                    Evidence("network", f"{container.name}: {shown(narrow)}"),
                ),
                (
                    f"Leave -p {narrow.host_ip}:{narrow.host_port}:{narrow.container_port} out to let everybody in, or "
                    f"-p {narrow.host_port}:{narrow.container_port} to let in by {narrow.host_ip} alone.",
                ),
                (container.name,),
            )


def _twice(container: Container) -> Iterator[tuple[PublishedPort, PublishedPort]]:
    """Yield the TCP ports that are requested on all addresses and on one; 28.5 accepts it for UDP (seen)."""
    tcp = [bound for bound in container.requested_ports if bound.protocol == "tcp" and bound.host_port]
    everywhere = {bound.host_port: bound for bound in tcp if bound.host_ip in ("", "0.0.0.0")}
    for bound in tcp:
        wide = everywhere.get(bound.host_port)
        if wide is not None and bound.host_ip not in ("", "0.0.0.0") and ":" not in bound.host_ip:
            yield wide, bound
