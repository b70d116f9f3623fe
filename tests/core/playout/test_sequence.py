from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.playout.sequence import Unwrapper

BITS = 16
MODULUS = 1 << BITS


def unwrapper_at(value: int) -> Unwrapper:
    unwrapper = Unwrapper(BITS)
    unwrapper.unwrap(value)
    return unwrapper


def test_the_first_value_stands_for_itself() -> None:
    unwrapper = Unwrapper(BITS)
    assert unwrapper.ahead(40_000) == 0
    assert unwrapper.unwrap(40_000) == 40_000


@pytest.mark.parametrize(
    ("newest", "value", "ahead"),
    [
        (10, 11, 1),
        (10, 10, 0),
        (10, 9, -1),
        (MODULUS - 1, 0, 1),
        (0, MODULUS - 1, -1),
        (5, MODULUS - 5, -10),
        (0, MODULUS // 2 - 1, MODULUS // 2 - 1),
        (0, MODULUS // 2, -MODULUS // 2),  # half way round: taken for old
    ],
)
def test_a_value_is_the_nearest_one_to_the_newest(newest: int, value: int, ahead: int) -> None:
    unwrapper = unwrapper_at(newest)
    assert unwrapper.ahead(value) == ahead
    assert unwrapper.unwrap(value) == newest + ahead


def test_asking_changes_nothing() -> None:
    unwrapper = unwrapper_at(10)
    unwrapper.ahead(1000)
    assert unwrapper.ahead(11) == 1


def test_an_old_value_does_not_become_the_newest() -> None:
    unwrapper = unwrapper_at(100)
    assert unwrapper.unwrap(90) == 90
    assert unwrapper.ahead(101) == 1


@given(
    st.integers(0, MODULUS - 1),
    st.lists(st.integers(1 - MODULUS // 2, MODULUS // 2 - 1), max_size=50),
)
def test_steps_of_less_than_half_way_round_are_followed_for_ever(first: int, steps: list[int]) -> None:
    unwrapper = unwrapper_at(first)
    newest = first
    for step in steps:
        assert unwrapper.unwrap((newest + step) % MODULUS) == newest + step
        newest = max(newest, newest + step)


def test_nothing_is_lost_after_many_rounds() -> None:
    unwrapper = Unwrapper(BITS)
    counted = [unwrapper.unwrap(value * 1000 % MODULUS) for value in range(10_000)]
    assert counted == list(range(0, 10_000_000, 1000))
