"""When the device listens: always, in a conversation, or while the talk button is held.

It knows the order of push-to-talk (the server's detection off; clear, speak, commit, create), not the
buttons and not whose turn it is.
"""

from __future__ import annotations

import enum

from edge_agent.core.settings import AgentSettings, Mode
from edge_agent.errors import IllegalTransition
from edge_agent.protocol import client_events as ask
from edge_agent.protocol.client_events import ClientEvent

TALK_TAIL_S = 0.15
"""The gate stays open so long after the release: RTP and data channel are not ordered to each other."""

LEAST_TALK_S = 0.25
"""A shorter press is no utterance; servers refuse to commit less than 100 ms of sound."""


class TalkState(enum.Enum):
    """Who opens the microphone now."""

    OFF = "off"
    OPEN = "open"  # always on, or a conversation was started
    HELD = "held"
    TAIL = "tail"  # released a moment ago


TRANSITIONS: dict[TalkState, frozenset[TalkState]] = {
    TalkState.OFF: frozenset({TalkState.OPEN, TalkState.HELD}),
    TalkState.OPEN: frozenset({TalkState.OFF, TalkState.HELD}),
    TalkState.HELD: frozenset({TalkState.TAIL, TalkState.OPEN, TalkState.OFF}),
    TalkState.TAIL: frozenset({TalkState.OPEN, TalkState.OFF}),
}
"""The legal moves; any other is a bug."""


class Talk:
    """Decides whether the microphone's sound is wanted, and what the server must be told about it."""

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
        self.state = TalkState.OPEN if settings.mode is Mode.ALWAYS_ON else TalkState.OFF
        self._resting = self.state
        self._held_since = 0.0
        self._tail_until = 0.0

    @property
    def wants_sound(self) -> bool:
        """Whether the microphone's gate may be open."""
        return self.state is not TalkState.OFF

    @property
    def is_held(self) -> bool:
        """Whether the talk button is down or has just been released."""
        return self.state in (TalkState.HELD, TalkState.TAIL)

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or None."""
        return self._tail_until if self.state is TalkState.TAIL else None

    def link_up(self) -> list[ClientEvent]:
        """A new session listens by itself; switch that off unless a conversation is open."""
        if self.is_held:
            self._set_state(self._resting)
        return [] if self.state is TalkState.OPEN else self._detection(on=False)

    def toggle_conversation(self) -> list[ClientEvent]:
        """Start or end a conversation; nothing in always-on mode."""
        if self._settings.mode is Mode.ALWAYS_ON or self.is_held:
            return []
        self._resting = TalkState.OFF if self.state is TalkState.OPEN else TalkState.OPEN
        self._set_state(self._resting)
        if self.state is TalkState.OPEN:
            return self._detection(on=True)
        return [*self._detection(on=False), *self._clear()]

    def press(self, now: float) -> list[ClientEvent]:
        """The talk button went down: what is said from now on is one utterance."""
        if self.state is TalkState.HELD:
            return []
        earlier = self._hand_over() if self.state is TalkState.TAIL else []
        self._set_state(TalkState.HELD)
        self._held_since = now
        return [*earlier, *self._detection(on=False), *self._clear()]

    def release(self, now: float) -> list[ClientEvent]:
        """The talk button went up after a hold."""
        if self.state is not TalkState.HELD:
            return []
        if now - self._held_since < LEAST_TALK_S:
            return self.cancel()
        self._set_state(TalkState.TAIL)
        self._tail_until = now + TALK_TAIL_S
        return []

    def cancel(self) -> list[ClientEvent]:
        """The press was no utterance: forget its sound."""
        if not self.is_held:
            return []
        self._set_state(self._resting)
        return [*self._clear(), *self._rest()]

    def tick(self, now: float) -> list[ClientEvent]:
        """Hand the utterance over when the tail is through; returns nothing before."""
        if self.state is not TalkState.TAIL or now < self._tail_until:
            return []
        return self._hand_over()

    def _hand_over(self) -> list[ClientEvent]:
        self._set_state(self._resting)
        if not self._settings.takes_manual_turns:
            return self._rest()
        return [ask.InputAudioBufferCommit(), ask.ResponseCreate(), *self._rest()]

    def _rest(self) -> list[ClientEvent]:
        return self._detection(on=True) if self._resting is TalkState.OPEN else []

    def _clear(self) -> list[ClientEvent]:
        return [ask.InputAudioBufferClear()] if self._settings.takes_manual_turns else []

    def _detection(self, *, on: bool) -> list[ClientEvent]:
        settings = self._settings
        if not settings.takes_manual_turns or settings.turn_detection_on is None:
            return []
        session = settings.turn_detection_on if on else settings.turn_detection_off
        return [ask.SessionUpdate(session=session)] if session else []

    def _set_state(self, new: TalkState) -> None:
        if new not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"talk: {self.state.value} -> {new.value}")
        self.state = new
