"""Attacks on netui as a hostile image, container, local user, engine, capture or terminal would make them.

An attack is a function that takes how many rounds to go and yields, for each thing tried, its name and
whether netui held. A module lists its attacks in ``ATTACKS``; ``__main__`` lists the modules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

#: Tries so many rounds; yields (what was tried, whether netui held).
Attack = Callable[[int], Iterator[tuple[str, bool]]]


def broken(attack: Attack, rounds: int = 1) -> list[str]:
    """Return the names of what did not hold; raise where nothing was tried."""
    tried = list(attack(rounds))
    if not tried:
        raise AssertionError("the attack tried nothing")
    return [name for name, held in tried if not held]
