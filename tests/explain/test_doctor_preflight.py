"""What keeps an engine or a container from starting: on snapshots made by hand, and read from files' lines."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from netui.audit.doctor import diagnose
from netui.model import PublishedPort, Snapshot
from netui.model.kernel import DaemonSettings, Kernel
from netui.reports.commands import doctor
from netui.sources.capture.reader import read_capture
from netui.sources.live import kernel_modules as source
from netui.text.errors import SourceError
from netui.traversal import prepare
from tests.explain.hosts import snapshot
from tests.explain.situations import only

#: What grep prints of a distribution's kernel, whose xt_addrtype is in a package of its own.
RHEL = """/proc/sys/kernel/osrelease:6.12.0-55.el10.x86_64
/lib/modules/6.12.0-55.el10.x86_64/modules.builtin:kernel/net/bridge/br_none.ko
/lib/modules/6.12.0-55.el10.x86_64/modules.dep:kernel/net/bridge/bridge.ko.xz: kernel/net/llc/llc.ko.xz
/lib/modules/6.12.0-55.el10.x86_64/modules.dep:kernel/drivers/net/veth.ko.xz:
/lib/modules/6.12.0-55.el10.x86_64/modules.dep:kernel/net/netfilter/xt_conntrack.ko.xz:
/lib/modules/6.12.0-55.el10.x86_64/modules.dep:kernel/net/netfilter/xt_MASQUERADE.ko.xz:
/lib/modules/6.12.0-55.el10.x86_64/modules.dep:kernel/net/netfilter/xt_nat.ko.xz:
/lib/modules/6.12.0-55.el10.x86_64/modules.dep:kernel/net/netfilter/nf_tables.ko.xz:
/lib/modules/6.12.0-55.el10.x86_64/modules.dep:kernel/net/netfilter/nft_compat.ko.xz:
/lib/modules/6.12.0-55.el10.x86_64/modules.dep:kernel/net/netfilter/nft_chain_nat.ko.xz:
/lib/modules/6.12.0-55.el10.x86_64/modules.dep:kernel/net/netfilter/nft_ct.ko.xz:
/lib/modules/6.12.0-55.el10.x86_64/modules.dep:kernel/net/ipv4/netfilter/nft_fib_ipv4.ko.xz:
/lib/modules/6.12.0-55.el10.x86_64/modules.dep:kernel/net/netfilter/nft_masq.ko.xz:
/lib/modules/6.12.0-55.el10.x86_64/modules.dep:kernel/net/netfilter/nft_nat.ko.xz:
"""
ADDRTYPE = "/lib/modules/6.12.0-55.el10.x86_64/modules.dep:kernel/net/netfilter/xt_addrtype.ko.xz:\n"
CONFIG = """/boot/config-6.1.0:CONFIG_BRIDGE=y
/boot/config-6.1.0:CONFIG_VETH=m
/boot/config-6.1.0:# CONFIG_IP_NF_RAW is not set
/boot/config-6.1.0:CONFIG_NETFILTER_XT_MATCH_ADDRTYPE=y
/boot/config-6.1.0:CONFIG_NETFILTER_XT_MATCH_CONNTRACK=y
/boot/config-6.1.0:CONFIG_NETFILTER_XT_TARGET_MASQUERADE=y
/boot/config-6.1.0:CONFIG_NETFILTER_XT_NAT=y
/boot/config-6.1.0:CONFIG_IP_NF_FILTER=y
/boot/config-6.1.0:CONFIG_IP_NF_NAT=y
"""


def not_running(kernel: Kernel | None, daemon: DaemonSettings | None = None) -> Snapshot:
    """A host whose engine does not answer."""
    return Snapshot(0.0, kernel=kernel, daemon=daemon, sysctls={"net.ipv4.ip_forward": "0"})


def kinds(snapshot: Snapshot) -> list[str]:
    """The kinds of its findings."""
    return [finding.id for finding in diagnose(prepare(snapshot)).findings]


def test_a_match_that_the_kernel_lacks() -> None:
    """xt_addrtype is in no list of the running kernel's modules; with it nothing is found."""
    (found,) = diagnose(prepare(not_running(source.parse_kernel(RHEL)))).findings
    assert found.id == "kernel-lacks"
    assert "(6.12.0-55.el10.x86_64) lacks the match addrtype: the engine" in found.what
    assert found.evidence[0].text == "xt_addrtype is neither in modules.builtin nor in modules.dep"
    assert any("kernel-modules-extra" in text for text in found.advice)
    assert any('"firewall-backend": "nftables"' in text for text in found.advice)
    assert kinds(not_running(source.parse_kernel(RHEL + ADDRTYPE))) == []


DATA = Path(__file__).parent / "data"
DEBIAN = (DATA / "kernel-modules-6.12.txt").read_text()
LACKS = json.loads((DATA / "kernel-lacks.json").read_text())


def test_a_whole_kernel_lacks_nothing() -> None:
    """Debian's Linux 6.12 as it prints its modules, in a virtual machine."""
    assert kinds(not_running(replace(source.parse_kernel(DEBIAN), iptables="nft"))) == []


@pytest.mark.parametrize("module", LACKS)
def test_a_module_without_which_a_real_kernel_refused_the_rule(module: str) -> None:
    """On that kernel the module's file was taken away and depmod was run: iptables refused the rule that needs it.

    "said" is what iptables said; with the file back it took the rule.
    """
    case = LACKS[module]
    assert case["said"] and case["works again"]
    lines = [line for line in DEBIAN.splitlines() if line not in case["gone"]] + case["new"]
    kernel = replace(source.parse_kernel("\n".join(lines)), iptables="nft")
    (found,) = diagnose(prepare(not_running(kernel))).findings
    assert found.id == "kernel-lacks"
    assert [evidence.text.split()[0] for evidence in found.evidence] == [module]


