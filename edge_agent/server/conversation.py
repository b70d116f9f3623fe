"""What the embedded server decides in one call: turns, items, settings, timers. Pure.

What happened and the time go in, effects come out. Sound does not pass through here: positions in it do, in
milliseconds of session audio. What concerns responses is in responder.py, what concerns items in items.py.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from edge_agent.protocol import client_events as said
from edge_agent.protocol import malformed
from edge_agent.protocol import server_events as ev
from edge_agent.protocol.client_events import CLIENT_EVENTS, ClientEvent
from edge_agent.protocol.dialect import Dialect
from edge_agent.protocol.malformed import Malformed
from edge_agent.protocol.objects import ApiError, SessionObject
from edge_agent.protocol.objects import Conversation as ConversationObject
from edge_agent.protocol.session_object import (
    ServerVad,
    SessionWishes,
    TurnDetection,
    effective_session,
    parse_session,
)
from edge_agent.server import items
from edge_agent.server.answer import ResponseWishes
from edge_agent.server.brain import Question, Reply, Say, StartTimer, Topic
from edge_agent.server.effects import DetectTurns, Effect, Emit, EndCall, Forget, Listen, Stream
from edge_agent.server.responder import Responder
from edge_agent.server.scenario import IgnoreUpdate, RejectUpdate
from edge_agent.server.state import SessionState, refusal

MIN_COMMIT_MS = 100
"""Less sound can't be committed (OpenAI's guide to push-to-talk)."""

MAX_BUFFER_MS = 60_000
"""Older sound that was never committed is forgotten."""

MAX_ANNOUNCEMENTS = 20
"""Timers and waiting announcements; more are refused, the newest first."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What is fixed for the life of a session. ``expires_at_unix`` is what the client is told;
    ``streams_sound``: sound comes and goes as events."""

    dialect: Dialect
    expires_at_unix: int
    expires_at: float
    streams_sound: bool = False


@dataclass(frozen=True, slots=True)
class _Turn:
    item_id: str
    start_ms: int


class Conversation:
    """One session. Every method returns the effects in the order in which they are to happen."""

    def __init__(self, setup: Setup, state: SessionState) -> None:
        self._dialect = setup.dialect
        self._expires_at_unix = setup.expires_at_unix
        self._expires_at = setup.expires_at
        self._state = state
        self._responder = Responder(state)
        self._turn: _Turn | None = None
        self._buffer_start_ms = 0
        self._quiet_since: float | None = None
        self._timers: list[tuple[float, str]] = []
        self._announcements: deque[str] = deque()
        self._handlers: dict[type[ClientEvent], Callable[..., list[Effect]]] = {
            said.SessionUpdate: self._update_session,
            said.InputAudioBufferAppend: self._refuse_append,
            said.InputAudioBufferCommit: self._commit_buffer,
            said.InputAudioBufferClear: self._clear_buffer,
            said.OutputAudioBufferClear: self._clear_output,
            said.ConversationItemCreate: lambda event, *_: items.create(state, event),
            said.ConversationItemRetrieve: lambda event, *_: items.retrieve(state, event),
            said.ConversationItemDelete: lambda event, *_: items.delete(state, event),
            said.ConversationItemTruncate: self._truncate_item,
            said.ResponseCreate: self._create_response,
            said.ResponseCancel: self._cancel_response,
            said.RawEvent: self._refuse_unknown,
        }

    # What the call reports

    def start(self) -> list[Effect]:
        """The event channel is open."""
        effects: list[Effect] = [Emit(ev.SessionCreated(session=self._session()))]
        if self._dialect is Dialect.BETA:
            effects.append(
                Emit(
                    ev.ConversationCreated(
                        conversation=ConversationObject(id=self._responder.conversation_id)
                    )
                )
            )
        return [*self._stamped(effects), DetectTurns(self._detection)]

    def handle(self, event: ClientEvent, now: float, audio_ms: int) -> list[Effect]:
        """The client sent ``event``; ``audio_ms`` of session audio have been heard by now."""
        try:
            effects = self._handlers[type(event)](event, now, audio_ms)
        except Malformed as problem:
            effects = [refusal(problem, _event_id(event))]
        return self._settled(effects, now)

    def refuse(self, problem: Malformed) -> list[Effect]:
        """The client sent something that is no event."""
        return self._stamped([refusal(problem, problem.event_id)])

    def voice_started(self, start_ms: int, now: float) -> list[Effect]:
        """Somebody began to speak."""
        self._turn = turn = _Turn(self._state.new_id("item"), start_ms)
        self._quiet_since = None
        event = ev.InputAudioBufferSpeechStarted(audio_start_ms=start_ms, item_id=turn.item_id)
        effects: list[Effect] = [Emit(event)]
        if self._detection is not None and self._detection.interrupt_response is not False:
            effects += self._responder.interrupt(now)
        return self._stamped([*effects, Listen(turn.item_id, start_ms)])

    def voice_stopped(self, end_ms: int, now: float) -> list[Effect]:
        """The person has finished."""
        turn, self._turn = self._turn, None
        if turn is None:
            return []
        event = ev.InputAudioBufferSpeechStopped(audio_end_ms=end_ms, item_id=turn.item_id)
        effects = [Emit(event), *self._commit(turn.item_id, turn.start_ms, end_ms)]
        responds = self._detection is None or self._detection.create_response is not False
        if responds and not self._responder.is_active:
            effects += self._responder.create(ResponseWishes(), now)
        return self._settled(effects, now)

    def heard(self, item_id: str, words: str | None, now: float) -> list[Effect]:
        """What was said in ``item_id`` is ``words``; None when that could not be found out."""
        self._state.unheard.discard(item_id)
        self._state.words[item_id] = words or ""
        effects = items.transcribe(self._state, item_id, words)
        return self._settled(effects + self._responder.heard(item_id), now)

    def thought(self, response_id: str, reply: Reply, now: float) -> list[Effect]:
        """The answer of a response is ``reply``."""
        if isinstance(reply, StartTimer):
            reply = self._start_timer(reply, now)
        return self._settled(self._responder.thought(response_id, reply, now), now)

    def spoken(self, response_id: str, duration_s: float | None, now: float) -> list[Effect]:
        """The sound of a response is there and lasts ``duration_s``; None: there will be none."""
        return self._settled(self._responder.spoken(response_id, duration_s, now), now)

    def started(self, response_id: str, now: float) -> list[Effect]:
        """The first packet of a response has left."""
        return self._stamped(self._responder.started(response_id, now))

    def drained(self, response_id: str, now: float) -> list[Effect]:
        """The last packet of a response has left."""
        effects = self._responder.drained(response_id, now)
        self._quiet_since = now
        return self._settled(effects, now)

    def announce(self, text: str, now: float) -> list[Effect]:
        """Say ``text`` as soon as nobody speaks, without being asked."""
        if len(self._announcements) < MAX_ANNOUNCEMENTS:
            self._announcements.append(text)
        return self._settled([], now)

    def complain(self, error_type: str, code: str | None, message: str) -> list[Effect]:
        """Send an error that nobody asked for."""
        error = ApiError(type=error_type, code=code, message=message)
        return self._stamped([Emit(ev.ErrorEvent(error=error))])

    def expire_at(self, expires_at: float) -> None:
        """Change the end of the session to another time, which the client is not told."""
        self._expires_at = expires_at

    def tick(self, now: float, audio_ms: int) -> list[Effect]:
        """Do what is due; ``audio_ms`` of session audio have been heard by now."""
        if now >= self._expires_at:
            self._expires_at = math.inf  # once is enough
            return self._expire()
        while self._timers and self._timers[0][0] <= now:
            self._announcements.append(self._timers.pop(0)[1])
        effects = self._responder.tick(now)
        timeout_at = self._idle_timeout_at()
        if timeout_at is not None and now >= timeout_at:
            effects += self._ask_whether_still_there(now, audio_ms)
        return self._settled(effects, now)

    def next_deadline(self) -> float:
        """Return when to call tick next; infinity for never."""
        timers = [due for due, _ in self._timers[:1]]
        others = (self._responder.next_deadline(), self._idle_timeout_at())
        return min((self._expires_at, *timers, *(due for due in others if due is not None)))

    # What the client asks for

    def _update_session(self, event: said.SessionUpdate, _now: float, audio_ms: int) -> list[Effect]:
        if self._state.stage.take(IgnoreUpdate):
            return []
        if fault := self._state.stage.take(RejectUpdate):
            raise Malformed(fault.message, code=fault.code, param=fault.param)
        old = self._state.wishes
        new = parse_session(event.session, self._dialect, old)
        if new.model != old.model:
            raise malformed.wrong_value("session.model", "the model that the session began with")
        if new.voice != old.voice and self._responder.has_spoken:
            message = "Cannot update a conversation's voice if assistant audio is present."
            raise Malformed(message, code="cannot_update_voice", param="session.voice")
        self._state.wishes = new
        effects: list[Effect] = [Emit(ev.SessionUpdated(session=self._session()))]
        if new.turn_detection != old.turn_detection:
            self._buffer_start_ms = audio_ms
            effects += self._reset_turns()
        return effects

    def _refuse_append(self, *_: object) -> list[Effect]:
        raise Malformed("Over WebRTC sound comes as RTP.", code="invalid_event", param="type")

    def _commit_buffer(self, _event: object, _now: float, audio_ms: int) -> list[Effect]:
        turn, self._turn = self._turn, None
        start_ms = turn.start_ms if turn else max(self._buffer_start_ms, audio_ms - MAX_BUFFER_MS)
        if audio_ms - start_ms < MIN_COMMIT_MS:
            self._turn = turn
            raise Malformed(
                f"Error committing input audio buffer: buffer too small. Expected at least {MIN_COMMIT_MS}ms "
                f"of audio, but buffer only has {audio_ms - start_ms:.2f}ms of audio.",
                code="input_audio_buffer_commit_empty",
            )
        item_id = turn.item_id if turn else self._state.new_id("item")
        effects = self._commit(item_id, start_ms, audio_ms)
        return effects if turn is None else [*effects, DetectTurns(self._detection)]

    def _clear_buffer(self, _event: object, _now: float, audio_ms: int) -> list[Effect]:
        self._buffer_start_ms = audio_ms
        resets = self._reset_turns() if self._turn else []
        return [*resets, Emit(ev.InputAudioBufferCleared())]

    def _clear_output(self, _event: object, now: float, _audio_ms: int) -> list[Effect]:
        if self._state.streams_sound:
            raise Malformed("Over WebSocket the client plays the sound.", code="invalid_event", param="type")
        effects = self._responder.clear_output(now)
        self._quiet_since = now
        return effects

    def _truncate_item(self, event: said.ConversationItemTruncate, *_: object) -> list[Effect]:
        items.check_truncation(self._state, event)
        return self._responder.truncate(event.item_id, event.audio_end_ms)

    def _create_response(self, event: said.ResponseCreate, now: float, _audio_ms: int) -> list[Effect]:
        try:
            wishes = msgspec.convert(event.response or {}, ResponseWishes)
        except msgspec.ValidationError as error:
            raise malformed.from_validation(error, "response") from error
        return self._responder.create(wishes, now)

    def _cancel_response(self, event: said.ResponseCancel, *_: object) -> list[Effect]:
        return self._responder.cancel("client_cancelled", event.response_id)

    def _refuse_unknown(self, event: said.RawEvent, *_: object) -> list[Effect]:
        supported = ", ".join(f"'{name}'" for name in CLIENT_EVENTS)
        raise Malformed(
            f"Invalid value. Supported values are: {supported}.", code="invalid_value", param="type"
        )

    # What follows

    @property
    def _detection(self) -> TurnDetection | None:
        detection = self._state.wishes.turn_detection
        return None if detection is msgspec.UNSET or detection is None else detection

    def _session(self) -> SessionObject:
        return effective_session(self._state.wishes, self._state.session_id, self._expires_at_unix)

    def _start_timer(self, timer: StartTimer, now: float) -> Say:
        if len(self._timers) >= MAX_ANNOUNCEMENTS:
            return Say("I cannot watch any more timers.")
        self._timers.append((now + timer.duration_s, timer.announcement))
        self._timers.sort()
        return Say(timer.text)

    def _reset_turns(self) -> list[Effect]:
        turn, self._turn = self._turn, None
        effects: list[Effect] = [Forget(turn.item_id)] if turn else []
        return [*effects, DetectTurns(self._detection)]

    def _commit(self, item_id: str, start_ms: int, end_ms: int) -> list[Effect]:
        """Make what was heard between the two an item."""
        self._buffer_start_ms = end_ms
        return items.add_spoken(self._state, item_id, start_ms, end_ms)

    def _idle_timeout_at(self) -> float | None:
        detection = self._detection
        is_armed = isinstance(detection, ServerVad) and detection.idle_timeout_ms and not self._is_busy
        if not is_armed or self._quiet_since is None:
            return None
        assert isinstance(detection, ServerVad)
        return self._quiet_since + (detection.idle_timeout_ms or 0) / 1000

    def _ask_whether_still_there(self, now: float, audio_ms: int) -> list[Effect]:
        """Commit the silence and speak, as OpenAI's servers do after ``idle_timeout_ms``."""
        self._quiet_since = None
        item_id, start_ms = self._state.new_id("item"), self._buffer_start_ms
        event = ev.InputAudioBufferTimeoutTriggered(
            audio_start_ms=start_ms, audio_end_ms=audio_ms, item_id=item_id
        )
        committed = [e for e in self._commit(item_id, start_ms, audio_ms) if isinstance(e, Emit)]
        self._state.unheard.discard(item_id)
        response = self._responder.create(ResponseWishes(), now, Question(Topic.SILENCE))
        return [Emit(event), *committed, *response]

    @property
    def _is_busy(self) -> bool:
        return self._turn is not None or self._responder.is_active or self._responder.is_sounding

    def _expire(self) -> list[Effect]:
        error = ApiError(
            type="invalid_request_error",
            code="session_expired",
            message="Your session hit the maximum duration.",
        )
        return [*self._stamped([Emit(ev.ErrorEvent(error=error))]), EndCall("expired")]

    def _settled(self, effects: list[Effect], now: float) -> list[Effect]:
        """Add what waited for a free moment, and ids for the events."""
        if self._announcements and not self._is_busy:
            effects = effects + self._responder.announce(self._announcements.popleft(), now)
        return self._stamped(effects)

    def _stamped(self, effects: list[Effect]) -> list[Effect]:
        return [self._with_id(effect) for effect in effects]

    def _with_id(self, effect: Effect) -> Effect:
        match effect:
            case Emit(event=event):
                return Emit(msgspec.structs.replace(event, event_id=self._state.new_id("event")))
            case Stream():
                return replace(effect, event_id=self._state.new_id("event"))
            case _:
                return effect


def new_session(wishes: SessionWishes, model: str, voice: str) -> SessionWishes:
    """Return ``wishes`` with the model and voice that a session must have."""
    return msgspec.structs.replace(wishes, model=wishes.model or model, voice=wishes.voice or voice)


def _event_id(event: ClientEvent) -> str | None:
    if isinstance(event, said.RawEvent):
        event_id = event.payload.get("event_id")
        return event_id if isinstance(event_id, str) else None
    return event.event_id
