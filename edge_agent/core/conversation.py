"""Whose turn it is: follows the server's events by ids, and never by position.

It knows nothing of buttons, links or devices. Order guarantees of the protocol are weak: ``response.created``
may precede ``speech_stopped``, ``response.done`` may precede the first sound, and an event of an old response
may follow those of a new one. Every state that waits for the server ends by time, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge_agent.core.audible import Audible
from edge_agent.core.status import Turn
from edge_agent.protocol import server_events as said
from edge_agent.protocol.objects import Response

SPEECH_LIMIT_S = 120.0
"""Nobody speaks for so long without a pause: the server's speech_stopped was lost."""

SOUND_PART_TYPES = frozenset({"output_audio", "audio"})
"""Content that will be heard: the GA name and the beta name."""

SOUND_STATUSES = frozenset({"completed", "incomplete"})
"""How a response ends whose sound is played to its end."""


@dataclass(frozen=True, slots=True)
class TurnAnswered:
    """An answer became audible. ``voice_to_voice_s`` runs from the end of the person's voice, if known."""

    response_id: str
    voice_to_voice_s: float | None


@dataclass(frozen=True, slots=True)
class _Sound:
    """The loudspeaker is audible: since when, and when the person's voice had ended by then, if known."""

    since: float
    voice_ended_at: float | None

    @property
    def latency_s(self) -> float | None:
        if self.voice_ended_at is None or self.voice_ended_at > self.since:
            return None
        return self.since - self.voice_ended_at


@dataclass(slots=True)
class _Answer:
    """A response that is being made: when the server last said something about it, and if it will sound."""

    progress_at: float
    is_voiced: bool = False


