"""When the device listens: always (while it is awake), in a conversation, or while the talk button is held.

It knows the order of push-to-talk (the server's detection off; clear, speak, commit, create), not the
buttons and not whose turn it is.
"""

from __future__ import annotations

import enum

from edge_agent.core.settings import AgentSettings, Mode, TurnTaking
from edge_agent.errors import IllegalTransition
from edge_agent.protocol import client_events as ask
from edge_agent.protocol.client_events import ClientEvent

TALK_TAIL_S = 0.15
"""The gate stays open so long after the release: RTP and data channel are not ordered to each other."""

LEAST_TALK_S = 0.25
"""A shorter press is no utterance; servers refuse to commit less than 100 ms of sound."""

LONGEST_TALK_S = 120.0
"""A longer press is a stuck button, or something that leans on it: it must not keep the microphone open."""


LATE_LIMIT_S = 20.0
"""So long after the release what was said may still be on its way, because there was no session to say it to:
ten seconds for that to come, ten to tell it. Nobody waits longer for an answer."""


class TalkState(enum.Enum):
    """Who opens the microphone now."""

    OFF = "off"
    OPEN = "open"  # always on, or a conversation was started
    HELD = "held"
    TAIL = "tail"  # released a moment ago


TRANSITIONS: dict[TalkState, dict[TalkState, str]] = {
    TalkState.OFF: {TalkState.OPEN: "a conversation is started", TalkState.HELD: "the talk button goes down"},
    TalkState.OPEN: {TalkState.OFF: "the conversation is ended", TalkState.HELD: "the talk button goes down"},
    TalkState.HELD: {
        TalkState.TAIL: "the talk button goes up",
        TalkState.OPEN: "forgotten, or too long, in a conversation",
        TalkState.OFF: "forgotten, or too long, outside a conversation",
    },
    TalkState.TAIL: {
        TalkState.HELD: "the talk button goes down again",
        TalkState.OPEN: "handed over, in a conversation",
        TalkState.OFF: "handed over, outside a conversation",
    },
}
"""The legal moves and what makes them; any other is a bug."""


class Talk:
    """Decides whether the microphone's sound is wanted, and what the server must be told about it."""

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
        self._turns = settings.turn_taking[0]
        is_always_on = settings.mode is not Mode.BUTTON and settings.detects_turns
        self.state = TalkState.OPEN if is_always_on else TalkState.OFF
        self._resting = self.state
        self._talk_since = 0.0
        self._pressed_at = 0.0
        self._tail_until = 0.0
        self._released_at = 0.0
        self._is_late = False

    @property
    def wants_sound(self) -> bool:
        """Whether the microphone's gate may be open."""
        return self.state is not TalkState.OFF

    @property
    def is_held(self) -> bool:
        """Whether the talk button is down or has just been released."""
        return self.state in (TalkState.HELD, TalkState.TAIL)

    @property
    def may_idle_out(self) -> bool:
        """Whether a conversation is on that a button started, and that ends when nobody speaks."""
        return self._settings.mode is Mode.BUTTON and self.state is TalkState.OPEN

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or None."""
        if self.state is TalkState.TAIL:
            return self._released_at + LATE_LIMIT_S if self._is_late else self._tail_until
        return self._talk_since + LONGEST_TALK_S if self.state is TalkState.HELD else None

    def link_up(self, turns: TurnTaking) -> list[ClientEvent]:
        """A new session listens by itself; switch that off unless a conversation is open.

        ``turns`` holds until the next session.
        """
        self._turns = turns
        is_open = self._resting is TalkState.OPEN and not self.is_held
        return [] if is_open else self._detection(on=False)

    def set_late(self, is_late: bool, now: float) -> None:
        """Say whether the server hears what is said later than that, or not yet; handing over waits."""
        if self._is_late and not is_late:
            self._tail_until = max(self._tail_until, now + TALK_TAIL_S)
        self._is_late = is_late

    def toggle_conversation(self) -> list[ClientEvent]:
        """Start or end a conversation; nothing outside button mode or where the server can't detect turns.

        While the talk button is held, the change waits until the utterance is handed over.
        """
        if self._settings.mode is not Mode.BUTTON or not self._settings.detects_turns:
            return []
        self._resting = TalkState.OFF if self._resting is TalkState.OPEN else TalkState.OPEN
        if self.is_held:
            return []
        self._set_state(self._resting)
        if self.state is TalkState.OPEN:
            return self._detection(on=True)
        return [*self._detection(on=False), *self._clear()]

    def press(self, now: float) -> list[ClientEvent]:
        """The talk button went down: what is said from now on is one utterance.

        A press so soon after a release that nothing was handed over goes on with the same utterance.
        """
        if self.state is TalkState.HELD:
            return []
        before = self.state
        self._set_state(TalkState.HELD)
        self._pressed_at = now
        if before is TalkState.TAIL:
            return []
        self._talk_since = now
        off = self._detection(on=False) if before is TalkState.OPEN else []
        return [*off, *self._clear()]

    def release(self, now: float) -> list[ClientEvent]:
        """The talk button went up after a hold; a press too short to be an utterance is forgotten."""
        if self.state is not TalkState.HELD:
            return []
        if now - self._talk_since < LEAST_TALK_S:
            return self.forget()
        self._set_state(TalkState.TAIL)
        self._released_at = now
        self._tail_until = now + TALK_TAIL_S
        return []

    def take_back(self, now: float) -> list[ClientEvent]:
        """The last press was meant as something else than talking; what was said before it still counts."""
        if self.state is not TalkState.HELD:
            return []
        return self.release(now) if self._pressed_at > self._talk_since else self.forget()

    def forget(self) -> list[ClientEvent]:
        """What was heard and not handed over is not to be used."""
        if self.state is TalkState.OFF:
            return []
        if not self.is_held:
            return self._clear()
        self._set_state(self._resting)
        return [*self._clear(), *self._rest()]

    def tick(self, now: float) -> list[ClientEvent]:
        """Hand the utterance over when the tail is through, or it has grown too long; nothing before.

        One that nobody could hear until then is forgotten.
        """
        deadline = self.next_deadline()
        if deadline is None or now < deadline:
            return []
        if self._is_late:
            return self.forget()
        self._set_state(self._resting)
        if not self._turns.takes_manual_turns:
            return []
        return [ask.InputAudioBufferCommit(), ask.ResponseCreate(), *self._rest()]

    def _rest(self) -> list[ClientEvent]:
        return self._detection(on=True) if self._resting is TalkState.OPEN else []

    def _clear(self) -> list[ClientEvent]:
        return [ask.InputAudioBufferClear()] if self._turns.takes_manual_turns else []

    def _detection(self, *, on: bool) -> list[ClientEvent]:
        if not self._turns.takes_manual_turns or not self._settings.detects_turns:
            return []
        session = self._turns.detection_on if on else self._turns.detection_off
        return [ask.SessionUpdate(session=session)] if session else []

    def _set_state(self, new: TalkState) -> None:
        if new not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"talk: {self.state.value} -> {new.value}")
        self.state = new
