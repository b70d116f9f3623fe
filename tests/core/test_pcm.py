from __future__ import annotations

import threading
from array import array
from itertools import pairwise

import pytest

from edge_agent.core.pcm import FADE_SAMPLES, PERIOD_BYTES, PERIOD_SAMPLES, PcmQueue, fade_out


def test_samples_come_out_in_order_and_in_any_portion() -> None:
    queue = PcmQueue(100)
    queue.put(b"aabbcc")
    queue.put(b"dd")
    assert queue.queued_bytes == 8
    assert queue.take(2) == b"aa"
    assert queue.take(5 * 2) == b"bbccdd"
    assert queue.take(2) == b""


def test_overflow_drops_the_oldest_and_counts_it() -> None:
    queue = PcmQueue(6)
    queue.put(b"aabbcc")
    queue.put(b"dd")
    assert (queue.queued_bytes, queue.dropped_bytes) == (6, 2)
    queue.put(b"eeffgghh")
    assert queue.take(100) == b"ffgghh"
    assert queue.dropped_bytes == 2 + 8


def test_a_limit_between_two_samples_is_rounded_down_to_whole_samples() -> None:
    queue = PcmQueue(5)
    queue.put(b"aabbcc")
    assert queue.take(100) == b"bbcc"


def test_clearing_tells_how_much_was_there_and_does_not_count_as_overflow() -> None:
    queue = PcmQueue(100)
    queue.put(b"aabb")
    assert queue.clear() == 4
    assert queue.clear() == 0
    assert (queue.queued_bytes, queue.dropped_bytes) == (0, 0)


def test_half_a_sample_is_refused() -> None:
    queue = PcmQueue(100)
    with pytest.raises(ValueError, match="whole samples"):
        queue.put(b"abc")
    assert queue.queued_bytes == 0


@pytest.mark.parametrize("limit_bytes", [1, 0, -2])
def test_a_queue_without_room_for_a_sample_is_refused(limit_bytes: int) -> None:
    with pytest.raises(ValueError, match="limit_bytes"):
        PcmQueue(limit_bytes)


def test_nothing_is_lost_or_doubled_between_two_threads() -> None:
    queue = PcmQueue(1_000_000)
    sent = array("H", range(60_000))
    whole = sent.tobytes()

    def put_all() -> None:
        for at in range(0, len(whole), 30):
            queue.put(whole[at : at + 30])

    writer = threading.Thread(target=put_all)
    writer.start()
    got = bytearray()
    while writer.is_alive() or queue.queued_bytes:
        got += queue.take(70)
    writer.join()
    assert bytes(got) == whole


def test_a_fade_begins_like_the_sound_and_ends_in_silence() -> None:
    faded = array("h", fade_out(array("h", [1000] * PERIOD_SAMPLES).tobytes()))
    assert faded[0] == 1000
    assert all(later <= earlier for earlier, later in pairwise(faded))
    assert set(faded[FADE_SAMPLES:]) == {0}


@pytest.mark.parametrize("samples", [0, 1, 100, FADE_SAMPLES, 5 * PERIOD_SAMPLES])
def test_a_fade_is_one_period_however_much_there_was(samples: int) -> None:
    assert len(fade_out(array("h", [-32768] * samples).tobytes())) == PERIOD_BYTES
