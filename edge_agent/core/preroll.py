"""What was said while nobody could hear it: held for a while, and told later without its silences.

Who is behind catches up in two ways: pauses are shortened to what parts two words, and what waits is sent a
little faster than it was said. One period of sound goes in at a time; none, one or a few come out.
"""

from __future__ import annotations

from collections import deque

from edge_agent.core.pcm import PERIOD_S
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

LOOK_PERIODS = 100
"""How many periods are looked through at a time; a second of silence takes a millisecond."""


class Preroll:
    """Holds the newest ``limit_s`` of sound. Overflow rule: the oldest is dropped."""

    def __init__(self, limit_s: float) -> None:
        limit_periods = max(1, round(limit_s / PERIOD_S))
        self._held: deque[bytes] = deque(maxlen=limit_periods)
        self._backlog: deque[bytes] = deque(maxlen=limit_periods)
        self._onset: deque[bytes] = deque(maxlen=ONSET_PERIODS)
        self._silent_periods = PAUSE_PERIODS
        self._credit = 0.0
        self._is_behind = False

    @property
    def is_behind(self) -> bool:
        """Whether something is still to be told."""
        return self._is_behind

    def hold(self, block: bytes) -> None:
        """Take a period that is not sent."""
        self._held.append(block)

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()
        self.stop()

    def stop(self) -> None:
        """Tell nothing more for now; what is held can be recalled again."""
        self._is_behind = False
        self._backlog.clear()
        self._onset.clear()

    def recall(self, last_s: float) -> None:
        """Tell the last ``last_s`` of what is held, from the next period on."""
        self.stop()
        count = min(len(self._held), max(0, round(last_s / PERIOD_S)))
        self._backlog.extend(list(self._held)[len(self._held) - count :])
        self._silent_periods = PAUSE_PERIODS  # what came before the voice is of no use
        self._credit = 0.0
        self._is_behind = True

    def take(self, block: bytes) -> list[bytes]:
        """Take a period that is to be sent, and return what is sent now."""
        self._held.append(block)
        if not self._is_behind:
            return [block]
        self._backlog.append(block)
        self._credit += PACE
        told: list[bytes] = []
        for _ in range(min(LOOK_PERIODS, len(self._backlog))):
            if len(told) >= self._credit:
                break
            told += self._without_silence(self._backlog.popleft())
        self._credit -= len(told)
        if self._backlog:
            return told
        self.stop()
        return told or [block]

    def _without_silence(self, block: bytes) -> list[bytes]:
        if peak(block) > VOICE_PEAK:
            self._silent_periods = 0
            told = [*self._onset, block]
            self._onset.clear()
            return told
        self._silent_periods += 1
        if self._silent_periods <= PAUSE_PERIODS:
            return [block]
        self._onset.append(block)
        return []