def test_a_table_that_the_kernel_lacks() -> None:
    """Legacy tables: raw is not configured, which engine 28 needs; a veth that is a module may be there."""
    kernel = replace(source.parse_kernel(CONFIG), iptables="legacy")
    (found,) = diagnose(prepare(not_running(kernel))).findings
    assert "lacks the table raw" in found.what
    assert found.evidence[0].text == "CONFIG_IP_NF_RAW is not set"
    assert any("DOCKER_INSECURE_NO_IPTABLES_RAW=1" in text for text in found.advice)
    in_use = replace(kernel, registered={"ip_tables_names": frozenset({"raw"})})
    assert kinds(not_running(in_use)) == []
    assert kinds(not_running(replace(kernel, iptables=""))) == []


def test_a_kernel_that_waits_for_a_reboot() -> None:
    """Modules by configuration, and none of them on the disk: the running kernel's were removed."""
    kernel = source.parse_kernel(CONFIG.replace("=y", "=m"))
    assert kinds(not_running(kernel)) == []
    (found,) = diagnose(prepare(not_running(replace(kernel, loadable=frozenset())))).findings
    assert found.advice[0].startswith("Reboot into the kernel that is installed")


@pytest.mark.parametrize("text", ["", RHEL.splitlines()[0], "\n".join(RHEL.splitlines()[:2]), "no such file\n\x00:::"])
def test_what_was_not_read_is_not_lacking(text: str) -> None:
    """Half of the lists, or none: the kernel may well have it."""
    assert kinds(not_running(source.parse_kernel(text))) == []


def test_without_engine_and_modules_it_is_said() -> None:
    """Nothing is judged of a kernel that was not read, and the report says so."""
    report = doctor(prepare(not_running(None)))
    assert report.status == 3
    assert any("kernel's modules were not read" in line for line in report.document["unknown"])


def test_an_engine_that_answers_has_started() -> None:
    """No need of an engine's is missing where it runs, whatever the lists say."""
    assert only(replace(snapshot(), kernel=source.parse_kernel(RHEL))) == []


def test_forwarding_for_the_nftables_backend() -> None:
    """The engine is told to make nftables rules and the host does not forward; iptables' engine turns it on itself."""
    assert kinds(not_running(None, DaemonSettings("nftables"))) == ["forwarding-for-nftables"]
    assert kinds(not_running(None, DaemonSettings("nftables", ip_forward=False))) == []
    assert kinds(not_running(None, DaemonSettings())) == []
    on = replace(not_running(None, DaemonSettings("nftables")), sysctls={"net.ipv4.ip_forward": "1"})
    assert kinds(on) == []
    assert kinds(replace(on, sysctls=None)) == []


@pytest.mark.parametrize(
    ("version", "proxy", "host_ips", "state", "found"),
    [
        ("29.7.0", False, ("0.0.0.0", "127.0.0.1"), "created", "rule exists"),
        ("29.7.0", None, ("0.0.0.0", "127.0.0.1"), "created", ""),
        ("28.5.2", True, ("", "127.0.0.1"), "created", "address already in use"),
        ("20.10.24", None, ("127.0.0.1", "0.0.0.0"), "exited", "address already in use"),
        ("28.5.2", None, ("0.0.0.0", "127.0.0.1"), "running", ""),
        ("28.5.2", None, ("198.51.100.1", "127.0.0.1"), "created", ""),
        ("28.5.2", None, ("0.0.0.0", "::1"), "created", ""),
    ],
)
def test_a_port_published_twice(
    version: str, proxy: bool | None, host_ips: tuple[str, ...], state: str, found: str
) -> None:
    """All addresses and one of them: the engine refuses the container; what runs was taken."""
    base = snapshot()
    assert base.engine is not None
    asked = tuple(PublishedPort(80, "tcp", ip, 8099) for ip in host_ips)
    containers = tuple(
        replace(c, requested_ports=asked, state=state) if c.name == "shop" else c for c in base.containers or ()
    )
    changed = replace(base, engine=replace(base.engine, version=version), containers=containers)
    changed = replace(changed, daemon=DaemonSettings(userland_proxy=proxy))
    said = [one.why for one in diagnose(prepare(changed)).findings if one.id == "published-twice"]
    assert bool(said) is bool(found)
    assert all(found in why for why in said)


def test_a_capture_may_have_both_files(tmp_path: Path) -> None:
    """kernel-modules.txt and daemon.json are read where they are, and missed by nobody where they are not."""
    (tmp_path / "iptables-nft-save.txt").write_text("*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n")
    assert read_capture(tmp_path).kernel is None
    (tmp_path / "kernel-modules.txt").write_text(RHEL)
    (tmp_path / "daemon.json").write_text('{"firewall-backend": "nftables", "http-proxy": "http://me:secret@proxy"}')
    read = read_capture(tmp_path)
    assert read.kernel is not None and read.kernel.release == "6.12.0-55.el10.x86_64"
    assert read.daemon == DaemonSettings("nftables")
    (tmp_path / "daemon.json").write_text("{")
    assert read_capture(tmp_path).daemon is None


def test_the_running_kernel_is_read_without_a_change() -> None:
    """The lines that record writes are those that are read; of daemon.json only the keys that decide over rules."""
    read = source.read_kernel().values["kernel"]
    again = source.parse_kernel(source.kernel_text())
    assert (again.release, again.registered, again.config) == (read.release, read.registered, read.config)
    with pytest.raises(SourceError):
        source.parse_daemon("{")
    assert source.parse_daemon('{"userland-proxy": "no", "iptables": false}') == DaemonSettings(iptables=False)
