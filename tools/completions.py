"""netui's completions for bash, zsh and fish, made by shtab from the parser of its arguments.

Containers come from `docker ps`, which gets two seconds; machines for --host from what the shell offers ssh. Names
that are none of Docker's are left out: bash would expand what stands in them.
"""

from __future__ import annotations

import argparse

import shtab

SHELLS = ("bash", "zsh", "fish")
_PS = "timeout 2 docker ps --format '{{.Names}}' 2>/dev/null </dev/null | grep -E '^[A-Za-z0-9][A-Za-z0-9_.-]*$'"
_PREAMBLE = {
    "bash": f"""
_netui_endpoints() {{
  compgen -W "host outside lan any $({_PS})" -- "$1"
}}
# what the shell offers ssh, where bash-completion is there
_netui_machines() {{
  local cur=$1 COMPREPLY=()
  if declare -F _known_hosts_real >/dev/null; then
    _known_hosts_real -a -- "$cur" 2>/dev/null
    ((${{#COMPREPLY[@]}} == 0)) || printf '%s\\n' "${{COMPREPLY[@]}}" | grep -E '^[A-Za-z0-9@:_.-]+$'
  fi
}}
""",
    "zsh": f"""
_netui_endpoints() {{
  compadd -- host outside lan any ${{(f)"$({_PS})"}}
}}
_netui_machines() {{
  if whence -w _ssh_hosts >/dev/null || autoload -Uz +X _ssh_hosts 2>/dev/null; then _ssh_hosts; else _hosts; fi
}}
""",
    "fish": f"""
function _netui_endpoints
  printf '%s\\n' host outside lan any
  {_PS}
end
function _netui_machines
  __fish_complete_user_at_hosts 2>/dev/null
end
""",
}
_BY_METAVAR = {
    **dict.fromkeys(("PATH", "FILE", "A", "B"), shtab.FILE),
    **dict.fromkeys(
        ("SRC", "DST"), dict.fromkeys(("bash", "zsh"), "_netui_endpoints") | {"fish": "(_netui_endpoints)"}
    ),
    "DEST": dict.fromkeys(("bash", "zsh"), "_netui_machines") | {"fish": "(_netui_machines)"},
}


def completions(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the completions for one shell."""
    _prepare(parser)
    text = shtab.complete(parser, shell, preamble=_PREAMBLE)
    # shtab's own hints name folders where netui's packages do not put it
    return (
        "\n".join(line.rstrip() for line in text.splitlines() if not line.startswith(("# 1)", "# 2)", "# Usage:")))
        + "\n"
    )


def _prepare(parser: argparse.ArgumentParser) -> None:
    """Say of each argument what completes it, and of each command what it does in few words."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action._choices_actions:
                action.choices[each.dest].description = each.help
            for command in action.choices.values():
                _prepare(command)
        elif isinstance(action.metavar, str) and action.metavar in _BY_METAVAR:
            action.complete = _BY_METAVAR[action.metavar]  # type: ignore[attr-defined]
