"""When to make the loudspeaker softer because somebody has begun to talk, before the server has said so.

A server needs some hundred milliseconds to be sure of a voice, and the network its own; a person who is
talked over all that time stops. Knows no sound, only what each period held.
"""

from __future__ import annotations

import enum

from edge_agent.errors import IllegalTransition

VOICE_PERIODS = 3
"""30 ms in a row: a click or a knock is shorter, the shortest syllable is longer."""

HOLD_S = 0.7
"""How long it stays soft. By then the server has stopped the answer, or takes what was heard for no voice."""

SOUNDING_PERIODS = 25
"""So long after the last sound the loudspeaker is in the pause of a sentence (250 ms, as in playback)."""


class Ducking(enum.Enum):
    """How loud the loudspeaker may be."""

    FREE = "free"
    SOFT = "soft"  # somebody has begun to talk
    SPENT = "spent"  # it was soft for HOLD_S; not again before the voice has paused


MOVES: dict[Ducking, frozenset[Ducking]] = {
    Ducking.FREE: frozenset({Ducking.SOFT}),
    Ducking.SOFT: frozenset({Ducking.SPENT, Ducking.FREE}),
    Ducking.SPENT: frozenset({Ducking.FREE}),
}


class Ducker:
    """Decides once a period. ``depth_db`` is by how much softer, 0 never."""

    def __init__(self, depth_db: float) -> None:
        self._soft_gain = 10.0 ** (-depth_db / 20.0)
        self._ducking = Ducking.FREE
        self._soft_until = 0.0
        self._voice_periods = 0
        self._pause_periods = 0
        self._silent_periods = SOUNDING_PERIODS

    @property
    def ducking(self) -> Ducking:
        """Where it stands."""
        return self._ducking

    def gain(self, *, is_voice: bool, is_played: bool, now: float) -> float:
        """Take a period and return the loudspeaker's gain, 0 to 1.

        ``is_voice``: the cleaned microphone held a voice; ``is_played``: the loudspeaker held a sound.
        """
        self._count(is_voice, is_played)
        match self._ducking:
            case Ducking.FREE if self._is_sounding and self._voice_periods >= VOICE_PERIODS:
                self._soft_until = now + HOLD_S
                self._set_ducking(Ducking.SOFT)
            case Ducking.SOFT if not self._is_sounding:
                self._set_ducking(Ducking.FREE)
            case Ducking.SOFT if now >= self._soft_until:
                self._set_ducking(Ducking.SPENT)
            case Ducking.SPENT if self._pause_periods >= VOICE_PERIODS:
                self._set_ducking(Ducking.FREE)
        return self._soft_gain if self._ducking is Ducking.SOFT else 1.0

    def _count(self, is_voice: bool, is_played: bool) -> None:
        self._voice_periods = self._voice_periods + 1 if is_voice else 0
        self._pause_periods = 0 if is_voice else self._pause_periods + 1
        self._silent_periods = 0 if is_played else self._silent_periods + 1

    @property
    def _is_sounding(self) -> bool:
        return self._silent_periods < SOUNDING_PERIODS

    def _set_ducking(self, ducking: Ducking) -> None:
        if ducking not in MOVES[self._ducking]:
            raise IllegalTransition(f"ducking: {self._ducking.value} -> {ducking.value}")
        self._ducking = ducking
