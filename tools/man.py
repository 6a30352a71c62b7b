"""netui's man page, from the parser of its arguments: the same words as --help, in roff."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator

_FILES = """.SH FILES
.TP
.I $XDG_CONFIG_HOME/netui/config.toml
The screen's settings, else
.IR ~/.config/netui/config.toml .
.B netui \\-\\-print\\-config
prints those in effect, each with a comment; it is written only when the screen is asked to save them.
"""
_ENVIRONMENT = """.SH ENVIRONMENT
.TP
.BR DOCKER_HOST ", " DOCKER_CONTEXT
Where the Docker Engine answers, as for
.BR docker (1).
.TP
.B NO_COLOR
No colour, whatever its value.
"""
_STATUS = """.SH EXIT STATUS
.TP
.B 0
Delivered, or no finding.
.TP
.B 1
Not delivered, or findings.
.TP
.B 2
Bad arguments or unreadable input; one line on standard error says which.
.TP
.B 3
Undecided: what was read cannot tell, and the report says why.
"""
_EXAMPLES = (
    ("the screen on this host", "sudo netui"),
    ("the screen on a host that comes with netui", "netui --demo"),
    ("which rules a packet meets from outside to the port 443 of this host", "netui path outside host:443"),
    ("the ports that the world reaches on another machine", "netui --host server exposed"),
    ("rules that somebody pasted, in plain words", "netui explain --replay rules.txt"),
)
_SEE = """.SH SEE ALSO
.BR iptables (8),
.BR nft (8),
.BR docker (1),
.BR ssh (1),
.BR ssh_config (5)
"""


def man_page(parser: argparse.ArgumentParser) -> str:
    """Return the page netui(1)."""
    commands, summary = _commands(parser), parser.description or ""
    options = "".join(_option(action) for action in _options(parser))
    each = "".join(_command(name, words, command) for name, words, command in commands)
    examples = "".join(f".TP\n{_roff(words)}\n.B {_roff(command)}\n" for words, command in _EXAMPLES)
    head = f'.TH NETUI 1 "" "netui" "User Commands"\n.nh\n.ad l\n.SH NAME\nnetui \\- {_roff(_small(summary))}\n'
    synopsis = ".SH SYNOPSIS\n" + ".br\n".join(
        [
            f".B netui\n{_usage(_options(parser), ())}",
            *(f".B netui {name}\n{_usage(_options(one), _arguments(one))}" for name, _, one in commands),
        ]
    )
    description = f".SH DESCRIPTION\n{_roff(summary)}\n.PP\n{_roff(parser.epilog or '')}\n"
    body = [".SH OPTIONS\n", options, ".SH COMMANDS\n", each, _STATUS, _FILES, _ENVIRONMENT, ".SH EXAMPLES\n", examples]
    return "".join([head, synopsis, description, *body, _SEE])


def _small(text: str) -> str:
    """A sentence as a man page's name line has it."""
    return (text[:1].lower() + text[1:]).rstrip(".")


def _commands(parser: argparse.ArgumentParser) -> list[tuple[str, str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            words = {each.dest: each.help or "" for each in action._choices_actions}
            return [(name, words[name], command) for name, command in action.choices.items()]
    return []


def _options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if action.option_strings]


def _arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if not action.option_strings]


def _command(name: str, words: str, command: argparse.ArgumentParser) -> str:
    text = f".SS netui {name}\n{_roff(_sentence(words))}\n"
    if command.description and command.description != words:
        text += f".PP\n{_roff(command.description)}\n"
    return text + "".join(_option(action) for action in _options(command) if action.dest != "help")


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}" + ("" if words.endswith(".") else ".")


def _option(action: argparse.Action) -> str:
    names = ", ".join(f"\\fB{_roff(name)}\\fR" for name in action.option_strings)
    value = " ".join(f"\\fI{_roff(word)}\\fR" for word in _values(action))
    words = (action.help or "").replace("%(prog)s", "netui")
    text = f".TP\n{names}{' ' if value else ''}{value}\n{_roff(_sentence(words))}\n"
    if action.choices:
        text += f"{_roff('One of ' + ', '.join(map(str, action.choices)) + '.')}\n"
    return text


def _values(action: argparse.Action) -> Iterator[str]:
    if action.nargs == 0:
        return
    name = action.metavar if isinstance(action.metavar, str) else action.dest.upper().replace("_", "-")
    yield f"[{name}]" if action.nargs == "?" else name


def _usage(options: Iterable[argparse.Action], arguments: Iterable[argparse.Action]) -> str:
    """The rest of a line of the synopsis: values in italics, and what may be left out in brackets."""
    words = []
    for action in options:
        if action.dest != "help":
            value = "".join(f" \\fI{_roff(word)}\\fR" for word in _values(action))
            words.append(f"[\\fB{_roff(action.option_strings[0])}\\fR{value}]")
    words += [f"\\fI{_roff(word)}\\fR" for action in arguments for word in _values(action)]
    return " ".join(words) + "\n"


def _roff(text: str) -> str:
    """Text as roff takes it: hyphens that can be searched for and copied, and no line that is a command."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("→", "\\(->").replace("…", "...")
    return f"\\&{text}" if text.startswith((".", "'")) else text
