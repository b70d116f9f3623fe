"""Responses, one at a time, and the sound that is on its way out. Pure: effects come out.

Two things run side by side: the response that is being made, which ends with ``response.done``, and the sound
of it and of earlier ones, which ends with ``output_audio_buffer.stopped`` or ``.cleared``.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from edge_agent.protocol.malformed import Malformed
from edge_agent.protocol.objects import Item, RateLimit, ResponseStatusDetails
from edge_agent.protocol.server_events import (
    ConversationItemTruncated,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    RateLimitsUpdated,
    ServerEvent,
)
from edge_agent.server.answer import Answer, Manner, Phase, ResponseWishes, cancelled, failed
from edge_agent.server.brain import CallTool, Question, Reply, Say, Topic
from edge_agent.server.effects import ClearOutput, Effect, Emit, Play, Speak, Stream, Think
from edge_agent.server.history import text_of
from edge_agent.server.scenario import FailResponse, SilentResponse
from edge_agent.server.state import SessionState

LIMITS = (("requests", 1000), ("tokens", 40_000))
"""What ``rate_limits.updated`` says: names and limits, always nearly full."""

LIMITS_RESET_S = 60.0


@dataclass(slots=True)
class _Sounding:
    """Sound of a response that waits or plays."""

    response_id: str
    item_id: str
    duration_ms: int
    started_at: float | None = None

    def played_ms(self, now: float) -> int:
        if self.started_at is None:
            return 0
        return min(self.duration_ms, round((now - self.started_at) * 1000))


class Responder:
    """Makes the responses of one conversation."""

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self.conversation_id = state.new_id("conv")
        self._answer: Answer | None = None
        self._sounding: deque[_Sounding] = deque()
        self._made_ms = 0
        self._streamed_ms = 0
        self.has_spoken = False

    @property
    def is_active(self) -> bool:
        """Whether a response is being made."""
        return self._answer is not None

    @property
    def is_sounding(self) -> bool:
        """Whether sound waits or plays."""
        return bool(self._sounding)

    def next_deadline(self) -> float | None:
        """Return when to call tick next, or None for not at all."""
        return self._answer.next_word_at if self._answer else None

    def create(self, wishes: ResponseWishes, now: float, question: Question | None = None) -> list[Effect]:
        """Begin a response to ``question``, or to what the conversation ends with.

        Raises Malformed while another one is active.
        """
        self._refuse_second()
        answer = self._begin(wishes)
        effects = [*_emit(answer.created()), Emit(self._limits())]
        if fault := self._state.stage.take(FailResponse):
            return effects + self._finish(fault.status, _details(fault))
        if self._state.stage.take(SilentResponse):
            answer.get_stuck()
            return effects
        if question is None:
            question = self._cause(wishes, answer)
        return effects + (self._think(answer, question) if question else [])

    def announce(self, text: str, now: float) -> list[Effect]:
        """Say ``text`` without being asked. Raises Malformed while a response is active."""
        self._refuse_second()
        answer = self._begin(ResponseWishes())
        answer.think()
        effects = [*_emit(answer.created()), Emit(self._limits())]
        return effects + self.thought(answer.response_id, Say(text), now)

    def heard(self, item_id: str) -> list[Effect]:
        """Go on if the active response waits for the words of ``item_id``."""
        answer = self._answer
        if answer is None or answer.phase is not Phase.HEARING or answer.heard_item_id != item_id:
            return []
        return self._think(answer, Question(Topic.UTTERANCE, self._state.words.get(item_id, "")))

    def thought(self, response_id: str, reply: Reply, now: float) -> list[Effect]:
        """Give ``reply`` in the response; nothing if that is over."""
        answer = self._current(response_id, Phase.THINKING)
        if answer is None:
            return []
        previous = self._state.history.last
        previous_id = previous.id if previous else None
        if (
            answer.manner.tool_choice == "required"
            and not isinstance(reply, CallTool)
            and answer.manner.tools
        ):
            reply = CallTool(answer.manner.tools[0])
        if isinstance(reply, CallTool):
            return self._call(answer, reply, previous_id)
        events = answer.say(reply.text, self._state.new_id("item"), previous_id)
        self._remember(answer)
        effects = _emit(events)
        if not answer.manner.is_spoken:
            return effects + _emit(answer.tell(0.0, now)) + self.tick(now)
        return [*effects, Speak(response_id, reply.text, answer.manner.voice, answer.manner.speed)]

    def spoken(self, response_id: str, duration_s: float | None, now: float) -> list[Effect]:
        """The sound of a response is there and lasts ``duration_s``; None: there will be none."""
        answer = self._current(response_id, Phase.SYNTHESIS)
        if answer is None or answer.item is None:
            return []
        if duration_s is None:
            return self._finish("failed", failed("server_error", None, "The answer could not be spoken."))
        self._made_ms, self._streamed_ms = round(duration_s * 1000), 0
        if not self._state.streams_sound:
            self._state.history.set_duration(answer.item.id, self._made_ms)
            self._sounding.append(_Sounding(response_id, answer.item.id, self._made_ms))
        self.has_spoken = True
        words = _emit(answer.tell(duration_s, now))
        return [Play(response_id), *words, *self._stream(answer), *self.tick(now)]

    def started(self, response_id: str, now: float) -> list[Effect]:
        """The first packet of a response has left."""
        for sounding in self._sounding:
            if sounding.response_id == response_id:
                sounding.started_at = now
                return [Emit(OutputAudioBufferStarted(response_id=response_id))]
        return []

    def drained(self, response_id: str, now: float) -> list[Effect]:
        """The last packet of a response has left."""
        if all(sounding.response_id != response_id for sounding in self._sounding):
            return []
        effects: list[Effect] = []
        if self._current(response_id, Phase.TELLING):
            effects = self.tick(math.inf)  # the words must not end after the sound
        while self._sounding and self._sounding.popleft().response_id != response_id:
            pass
        return [*effects, Emit(OutputAudioBufferStopped(response_id=response_id))]

    def cancel(self, reason: str, response_id: str | None = None) -> list[Effect]:
        """Stop the active response; its sound goes on. Raises Malformed when none (or another) is active."""
        if self._answer is None or response_id not in (None, self._answer.response_id):
            raise Malformed(
                "Cancellation failed: no active response found", code="response_cancel_not_active"
            )
        return self._finish("cancelled", cancelled(reason))

    def clear_output(self, now: float) -> list[Effect]:
        """Stop the sound; nothing when there is none."""
        if not self._sounding:
            return []
        effects: list[Effect] = [ClearOutput()]
        for sounding in self._sounding:
            if sounding.started_at is not None:
                effects.append(Emit(OutputAudioBufferCleared(response_id=sounding.response_id)))
        for sounding in self._sounding:
            effects += self.truncate(sounding.item_id, sounding.played_ms(now))
        self._sounding.clear()
        return effects

    def interrupt(self, now: float) -> list[Effect]:
        """Somebody speaks: stop the response and its sound."""
        stopped = self.cancel("turn_detected") if self._answer else []
        return stopped + self.clear_output(now)

    def truncate(self, item_id: str, audio_end_ms: int) -> list[Effect]:
        """Cut an item to what was heard of it."""
        if item_id not in self._state.history:
            return []
        self._state.history.truncate(item_id, audio_end_ms)
        event = ConversationItemTruncated(item_id=item_id, content_index=0, audio_end_ms=audio_end_ms)
        return [Emit(event)]

    def tick(self, now: float) -> list[Effect]:
        """Send the words that are due, and the end after the last."""
        answer = self._answer
        if answer is None or answer.phase is not Phase.TELLING:
            return []
        effects = [*_emit(answer.tick(now)), *self._stream(answer)]
        if answer.next_word_at is None:
            effects += self._finish("completed", None)
        return effects

    def _stream(self, answer: Answer) -> list[Effect]:
        """Let the sound go out with the words, where it goes out as events."""
        until_ms = round(self._made_ms * answer.share_told)
        is_due = self._state.streams_sound and answer.manner.is_spoken and until_ms > self._streamed_ms
        if answer.item is None or not is_due:
            return []
        self._streamed_ms = until_ms
        self._state.history.set_duration(answer.item.id, until_ms)
        return [Stream(answer.response_id, answer.item.id, until_ms)]

    def _refuse_second(self) -> None:
        if self._answer is not None:
            raise Malformed(
                f"Conversation already has an active response: {self._answer.response_id}",
                code="conversation_already_has_active_response",
            )

    def _begin(self, wishes: ResponseWishes) -> Answer:
        manner = Manner.of(self._state.wishes, wishes)
        self._answer = Answer(self._state.new_id("resp"), self.conversation_id, manner)
        return self._answer

    def _cause(self, wishes: ResponseWishes, answer: Answer) -> Question | None:
        """Return what a response is to; None when that has yet to be recognised."""
        if wishes.instructions and wishes.instructions.lower().startswith("say "):
            return Question(Topic.UTTERANCE, wishes.instructions)
        if wishes.input is not None:
            return _question_of(_last_item(wishes.input))
        last = self._state.history.last
        if last is not None and last.id in self._state.unheard:
            answer.heard_item_id = last.id
            return None
        if last is not None and last.id in self._state.words:
            return Question(Topic.UTTERANCE, self._state.words[last.id])
        return _question_of(last)

    def _think(self, answer: Answer, question: Question) -> list[Effect]:
        answer.think()
        choice = answer.manner.tool_choice
        tools = frozenset(() if choice == "none" else answer.manner.tools)
        asked = Question(question.topic, question.text, tools, self._said_before())
        if isinstance(choice, dict) and choice.get("name") in tools:
            previous = self._state.history.last
            return self._call(answer, CallTool(str(choice["name"])), previous.id if previous else None)
        return [Think(answer.response_id, asked)]

    def _said_before(self) -> str:
        """Return what the person said before the last time."""
        said = (
            self._state.words.get(item.id) or text_of(item)
            for item in self._state.history.newest_first()
            if item.role == "user"
        )
        next(said, None)
        return next((words for words in said if words), "")

    def _call(self, answer: Answer, reply: CallTool, previous_id: str | None) -> list[Effect]:
        item = Item(
            id=self._state.new_id("item"),
            type="function_call",
            object="realtime.item",
            status="completed",
            call_id=self._state.new_id("call"),
            name=reply.name,
            arguments=json.dumps(reply.arguments),
        )
        events = answer.call(item, previous_id)
        self._remember(answer)
        return _emit(events) + self._finish("completed", None)

    def _remember(self, answer: Answer) -> None:
        if answer.manner.in_conversation and answer.item is not None:
            self._state.history.add(answer.item)

    def _finish(self, status: str, details: ResponseStatusDetails | None) -> list[Effect]:
        answer, self._answer = self._answer, None
        assert answer is not None
        item = answer.item
        duration_ms = self._state.history.duration_ms(item.id) if item else 0
        written = answer.told or (item.arguments if item else None) or ""
        usage = self._state.meter.respond(written, duration_ms)
        events = answer.finish(status, details, usage)
        if answer.item is not None:
            self._state.history.replace(answer.item)
        return _emit(events)

    def _current(self, response_id: str, phase: Phase) -> Answer | None:
        answer = self._answer
        is_it = answer is not None and answer.response_id == response_id and answer.phase is phase
        return answer if is_it else None

    @staticmethod
    def _limits() -> ServerEvent:
        limits = (RateLimit(name, limit, limit - 1, LIMITS_RESET_S) for name, limit in LIMITS)
        return RateLimitsUpdated(rate_limits=tuple(limits))


def _emit(events: Iterable[ServerEvent]) -> list[Effect]:
    return [Emit(event) for event in events]


def _details(fault: FailResponse) -> ResponseStatusDetails:
    if fault.status == "incomplete":
        return ResponseStatusDetails(type="incomplete", reason=fault.reason)
    return failed(fault.type, fault.code, fault.message)


def _last_item(given: tuple[dict[str, object], ...]) -> Item | None:
    try:
        return msgspec.convert(given[-1], Item) if given else None
    except msgspec.ValidationError:
        return None


def _question_of(item: Item | None) -> Question:
    if item is not None and item.type == "function_call_output":
        return Question(Topic.TOOL_RESULT, item.output or "")
    if item is not None and item.role == "user":
        return Question(Topic.UTTERANCE, text_of(item))
    return Question(Topic.GREETING)
