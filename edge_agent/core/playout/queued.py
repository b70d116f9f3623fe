"""Decoded sound that waits in a queue: for ways of receiving that give samples instead of packets."""

from __future__ import annotations

import enum

from edge_agent.core.pcm import BYTES_PER_S, PERIOD_BYTES, PERIOD_S, SILENCE, PcmQueue
from edge_agent.core.playout.samples import is_audible
from edge_agent.errors import IllegalTransition

PREFILL_S = 0.040
"""What a spurt waits for before it begins, so that the next packet may be a little late: two of 20 ms."""

CATCH_UP_S = 0.200
"""With more than this in the queue, inaudible periods are left out: a backlog shrinks in the pauses."""


class Spurt(enum.Enum):
    """Where the playout stands between two stretches of sound."""

    DRY = "dry"  # the queue is empty
    FILLING = "filling"  # something arrived; waiting for PREFILL_S of it, or for as long
    PLAYING = "playing"


MOVES: dict[Spurt, frozenset[Spurt]] = {
    Spurt.DRY: frozenset({Spurt.FILLING}),
    Spurt.FILLING: frozenset({Spurt.PLAYING, Spurt.DRY}),
    Spurt.PLAYING: frozenset({Spurt.DRY}),
}


class QueuedPlayout:
    """Decides for each period whether the queue is played or silence. Knows no device and no clock."""

    def __init__(self, queue: PcmQueue) -> None:
        self._queue = queue
        self._spurt = Spurt.DRY
        self._waited_periods = 0

    @property
    def spurt(self) -> Spurt:
        """Where the playout stands."""
        return self._spurt

    def next_block(self) -> bytes:
        """Return the period to play now. SILENCE itself, not a copy, when nothing is due."""
        queued_bytes = self._queue.queued_bytes
        if self._spurt is Spurt.DRY and queued_bytes:
            self._set_spurt(Spurt.FILLING)
            self._waited_periods = 0
        if self._spurt is Spurt.FILLING:
            self._fill(queued_bytes)
        if self._spurt is not Spurt.PLAYING:
            return SILENCE
        block = self._queue.take(PERIOD_BYTES)
        if queued_bytes > CATCH_UP_S * BYTES_PER_S and not is_audible(block):
            block = self._queue.take(PERIOD_BYTES)
        if len(block) == PERIOD_BYTES:
            return block
        self._set_spurt(Spurt.DRY)
        return block.ljust(PERIOD_BYTES, b"\0") if block else SILENCE

    def _fill(self, queued_bytes: int) -> None:
        is_filled = queued_bytes >= PREFILL_S * BYTES_PER_S
        if is_filled or self._waited_periods * PERIOD_S >= PREFILL_S:
            self._set_spurt(Spurt.PLAYING)
        self._waited_periods += 1

    def _set_spurt(self, spurt: Spurt) -> None:
        if spurt not in MOVES[self._spurt]:
            raise IllegalTransition(f"queued playout: {self._spurt.value} -> {spurt.value}")
        self._spurt = spurt
