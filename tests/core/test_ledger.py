"""The books: what they add up to, and what of them is kept."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.ledger import KEPT, LONGEST_TEXT, Ledger, LedgerBroken
from edge_agent.core.periods import SETTLE_S, Period
from edge_agent.core.tally import Tally
from tests.core.books import HOUR_S, NOON_S, ledger

DAY_S = 24 * HOUR_S


def spent(of: Ledger, *periods: Period) -> list[int]:
    return [of.spent_micros(period) for period in periods or Period]


def test_what_is_booked_counts_in_the_hour_the_day_and_the_month() -> None:
    books = ledger()
    books.book("a", Tally(micros=3, responses=1, tokens={"text_input": 5}))
    books.book("b", Tally(micros=4, sessions=1, tokens={"text_input": 6}))
    for period in Period:
        assert books.used(period) == Tally(7, sessions=1, responses=1, tokens={"text_input": 11})
        assert books.by_endpoint(period)["b"].micros == 4


def test_a_new_hour_begins_with_nothing_and_the_day_goes_on() -> None:
    books = ledger()
    books.book("a", Tally(micros=3))
    books.advance(HOUR_S)
    assert spent(books) == [0, 3, 3]
    books.advance(DAY_S)
    assert spent(books) == [0, 0, 3]


def test_what_is_held_counts_as_spent_until_it_is_let_go() -> None:
    books = ledger()
    books.hold(1, "a", 5)
    books.hold(2, "a", 6)
    assert spent(books) == [11, 11, 11]
    books.advance(HOUR_S)
    assert spent(books) == [11, 11, 11]
    books.hold(1, "a", 2)
    books.hold(2, "a", 0)
    assert spent(books) == [2, 2, 2]


def test_what_a_run_held_that_ended_without_a_word_is_spent() -> None:
    books = ledger()
    books.book("a", Tally(micros=10))
    books.hold(1, "a", 5)
    later = ledger(books.text(60.0), NOON_S + 90)
    assert later.held_micros == 0
    assert later.by_endpoint(Period.DAY)["a"].micros == 15


def test_a_text_holds_everything() -> None:
    books = ledger()
    books.book("a", Tally(3, 1, 2, 5_000, 700, {"audio_output": 9}))
    books.note_told("soft day", Period.DAY)
    later = ledger(books.text(0.0))
    assert later.content() == books.content()
    assert later.is_told("soft day", Period.DAY)
    later.advance(DAY_S)
    assert not later.is_told("soft day", Period.DAY)


def test_only_the_last_periods_are_kept() -> None:
    books = ledger()
    for day in range(400):
        books.advance(day * DAY_S)
        books.book("a", Tally(micros=1))
    kept = json.loads(books.text(0.0))["books"]
    assert {period: len(kept[period.value]) for period in Period} == KEPT
    assert max(kept["hour"]) == books.name(Period.HOUR)


def test_a_clock_that_jumps_back_frees_nothing() -> None:
    books = ledger()
    books.book("a", Tally(micros=9))
    for wall_s in (0.0, NOON_S - 30 * DAY_S):
        later = ledger(books.text(60.0), wall_s)
        assert spent(later) == [9, 9, 9]
        later.see_clock(wall_s + 60, 60.0)
        later.see_clock(wall_s + 60 + SETTLE_S, 60.0 + SETTLE_S)
        assert spent(later) == [9, 9, 9]


def test_a_clock_that_jumps_far_ahead_and_back_loses_nothing_and_frees_nothing() -> None:
    books = ledger()
    books.book("a", Tally(micros=9))
    ahead = ledger(books.text(60.0), NOON_S + 30_000 * DAY_S)
    ahead.book("a", Tally(micros=4))
    back = ledger(ahead.text(60.0), NOON_S + 600)
    assert spent(back) == [13, 13, 13]
    assert back.name(Period.DAY) == "2026-11-25"
    assert spent(ledger(back.text(60.0), NOON_S + DAY_S)) == [0, 0, 13]


def test_what_was_spent_before_the_clock_was_ever_set_counts_when_it_is() -> None:
    books = ledger(wall_s=0.0)
    books.book("a", Tally(micros=9))
    books.see_clock(NOON_S, 60.0)
    books.see_clock(NOON_S + SETTLE_S, 60.0 + SETTLE_S)
    assert books.name(Period.DAY) == "2026-11-25"
    assert spent(books) == [9, 9, 9]


GOOD = ledger().text(0.0)


def with_value(key: str, value: object) -> str:
    return json.dumps({**json.loads(GOOD), key: value})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        GOOD[:-3],
        "[]",
        "null",
        with_value("version", 2),
        with_value("clock_s", -1),
        with_value("clock_s", 10**12),
        with_value("clock_s", 1.5),
        with_value("clock_s", True),
        with_value("left_s", "x"),
        with_value("held", {}),
        with_value("held", [["a"]]),
        with_value("held", [["a", -5]]),
        with_value("told", []),
        with_value("books", {"hour": {}, "day": {}}),
        with_value("books", {"hour": [], "day": {}, "month": {}}),
        with_value("books", {"hour": {}, "day": {"2026-11-25": {"a": {"micros": -1}}}, "month": {}}),
        with_value("books", {"hour": {}, "day": {"2026-11-25": {"a": {"micros": 2**60}}}, "month": {}}),
        with_value("books", {"hour": {}, "day": {"2026-11-25": {"a": {"euros": 1}}}, "month": {}}),
        with_value("books", {"hour": {}, "day": {"2026-11-25": {"a": {"tokens": 1}}}, "month": {}}),
        "[" * 100_000,
        GOOD + " " * LONGEST_TEXT,
    ],
)
def test_anything_else_than_a_ledger_is_refused(text: str) -> None:
    with pytest.raises(LedgerBroken):
        ledger(text)


@given(st.data())
def test_a_text_that_was_damaged_is_refused_or_says_something(data: st.DataObject) -> None:
    books = ledger()
    books.book("a", Tally(3, 1, 2, 5_000, 700, {"audio_output": 9}))
    books.hold(1, "a", 5)
    text = bytearray(books.text(0.0).encode())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(LedgerBroken):
        ledger(text.decode("utf-8", "replace")).text(0.0)
