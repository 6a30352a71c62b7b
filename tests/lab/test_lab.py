"""The lab itself: engines come up, packets and traces are right, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .capture import write_capture
from .hosts import HOST, Host
from .namespaces import NETNS, PREFIX, STATE, run_id
from .senders import Flow, send
from .trace import Step, Tracer, without_accepting_policies
from .traffic import request

ROOT = Path(__file__).parents[2]
ISOLATION = "DOCKER-ISOLATION-STAGE"
Rules = list[tuple[str, str, int | None, str]]

# What the kernel's trace showed on 20.10, without accepting policies: (table, chain, rule, verdict).
TO_USER: Rules = [("filter", "FORWARD", 1, "jump DOCKER-USER"), ("filter", "DOCKER-USER", 1, "return")]
TO_ISOLATION: Rules = [*TO_USER, ("filter", "FORWARD", 2, f"jump {ISOLATION}-1")]
NO_ISOLATION: Rules = [
    *TO_ISOLATION,
    ("filter", f"{ISOLATION}-1", 3, "return"),
    ("filter", "FORWARD", 4, "jump DOCKER"),
]
TRACES_2010: dict[Flow, tuple[str, Rules]] = {
    Flow("outside", HOST, 80): (
        "connected",
        [
            ("nat", "PREROUTING", 1, "jump DOCKER"),
            ("nat", "DOCKER", 4, "accept"),
            *NO_ISOLATION,
            ("filter", "DOCKER", 2, "accept"),
        ],
    ),
    Flow("outside", "172.18.0.2", 8080): ("timeout", [*NO_ISOLATION, ("filter", "FORWARD", None, "policy drop")]),
    Flow("openresty", "172.18.0.2", 8080): ("connected", [*NO_ISOLATION, ("filter", "FORWARD", 6, "accept")]),
    Flow("openresty", "198.51.100.2", 9): (
        "ECONNREFUSED",
        [
            *TO_ISOLATION,
            ("filter", f"{ISOLATION}-1", 1, f"jump {ISOLATION}-2"),
            ("filter", f"{ISOLATION}-2", 3, "return"),
            ("filter", f"{ISOLATION}-1", 3, "return"),
            ("filter", "FORWARD", 5, "accept"),
            ("nat", "POSTROUTING", 1, "accept"),
        ],
    ),
    Flow("blog", HOST, 80): (
        "connected",
        [("nat", "PREROUTING", 1, "jump DOCKER"), ("nat", "DOCKER", 1, "return")],
    ),
    Flow("host", "127.0.0.1", 80): ("connected", []),
    Flow("host", HOST, 80): (
        "connected",
        [("nat", "OUTPUT", 1, "jump DOCKER"), ("nat", "DOCKER", 4, "accept")],
    ),
}


def test_outside_reaches_the_published_ports(any_blog_host: Host) -> None:
    """The host of the blog post answers on both published ports."""
    outside = any_blog_host.sandbox("outside")
    for port in (80, 443):
        answer = request(outside, HOST, port)
        assert answer is not None
        assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("kind", ["20.10-nft", "20.10-legacy"])
def test_trace_is_the_known_one(kind: str, blog_hosts: object) -> None:
    """Each flow's trace equals the measured table, on nft and on legacy tables."""
    host: Host = blog_hosts(kind)  # type: ignore[operator]
    with Tracer(host) as tracer:
        sent = send(list(TRACES_2010), host.sandbox, host.ports)
        traces = tracer.collect(sent)
    backend = "legacy" if host.engine.legacy else "nft"
    for one, trace in zip(sent, traces, strict=True):
        outcome, rules = TRACES_2010[one.flow]
        assert one.outcome == outcome, one
        wanted = [Step("ip", backend, *rule) for rule in rules]
        assert without_accepting_policies(trace.steps) == wanted, one.flow.name


def test_a_tracer_leaves_no_table(blog_hosts: object) -> None:
    """The table that turns tracing on is gone after use."""
    host: Host = blog_hosts("20.10-nft")  # type: ignore[operator]
    before = host.engine.tool("nft", "list", "ruleset")
    with Tracer(host):
        assert "table inet trc" in host.engine.tool("nft", "list", "ruleset")
    assert "table inet trc" not in host.engine.tool("nft", "list", "ruleset")
    assert before.count("table ") == host.engine.tool("nft", "list", "ruleset").count("table ")


