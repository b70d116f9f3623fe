from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.server.spoken_numbers import MAX_SPOKEN, as_ordinal, from_words, in_words


@given(st.integers(0, MAX_SPOKEN))
def test_every_number_is_understood_as_it_is_said(number: int) -> None:
    assert from_words(in_words(number)) == number


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (40, "forty"),
        (99, "ninety nine"),
        (100, "one hundred"),
        (142, "one hundred and forty two"),
        (1000, "one thousand"),
        (1007, "one thousand and seven"),
        (1756, "one thousand seven hundred and fifty six"),
        (-5, "minus five"),
    ],
)
def test_numbers_are_said_as_people_say_them(number: int, words: str) -> None:
    assert in_words(number) == words


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("a hundred", 100),
        ("twenty-one", 21),
        ("one hundred two", 102),
        ("one hundred and two", 102),
        ("12", 12),
        ("007", 7),
    ],
)
def test_other_ways_to_say_a_number_are_understood(words: str, number: int) -> None:
    assert from_words(words) == number


@pytest.mark.parametrize(
    "words",
    ["", "seven five", "twenty eleven", "hundred", "banana", "one banana", "and", "9999999", "1 2", "²"],
)
def test_what_is_not_one_number_is_none(words: str) -> None:
    assert from_words(words) is None


def test_too_large_a_number_has_no_words() -> None:
    with pytest.raises(ValueError, match="999999"):
        in_words(MAX_SPOKEN + 1)


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "first"), (2, "second"), (3, "third"), (12, "twelfth"), (20, "twentieth"), (24, "twenty fourth")],
)
def test_days_of_the_month_are_ordinals(number: int, words: str) -> None:
    assert as_ordinal(number) == words
