from __future__ import annotations

import random
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.audio.far_end import (
    FAR_OFF_PERIODS,
    HIGHEST_LOW_PERIODS,
    LATE_LIMIT_PERIODS,
    LIMIT_PERIODS,
    LOWEST_PERIODS,
    PATIENCE_WINDOWS,
    WINDOW_PERIODS,
    Alignment,
    FarEnd,
    Step,
)
from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_S, SILENCE, in_periods
from tests.audio.sounds import tone

LOUD = tone(400, PERIOD_S)


def numbered(number: int) -> bytes:
    """A loud block that can be told from others."""
    return LOUD[:-4] + number.to_bytes(4, "little")


def number_of(block: bytes) -> int | None:
    return None if block in (SILENCE, b"") else int.from_bytes(block[-4:], "little")


def steps_of(alignment: Alignment, depth: float, takes: int, *, is_silent: bool) -> list[Step]:
    """What happens while the depth is ``depth``, but for the steps themselves."""
    steps: list[Step] = []
    for _ in range(takes):
        step = alignment.next_step(depth, is_silent)
        depth += {Step.NONE: 0, Step.INSERT: 1, Step.DROP: -1}[step]
        steps += [step] if step is not Step.NONE else []
    return steps


class TestAlignment:
    @pytest.mark.parametrize("depth", [LOWEST_PERIODS, 1.4, HIGHEST_LOW_PERIODS])
    def test_a_depth_within_the_window_is_left_alone(self, depth: float) -> None:
        assert steps_of(Alignment(), depth, 20 * WINDOW_PERIODS, is_silent=True) == []

    def test_a_loudspeaker_with_a_large_buffer_leaves_more_room(self) -> None:
        assert steps_of(Alignment(15.0), 15.0, 20 * WINDOW_PERIODS, is_silent=True) == []
        assert steps_of(Alignment(15.0), 16.0, 3 * WINDOW_PERIODS, is_silent=True) == [Step.DROP]

    @pytest.mark.parametrize("excess", [1, 2, 10])
    def test_too_many_blocks_are_dropped_while_it_is_silent(self, excess: int) -> None:
        found = steps_of(Alignment(), HIGHEST_LOW_PERIODS + excess, 3 * WINDOW_PERIODS, is_silent=True)
        assert found == [Step.DROP] * excess

    @pytest.mark.parametrize("lack", [1, 2, 4])
    def test_silence_is_inserted_for_too_few(self, lack: int) -> None:
        found = steps_of(Alignment(), LOWEST_PERIODS - lack, 3 * WINDOW_PERIODS, is_silent=True)
        assert found == [Step.INSERT] * lack

    def test_a_step_waits_for_silence_but_not_for_ever(self) -> None:
        alignment = Alignment()
        assert (
            steps_of(alignment, HIGHEST_LOW_PERIODS + 1, PATIENCE_WINDOWS * WINDOW_PERIODS, is_silent=False)
            == []
        )
        assert steps_of(alignment, HIGHEST_LOW_PERIODS + 1, 3 * WINDOW_PERIODS, is_silent=False) == [
            Step.DROP
        ]

    def test_what_is_far_off_is_brought_near_without_waiting(self) -> None:
        found = steps_of(Alignment(), HIGHEST_LOW_PERIODS + 20, 3 * WINDOW_PERIODS, is_silent=False)
        assert found == [Step.DROP] * (20 - FAR_OFF_PERIODS)

    def test_a_thread_that_is_late_now_and_then_changes_nothing(self) -> None:
        alignment = Alignment()
        for take in range(50 * WINDOW_PERIODS):
            depth = -2 if take % (3 * WINDOW_PERIODS) == 7 else LOWEST_PERIODS + take % 5
            assert alignment.next_step(depth, is_silent=True) is Step.NONE


def filled(blocks: int) -> FarEnd:
    far_end = FarEnd()
    for number in range(1, blocks + 1):
        far_end.played(numbered(number))
    return far_end


