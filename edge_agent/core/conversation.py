"""Whose turn it is: follows the server's events and the loudspeaker, by ids and never by position.

It knows nothing of buttons, links or devices. Order guarantees of the protocol are weak: ``response.created``
may precede ``speech_stopped``, ``output_audio_buffer.stopped`` of an old response may follow ``started`` of a
new one, and some servers never send ``output_audio_buffer.*``; then the sound itself decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.core.status import Turn
from edge_agent.protocol import server_events as said
from edge_agent.protocol.objects import Response

SPEECH_LIMIT_S = 120.0
"""Nobody speaks for so long without a pause: the server's speech_stopped was lost."""

SILENT_ANSWER_LIMIT_S = 5.0
"""A response that the server calls playing, with a silent loudspeaker for so long, is over: its
``output_audio_buffer.stopped`` was lost or its sound never came."""


@dataclass(frozen=True, slots=True)
class TurnAnswered:
    """An answer became audible. ``voice_to_voice_s`` runs from the end of the person's voice, if known."""

    response_id: str
    voice_to_voice_s: float | None


class Conversation:
    """The turn, computed from who speaks, what is asked and what sounds."""

    def __init__(self, answer_limit_s: float) -> None:
        self._answer_limit_s = answer_limit_s
        self._speech_since: float | None = None
        self._asked_at: float | None = None
        self._responses: dict[str, float] = {}
        self._playing: dict[str, float] = {}
        self._is_sounding = False
        self._quiet_since = 0.0
        self._answered: str | None = None
        self._last_activity_at = 0.0

    @property
    def turn(self) -> Turn:
        """Whose turn it is now."""
        if self.is_audible:
            return Turn.AGENT
        if self._speech_since is not None:
            return Turn.PERSON
        if self._asked_at is not None or self._responses:
            return Turn.PENDING
        return Turn.NOBODY

    @property
    def is_audible(self) -> bool:
        """Whether an answer sounds, here or (as far as the server said) soon."""
        return self._is_sounding or bool(self._playing)

    @property
    def is_playing(self) -> bool:
        """Whether the server still holds sound of an answer."""
        return bool(self._playing)

    def is_newest_playing(self, response_id: str) -> bool:
        """Whether the server plays ``response_id`` and nothing newer (a stale event must flush nothing)."""
        return next(reversed(self._playing), None) == response_id

    @property
    def active_response_id(self) -> str | None:
        """The response that is being generated, or None."""
        return next(reversed(self._responses), None)

    @property
    def last_activity_at(self) -> float:
        """When anybody last spoke or was answered (monotonic seconds)."""
        return self._last_activity_at

    def successor(self, now: float) -> Conversation:
        """Return the conversation of the next session: only what the loudspeaker does crosses over."""
        fresh = Conversation(self._answer_limit_s)
        fresh._is_sounding = self._is_sounding
        fresh._quiet_since = now
        fresh._last_activity_at = now
        return fresh

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or None."""
        deadlines = [*self._silent_answers().values()]
        if self._speech_since is not None:
            deadlines.append(self._speech_since + SPEECH_LIMIT_S)
        waiting_since = self._waiting_since()
        if waiting_since is not None:
            deadlines.append(waiting_since + self._answer_limit_s)
        return min(deadlines, default=None)

    def tick(self, now: float) -> bool:
        """Apply the deadlines. Return whether an answer that was due has not come."""
        if self._speech_since is not None and now >= self._speech_since + SPEECH_LIMIT_S:
            self._speech_since = None
        for response_id, deadline in self._silent_answers().items():
            if now >= deadline:
                del self._playing[response_id]
        waiting_since = self._waiting_since()
        if waiting_since is None or now < waiting_since + self._answer_limit_s:
            return False
        self._asked_at = None
        self._responses.clear()
        return True

    def person_spoke(self, now: float) -> None:
        """A person began to speak (server's detection, or the talk button)."""
        self._speech_since = now
        self._answered = None
        self._last_activity_at = now

    def person_stopped(self, now: float, *, asked: bool) -> None:
        """The person stopped; ``asked`` says whether an answer is due now."""
        self._speech_since = None
        self._last_activity_at = now
        if asked:
            self._asked_at = now

    def cut_off(self, now: float) -> None:
        """Everything that sounded was flushed, here and at the server."""
        self._playing.clear()
        self._is_sounding = False
        self._quiet_since = now

    def sound_started(self, quiet_since: float | None, now: float) -> TurnAnswered | None:
        """The loudspeaker became audible; returns the answer that this begins, once for each turn."""
        self._is_sounding = True
        self._last_activity_at = now
        response_id = next(reversed(self._playing), None) or self.active_response_id or ""
        self._asked_at = None
        if self._answered is not None:
            return None
        self._answered = response_id
        latency_s = None if quiet_since is None or quiet_since > now else now - quiet_since
        return TurnAnswered(response_id, latency_s)

    def sound_ended(self, now: float) -> None:
        """The loudspeaker has played its last audible sample."""
        self._is_sounding = False
        self._quiet_since = now
        self._last_activity_at = now

    def see(self, event: said.ServerEvent, now: float) -> None:
        """Follow one event of the server."""
        match event:
            case said.InputAudioBufferSpeechStarted():
                self.person_spoke(now)
            case said.InputAudioBufferSpeechStopped():
                self.person_stopped(now, asked=True)
            case said.InputAudioBufferCommitted():
                self._speech_since = None
                self._asked_at = now
            case said.InputAudioBufferCleared():
                self._speech_since = None
            case said.ResponseCreated(response=response):
                self._responses[response.id or ""] = now
                self._asked_at = None
            case said.ResponseDone(response=response):
                self._finish_response(response, now)
            case said.OutputAudioBufferStarted(response_id=response_id):
                self._playing[response_id] = now
                self._asked_at = None
            case said.OutputAudioBufferStopped(response_id=response_id):
                self._playing.pop(response_id, None)
            case said.OutputAudioBufferCleared(response_id=response_id):
                self._playing.pop(response_id, None)
            case _:
                self._note_progress(event, now)

    def _finish_response(self, response: Response, now: float) -> None:
        self._last_activity_at = now
        sound_to_come = self._answered is None and not self.is_audible and _has_sound(response)
        self._asked_at = now if sound_to_come else None
        if self._responses.pop(response.id or "", None) is None:
            self._responses.clear()

    def _note_progress(self, event: said.ServerEvent, now: float) -> None:
        response_id = getattr(event, "response_id", None)
        if isinstance(response_id, str) and response_id in self._responses:
            self._responses[response_id] = now

    def _waiting_since(self) -> float | None:
        if self.is_audible or self._speech_since is not None:
            return None
        times = list(self._responses.values())
        if self._asked_at is not None:
            times.append(self._asked_at)
        return max(times, default=None)

    def _silent_answers(self) -> dict[str, float]:
        if self._is_sounding:
            return {}
        return {
            response_id: max(since, self._quiet_since) + SILENT_ANSWER_LIMIT_S
            for response_id, since in self._playing.items()
        }


def _has_sound(response: Response) -> bool:
    parts = [part for item in response.output or () for part in item.content or ()]
    return response.status == "completed" and any(part.type in ("output_audio", "audio") for part in parts)
