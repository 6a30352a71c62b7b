"""A host written down by plain commands, in the layout that `netui --replay` reads.

Independent of netui's own `record`, so that one checks the other; `write_case` adds the flows
with the kernel's trace of each.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from netui.dialects.inside import FILES

from .hosts import Host
from .namespaces import call_in
from .netlink import Header
from .senders import Flow, Sent, send
from .trace import Trace, Tracer

SYSCTL_ROOTS = ("net/ipv4", "net/ipv6", "net/bridge")
_TOOLS = ("iptables", "ip6tables")


def write_capture(host: Host, folder: Path) -> Path:
    """Write the host's state into the folder; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    engine = host.engine
    files: dict[str, str] = {}
    for tool in _TOOLS:
        files[f"{tool}-nft-save.txt"] = engine.tool(f"{tool}-nft-save", "-c")
        # Prints only tables that exist, and makes none: an empty file says that there are none.
        files[f"{tool}-legacy-save.txt"] = engine.tool(f"{tool}-legacy-save", "-c")
    files["nft-ruleset.json"] = engine.tool("nft", "-j", "-a", "list", "ruleset")
    # nft 1.0.6's JSON tells neither dormant tables nor the devices of chains
    files["nft-ruleset.txt"] = engine.tool("nft", "list", "ruleset")
    files["ipset-save.txt"] = engine.tool("ipset", "save")
    run = host.namespace.run
    files["ip-address.json"] = run("ip", "-j", "-d", "address").stdout
    for family, prefix in (("-4", "ip"), ("-6", "ip6")):
        files[f"{prefix}-route.json"] = run("ip", family, "-j", "route", "show", "table", "all").stdout
        files[f"{prefix}-rule.json"] = run("ip", family, "-j", "rule").stdout
    files["sysctl.txt"] = sysctls(host.sandbox("host"))
    files["ss.txt"] = run("ss", "-Hltunp").stdout
    files["docker-info.json"] = engine.tool("docker", "info", "-f", "{{json .}}")
    files["docker-version.json"] = engine.tool("docker", "version", "-f", "{{json .}}")
    networks = engine.tool("docker", "network", "ls", "-q").split()
    files["docker-networks.json"] = engine.tool("docker", "network", "inspect", *networks)
    containers = engine.tool("docker", "ps", "-aq", "--no-trunc").split()
    files["docker-containers.json"] = engine.tool("docker", "inspect", *containers) if containers else "[]"
    for container in json.loads(files["docker-containers.json"]):
        if container["State"]["Pid"]:
            files[f"listening/{container['Id']}.txt"] = listening(container["State"]["Pid"])
    files["netns.txt"] = run("lsns", "-n", "-t", "net", "-o", "NETNSID,PID", check=False).stdout
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    files["meta.json"] = json.dumps({"hostname": "lab", "time": now})
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return folder


def sysctls(sandbox: str) -> str:
    """The part of `sysctl -a` under net.ipv4, net.ipv6 and net.bridge, in a network namespace."""

    def read() -> str:
        lines = []
        for root in SYSCTL_ROOTS:
            for path in sorted(Path("/proc/sys", root).rglob("*")):
                if path.is_file():
                    try:
                        value = path.read_text().strip()
                    except OSError:  # Write-only ones, and those of protocols not set up.
                        continue
                    # As sysctl prints names: / becomes ., a dot in an interface's name becomes /.
                    name = str(path.relative_to("/proc/sys")).translate(str.maketrans("/.", "./"))
                    lines += [f"{name} = {line}" for line in value.splitlines()]
        return "\n".join(lines) + "\n"

    return call_in(sandbox, read)


def listening(pid: int) -> str:
    """The socket tables, devices and routes of a process's network namespace, one after the other."""
    kinds = ("tcp", "tcp6", "udp", "udp6", *FILES)
    return "".join(Path(f"/proc/{pid}/net/{kind}").read_text() for kind in kinds)


def write_case(host: Host, folder: Path, flows: Sequence[Flow] | None = None) -> None:
    """A case: `host/`, and `flows.json` with what senders and kernel said of each flow."""
    if flows is None:
        from .matrix import flows as all_flows

        flows = all_flows(host) if len(host.around) > 1 else blog_flows()
    write_capture(host, folder / "host")
    with Tracer(host) as tracer:
        sent = send(flows, host.sandbox, host.ports)
        traces = tracer.collect(sent)
    cases = [_case(one, trace) for one, trace in zip(sent, traces, strict=True)]
    (folder / "flows.json").write_text(json.dumps(cases, indent=1) + "\n")


def blog_flows() -> list[Flow]:
    """The flows of the blog post's host."""
    found = []
    for source in ("outside", "host", "blog", "openresty"):
        for address, ports in (
            ("198.51.100.1", (80, 443, 8080, 9)),
            ("172.18.0.1", (80, 443)),
            ("172.18.0.2", (8080, 9)),
            ("172.18.0.3", (80, 443, 9)),
            ("198.51.100.2", (9,)),
            ("127.0.0.1", (80, 443)),
        ):
            own = {"blog": "172.18.0.2", "openresty": "172.18.0.3", "outside": "198.51.100.2"}.get(source)
            if address != own and not (address == "127.0.0.1" and source != "host"):
                found += [Flow(source, address, port) for port in ports]
                found.append(Flow(source, address, 0, "icmp"))
    return found


def trace_lines(trace: Trace) -> list[dict[str, object]]:
    """A trace in the format of the committed cases."""
    lines: list[dict[str, object]] = []
    for event in trace.raw:
        place = {"id": f"{event.trace_id:08x}", "family": event.family, "table": event.table, "chain": event.chain}
        if event.header is not None:
            lines.append({**place, "kind": "packet", "rest": _packet(event.header)})
        if event.handle is not None:
            lines.append({**place, "kind": "rule", "handle": event.handle, "verdict": event.verdict})
        elif event.verdict != "end":
            lines.append({**place, "kind": "policy", "rest": event.verdict.removeprefix("policy ")})
    return lines


def legacy_lines(trace: Trace) -> dict[str, object]:
    """The part of a trace that legacy tables have: already numbered."""
    lines = [
        {"family": step.family, "table": step.table, "chain": step.chain, "rule": step.rule, "verdict": step.verdict}
        for step in trace.steps
        if step.backend == "legacy"
    ]
    return {"legacy": lines} if lines else {}


def _case(sent: Sent, trace: Trace) -> dict[str, object]:
    """One flow in the format of the committed cases."""
    flow = sent.flow
    case: dict[str, object] = {"name": flow.name, "src": flow.src, "dst": flow.dst, "port": flow.port}
    case |= {"proto": flow.protocol, "outcome": sent.outcome, "trace": trace_lines(trace)}
    case |= legacy_lines(trace)
    return case


def _packet(header: Header) -> str:
    """The packet in the words of `nft monitor trace`."""
    family = "ip6" if ":" in header.src else "ip"
    words = f": iif {header.iif} oif {header.oif} {family} saddr {header.src} {family} daddr {header.dst}"
    if header.protocol in (1, 58):
        return f"{words} icmp id {header.sport}"
    name = {6: "tcp", 17: "udp"}.get(header.protocol, "th")
    return f"{words} {name} sport {header.sport} {name} dport {header.dport}"
