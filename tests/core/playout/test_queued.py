from __future__ import annotations

import itertools

import pytest

from edge_agent.core.pcm import BYTES_PER_S, PERIOD_BYTES, PERIOD_S, SILENCE, PcmQueue
from edge_agent.core.playout.queued import CATCH_UP_S, MOVES, PREFILL_S, QueuedPlayout, Spurt
from edge_agent.errors import IllegalTransition
from tests.audio.sounds import tone

BLOCK = tone(800, 0.2)[:PERIOD_BYTES]
PREFILL_PERIODS = round(PREFILL_S / PERIOD_S)


@pytest.fixture
def queue() -> PcmQueue:
    return PcmQueue(BYTES_PER_S)


@pytest.fixture
def playout(queue: PcmQueue) -> QueuedPlayout:
    return QueuedPlayout(queue)


def test_a_dry_queue_is_silence(playout: QueuedPlayout) -> None:
    assert all(playout.next_block() is SILENCE for _ in range(5))
    assert playout.spurt is Spurt.DRY


def test_a_spurt_begins_when_enough_of_it_is_there(queue: PcmQueue, playout: QueuedPlayout) -> None:
    queue.put(BLOCK * 2)
    assert playout.next_block() is SILENCE
    queue.put(BLOCK * 2)
    assert [playout.next_block() for _ in range(4)] == [BLOCK] * 4


def test_a_short_sound_waits_no_longer_than_the_prefill(queue: PcmQueue, playout: QueuedPlayout) -> None:
    queue.put(BLOCK)
    played = [playout.next_block() for _ in range(PREFILL_PERIODS + 2)]
    assert played == [SILENCE] * PREFILL_PERIODS + [BLOCK, SILENCE]


def test_the_end_of_a_spurt_is_filled_up_with_silence(queue: PcmQueue, playout: QueuedPlayout) -> None:
    queue.put(BLOCK * 4 + BLOCK[:100])
    played = [playout.next_block() for _ in range(6)]
    assert played == [BLOCK] * 4 + [BLOCK[:100].ljust(PERIOD_BYTES, b"\0"), SILENCE]


def test_after_running_dry_the_sound_is_gathered_again(queue: PcmQueue, playout: QueuedPlayout) -> None:
    queue.put(BLOCK * 4)
    played = [playout.next_block() for _ in range(5)]
    queue.put(BLOCK)
    played.append(playout.next_block())
    assert played == [BLOCK] * 4 + [SILENCE] * 2


def test_a_backlog_is_worked_off_in_the_pauses(queue: PcmQueue, playout: QueuedPlayout) -> None:
    spoken, pause = BLOCK * 10, SILENCE * 60
    queue.put(spoken + pause + spoken)
    played = list(itertools.takewhile(lambda _: queue.queued_bytes, iter(playout.next_block, None)))
    assert sum(block == BLOCK for block in played) >= 19  # takewhile keeps the last one back
    backlog_bytes = len(spoken + pause) - CATCH_UP_S * BYTES_PER_S
    assert sum(block == SILENCE for block in played) <= 60 - backlog_bytes / PERIOD_BYTES / 2


def test_every_state_can_be_reached_and_left() -> None:
    assert set(MOVES) == set(Spurt) == frozenset().union(*MOVES.values())


def test_a_move_that_is_not_in_the_table_is_a_bug(playout: QueuedPlayout) -> None:
    with pytest.raises(IllegalTransition, match="dry -> playing"):
        playout._set_spurt(Spurt.PLAYING)
