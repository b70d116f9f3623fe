from __future__ import annotations

import random
from array import array
from collections.abc import Callable

import pytest

from edge_agent.audio.both_ends import BothEnds
from edge_agent.core.likeness import LONGEST_LAG_PERIODS, WINDOW_PERIODS, likeness
from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_SAMPLES

PERIODS = 400


def numbered(periods: int = PERIODS) -> list[bytes]:
    """Periods that differ."""
    return [array("h", [at + 1] * PERIOD_SAMPLES).tobytes() for at in range(periods)]


def full() -> BothEnds:
    both = BothEnds()
    for block in numbered():
        both.played(block)
        both.heard(block)
    return both


def test_the_newest_of_both_is_remembered() -> None:
    played, heard = full().snapshot()
    assert heard == b"".join(numbered()[-WINDOW_PERIODS:])
    assert played == b"".join(numbered()[-WINDOW_PERIODS - LONGEST_LAG_PERIODS :])


def test_blocks_of_any_length_make_the_same_sound() -> None:
    said, both = b"".join(numbered()), BothEnds()
    chance, at = random.Random(1), 0
    while at < len(said):
        length = chance.randrange(2, 2 * PERIOD_BYTES, 2)
        both.played(said[at : at + length])
        at += length
    assert both.snapshot()[0] == full().snapshot()[0]


@pytest.mark.parametrize("leaves", [BothEnds.stopped, BothEnds.deafened])
def test_without_a_loudspeaker_or_a_microphone_nothing_is_known(leaves: Callable[[BothEnds], None]) -> None:
    both = full()
    leaves(both)
    assert b"" in both.snapshot()
    assert likeness(*both.snapshot()) == 0.0


@pytest.mark.parametrize("periods", [0, 1, 60, PERIODS + 1])
def test_what_the_loudspeaker_threw_away_did_not_sound(periods: int) -> None:
    both = full()
    both.flushed(periods * PERIOD_BYTES)
    kept = numbered()[-WINDOW_PERIODS - LONGEST_LAG_PERIODS : max(0, PERIODS - periods)]
    assert both.snapshot()[0] == b"".join(kept)
    both.played(numbered()[0])
    assert both.snapshot()[0].endswith(numbered()[0])


@pytest.mark.parametrize(("samples", "silent_periods"), [(PERIOD_SAMPLES, 1), (10**9, WINDOW_PERIODS)])
def test_what_the_microphone_missed_takes_its_time(samples: int, silent_periods: int) -> None:
    both = full()
    both.missed(samples)
    silent = bytes(silent_periods * PERIOD_BYTES)
    assert both.snapshot()[1] == (b"".join(numbered()) + silent)[-WINDOW_PERIODS * PERIOD_BYTES :]