class Conversation:
    """The turn, computed from who speaks, what is asked, what is being made and what sounds."""

    def __init__(self, answer_limit_s: float, audible: Audible) -> None:
        self.audible = audible
        self._answer_limit_s = answer_limit_s
        self._speech_since: float | None = None
        self._spoke_at = -math.inf
        self._is_asked = False
        self._refused_until = -math.inf
        self._answers: dict[str, _Answer] = {}
        self._answer_began_at = -math.inf
        self._newest_id = ""
        self._is_answered = False
        self._unexplained: _Sound | None = None
        self._last_activity_at = -math.inf

    @property
    def turn(self) -> Turn:
        """Whose turn it is now."""
        if self.audible.is_audible:
            return Turn.AGENT
        if self._speech_since is not None:
            return Turn.PERSON
        if self._is_asked or self._answers:
            return Turn.PENDING
        return Turn.NOBODY

    @property
    def active_response_id(self) -> str | None:
        """The response that is being made, or None."""
        return next(reversed(self._answers), None)

    @property
    def response_id(self) -> str:
        """The response that is heard, or else being made; ``""`` if there is none."""
        heard_id = self.audible.heard_id if self.audible.is_audible else None
        return heard_id or self.active_response_id or ""

    @property
    def last_activity_at(self) -> float:
        """When anybody last spoke, was answered, or touched the conversation (monotonic seconds)."""
        return self._last_activity_at

    def successor(self, last_activity_at: float) -> Conversation:
        """Return the conversation of the next session: only what the loudspeaker does crosses over."""
        self.audible.forget_server()
        fresh = Conversation(self._answer_limit_s, self.audible)
        fresh.touch(last_activity_at)
        return fresh

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or None."""
        waiting_since = self._waiting_since()
        deadlines = [
            self.audible.next_deadline(),
            None if self._speech_since is None else self._speech_since + SPEECH_LIMIT_S,
            None if waiting_since is None else waiting_since + self._answer_limit_s,
        ]
        return min((at for at in deadlines if at is not None), default=None)

    def tick(self, now: float) -> bool:
        """Apply the deadlines. Return whether an answer that was due has not come."""
        self.audible.tick(now)
        if self._speech_since is not None and now >= self._speech_since + SPEECH_LIMIT_S:
            self._speech_since = None
        waiting_since = self._waiting_since()
        if waiting_since is None or now < waiting_since + self._answer_limit_s:
            return False
        self._is_asked = False
        self._answers.clear()
        return True

    # -- what people do ----------------------------------------------------------------------------

    def touch(self, now: float) -> None:
        """Somebody did something: a conversation that idles begins to idle anew."""
        self._last_activity_at = now

    def person_spoke(self, now: float) -> None:
        """A person began to speak (server's detection, or the talk button): a new turn."""
        self.touch(now)
        self._speech_since = self._spoke_at = now
        self._is_asked = False
        self._refused_until = -math.inf
        self._is_answered = False
        self._unexplained = None

    def person_stopped(self, now: float) -> None:
        """The person stopped, or is not listened to any more. Nothing is asked by that alone."""
        self.touch(now)
        self._speech_since = None

    def expect_answer(self, now: float) -> None:
        """The server was asked for an answer."""
        self.touch(now)
        self._is_asked = True

    def expect_again(self, now: float) -> None:
        """The server was asked for an answer that nobody has heard."""
        self.expect_answer(now)
        self._refused_until = -math.inf
        self._is_answered = False

    def refuse_answer(self, now: float) -> None:
        """The person wants no answer, neither the one that is being made nor one that is yet to begin."""
        if self._is_asked:
            self._refused_until = now + self._answer_limit_s
        self.touch(now)
        self._is_asked = False
        self._answers.clear()

    def is_refused(self, now: float) -> bool:
        """Whether an answer that begins now is one that nobody wants any more."""
        return now < self._refused_until

    # -- what the loudspeaker does -----------------------------------------------------------------

    def sound_started(self, voice_ended_at: float | None, now: float) -> TurnAnswered | None:
        """The loudspeaker became audible; returns the answer that this begins, once for each turn.

        Sound that comes while nothing was asked or answered since the person last spoke is the rest of an
        answer that the person interrupted, and begins nothing; or it has outrun the events that belong to it:
        see :meth:`explain_sound`.
        """
        self.touch(now)
        response_id = self.audible.newest_id or self._newest_id
        is_due = self._is_asked or self._answer_began_at > self._spoke_at
        is_due = is_due or self.audible.newest_id is not None
        self.audible.sound_started(response_id)
        self._is_asked = False
        sound = _Sound(now, voice_ended_at)
        if self._is_answered or not is_due:
            self._unexplained = None if self._is_answered else sound
            return None
        self._is_answered = True
        return TurnAnswered(response_id, sound.latency_s)

    def explain_sound(self, response_id: str) -> TurnAnswered | None:
        """The server has said that it plays ``response_id``; returns the answer if its sound was here first.

        Sound and events travel apart, and a slow or lossy path holds up events alone.
        """
        sound, self._unexplained = self._unexplained, None
        if sound is None:
            return None
        self._is_answered = True
        return TurnAnswered(response_id, sound.latency_s)

    def sound_ended(self, now: float) -> None:
        """The loudspeaker has fallen silent."""
        self.touch(now)
        self._unexplained = None
        self.audible.sound_ended(now)

    def cut_off(self, now: float) -> None:
        """Everything that sounded is thrown away, here and at the server."""
        self.touch(now)
        self._unexplained = None
        self.audible.cut_off(now)

    # -- what the server says ----------------------------------------------------------------------

    def see(self, event: said.ServerEvent, now: float) -> None:
        """Follow one event of the server."""
        match event:
            case said.InputAudioBufferSpeechStarted():
                self.person_spoke(now)
            case said.InputAudioBufferSpeechStopped() | said.InputAudioBufferCommitted():
                self.person_stopped(now)
                self._ask(now)
            case said.InputAudioBufferCleared():
                self._speech_since = None
            case said.ResponseCreated(response=response):
                self._begin_answer(response, now)
            case said.ResponseDone(response=response):
                self._finish_answer(response, now)
            case said.OutputAudioBufferStarted(response_id=response_id):
                self.audible.server_started(response_id, now)
                self._is_asked = False
            case said.OutputAudioBufferStopped(response_id=response_id):
                self.audible.server_ended(response_id)
            case said.OutputAudioBufferCleared(response_id=response_id):
                self.audible.server_ended(response_id)
            case _:
                self._note_progress(event, now)

    def text_grew(self, piece: said.TextPiece, now: float) -> None:
        """Take note of some more text."""
        self._note_progress(piece, now)

    def _ask(self, now: float) -> None:
        """Expect an answer, unless one has begun since the person spoke, or none is wanted."""
        if self._answer_began_at <= self._spoke_at and not self.is_refused(now):
            self._is_asked = True

    def _begin_answer(self, response: Response, now: float) -> None:
        self._answers[response.id] = _Answer(now)
        self._newest_id = response.id
        self._answer_began_at = now
        self._is_asked = False

    def _finish_answer(self, response: Response, now: float) -> None:
        self.touch(now)
        answer = self._forget_answer(response.id)
        if self._has_sound_to_come(response, answer):
            self._is_asked = True
        elif self._answer_began_at == -math.inf:
            self._is_asked = False  # a server that never says response.created

    def _forget_answer(self, response_id: str) -> _Answer | None:
        """Drop what is being made under that id; without an id on either side nothing can be told apart."""
        if response_id in self._answers:
            return self._answers.pop(response_id)
        if not response_id or "" in self._answers:
            self._answers.clear()
        return None

    def _has_sound_to_come(self, response: Response, answer: _Answer | None) -> bool:
        if self._speech_since is not None or response.status not in SOUND_STATUSES:
            return False
        if self.audible.is_audible or self.audible.heard_id == response.id:
            return False
        parts = [part for item in response.output for part in item.content]
        is_voiced = answer is not None and answer.is_voiced
        return is_voiced or any(part.type in SOUND_PART_TYPES for part in parts)

    def _note_progress(self, event: said.ServerEvent, now: float) -> None:
        answer = self._answers.get(getattr(event, "response_id", ""))
        if answer is None:
            return
        answer.progress_at = now
        if isinstance(event, said.ResponseOutputAudioTranscriptDelta | said.ResponseOutputAudioDone):
            answer.is_voiced = True

    def _waiting_since(self) -> float | None:
        """Since when nothing has happened that the person waits for; None while nobody waits."""
        if self.turn is not Turn.PENDING:
            return None
        return max([self._last_activity_at, *(answer.progress_at for answer in self._answers.values())])