def test_dns_of_a_container_is_traced_in_its_own_namespace(blog_hosts: object) -> None:
    """A query to 127.0.0.11 meets the container's own DOCKER_OUTPUT."""
    host: Host = blog_hosts("20.10-nft")  # type: ignore[operator]
    with Tracer(host, "blog") as tracer:
        sent = send([Flow("blog", "127.0.0.11", 53, "udp")], host.sandbox, host.ports)
        trace = tracer.collect(sent)[0]
    steps = [(step.table, step.chain, step.verdict) for step in without_accepting_policies(trace.steps)]
    assert ("nat", "OUTPUT", "jump DOCKER_OUTPUT") in steps
    assert ("nat", "DOCKER_OUTPUT", "accept") in steps


def test_capture_has_every_file(any_blog_host: Host, tmp_path: Path) -> None:
    """A capture by plain commands holds the rules of the engine's backend and its objects."""
    folder = write_capture(any_blog_host, tmp_path / "host")
    names = {path.name for path in folder.iterdir()}
    assert {"docker-networks.json", "docker-containers.json", "ip-route.json", "sysctl.txt", "ss.txt"} <= names
    assert bool((folder / "iptables-legacy-save.txt").read_text()) == any_blog_host.engine.legacy
    save = "iptables-legacy-save.txt" if any_blog_host.engine.legacy else "iptables-nft-save.txt"
    assert "--to-destination 172.18.0.3:443" in (folder / save).read_text()
    assert len(list((folder / "listening").iterdir())) == 2


def test_killed_daemon_comes_back(own_host: object) -> None:
    """After kill -9 the engine is started again and answers; its containers are stopped."""
    host: Host = own_host("20.10-nft")  # type: ignore[operator]
    host.engine.kill()
    host.engine.start()
    assert {c.name for c in host.engine.client.containers.list(all=True)} == {"blog", "openresty"}


def machine() -> dict[str, str]:
    """What of the machine the lab must never change."""
    commands = {
        "links": "ip -o link",
        "addresses": "ip -o -f inet address",
        "nft": "nft list ruleset",
        "legacy": "cat /proc/net/ip_tables_names /proc/net/ip6_tables_names",
        "sysctls": "sysctl -a --pattern 'forward|rp_filter|route_localnet|bridge-nf|port_range'",
        "mounts": "grep -v /run/netns /proc/self/mounts",
    }
    return {
        name: subprocess.run(command, shell=True, capture_output=True, text=True, check=False).stdout
        for name, command in commands.items()
    }


def left_of(identity: str) -> list[str]:
    """What is left of a run: namespaces, state, cgroups, processes."""
    left = [str(path) for path in NETNS.glob(f"{PREFIX}{identity}-*")]
    left += [str(path) for path in STATE.glob(identity)]
    # os.walk: other labs take theirs down meanwhile, and glob would fail on those
    left += [
        str(Path(top, name))
        for top, names, _ in os.walk("/sys/fs/cgroup")
        for name in names
        if name.startswith(f"{PREFIX}{identity}-")
    ]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"{STATE}/{identity}/" in line:
            left.append(line)
    return left


SCRIPT = """
import os, signal, sys
from tests.lab.hosts import blog_host
from tests.lab.namespaces import run_id, raise_on_sigterm
raise_on_sigterm()
host = blog_host(sys.argv[1])
print(run_id(), flush=True)
if sys.argv[2] == "fail":
    raise RuntimeError("a test fails")
signal.pause()
"""


@pytest.mark.parametrize("kind", ["20.10-nft", "28.5"])
@pytest.mark.parametrize("end", ["fail", "SIGTERM", "SIGINT", "SIGKILL"])
def test_nothing_is_left(kind: str, end: str, lab: None) -> None:
    """After a failure, a signal, or kill -9 and the next run's sweep: the machine is as before."""
    before = machine()
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, kind, end],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    identity = process.stdout.readline().strip()
    assert identity
    if end != "fail":
        assert left_of(identity)
        os.kill(process.pid, getattr(signal, end))
    process.wait(timeout=60)
    if end == "SIGKILL":
        from .namespaces import sweep_dead_runs

        sweep_dead_runs()
    assert left_of(identity) == []
    assert machine() == before


def test_two_runs_do_not_meet(lab: None) -> None:
    """Another lab, at the same time, has other names."""
    script = "from tests.lab.namespaces import run_id; print(run_id())"
    other = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert other.stdout.strip() != run_id()


def test_a_command_sees_the_host_as_its_machine(lab: None) -> None:
    """`run` hands the command the engine, its rules and its exit status."""
    command = "docker ps -q | wc -l; iptables-save -t nat | grep -c DNAT; exit 7"
    arguments = [sys.executable, "-m", "tests.lab", "run", "28.5", "--", "sh", "-c", command]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert done.stdout.split() == ["2", "2"]