def test_what_is_played_comes_out_in_order_and_silence_after_it() -> None:
    far_end = filled(3)
    assert [number_of(far_end.take()) for _ in range(4)] == [1, 2, 3, None]


@pytest.mark.parametrize("taken_periods", [1, 2])
def test_blocks_of_any_length_come_out_as_they_are_captured(taken_periods: int) -> None:
    sound = tone(400, 0.1)
    far_end = FarEnd()
    for begin, end in pairwise([0, 700, 702, 4000, 9600]):
        far_end.played(sound[begin:end])
    taken = [far_end.take(taken_periods * PERIOD_BYTES) for _ in range(10 // taken_periods)]
    assert b"".join(taken) == sound


def test_a_block_of_two_periods_is_shifted_by_one() -> None:
    far_end = FarEnd()
    lost = 0
    for number in range(1, 20 * WINDOW_PERIODS):
        far_end.played(numbered(number))
        if number % 2 == 0 and number > 2 * HIGHEST_LOW_PERIODS + 6:
            block = far_end.take(2 * PERIOD_BYTES)
            first, second = (number_of(period) or 0 for period in in_periods(block))
            assert second == first + 1
            lost = number - second
    assert far_end.steps > 0
    assert lost <= HIGHEST_LOW_PERIODS + 1


def test_a_period_that_is_played_in_part_is_taken_in_part() -> None:
    far_end = FarEnd()
    far_end.played(LOUD[:600])
    assert far_end.take() == LOUD[:600] + bytes(PERIOD_BYTES - 600)
    far_end.played(LOUD)
    assert far_end.take()[:600] == LOUD[PERIOD_BYTES - 600 :]


def test_there_is_silence_before_anything_was_played() -> None:
    far_end = FarEnd()
    assert far_end.take() == b""
    assert far_end.depth_periods == 0.0


def test_a_block_that_comes_late_does_not_shift_those_after_it() -> None:
    far_end = filled(1)
    assert [number_of(far_end.take()) for _ in range(3)] == [1, None, None]
    for number in (2, 3, 4):
        far_end.played(numbered(number))
    assert number_of(far_end.take()) == 4


def test_a_loudspeaker_that_paused_begins_anew_with_a_period_in_hand() -> None:
    far_end = filled(1)
    for _ in range(LATE_LIMIT_PERIODS + 2):
        far_end.take()
    far_end.played(numbered(2))
    assert [number_of(far_end.take()) for _ in range(2)] == [None, 2]


def test_a_loudspeaker_that_stays_late_is_soon_followed_again() -> None:
    far_end = filled(1)
    for _ in range(3):
        far_end.take()  # two of them for nothing: what follows comes 20 ms late, and stays so
    heard = []
    for number in range(2, 22):
        far_end.played(numbered(number))
        heard.append(number_of(far_end.take()))
    assert heard[-10:] == list(range(11, 21))


def test_the_oldest_is_dropped_when_nobody_takes() -> None:
    far_end = filled(LIMIT_PERIODS + 5)
    assert far_end.depth_periods == LIMIT_PERIODS
    assert number_of(far_end.take()) == 6


def test_a_microphone_that_begins_gets_what_was_played_last() -> None:
    far_end = filled(10)
    far_end.restart()
    assert number_of(far_end.take()) == 9


def test_what_a_loudspeaker_that_ran_dry_has_not_played_is_no_reference() -> None:
    far_end = filled(3)
    far_end.flushed(0)
    far_end.played(numbered(9))
    assert [number_of(far_end.take()) for _ in range(4)] == [None, None, None, 9], "the depth stays"


@pytest.mark.parametrize("unplayed_periods", [1, 2, 3, 7])
def test_what_was_thrown_away_is_no_reference_and_what_comes_instead_is_in_its_place(
    unplayed_periods: int,
) -> None:
    far_end = filled(3)
    far_end.flushed(unplayed_periods * PERIOD_BYTES)
    far_end.played(SILENCE * unplayed_periods)
    assert far_end.depth_periods == 3
    far_end.played(numbered(9))
    played = [*range(1, 4 - unplayed_periods)]
    silent = [None] * min(3, unplayed_periods)
    assert [number_of(far_end.take()) for _ in range(4)] == [*played, *silent, 9]


def test_what_a_loudspeaker_that_nobody_follows_throws_away_is_not_owed() -> None:
    far_end = FarEnd()
    far_end.flushed(5 * PERIOD_BYTES)
    far_end.played(numbered(1))
    assert number_of(far_end.take()) == 1


def test_a_loudspeaker_with_a_large_buffer_may_be_late_for_half_of_it() -> None:
    far_end = FarEnd(fill_s=0.140)
    far_end.played(numbered(1))
    assert [number_of(far_end.take()) for _ in range(7)] == [None] * 6 + [1]


def at_work(period_s: float, begins_s: float, minutes: float, chance: random.Random) -> list[float]:
    """When a thread moves its blocks: up to 15 ms late each time, in order."""
    times = [begins_s + number * period_s + chance.uniform(0, 0.015) for number in counted(minutes)]
    return list(accumulate(times, max))


def counted(minutes: float) -> range:
    return range(round(minutes * 60 / PERIOD_S))


def speaks(number: int) -> bool:
    return number % 400 < 300


def hold_a_conversation(ppm: float, minutes: float) -> tuple[FarEnd, list[float], list[int]]:
    """Two threads with clocks ``ppm`` apart; returns the depth each second and the loud blocks taken."""
    chance = random.Random(5)
    far_end = FarEnd()
    written = at_work(PERIOD_S * (1 - ppm * 1e-6), -0.02, minutes, chance)
    taken = at_work(PERIOD_S, 0.0, minutes, chance)
    calls = [(at, "played", number) for number, at in enumerate(written)]
    calls += [(at, "taken", number) for number, at in enumerate(taken)]
    depths: list[float] = []
    heard: list[int] = []
    for _, call, number in sorted(calls):
        if call == "played":
            far_end.played(numbered(number) if speaks(number) else SILENCE)
            continue
        found = number_of(far_end.take())
        heard += [] if found is None else [found]
        depths += [far_end.depth_periods] if number % WINDOW_PERIODS == 0 else []
    return far_end, depths, heard


@pytest.mark.parametrize("ppm", [-100.0, 0.0, 100.0])
def test_two_crystals_never_make_the_depth_creep(ppm: float) -> None:
    minutes = 10.0
    far_end, depths, heard = hold_a_conversation(ppm, minutes)
    assert min(depths) >= LOWEST_PERIODS - 2
    assert max(depths) <= HIGHEST_LOW_PERIODS + 3
    drifted_blocks = abs(ppm) * 1e-6 * minutes * 60 / PERIOD_S
    assert far_end.steps <= drifted_blocks + 3
    assert heard == sorted(set(heard))
    spoken = sum(map(speaks, counted(minutes)))
    assert len(heard) >= spoken - 3, "steps belong into the pauses"


@given(st.lists(st.sampled_from(["played", "silent", "take", "dry", "flushed", "restart"]), max_size=600))
def test_nothing_comes_out_twice_or_out_of_order_and_the_queue_is_bounded(calls: list[str]) -> None:
    far_end = FarEnd()
    taken: list[int] = []
    for number, call in enumerate(calls):
        match call:
            case "played":
                far_end.played(numbered(number))
            case "silent":
                far_end.played(SILENCE)
            case "take":
                taken += [found for found in [number_of(far_end.take())] if found is not None]
            case "dry":
                far_end.flushed(0)
            case "flushed":
                far_end.flushed(3 * PERIOD_BYTES)
                far_end.played(SILENCE * 3)
            case "restart":
                far_end.restart()
        assert -LATE_LIMIT_PERIODS <= far_end.depth_periods <= LIMIT_PERIODS
    assert taken == sorted(set(taken))
