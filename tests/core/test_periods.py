"""Which hour it is, by a clock that may be wrong."""

from __future__ import annotations

from datetime import UTC, datetime

from edge_agent.core.periods import JUMP_S, PROVEN_S, SETTLE_S, Calendar, Period

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
YEAR_S = 365 * DAY_S
NOON_S = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()


def hour(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, UTC).strftime("%Y-%m-%dT%H")


def calendar(held_s: float | None = NOON_S, left_s: float | None = None) -> Calendar:
    return Calendar(hour, held_s, left_s)


def settle(it: Calendar, wall_s: float, now: float) -> float:
    """The clock shows ``wall_s`` for long enough to be believed; returns when that is."""
    it.read(wall_s, now)
    it.read(wall_s + SETTLE_S, now + SETTLE_S)
    return now + SETTLE_S


def test_an_hour_names_its_day_and_its_month() -> None:
    it = calendar()
    it.begin(NOON_S, 0.0)
    assert [it.name(period) for period in Period] == ["2026-11-25T12", "2026-11-25", "2026-11"]


def test_time_goes_on_between_two_looks_at_the_clock() -> None:
    it = calendar()
    it.begin(NOON_S, 50.0)
    it.advance(50.0 + HOUR_S - 1)
    assert it.hour == "2026-11-25T12"
    it.advance(50.0 + HOUR_S)
    assert it.hour == "2026-11-25T13"


def test_a_device_that_was_off_begins_in_the_hour_that_the_clock_shows() -> None:
    it = calendar()
    assert not it.begin(NOON_S + 3 * DAY_S, 0.0)
    assert it.hour == "2026-11-28T12"


def test_a_clock_in_1970_holds_the_last_time_known_and_time_goes_on_from_there() -> None:
    it = calendar()
    it.begin(30.0, 0.0)
    assert it.hour == "2026-11-25T12"
    now = settle(it, 60.0, 30.0)
    it.advance(now + DAY_S)
    assert it.name(Period.DAY) == "2026-11-26"


def test_a_clock_that_is_set_at_last_is_believed_when_it_goes_on() -> None:
    it = calendar()
    it.begin(30.0, 0.0)
    it.read(NOON_S + 2 * DAY_S, 100.0)
    assert it.name(Period.DAY) == "2026-11-25"
    it.read(NOON_S + 2 * DAY_S + SETTLE_S, 100.0 + SETTLE_S)
    assert it.name(Period.DAY) == "2026-11-27"


def test_a_wrong_time_that_is_put_right_soon_changes_nothing() -> None:
    it = calendar()
    it.begin(NOON_S, 0.0)
    it.read(NOON_S + 70 * YEAR_S, 60.0)
    it.read(NOON_S + 120.0, 120.0)
    it.read(NOON_S + 70 * YEAR_S, 180.0)
    it.read(NOON_S + 240.0, 240.0)
    assert it.hour == "2026-11-25T12"


def test_a_clock_that_jumps_back_frees_nothing() -> None:
    it = calendar()
    it.begin(NOON_S, 0.0)
    for now in (60.0, 400.0, 800.0):
        assert not it.read(NOON_S - 40 * DAY_S + now, now)
    assert it.hour == "2026-11-25T12"


def test_a_clock_that_jumped_ahead_and_is_put_back_is_followed_back() -> None:
    it = calendar()
    it.begin(NOON_S, 0.0)
    now = settle(it, NOON_S + 70 * YEAR_S, 60.0)
    assert it.hour > "2096"
    assert not it.read(NOON_S + now + 60.0, now + 60.0)
    assert it.read(NOON_S + now + 60.0 + SETTLE_S, now + 60.0 + SETTLE_S)
    assert it.hour == "2026-11-25T12"


def test_a_clock_that_goes_to_and_fro_is_followed_once() -> None:
    it = calendar()
    it.begin(NOON_S, 0.0)
    now = settle(it, NOON_S + DAY_S, 0.0)
    now = settle(it, NOON_S + now, now)
    assert it.name(Period.DAY) == "2026-11-25"
    settle(it, NOON_S + DAY_S + now, now)
    assert it.name(Period.DAY) == "2026-11-25"


def test_a_clock_that_jumped_ahead_is_put_back_in_a_later_run() -> None:
    it = calendar()
    it.begin(NOON_S, 0.0)
    now = settle(it, NOON_S + 70 * YEAR_S, 0.0)
    later = calendar(it.held_s(now), it.left_s)
    assert later.begin(NOON_S + 600.0, 0.0)
    assert later.hour == "2026-11-25T12"
    assert later.left_s is None


def test_a_clock_further_back_than_where_it_jumped_from_is_not_followed() -> None:
    it = calendar(NOON_S + 70 * YEAR_S, NOON_S)
    assert not it.begin(NOON_S - 2 * JUMP_S, 0.0)
    assert it.hour > "2096"


def test_a_clock_that_was_not_put_back_for_a_day_was_right() -> None:
    it = calendar()
    it.begin(NOON_S + DAY_S, 0.0)
    assert it.left_s == NOON_S
    it.advance(PROVEN_S)
    assert it.left_s is None


def test_a_clock_that_runs_a_little_fast_or_slow_is_no_jump() -> None:
    it = calendar()
    it.begin(NOON_S, 0.0)
    it.read(NOON_S + HOUR_S + 60.0, HOUR_S)
    assert it.held_s(HOUR_S) == NOON_S + HOUR_S + 60.0
    it.read(NOON_S + 2 * HOUR_S - 60.0, 2 * HOUR_S)
    assert it.held_s(2 * HOUR_S) == NOON_S + 2 * HOUR_S + 60.0


def test_an_hour_that_comes_twice_when_summer_ends_is_one() -> None:
    names = {0: "2026-10-25T02", 1: "2026-10-25T02", 2: "2026-10-25T03"}
    it = Calendar(lambda wall_s: names[int(wall_s // HOUR_S)], 0.0)
    it.begin(0.0, 0.0)
    seen = []
    for now in (0.0, HOUR_S, 2 * HOUR_S):
        it.advance(now)
        seen.append(it.hour)
    assert seen == ["2026-10-25T02", "2026-10-25T02", "2026-10-25T03"]
