"""Where the lab gets Debian from, whatever the machine's own apt is set to."""

from __future__ import annotations

from pathlib import Path

import pytest

from .roots import mirror

DEBIAN_13 = "Types: deb\nURIs: {}\nSuites: trixie\n trixie-updates\nComponents: main\nSigned-By: /k.gpg\n"
DOCKER = "Types: deb\nURIs: https://elsewhere.example/linux/debian\nSuites: trixie\nComponents: stable\n"
PUBLIC = "http://deb.debian.org/debian"
OWN = "http://mirror.example/debian"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param("sources.list", f"deb {OWN} bookworm main\n", OWN, id="list"),
        pytest.param("sources.list", f"deb [arch=amd64 trusted=yes] {OWN}/ sid main # x\n", f"{OWN}/", id="options"),
        pytest.param("sources.list", f"# deb {OWN} bookworm main\n", PUBLIC, id="commented out"),
        pytest.param("sources.list", f"deb-src {OWN} bookworm main\n", PUBLIC, id="sources only"),
        pytest.param("sources.list.d/debian.sources", DEBIAN_13.format(OWN), OWN, id="stanza"),
        pytest.param("sources.list.d/a.sources", f"{DOCKER}\n{DEBIAN_13.format(OWN)}", OWN, id="behind another's"),
        pytest.param("sources.list.d/a.sources", DOCKER, PUBLIC, id="another's alone"),
        pytest.param("sources.list.d/a.sources", f"Enabled: no\n{DEBIAN_13.format(OWN)}", PUBLIC, id="switched off"),
        pytest.param("sources.list.d/a.sources.off", DEBIAN_13.format(OWN), PUBLIC, id="a file that apt ignores"),
        pytest.param("sources.list", "deb http://mirror.example/ubuntu noble main\n", PUBLIC, id="Ubuntu"),
        pytest.param(
            "sources.list", f"deb cdrom:[x]/ a main\ndeb mirror+file:/m a main\ndeb {OWN} a main\n", OWN, id="no place"
        ),
    ],
)
def test_the_mirror_is_the_machines_own_or_the_public_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, expected: str
) -> None:
    """Debian's own entry among apt's sources; else the name that works for everybody."""
    monkeypatch.delenv("NETUI_LAB_MIRROR", raising=False)
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / name).write_text(text)
    assert mirror(tmp_path) == expected


def test_the_environment_names_a_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NETUI_LAB_MIRROR wins."""
    monkeypatch.setenv("NETUI_LAB_MIRROR", OWN)
    assert mirror(tmp_path) == OWN
