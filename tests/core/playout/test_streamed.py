from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.pcm import BYTES_PER_S, PERIOD_BYTES, SAMPLE_BYTES, SILENCE
from edge_agent.core.playout.streamed import (
    LONGEST_BLOCK_BYTES,
    LONGEST_WAIT_S,
    MOVES,
    REFILL_S,
    Began,
    CutOff,
    Ended,
    Flow,
    Piece,
    StreamedPlayout,
    Unheard,
)
from edge_agent.errors import IllegalTransition

ONE, TWO = Piece("resp_1", "item_1", 0), Piece("resp_2", "item_2", 0)


def sound(seconds: float, level: int = 1000) -> bytes:
    return array("h", [level] * round(seconds * BYTES_PER_S / SAMPLE_BYTES)).tobytes()


def played(playout: StreamedPlayout, seconds: float) -> bytes:
    """What the loudspeaker gets in the next so many seconds."""
    pcm = bytearray()
    while len(pcm) < seconds * BYTES_PER_S:
        pcm += playout.next_block()
    return bytes(pcm)


def test_an_answer_is_played_at_its_own_pace_to_its_end() -> None:
    playout = StreamedPlayout()
    playout.put(ONE, sound(1.0))
    playout.finish("resp_1")
    assert played(playout, 1.0) == sound(1.0)
    assert playout.next_block() is SILENCE
    assert playout.take_notes() == [Began("resp_1"), Ended("resp_1")]


def test_nothing_is_silence_itself() -> None:
    assert StreamedPlayout().next_block() is SILENCE


def test_an_answer_has_not_ended_while_the_server_makes_it() -> None:
    playout = StreamedPlayout()
    playout.put(ONE, sound(0.5))
    played(playout, 1.0)
    assert playout.take_notes() == [Began("resp_1")]
    playout.finish("resp_1")
    assert playout.take_notes() == [Ended("resp_1")]


def test_an_answer_that_follows_begins_when_the_first_has_ended() -> None:
    playout = StreamedPlayout()
    playout.put(ONE, sound(0.2))
    playout.finish("resp_1")
    playout.put(TWO, sound(0.2, level=-1000))
    playout.finish("resp_2")
    assert played(playout, 0.4) == sound(0.2) + sound(0.2, level=-1000)
    assert playout.take_notes() == [Began("resp_1"), Ended("resp_1"), Began("resp_2"), Ended("resp_2")]


def test_two_pieces_of_one_answer_are_one_answer() -> None:
    playout = StreamedPlayout()
    playout.put(ONE, sound(0.1))
    playout.put(Piece("resp_1", "item_other", 0), sound(0.1))
    playout.finish("resp_1")
    played(playout, 0.3)
    assert playout.take_notes() == [Began("resp_1"), Ended("resp_1")]


def test_a_cut_tells_what_was_heard_and_drops_the_rest() -> None:
    playout = StreamedPlayout()
    playout.put(ONE, sound(2.0))
    played(playout, 0.5)
    playout.cut_off()
    assert playout.next_block() is SILENCE
    assert playout.take_notes() == [Began("resp_1"), Unheard(ONE, 500), CutOff("resp_1")]


def test_what_the_device_holds_is_not_heard_yet() -> None:
    playout = StreamedPlayout(device_s=0.1)
    playout.put(ONE, sound(2.0))
    played(playout, 0.5)
    playout.cut_off()
    assert Unheard(ONE, 400) in playout.take_notes()


def test_an_answer_that_waits_behind_is_cut_off_unheard() -> None:
    playout = StreamedPlayout()
    playout.put(ONE, sound(1.0))
    playout.finish("resp_1")
    playout.put(TWO, sound(1.0))
    played(playout, 0.1)
    playout.cut_off()
    assert playout.take_notes() == [
        Began("resp_1"),
        Unheard(ONE, 100),
        Unheard(TWO, 0),
        CutOff("resp_1"),
    ]


def test_what_still_comes_of_a_cut_answer_is_dropped_and_the_next_is_played() -> None:
    playout = StreamedPlayout()
    playout.put(ONE, sound(1.0))
    playout.cut_off()
    playout.put(ONE, sound(1.0))
    assert playout.next_block() is SILENCE
    playout.finish("resp_1")
    playout.put(TWO, sound(0.2))
    assert playout.next_block() == sound(0.02)


def test_an_answer_that_was_announced_can_be_cut_off_before_its_sound() -> None:
    playout = StreamedPlayout()
    playout.begin("resp_1")
    playout.cut_off()
    playout.put(ONE, sound(1.0))
    assert playout.next_block() is SILENCE
    assert playout.take_notes() == []


def test_an_answer_that_has_ended_can_not_be_cut_off() -> None:
    playout = StreamedPlayout()
    playout.put(ONE, sound(0.1))
    playout.finish("resp_1")
    played(playout, 0.1)
    playout.take_notes()
    playout.cut_off()
    assert playout.take_notes() == []


def test_a_path_that_is_slower_than_the_sound_makes_few_gaps() -> None:
    playout = StreamedPlayout()
    playout.put(ONE, sound(0.1))
    assert played(playout, 0.1) == sound(0.1)
    playout.put(ONE, sound(REFILL_S / 2))
    assert playout.next_block() is SILENCE
    playout.put(ONE, sound(REFILL_S / 2))
    assert playout.next_block() == sound(0.02)


def test_little_is_played_when_no_more_comes() -> None:
    playout = StreamedPlayout()
    playout.put(ONE, sound(0.02))
    assert playout.next_block() is SILENCE
    assert sound(0.02) in played(playout, 1.2)


def test_the_newest_is_dropped_when_too_much_waits() -> None:
    playout = StreamedPlayout()
    playout.put(ONE, bytes(round(LONGEST_WAIT_S * BYTES_PER_S)))
    playout.put(ONE, sound(1.0))
    assert playout.dropped_bytes == len(sound(1.0))
    assert playout.waiting_s == pytest.approx(LONGEST_WAIT_S)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(0, 3), st.integers(0, 3000)),
            st.tuples(st.just("finish"), st.integers(0, 3), st.just(0)),
            st.tuples(st.just("pull"), st.just(0), st.integers(1, 10)),
            st.tuples(st.just("cut"), st.just(0), st.just(0)),
        ),
        max_size=60,
    )
)
def test_every_answer_that_begins_ends_once_or_is_cut_off_once(steps: list[tuple[str, int, int]]) -> None:
    playout = StreamedPlayout()
    for what, number, amount in steps:
        response_id = f"resp_{number}"
        if what == "put":
            playout.put(Piece(response_id, f"item_{number}", 0), bytes(amount * SAMPLE_BYTES))
        elif what == "finish":
            playout.finish(response_id)
        elif what == "cut":
            playout.cut_off()
        else:
            for _ in range(amount):
                assert len(playout.next_block()) in (PERIOD_BYTES, LONGEST_BLOCK_BYTES)
    playout.cut_off()
    sounding: str | None = None
    for note in playout.take_notes():
        match note:
            case Began():
                assert sounding is None
                sounding = note.response_id
            case Ended() | CutOff():
                assert sounding == note.response_id
                sounding = None
            case _:
                pass
    assert sounding is None


def test_every_other_move_is_a_bug() -> None:
    for old in Flow:
        for new in Flow:
            playout = StreamedPlayout()
            playout._flow = old
            if new in MOVES[old]:
                playout._set_flow(new)
            else:
                with pytest.raises(IllegalTransition):
                    playout._set_flow(new)
