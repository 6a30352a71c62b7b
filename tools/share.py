"""Writes share/: the man page, the completions and the example of a configuration, from the program itself.

python -m tools.share          the folder share/ of this checkout
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from netui.cli.parser import command_line
from netui.config.printed import printed
from netui.model.settings import Settings
from netui.ui.app import NetuiApp
from netui.ui.commands import groups
from netui.ui.keys import every
from tools.completions import completions
from tools.man import man_page

SHARE = Path(__file__).parent.parent / "share"


def files() -> Mapping[str, str]:
    """Return what stands in share/: text by the path under a system's own share/."""
    keys = ((each.id or "", each.key, each.tooltip or each.description) for each in every(groups(NetuiApp)))
    return {
        "man/man1/netui.1": man_page(command_line()),
        "bash-completion/completions/netui": completions(command_line(), "bash"),
        "zsh/site-functions/_netui": completions(command_line(), "zsh"),
        "fish/vendor_completions.d/netui.fish": completions(command_line(), "fish"),
        "doc/netui/config.toml": printed(Settings(), keys, "the usual ones") + "\n",
    }


def main() -> None:
    """Write them."""
    for name, text in files().items():
        path = SHARE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
