"""The kernel's checks beside the rules: sysctls, the reverse path, the mode of a bridge port."""

from __future__ import annotations

from dataclasses import dataclass

from netui.net.addresses import address_text
from netui.traversal.host.namespace import Namespace
from netui.traversal.host.route_table import Lookup
from netui.traversal.packet_state import PacketState
from netui.traversal.result import Undecided
from netui.traversal.unknowns import Unknowns


@dataclass(slots=True)
class KernelChecks:
    """The kernel's checks beside the rules, in one namespace and for one walk; what was not read is an unknown."""

    namespace: Namespace
    unknowns: Unknowns

    def local_source_refused(self, packet: PacketState, device: str) -> bool:
        """Whether a loopback source may not leave by a device (__mkroute_output)."""
        if packet.family != "ip" or packet.src >> 24 != 127 or device == "lo":
            return False
        return not self.route_localnet(device)

    def route_localnet(self, device: str) -> bool:
        """Whether loopback addresses may come and go by a device."""
        every = self.namespace.device_sysctl("ipv4", "all", "route_localnet")
        own = self.namespace.device_sysctl("ipv4", device, "route_localnet")
        if every is None and own is None:
            unknown = Undecided("route_localnet", f"net.ipv4.conf.{device}.route_localnet was not read")
            return bool(self.unknowns.branch(2, unknown))
        return bool(every) or bool(own)

    def hairpin_refused(self, packet: PacketState, bridge: str) -> str:
        """Why a frame back to the port of its sender is refused: that needs hairpin mode; "" where it is allowed."""
        if packet.dst != packet.src:
            return ""
        modes = {port.hairpin for port in self.namespace.ports(bridge)}
        if len(modes) != 1:
            unknown = Undecided(
                "hairpin", f"which port of {bridge} is the container's, and its hairpin mode, is not known"
            )
            hairpin = bool(self.unknowns.branch(2, unknown))
        else:
            hairpin = modes.pop()
        return (
            "" if hairpin else f"the bridge port does not send a frame back where it came from ({bridge}: hairpin off)"
        )

    def calls_iptables(self, bridge: str, packet: PacketState) -> bool:
        """Whether the IP hooks see a bridge's frames (br_netfilter)."""
        answer = self.namespace.calls_iptables(bridge, packet.family)
        if answer is None:
            unknown = Undecided(
                "bridge-nf-call-iptables",
                "net.bridge.bridge-nf-call-iptables was not read: whether rules see frames between ports is not known",
                family=packet.family,
            )
            return bool(self.unknowns.branch(2, unknown))
        return answer

    def forwards(self, packet: PacketState) -> bool:
        """Whether the host forwards packets that come in by the packet's interface."""
        kept = self.namespace.forwarding.get((packet.family, packet.iif))
        if kept is not None:
            return kept
        if packet.family == "ip":
            value = self.namespace.device_sysctl("ipv4", packet.iif, "forwarding")
            if value is None:
                text = self.namespace.sysctl("net.ipv4.ip_forward")
                value = int(text) if text is not None and text.isdigit() else None
            if value is None:
                value = self.namespace.device_sysctl("ipv4", "all", "forwarding")
        else:
            value = self.namespace.device_sysctl("ipv6", "all", "forwarding")
        if value is None:
            unknown = Undecided("forwarding", "whether the host forwards packets (ip_forward) was not read")
            return not self.unknowns.branch(2, unknown)
        self.namespace.forwarding[packet.family, packet.iif] = bool(value)
        return bool(value)

    def martian(self, packet: PacketState) -> str:
        """ip_route_input_slow: loopback addresses from elsewhere need route_localnet; 0.0.0.0/8 is invalid."""
        first, last = packet.src >> 24, packet.dst >> 24
        if last != 127 != first and first and last and packet.src >> 28 < 0xE:
            return ""
        for address, what in ((packet.dst, "to"), (packet.src, "from")):
            if address >> 24 == 127 and not self.route_localnet(packet.iif):
                text = address_text("ip", address)
                return f"a packet {what} {text} came in by {packet.iif}: the kernel drops it (route_localnet is 0)"
        if packet.src >> 28 == 0xE or packet.src == 0xFFFFFFFF or (not first and packet.dst != 0xFFFFFFFF):
            return "the source is no host's address: the kernel drops it"
        if not last:
            return "the destination is no host's address: the kernel drops it"
        return ""

    def source_refused(self, packet: PacketState) -> str:
        """fib_validate_source: rp_filter, and a source that is this machine's own address."""
        if packet.family != "ip" or packet.src == 0:
            return ""
        namespace = self.namespace
        if not namespace.filters_sources:
            return ""
        if (packet.src, packet.iif) in namespace.right_ways:
            return ""
        every = namespace.device_sysctl("ipv4", "all", "rp_filter")
        own = namespace.device_sysctl("ipv4", packet.iif, "rp_filter")
        accept_local = namespace.device_sysctl("ipv4", packet.iif, "accept_local") or namespace.device_sysctl(
            "ipv4", "all", "accept_local"
        )
        fib = namespace.fibs["ip"]
        text = address_text("ip", packet.src)
        if not accept_local and fib.is_local(packet.src):
            return f"the source {text} is this machine's own address: the kernel drops it as martian"
        # IN_DEV_SRC_VMARK: for wg-quick the mark chooses the reverse path
        marked = namespace.device_sysctl("ipv4", packet.iif, "src_valid_mark") or namespace.device_sysctl(
            "ipv4", "all", "src_valid_mark"
        )
        back = fib.lookup(Lookup(packet.src, packet.dst, packet.mark if marked else 0, packet.iif))
        if back is not None and back.type == "unicast" and back.dev == packet.iif and not back.nexthops:
            if fib.simple:
                namespace.right_ways.add((packet.src, packet.iif))
            return ""
        if back is not None and back.type == "unicast" and packet.iif in fib.devices(back):
            return ""
        if every is None and own is None:
            unknown = Undecided("rp_filter", f"net.ipv4.conf.{packet.iif}.rp_filter was not read")
            mode = self.unknowns.branch(2, unknown)
        else:
            mode = max(every or 0, own or 0)
        if mode == 1 or (mode == 2 and back is None):
            return (
                f"the way back to {text} does not lead by {packet.iif} "
                f"(net.ipv4.conf.{packet.iif}.rp_filter is {mode}): the kernel drops it"
            )
        return ""
