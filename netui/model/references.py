"""The chains to which native statements may jump, and whether they need connection tracking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from netui.model.statements import (
    Bits,
    Compare,
    Concat,
    Expression,
    Key,
    Lookup,
    Nat,
    NftSet,
    Opaque,
    SetField,
    SetUpdate,
    Statement,
    Strange,
    Verdict,
    VerdictMap,
)

#: iptables' matches and targets that need conntrack, as nft prints them.
_XT_TRACKING = frozenset(
    [f'xt match "{name}"' for name in
     ("conntrack", "state", "connmark", "connlimit", "connbytes", "connlabel", "helper", "cluster")]
    + [f'xt target "{name}"' for name in
       ("DNAT", "SNAT", "MASQUERADE", "REDIRECT", "NETMAP", "CONNMARK", "CT", "CONNSECMARK", "SYNPROXY", "CLUSTERIP")]
)  # fmt: skip


def targets_of(statements: Sequence[Statement], sets: Mapping[str, NftSet]) -> list[str]:
    """Return the chains that a rule may jump or go to, those of verdict maps too."""
    chains: list[str] = []
    for statement in statements:
        if isinstance(statement, Verdict):
            chains.append(statement.chain)
        elif isinstance(statement, VerdictMap):
            listed = statement.elements.elements
            if statement.elements.name:
                named = sets.get(statement.elements.name)
                listed = (named.elements or ()) if named is not None else ()
            chains += [element.data.chain for element in listed if isinstance(element.data, Verdict)]
    return [chain for chain in chains if chain]


def tracks(statements: Sequence[Statement]) -> bool:
    """Return whether a rule makes the kernel track connections (nf_ct_netns_get of nft_ct.c and nft_nat.c)."""
    for statement in statements:
        if isinstance(statement, Nat):
            return True
        if isinstance(statement, SetField) and statement.key.startswith("ct "):
            return True
        if isinstance(statement, Opaque) and statement.words.startswith("ct "):
            return True
        if isinstance(statement, Opaque | Strange) and statement.words in _XT_TRACKING:
            return True
        if any(key.words.startswith("ct ") for key in keys_of(statement)):
            return True
    return False


def keys_of(statement: Statement) -> Iterator[Key]:
    """Yield the keys that a statement reads."""
    if isinstance(statement, Compare):
        yield from _keys(statement.left)
    elif isinstance(statement, VerdictMap):
        yield from _keys(statement.key)
    elif isinstance(statement, SetField):
        yield from _keys(statement.value)
    elif isinstance(statement, SetUpdate):
        if statement.key is not None:
            yield from _keys(statement.key)
    elif isinstance(statement, Nat):
        for part in (statement.address, statement.port, statement.both):
            if part is not None:
                yield from _keys(part)


def _keys(expression: Expression) -> Iterator[Key]:
    if isinstance(expression, Key):
        yield expression
    elif isinstance(expression, Bits):
        yield from _keys(expression.left)
        yield from _keys(expression.right)
    elif isinstance(expression, Concat):
        for part in expression.parts:
            yield from _keys(part)
    elif isinstance(expression, Lookup):
        yield from _keys(expression.key)
