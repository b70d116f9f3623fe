"""What was said while nobody could hear it: held for a while, and told later without its silences.

Who is behind catches up in two ways: pauses are shortened to what parts two words, and what waits is sent a
little faster than it was said. One block of sound goes in at a time, whole periods; none, one or a few come
out.
"""

from __future__ import annotations

from collections import deque

from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_S, SILENCE
from edge_agent.core.playout.samples import peak

VOICE_PEAK = round(32_768 * 10 ** (-45.0 / 20))
"""A peak above -45 dBFS may be a voice: rooms peak at -60 to -50, soft speech across a room at -40."""

PAUSE_PERIODS = 25
"""A quarter of a second of each pause is kept: it parts words, and ends no turn (servers wait for half a
second of silence or more)."""

ONSET_PERIODS = 15
"""What is kept before a voice: consonants are softer than what follows them."""

PACE = 1.25
"""How much faster than real time what is held is sent. A receiver that plays what it gets at its pace (NetEQ
holds 4 s of packets by default) has 2.5 s of ten in hand at most; one that recognises it takes it at once."""

OLDEST_S = 30.0
"""Older words are not told: who has waited for so long has asked again, or left. An outage that a session
survives (25 s), and what follows it, is shorter."""


LISTENED_S = 2.0
"""What is held while the device waits for its word or for a voice: as much as is told when it wakes, see
:mod:`edge_agent.core.vigil`. What else people say among themselves is no business of its memory."""


class Preroll:
    """Holds the newest ``limit_s`` of speech, of the last OLDEST_S. Overflow rule: the oldest is dropped."""

    def __init__(self, limit_s: float) -> None:
        self._limit_bytes = max(1, round(limit_s / PERIOD_S)) * PERIOD_BYTES
        self._held: deque[tuple[int, bytes]] = deque()
        self._held_bytes = 0
        self._backlog: deque[tuple[int, bytes]] = deque()
        self._untold: int | None = None
        """The first block that was to be told when that was stopped, by its last period."""
        self._pauses = _Pauses()
        self._now_periods = 0
        self._credit_bytes = 0.0
        self._is_behind = False

    @property
    def is_behind(self) -> bool:
        """Whether something is still to be told."""
        return self._is_behind

    @property
    def is_pausing(self) -> bool:
        """Whether the microphone has heard no voice for as long as parts two words."""
        return self._pauses.silent_periods >= PAUSE_PERIODS

    def hold(self, block: bytes) -> None:
        """Take a block that is not sent."""
        self._keep(block)

    def forget_older(self, than_s: float) -> None:
        """Forget what was heard longer ago than ``than_s``."""
        first = self._now_periods - round(than_s / PERIOD_S)
        self._untold = None
        while self._held and self._held[0][0] <= first:
            self._drop_oldest()

    def skip(self, periods: int) -> None:
        """Let time pass in which nothing was heard."""
        self._now_periods += periods

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()
        self._held_bytes = 0
        self._pauses = _Pauses()
        self.stop()
        self._untold = None

    def stop(self) -> None:
        """Tell nothing more for now; what is held can be recalled again, and what is yet untold will be."""
        if self._backlog:
            self._untold = self._backlog[0][0]
        self._is_behind = False
        self._backlog.clear()

    def recall(self, last_s: float, pause_s: float = 0.0) -> None:
        """Tell what is held of the last ``last_s``, and what was left untold, from the next block on.

        ``pause_s`` of silence go before it, and part it from what was told last.
        """
        self.stop()
        first = self._now_periods - round(last_s / PERIOD_S)
        first = first if self._untold is None else min(first, self._untold - 1)
        first, self._untold = max(first, self._now_periods - round(OLDEST_S / PERIOD_S)), None
        wanted = [each for each in self._held if each[0] > first]
        if wanted:
            pause = (wanted[0][0], SILENCE)
            self._backlog.extend([pause] * round(pause_s / PERIOD_S))
        self._backlog.extend(wanted)
        self._credit_bytes = 0.0
        self._is_behind = True

    def take(self, block: bytes) -> list[bytes]:
        """Take a block that is to be sent, and return what is sent now."""
        kept = self._keep(block)
        if not self._is_behind:
            return [block]
        self._backlog.extend(kept)  # which shrinks all the same: PACE is above 1
        self._credit_bytes += PACE * len(block)
        told: list[bytes] = []
        while self._backlog and len(self._backlog[0][1]) <= self._credit_bytes:
            told.append(self._backlog.popleft()[1])
            self._credit_bytes -= len(told[-1])
        if self._backlog:
            return told
        self.stop()
        return told or [block]

    def _keep(self, block: bytes) -> list[tuple[int, bytes]]:
        """Hold a block, or what its silence leaves of it; return that, numbered by its last period."""
        self._now_periods += len(block) // PERIOD_BYTES
        kept = self._pauses.shorten(self._now_periods, block)
        for each in kept:
            self._held.append(each)
            self._held_bytes += len(each[1])
        while self._held_bytes > self._limit_bytes:
            self._drop_oldest()
        return kept

    def _drop_oldest(self) -> None:
        self._held_bytes -= len(self._held.popleft()[1])


class _Pauses:
    """Leaves out of the microphone's sound what is longer than a pause between two words."""

    def __init__(self) -> None:
        self._onset: deque[tuple[int, bytes]] = deque()
        self.silent_periods = PAUSE_PERIODS  # what comes before the first voice is of no use

    def shorten(self, number: int, block: bytes) -> list[tuple[int, bytes]]:
        """Take a block that ends with period ``number``; return what is kept of the sound, numbered, now."""
        if peak(block) > VOICE_PEAK:
            self.silent_periods = 0
            kept = [*self._onset, (number, block)]
            self._onset.clear()
            return kept
        self.silent_periods += len(block) // PERIOD_BYTES
        if self.silent_periods <= PAUSE_PERIODS:
            return [(number, block)]
        self._onset.append((number, block))
        while number - self._onset[0][0] >= ONSET_PERIODS:
            self._onset.popleft()
        return []
