"""Tables of ``iptables -S`` or ``iptables -L``, and their text as a save.

Neither prints a table's name. It comes from the command line before the output, else from the built-in chains.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from netui.model import BUILT_IN, RuleSpec

#: One line of a text with its number, counted from 1.
Line = tuple[int, str]
#: The match of a rule whose printed text is incomplete.
UNTOLD = "untold"


class NotAListing(ValueError):
    """The text is no listing of iptables; the message names the line and the reason."""


@dataclass(slots=True)
class ListedRule:
    """A rule as a save prints it (``-A CHAIN …``), and its counter where one was printed."""

    text: str
    packets: int | None = None
    bytes: int | None = None


@dataclass(slots=True)
class ListedChain:
    """A chain; policy: None for a regular chain.

    whole: False where it may have more rules than were printed.
    """

    name: str
    policy: str | None = None
    packets: int = 0
    bytes: int = 0
    rules: list[ListedRule] = field(default_factory=list)
    whole: bool = True


@dataclass(slots=True)
class ListedTable:
    """A table of a listing.

    name: "" until it is known. guessed: whether its name comes only from its rules. chains: in order.
    """

    name: str = ""
    guessed: bool = False
    chains: dict[str, ListedChain] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """Return built-in chains of the table that were not listed, so their rules are unknown."""
        built_in = BUILT_IN.get(self.name, ())
        # kernels before 2.6.36 have no INPUT in table nat
        old = ("INPUT",) if self.name == "nat" and self.chains else ()
        return tuple(name for name in built_in if name not in self.chains and name not in old)


def begins_another(table: ListedTable | None, chain: str) -> bool:
    """Whether a chain's heading begins another table: the name is a repetition, or is not possible in this table.

    Built-in chains are listed before all others.
    """
    if table is None or chain in table.chains:
        return True
    if not _is_built_in(chain):
        return False
    if any(not _is_built_in(name) for name in table.chains):
        return True
    together = {*table.chains, chain}
    return not any(together <= set(chains) for chains in BUILT_IN.values())


def _is_built_in(chain: str) -> bool:
    return any(chain in chains for chains in BUILT_IN.values())


def name_table(table: ListedTable) -> None:
    """Name a table by its built-in chains, or else by its rules."""
    if table.name:
        return
    own = {name for name, chain in table.chains.items() if chain.policy is not None or _is_built_in(name)}
    rules = [rule.text for chain in table.chains.values() for rule in chain.rules]
    if any(f" -j {target}" in text for text in rules for target in ("DNAT", "SNAT", "MASQUERADE", "REDIRECT")):
        table.name, table.guessed = "nat", not own
    elif {"FORWARD", "POSTROUTING"} <= own or {"FORWARD", "PREROUTING"} <= own:
        table.name = "mangle"
    elif "POSTROUTING" in own:
        table.name = "nat"
    elif own & {"INPUT", "FORWARD"}:
        # table security has the same chains, but is rarely used
        table.name = "nat" if "PREROUTING" in own else "filter"
    elif "PREROUTING" in own:
        table.name, table.guessed = "raw", "OUTPUT" not in own
    else:
        table.name, table.guessed = "filter", True


def save_text(tables: Iterable[ListedTable]) -> str:
    """Return the tables as ``iptables-save -c`` prints them; rules with an unknown counter have none.

    Chains that were not listed completely get a rule that stands for their unknown rules.
    """
    lines: list[str] = []
    for table in tables:
        lines.append(f"*{table.name}")
        chains = [*table.chains.values(), *(ListedChain(name, whole=False) for name in table.missing)]
        for chain in chains:
            policy = chain.policy or ("ACCEPT" if chain.name in BUILT_IN.get(table.name, ()) else "-")
            lines.append(f":{chain.name} {policy} [{chain.packets}:{chain.bytes}]")
        for chain in chains:
            lines += [_rule_line(rule) for rule in chain.rules]
            if not chain.whole:
                lines.append(rest_untold(chain.name, "" if table.chains else table.name))
        lines.append("COMMIT")
    return "\n".join([*lines, ""])


def rest_untold(chain: str, table: str = "") -> str:
    """Return the rule that stands for the unknown rules after the last printed one.

    table: the chain's table, where no rule of it was printed.
    """
    what = f"what table {table} holds" if table else "the rest of the chain"
    return f'-A {chain} -m {UNTOLD} --text "{what}" -j {UNTOLD}'


def untold_text(spec: RuleSpec) -> str:
    """Return the description of such a rule, "" for any other rule."""
    match = spec.match(UNTOLD) if spec.target is not None and spec.target.name == UNTOLD else None
    option = match.option("--text") if match is not None else None
    return option.value if option is not None else ""


def _rule_line(rule: ListedRule) -> str:
    return rule.text if rule.packets is None or rule.bytes is None else f"[{rule.packets}:{rule.bytes}] {rule.text}"


def merged(tables: Sequence[ListedTable]) -> list[ListedTable]:
    """Merge listings of single chains of one table (``iptables -L INPUT``, ``iptables -L DOCKER``).

    Raises NotAListing where a chain is listed twice, because it is unclear which listing is valid.
    """
    by_name: dict[str, ListedTable] = {}
    for table in tables:
        into = by_name.setdefault(table.name, ListedTable(table.name))
        into.guessed = into.guessed or table.guessed
        for name, chain in table.chains.items():
            if name in into.chains:
                raise NotAListing(f"chain {name!r} of table {table.name} comes twice; give one listing of each table")
            into.chains[name] = chain
    return list(by_name.values())
