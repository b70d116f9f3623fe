"""What was held is told whole, without its silences, and not much faster than it was said."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.pcm import PERIOD_S, PERIOD_SAMPLES, SILENCE
from edge_agent.core.preroll import OLDEST_S, ONSET_PERIODS, PACE, PAUSE_PERIODS, Preroll


def voice(number: int) -> bytes:
    """A period of sound that can be told from any other."""
    return (1000 + number).to_bytes(2, "little") * PERIOD_SAMPLES


def spoken(count: int, first: int = 0) -> list[bytes]:
    return [voice(number) for number in range(first, first + count)]


def told(preroll: Preroll, live: list[bytes]) -> list[list[bytes]]:
    """What comes out for each live period."""
    return [preroll.take(block) for block in live]


def held(blocks: list[bytes], limit_s: float = 10.0) -> Preroll:
    preroll = Preroll(limit_s)
    for block in blocks:
        preroll.hold(block)
    return preroll


def flat(batches: list[list[bytes]]) -> list[bytes]:
    return [block for batch in batches for block in batch]


def test_who_is_not_behind_hears_what_is_said_now() -> None:
    preroll = Preroll(10.0)
    assert told(preroll, spoken(3)) == [[voice(0)], [voice(1)], [voice(2)]]
    assert not preroll.is_behind


def test_what_was_held_comes_first_and_nothing_of_it_is_lost() -> None:
    preroll = held(spoken(40))
    preroll.recall(0.4)
    assert preroll.is_behind
    assert flat(told(preroll, spoken(200, 40))) == spoken(240)
    assert not preroll.is_behind


def test_it_is_told_a_little_faster_than_it_was_said() -> None:
    preroll = held(spoken(100))
    preroll.recall(1.0)
    batches = told(preroll, spoken(200, 100))
    assert len(flat(batches)) <= 200 * PACE + 1
    assert max(map(len, batches)) <= 2


def test_a_silence_may_part_it_from_what_was_told_before() -> None:
    preroll = held(spoken(40))
    preroll.recall(0.4, pause_s=0.2)
    batches = told(preroll, [SILENCE] * 10)
    preroll.stop()
    assert set(flat(batches)) == {SILENCE}
    preroll.recall(0.1, pause_s=0.2)
    heard = flat(told(preroll, [SILENCE] * 100))
    assert heard[:60] == [SILENCE] * 20 + spoken(40), "nothing is lost if it does not get to that"


def test_where_nothing_was_held_nothing_is_parted() -> None:
    preroll = held([])
    preroll.recall(1.0, pause_s=0.2)
    assert told(preroll, spoken(1)) == [spoken(1)]


def test_silence_is_left_out_but_for_what_parts_words() -> None:
    pause = [SILENCE] * 300
    preroll = held([*pause, *spoken(10), *pause, *spoken(10, 10), *pause])
    preroll.recall(100.0)
    heard = flat(told(preroll, [SILENCE] * 200))
    first, last = heard.index(voice(0)), heard.index(voice(19))
    assert first <= ONSET_PERIODS
    assert last - first == 19 + PAUSE_PERIODS + ONSET_PERIODS
    assert [block for block in heard if block != SILENCE] == spoken(20)


def test_it_has_caught_up_when_what_is_said_now_is_told_now() -> None:
    preroll = held(spoken(40))
    preroll.recall(0.4)
    batches = told(preroll, [SILENCE] * 60)
    behind_for = next(n for n, batch in enumerate(batches) if batch == [SILENCE])
    assert behind_for < 60
    assert preroll.take(voice(99)) == [voice(99)]


def test_what_was_left_untold_is_told_with_what_is_asked_for_later() -> None:
    preroll = held(spoken(100))
    preroll.recall(1.0)
    before = flat(told(preroll, spoken(20, 100)))
    preroll.stop()
    for block in spoken(10, 120):
        preroll.hold(block)
    preroll.recall(0.1)
    assert before + flat(told(preroll, spoken(500, 130))) == spoken(630)


def test_what_was_left_untold_is_not_told_twice() -> None:
    preroll = held(spoken(40))
    preroll.recall(0.4)
    preroll.stop()
    preroll.recall(0.1)
    told(preroll, spoken(300, 40))
    preroll.recall(0.02)
    assert flat(told(preroll, spoken(3, 340)))[0] == voice(338)


def test_only_what_was_asked_for_is_told() -> None:
    preroll = held(spoken(100))
    preroll.recall(0.3)
    assert flat(told(preroll, [SILENCE] * 60))[:30] == spoken(30, 70)


def test_the_oldest_is_dropped() -> None:
    preroll = held(spoken(200), limit_s=1.0)
    preroll.recall(60.0)
    assert flat(told(preroll, [SILENCE] * 200))[:100] == spoken(100, 100)


def test_silence_takes_no_room_of_what_is_held() -> None:
    preroll = held([*spoken(50), *[SILENCE] * 2000], limit_s=1.0)
    preroll.recall(25.0)
    heard = flat(told(preroll, [SILENCE] * 200))
    assert [block for block in heard if block != SILENCE] == spoken(50)


def test_words_that_nobody_expects_to_be_answered_any_more_are_not_told() -> None:
    preroll = held([*spoken(50), *[SILENCE] * round(OLDEST_S / PERIOD_S)])
    preroll.recall(1000.0)
    assert set(flat(told(preroll, [SILENCE] * 60))) == {SILENCE}


def test_time_in_which_nothing_is_heard_makes_what_is_held_older() -> None:
    preroll = held(spoken(50))
    preroll.skip(100)
    preroll.recall(1.2)
    assert flat(told(preroll, [SILENCE] * 60))[:30] == [*spoken(20, 30), *[SILENCE] * 10]


def test_what_is_forgotten_is_not_told() -> None:
    preroll = held(spoken(20))
    preroll.clear()
    preroll.recall(10.0)
    assert flat(told(preroll, [SILENCE] * 3)) == [SILENCE] * 3


def test_what_was_told_can_be_told_again() -> None:
    preroll = Preroll(10.0)
    told(preroll, spoken(20))
    preroll.recall(0.2)
    assert flat(told(preroll, [SILENCE] * 40))[:20] == spoken(20)


@settings(deadline=None, max_examples=60, derandomize=True, database=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=12),
    st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=12),
)
def test_every_word_is_told_once_and_in_order(
    before: list[tuple[bool, int]], after: list[tuple[bool, int]]
) -> None:
    number = 0

    def said(spurts: list[tuple[bool, int]]) -> list[bytes]:
        nonlocal number
        blocks: list[bytes] = []
        for is_voice, periods in spurts:
            blocks += spoken(periods, number) if is_voice else [SILENCE] * periods
            number += periods if is_voice else 0
        return blocks

    first, then = said(before), said(after)
    preroll = held(first, limit_s=20.0)
    preroll.recall(len(first) * PERIOD_S)
    heard = flat(told(preroll, [*then, *[SILENCE] * 4000]))
    assert [block for block in heard if block != SILENCE] == spoken(number)
    assert not preroll.is_behind


def test_blocks_of_two_periods_are_held_and_told_like_single_ones() -> None:
    sound = [*spoken(10), *[SILENCE] * 300, *spoken(70, 10)]
    pairs = [one + other for one, other in zip(sound[::2], sound[1::2], strict=True)]
    single, double = held(sound), held(pairs)
    for preroll in (single, double):
        preroll.recall(25.0)
    told_singly = b"".join(flat(told(single, [SILENCE] * 200)))
    told_doubly = b"".join(flat(told(double, [SILENCE * 2] * 100)))
    assert told_doubly.replace(SILENCE, b"") == told_singly.replace(SILENCE, b"") == b"".join(spoken(80))
    assert abs(len(told_singly) - len(told_doubly)) <= 2 * len(SILENCE)
