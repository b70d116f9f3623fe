from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.bench.impairments import (
    CASES,
    DURATION_S,
    LEAD_IN_S,
    LOST,
    PACKET_S,
    PACKET_SAMPLES,
    QUIET_S,
    Case,
    Schedule,
    schedule_of,
)

COUNT = round(DURATION_S / PACKET_S)
SPEECH = tuple(index % 50 < 40 for index in range(COUNT))
"""Words of 0.8 s, pauses of 0.2 s."""

UNTOUCHED = round((LEAD_IN_S + QUIET_S) / PACKET_S)


def schedule(name: str, seed: int = 1) -> Schedule:
    return schedule_of(next(case for case in CASES if case.name == name), SPEECH, seed)


def lost(schedule: Schedule) -> list[int]:
    return [index for index, fate in enumerate(schedule.fates) if fate is LOST]


@given(case=st.sampled_from(CASES), seed=st.integers(0, 2**32))
def test_nothing_happens_before_a_stack_has_settled(case: Case, seed: int) -> None:
    made = schedule_of(case, SPEECH, seed)
    assert set(made.fates[:UNTOUCHED]) == {0.0}
    assert made.disturbed_from_s == UNTOUCHED * PACKET_S
    assert len(made.due_s) == len(made.fates) == COUNT
    assert list(made.due_s) == sorted(made.due_s)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_same_seed_is_the_same_network(case: Case) -> None:
    assert schedule_of(case, SPEECH, 3) == schedule_of(case, SPEECH, 3)


@pytest.mark.parametrize(("name", "share"), [("loss-1", 0.01), ("loss-5", 0.05), ("loss-10", 0.10)])
def test_random_loss_has_the_share_that_its_name_says_and_hits_speech(name: str, share: float) -> None:
    for seed in range(20):
        gone = lost(schedule(name, seed))
        assert len(gone) == round(share * (COUNT - UNTOUCHED))
        assert all(SPEECH[index] for index in gone)


@pytest.mark.parametrize(
    ("name", "bursts", "length"), [("single-loss", 1, 1), ("burst-3", 3, 3), ("burst-10", 2, 10)]
)
def test_bursts_hit_speech(name: str, bursts: int, length: int) -> None:
    for seed in range(20):
        gone = lost(schedule(name, seed))
        assert len(gone) == bursts * length
        assert all(SPEECH[index] for index in gone)


def test_jitter_delays_by_up_to_its_size() -> None:
    late_s = [fate for fate in schedule("jitter-40").fates[UNTOUCHED:] if fate is not LOST]
    assert 0 <= min(late_s) < 0.002
    assert 0.038 < max(late_s) <= 0.040


def test_jitter_begins_in_a_word_that_chance_takes_and_never_ends() -> None:
    begins = set()
    for seed in range(20):
        fates = schedule("jitter-40", seed).fates
        first = next(index for index, fate in enumerate(fates) if fate)
        assert SPEECH[first]
        assert fates.count(0.0) == first
        begins.add(first)
    assert len(begins) > 10
    assert max(begins) < UNTOUCHED + (COUNT - UNTOUCHED) / 3


def test_after_a_stall_the_backlog_arrives_in_order() -> None:
    stalled = schedule("stall-300")
    arrivals_s = [due + (fate or 0.0) for due, fate in zip(stalled.due_s, stalled.fates, strict=True)]
    assert arrivals_s == sorted(arrivals_s)
    assert max(fate or 0.0 for fate in stalled.fates) == 0.300
    assert max(later - sooner for sooner, later in pairwise(arrivals_s)) == pytest.approx(0.32)


def test_the_sender_pauses_right_after_a_word_and_its_clock_goes_on() -> None:
    paused = schedule("pause-2s")
    at = paused.pause_at
    assert at is not None
    assert SPEECH[at - 1]
    assert not SPEECH[at]
    assert paused.due_s[at] - paused.due_s[at - 1] == pytest.approx(2.0 + PACKET_S)
    assert paused.timestamp_samples(at) - paused.timestamp_samples(at - 1) == 2 * 48_000 + PACKET_SAMPLES
