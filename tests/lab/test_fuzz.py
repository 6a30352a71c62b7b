"""A small sample of the fuzzer, another one each run; `make fuzz N=10000` is the long one."""

from __future__ import annotations

import itertools
import random

import pytest

from .fuzz import fuzz
from .rules import Generator


def test_predictions_hold_on_random_rules(lab: None) -> None:
    """Random rules, random packets: none predicted wrongly, at most 1 % undecided."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    tally = fuzz(960, seed, None)
    assert not tally.wrong, f"{tally.summary()}\n" + "\n".join(map(str, tally.failures))
    assert tally.packets >= 960
    assert sum(tally.undecided.values()) <= tally.packets * 0.01, tally.undecided


@pytest.mark.parametrize("family", [4, 6])
def test_the_same_seed_makes_the_same_rules(family: int) -> None:
    """A printed seed reproduces a run."""
    one, other = (Generator(random.Random("7/3"), family).rules().text() for _ in range(2))
    assert one == other


def test_shrinking_keeps_chains_that_are_jumped_to() -> None:
    """A ruleset without some rules is still one that the kernel takes."""
    rules = Generator(random.Random(5), 4).rules()
    smaller = rules.without(range(0, rules.count(), 2))
    for table in smaller.tables:
        for rule in table.rules:
            words = rule.split()
            for flag, word in itertools.pairwise(words):
                if flag in ("-j", "-g") and word.islower():
                    assert word in table.chains
