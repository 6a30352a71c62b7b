"""Sets of intervals equal sets of numbers, whatever is done with them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netui.net.intervals import IntervalSet, of_mask, prefixes, with_bits

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8)


def plain(spans: list[tuple[int, int]]) -> set[int]:
    return {number for low, high in spans for number in range(low, high + 1)}


@given(SPANS, SPANS)
def test_they_are_sets_of_numbers(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    """Cut, joined and taken away, as Python's own sets are; what stands is sorted, disjoint and not adjacent."""
    a, b = IntervalSet(one), IntervalSet(other)
    for found, wanted in ((a & b, plain(one) & plain(other)), (a - b, plain(one) - plain(other)),
                          (a | b, plain(one) | plain(other))):  # fmt: skip
        assert plain(list(found)) == wanted
        assert found.size() == len(wanted)
        assert all(high + 1 < low for high, low in zip(found.highs, found.lows[1:], strict=False))
        assert all((number in found) == (number in wanted) for number in range(62))


@given(SPANS, st.integers(0, 60), st.integers(0, 60))
def test_whether_an_interval_holds_all_nothing_or_a_part(spans: list[tuple[int, int]], low: int, high: int) -> None:
    """True, False and None."""
    low, high = min(low, high), max(low, high)
    numbers = plain(spans)
    inside = {number for number in numbers if low <= number <= high}
    answer = IntervalSet(spans).meets(low, high)
    assert answer is (False if not inside else True if inside == numbers else None)


@pytest.mark.parametrize(
    ("value", "mask", "wanted"),
    [
        (0b1000, 0b1100, {8, 9, 10, 11}), (0b0001, 0b0001, {1, 3, 5, 7, 9, 11, 13, 15}), (0, 0, set(range(16))),
        (5, 0b1111, {5}), (0b0010, 0b0110, {2, 3, 10, 11}),
    ],
)  # fmt: skip
def test_masks_that_are_no_prefix(value: int, mask: int, wanted: set[int]) -> None:
    """All numbers whose bits under the mask are the value."""
    found = of_mask(value, mask, 4)
    assert found is not None
    assert plain(list(found)) == wanted


def test_a_mask_of_too_many_pieces_is_not_known() -> None:
    """``0.0.0.255`` is 16 million single addresses."""
    assert of_mask(1, 0xFF, 32) is None


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)), max_size=5))
def test_networks_make_up_the_set(spans: list[tuple[int, int]]) -> None:
    """The printed networks hold the same addresses."""
    found = IntervalSet(spans)
    nets = [ipaddress.ip_network(text) for text in prefixes(found, 32)]
    again = IntervalSet((int(net.network_address), int(net.broadcast_address)) for net in nets)
    assert again == found


@given(st.integers(0, 63), st.integers(0, 63), st.integers(0, 63))
def test_numbers_with_bits_in_a_range(low: int, high: int, mask: int) -> None:
    """Exactly the numbers whose bits under the mask lie between the limits."""
    found = with_bits(low, high, mask, 6)
    assert found is not None
    assert [n for n in range(64) if n in found] == [n for n in range(64) if low <= n & mask <= high]


@given(
    st.integers(0, 63), st.integers(0, 63), st.integers(0, 63),
    st.lists(st.tuples(st.integers(0, 63), st.integers(0, 63)), max_size=4),
)  # fmt: skip
def test_numbers_with_bits_among_some(low: int, high: int, mask: int, spans: list[tuple[int, int]]) -> None:
    """The same of some numbers alone."""
    some = IntervalSet(spans)
    found = with_bits(low, high, mask, 6, among=some)
    assert found is not None
    assert [n for n in range(64) if n in found] == [n for n in range(64) if n in some and low <= n & mask <= high]


def test_numbers_with_bits_are_bounded() -> None:
    """Prefixes are few pieces, whatever is compared; the last bits alone would be millions, which is found out soon."""
    assert with_bits(9 << 24, (10 << 24) - 1, 0xFFFF0000, 32) == IntervalSet([(9 << 24, (10 << 24) - 1)])
    assert with_bits(5, 5, 0xFF, 32) is None
    assert with_bits(5, 5, 0xFF, 32, among=IntervalSet([(512, 1023)])) == IntervalSet([(517, 517), (773, 773)])
    assert with_bits(1, 200, (1 << 64) - 1, 128) is None
