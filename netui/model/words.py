"""A rule's words: the text between ``-A CHAIN`` and the end of the line.

Every word is kept. An option that netui does not know stays as text in the
match that it was given for; nothing is dropped and nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

#: Options of the rule itself, before any ``-m``.
_BASIC = {"-s", "-d", "-i", "-o", "-p", "--source", "--destination", "--in-interface", "--out-interface", "--protocol"}
_SHORT = {
    "--source": "-s",
    "--src": "-s",
    "--destination": "-d",
    "--dst": "-d",
    "--in-interface": "-i",
    "--out-interface": "-o",
    "--protocol": "-p",
    "--jump": "-j",
    "--goto": "-g",
    "--match": "-m",
    "--fragment": "-f",
}
#: The match module of each protocol that has options of its own.
_BY_PROTOCOL = {
    **{name: name for name in ("tcp", "udp", "udplite", "sctp", "dccp", "icmp")},
    "6": "tcp",
    "17": "udp",
    "1": "icmp",
    "icmpv6": "icmp6",
    "ipv6-icmp": "icmp6",
    "58": "icmp6",
}
#: Options whose one value is free text and may itself look like an option.
_TEXT = {
    "--comment",
    "--log-prefix",
    "--nflog-prefix",
    "--name",
    "--hashlimit-name",
    "--string",
    "--hex-string",
    "--helper",
    "--set-class",
    "--path",
    "--text",
}


@dataclass(frozen=True, slots=True)
class Option:
    """One option with its values: ``! --dport 80`` is ("--dport", ("80",), True)."""

    name: str
    values: tuple[str, ...] = ()
    negated: bool = False

    @property
    def value(self) -> str:
        """The values in one string, as printed ("" where there is none)."""
        return " ".join(self.values)


@dataclass(frozen=True, slots=True)
class Match:
    """A match module with its options; module "" holds -s, -d, -i, -o, -p and -f."""

    module: str
    options: tuple[Option, ...]

    def option(self, *names: str) -> Option | None:
        """Return the first option that has one of these names, or None."""
        for option in self.options:
            if option.name in names:
                return option
        return None


@dataclass(frozen=True, slots=True)
class Target:
    """What a matching rule does; ``goto`` for ``-g``."""

    name: str
    options: tuple[Option, ...] = ()
    goto: bool = False

    def option(self, *names: str) -> Option | None:
        """Return the first option that has one of these names, or None."""
        for option in self.options:
            if option.name in names:
                return option
        return None


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """A parsed rule: its chain, matches in order, and target (None: it only counts)."""

    chain: str
    matches: tuple[Match, ...]
    target: Target | None

    def basic_option(self, name: str) -> Option | None:
        """Return the rule's own -s, -d, -i, -o or -p, or None."""
        for match in self.matches:
            if match.module == "":
                option = match.option(name)
                if option is not None:
                    return option
        return None

    def match(self, module: str) -> Match | None:
        """Return the first match of that module, or None."""
        for match in self.matches:
            if match.module == module:
                return match
        return None

    @property
    def comment(self) -> str:
        """The text of ``-m comment``, unquoted, or ""."""
        match = self.match("comment")
        option = match.option("--comment") if match else None
        return option.value if option else ""


def split_words(text: str) -> list[str]:
    """Split a rule's text into words as iptables-restore does.

    Words in double quotes keep their blanks; a backslash inside quotes takes
    the next character as it is. ``str.split`` is used where there is no quote,
    for it is twenty times faster (measured).
    """
    if '"' not in text:
        return text.split()
    words: list[str] = []
    word: list[str] = []
    started = quoted = False
    position, end = 0, len(text)
    while position < end:
        letter = text[position]
        if quoted:
            if letter == "\\" and position + 1 < end:
                position += 1
                word.append(text[position])
            elif letter == '"':
                quoted = False
            else:
                word.append(letter)
        elif letter == '"':
            quoted = started = True
        elif letter in " \t\n":
            if started:
                words.append("".join(word))
                word, started = [], False
        else:
            started = True
            word.append(letter)
        position += 1
    if started:
        words.append("".join(word))
    return words


#: Most rules are made of the same few options.
_option = lru_cache(maxsize=2048)(Option)


#: Parsed rules take up to a kilobyte each: those of the last screens and questions are kept.
@lru_cache(maxsize=1024)
def parse_rule(text: str) -> RuleSpec:
    """Parse ``-A CHAIN …`` into matches and target; never raises.

    A text that does not begin with ``-A`` gives an empty chain name.
    """
    words = split_words(text)
    position = 0
    chain = ""
    if len(words) >= 2 and words[0] in ("-A", "--append"):
        chain = words[1]
        position = 2
    matches: list[tuple[str, list[Option]]] = []
    target: Target | None = None
    target_options: list[Option] = []
    module = ""
    in_target = False
    target_name, goto = "", False
    negated = False
    while position < len(words):
        word = words[position]
        position += 1
        if word == "!":
            negated = True
            continue
        name = _SHORT.get(word, word)
        if name == "-m" and not in_target and position < len(words):
            module = words[position]
            position += 1
            matches.append((module, []))
            if negated:
                # ``! -m foo`` is not legal; keep the mark where it can be seen.
                matches[-1][1].append(Option("!", (), True))
                negated = False
            continue
        if name in ("-j", "-g") and not in_target and position < len(words):
            target_name, goto = words[position], name == "-g"
            position += 1
            in_target = True
            continue
        values: list[str] = []
        if name in _TEXT and position < len(words):
            values.append(words[position])
            position += 1
        while position < len(words) and not _is_option(words, position):
            values.append(words[position])
            position += 1
        option = _option(name, tuple(values), negated)
        negated = False
        if in_target:
            target_options.append(option)
        elif name in _BASIC or name in ("-f", "-4", "-6"):
            if not matches or matches[-1][0] != "":
                matches.append(("", []))
            matches[-1][1].append(option)
        else:
            if module == "" and (implied := _implied(matches)):
                module = implied
                matches.append((module, []))
            if not matches:
                matches.append(("", []))
            matches[-1][1].append(option)
    if in_target:
        target = Target(target_name, tuple(target_options), goto)
    return RuleSpec(chain, tuple(Match(name, tuple(options)) for name, options in matches), target)


def _implied(matches: list[tuple[str, list[Option]]]) -> str:
    """Return the module that ``-p`` brings with it where an option follows without ``-m`` (iptables(8), -p)."""
    for _, options in matches:
        for option in options:
            if option.name == "-p" and not option.negated:
                return _BY_PROTOCOL.get(option.value.lower(), "")
    return ""


def _is_option(words: list[str], position: int) -> bool:
    """Whether the word there begins the next option (or is the ``!`` before it)."""
    word = words[position]
    if word == "!":
        return position + 1 < len(words) and words[position + 1].startswith("-")
    if word.startswith("--") and len(word) > 2:
        return True
    return len(word) == 2 and word[0] == "-" and word[1] in "sdiopmjgf46"
