"""A container's own devices and routes, out of the files of its /proc/PID/net."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netui.dialects.inside import read_inside, split
from netui.dialects.sockets import proc_sockets
from netui.model import Route

SOCKETS = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 19776401 1 0000000088f12a5a
"""
ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT                  \n\
eth0\t00000000\t010012AC\t0003\t0\t0\t0\t00000000\t0\t0\t0                          \n\
eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0                          \n\
*\t000010AC\t00000000\t0201\t0\t0\t7\t0000FFFF\t0\t0\t0                          \n\
"""
ROUTES6 = (
    "fd000000000000000000000000000000 40 " + "0" * 32 + " 00 " + "0" * 32 + " 00000100 00000001 00000000 00000001     eth0\n"
    + "0" * 32 + " 00 " + "0" * 32 + " 00 fd000000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n"
    + "0" * 32 + " 00 " + "0" * 32 + " 00 " + "0" * 32 + " ffffffff 00000001 00000000 00200200       lo\n"
    + "0" * 31 + "1 80 " + "0" * 32 + " 00 " + "0" * 32 + " 00000000 00000003 00000000 80200001       lo\n"
)  # fmt: skip
DEVICES = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n1\tlo        :     1      V3\n" \
    "\t\t\t\t010000E0     1 0:00000000\t\t0\n7\teth0      :     1      V3\n"  # fmt: skip
TRIE = "%sMain:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\nLocal:\n  +-- 0.0.0.0/0 3 0 5\n"


@pytest.mark.parametrize(("more", "tables"), [(False, ""), (True, "Id 77:\n  +-- 0.0.0.0/0 0 0 1\n")])
def test_routes_devices_and_sockets_of_one_text(more: bool, tables: str) -> None:
    """The files stand one after the other; the sockets are read past them, the null entry is no route."""
    text = SOCKETS + ROUTES + ROUTES6 + DEVICES + TRIE % tables
    inside = read_inside(text)
    assert inside is not None
    assert inside.routes == (
        Route("ip", "0.0.0.0/0", dev="eth0", gateway="172.18.0.1"),
        Route("ip", "172.18.0.0/16", dev="eth0"),
        Route("ip", "172.16.0.0/16", type="unreachable", metric=7),
        Route("ip6", "fd00::/64", dev="eth0", metric=256),
        Route("ip6", "::/0", dev="eth0", gateway="fd00::1", metric=1024),
    )
    assert (inside.devices, inside.more_tables) == ({"lo": 1, "eth0": 7}, more)
    assert [socket.port for socket in proc_sockets(text)] == [80]
    assert read_inside(SOCKETS) is None


@given(st.text(max_size=300) | st.lists(st.sampled_from((ROUTES + ROUTES6 + DEVICES).split("\n"))).map("\n".join))
def test_any_text_is_read(text: str) -> None:
    """Whatever stands there, nothing is raised and no line is lost."""
    read_inside(text)
    kept = [line for part in split(text) for line in part.split("\n") if line]
    assert sorted(kept) == sorted(line for line in text.split("\n") if line)
