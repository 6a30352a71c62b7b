"""Positions by a key, at little memory: most keys have one."""

from __future__ import annotations

from typing import TypeVar

Key = TypeVar("Key", int, str)


class Buckets(dict[Key, "int | list[int]"]):
    """Positions of rules by key. Most keys have one position; a list for each would take three times the memory."""

    def add(self, key: Key, position: int) -> None:
        """Put a position behind those that the key has."""
        before = self.get(key)
        if before is None:
            self[key] = position
        elif isinstance(before, list):
            before.append(position)
        else:
            self[key] = [before, position]

    def insert(self, key: Key, position: int) -> None:
        """Put a position in order among those that the key has."""
        others: list[int] = self.at(key) or []
        self[key] = sorted([*others, position]) if others else position

    def at(self, key: Key) -> list[int] | None:
        """Return the positions of a key in order, None where there are none."""
        positions = self.get(key)
        return [positions] if isinstance(positions, int) else positions
