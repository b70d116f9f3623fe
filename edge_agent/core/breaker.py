"""Full or half duplex: trusts echo cancellation until the agent interrupts itself, and tries again later.

A circuit breaker in the manner of M. Nygard, "Release It!" (2007), chapter 5. What tells that the agent has
heard itself is the business of :mod:`~edge_agent.core.own_voice`.
"""

from __future__ import annotations

import enum

from edge_agent.core import reports
from edge_agent.core.commands import Tell
from edge_agent.core.settings import AgentSettings, Duplex
from edge_agent.errors import IllegalTransition

HEALTHY_SOUND_S = 60.0
"""So much sound of its own without hearing itself is trusted. Sound counts, not time: an idle night proves
nothing. An echo that is not cancelled interrupts every answer within its first second or two."""

HALF_FOR_S = (30.0, 2 * 60.0, 10 * 60.0, 60 * 60.0)
"""Waits until full duplex is tried again; the last one repeats. The first is about one exchange: somebody
moved the loudspeaker, and the canceller needs a few seconds to follow. The last costs an answer an hour."""


class BreakerState(enum.Enum):
    """How far hearing while speaking is trusted."""

    TRUSTED = "trusted"
    DOUBTED = "doubted"  # it may interrupt itself once more
    HALF = "half"
    WARNED = "warned"  # full duplex is what the person wants, and has been told about


TRANSITIONS: dict[BreakerState, dict[BreakerState, str]] = {
    BreakerState.TRUSTED: {BreakerState.DOUBTED: "it interrupts itself"},
    BreakerState.DOUBTED: {
        BreakerState.TRUSTED: "it speaks for a minute and does not hear itself",
        BreakerState.HALF: "it interrupts itself, duplex is auto",
        BreakerState.WARNED: "it interrupts itself, duplex is full",
    },
    BreakerState.HALF: {BreakerState.DOUBTED: "the wait is over"},
    BreakerState.WARNED: {},
}
"""The legal moves and what makes them; any other is a bug."""


class Breaker:
    """Decides whether the microphone is closed while the loudspeaker sounds.

    Where it is wanted so (duplex half, or auto without echo cancellation) it is, for ever.
    """

    def __init__(self, settings: AgentSettings) -> None:
        is_auto = settings.duplex is Duplex.AUTO
        is_half = settings.duplex is Duplex.HALF or (is_auto and not settings.echo_is_cancelled)
        self.state = BreakerState.HALF if is_half else BreakerState.TRUSTED
        self._tripped = BreakerState.HALF if is_auto else BreakerState.WARNED
        self._trips = 0
        self._full_at: float | None = None
        self._sounds_since: float | None = None
        self._healthy_s = 0.0

    @property
    def is_half(self) -> bool:
        """Whether the microphone is to be closed while the loudspeaker sounds."""
        return self.state is BreakerState.HALF

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or None."""
        return self._full_at

    def tick(self, now: float) -> list[Tell]:
        """Try full duplex again if its time has come."""
        if self._full_at is None or now < self._full_at:
            return []
        self._full_at = None
        self._doubt(now)
        return [reports.FULL_DUPLEX_AGAIN]

    def sound_started(self, now: float) -> None:
        """The loudspeaker became audible."""
        self._sounds_since = now

    def sound_ended(self, now: float) -> None:
        """The loudspeaker has fallen silent: what it played has interrupted nothing."""
        if self._sounds_since is None:
            return
        self._healthy_s += now - self._sounds_since
        self._sounds_since = None
        if self.state is BreakerState.DOUBTED and self._healthy_s >= HEALTHY_SOUND_S:
            self._set_state(BreakerState.TRUSTED)
            self._trips = 0

    def heard_itself(self, now: float) -> list[Tell]:
        """The server took the agent's own voice for a person's, and let it interrupt the answer."""
        if self.state is BreakerState.TRUSTED:
            self._doubt(now)
            return []
        if self.state is not BreakerState.DOUBTED:
            return []
        self._set_state(self._tripped)
        if self._tripped is BreakerState.WARNED:
            return [reports.FULL_DUPLEX_FAILS]
        wait_s = HALF_FOR_S[min(self._trips, len(HALF_FOR_S) - 1)]
        self._trips += 1
        self._full_at = now + wait_s
        return [reports.half_duplex_for(wait_s)]

    def _doubt(self, now: float) -> None:
        """Count the healthy sound from here on."""
        self._set_state(BreakerState.DOUBTED)
        self._healthy_s = 0.0
        if self._sounds_since is not None:
            self._sounds_since = now

    def _set_state(self, new: BreakerState) -> None:
        if new not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"breaker: {self.state.value} -> {new.value}")
        self.state = new
