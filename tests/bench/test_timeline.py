from __future__ import annotations

import pytest

pytest.importorskip("scipy")

import numpy as np
from numpy.typing import NDArray

from edge_agent.bench.timeline import (
    RATE_HZ,
    Block,
    DelayAt,
    Timeline,
    aligned,
    at_comparing_rate,
    delays,
    found_later_s,
    longest_hole_s,
    longest_run,
    timeline_of,
)

PACKET = 960
COUNT = 200
SENT_AT_S = [100.0 + 0.02 * index for index in range(COUNT)]


def sound(seed: int = 1) -> NDArray[np.int16]:
    """Four seconds of noise with an envelope, which is like itself nowhere else."""
    chance = np.random.default_rng(seed)
    noise = chance.standard_normal(COUNT * PACKET)
    smooth = np.convolve(noise, np.hanning(24), "same")
    return np.asarray(smooth / np.abs(smooth).max() * 8000, np.int16)


CLEAN = sound()


def played(delay_s: float, pcm: NDArray[np.int16] = CLEAN, period: int = 480) -> list[Block]:
    """The sound as a stack with a fixed delay would play it."""
    return [
        Block(SENT_AT_S[0] + delay_s + at / 48_000, pcm[at : at + period])
        for at in range(0, len(pcm), period)
    ]


def found_ms(blocks: list[Block]) -> list[float]:
    return [at.delay_s * 1000 for at in delays(timeline_of(blocks), at_comparing_rate(CLEAN), SENT_AT_S)]


@pytest.mark.parametrize("delay_s", [0.0, 0.0042, 0.081, 0.3, 0.9])
def test_a_fixed_delay_is_found_to_the_tenth_of_a_millisecond(delay_s: float) -> None:
    found = found_ms(played(delay_s))
    assert len(found) > 80
    assert found == pytest.approx([delay_s * 1000] * len(found), abs=0.1)


def test_a_delay_that_grows_is_seen_to_grow() -> None:
    blocks = played(0.020)[:200] + played(0.220)[200:]
    found = found_ms(blocks)
    assert found[5] == pytest.approx(20, abs=0.1)
    assert found[-5] == pytest.approx(220, abs=0.1)


def test_late_callbacks_of_a_busy_machine_are_no_holes() -> None:
    chance = np.random.default_rng(2)
    blocks = [Block(block.at_s + chance.uniform(0, 0.008), block.samples) for block in played(0.050)]
    timeline = timeline_of(blocks)
    assert len(timeline.samples) == len(CLEAN) // 3
    assert found_ms(blocks) == pytest.approx([54] * len(found_ms(blocks)), abs=5)


def test_a_burst_is_played_one_block_after_the_other() -> None:
    blocks = played(0.020)
    held = [Block(blocks[99].at_s + 0.3, block.samples) for block in blocks[100:130]]
    found = found_ms([*blocks[:100], *held, *blocks[130:]])
    assert found[-1] == pytest.approx(310, abs=1)


def test_what_is_not_in_the_clean_sound_has_no_delay() -> None:
    assert found_ms(played(0.020, sound(seed=2))) == []


def test_silence_has_no_delay() -> None:
    assert found_ms(played(0.020, np.zeros_like(CLEAN))) == []


def test_a_timeline_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        timeline_of([])


@pytest.mark.parametrize("hole_blocks", [0, 6, 30])
def test_the_longest_hole_is_the_silence_where_there_should_be_sound(hole_blocks: int) -> None:
    blocks = played(0.020)
    del blocks[150 : 150 + hole_blocks]
    timeline = timeline_of(blocks)
    clean = at_comparing_rate(CLEAN)
    track = delays(timeline, clean, SENT_AT_S)
    assert longest_hole_s(timeline, clean, track, SENT_AT_S[0], 0.5) == pytest.approx(
        hole_blocks / 100, abs=0.011
    )


def test_silence_that_was_sent_is_no_hole() -> None:
    pcm = CLEAN.copy()
    pcm[60_000:90_000] = 0
    timeline, clean = timeline_of(played(0.020, pcm)), at_comparing_rate(pcm)
    track = delays(timeline, clean, SENT_AT_S)
    assert longest_hole_s(timeline, clean, track, SENT_AT_S[0], 0.0) < 0.011


def test_a_tail_that_was_held_back_is_found_later() -> None:
    clean = at_comparing_rate(CLEAN)
    tail = clean[RATE_HZ : RATE_HZ + 960]
    timeline = Timeline(100.0, np.concatenate([np.zeros(2 * RATE_HZ), clean]), np.zeros(1))
    assert found_later_s(timeline, tail, 101.0, 3.0) == pytest.approx(2.0, abs=0.001)
    assert found_later_s(timeline, tail, 101.0, 1.5) is None


def test_the_output_is_cut_where_the_clean_sound_is() -> None:
    clean = at_comparing_rate(CLEAN)
    timeline = timeline_of(played(0.080))
    whole = aligned(timeline, [DelayAt(0.0, 0.080, 0.080)], SENT_AT_S[0], (1.0, 2.0), 0.5)
    assert np.allclose(whole, clean[RATE_HZ : 2 * RATE_HZ], atol=0.01)


def test_outside_of_the_output_there_is_silence() -> None:
    timeline = timeline_of(played(0.0))
    late = aligned(timeline, [DelayAt(0.0, 0.0, 0.0)], SENT_AT_S[0], (3.5, 5.0), 1.5)
    assert len(late) == 1.5 * RATE_HZ
    assert not late[RATE_HZ:].any()


@pytest.mark.parametrize(("flags", "longest"), [("", 0), ("....", 0), ("##", 2), (".##.###.", 3), ("#.#", 1)])
def test_the_longest_run(flags: str, longest: int) -> None:
    assert longest_run(np.array([flag == "#" for flag in flags], bool)) == longest
