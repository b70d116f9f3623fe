"""One response from ``response.created`` to ``response.done``: the order of its events (protocol of the GA
models) and how fast its words come. Pure; what it says is decided elsewhere."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge_agent.protocol import server_events as ev
from edge_agent.protocol.objects import (
    ApiError,
    AudioOutput,
    ContentPart,
    Item,
    JsonObject,
    Response,
    ResponseAudio,
    ResponseStatusDetails,
    Usage,
)
from edge_agent.protocol.session_object import SessionWishes
from edge_agent.server.settings import DEFAULT_VOICE

GENERATION_SPEED = 4.0
"""So many times faster than it is spoken an answer is generated. Providers are at 2 to 10."""

WRITTEN_WORD_S = 0.02
"""Between two words of a written answer: 50 words a second."""


class ResponseWishes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``response.create`` may override (GA shape); None is as in the session."""

    instructions: str | None = None
    output_modalities: tuple[Literal["text", "audio"], ...] | None = None
    audio: JsonObject | None = None
    tools: tuple[JsonObject, ...] | None = None
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=4096)] | Literal["inf"] | None = None
    conversation: Literal["auto", "none"] | None = None
    metadata: JsonObject | None = None
    input: tuple[JsonObject, ...] | None = None
    prompt: JsonObject | None = None
    reasoning: JsonObject | None = None
    temperature: float | None = None


class Phase(enum.Enum):
    """How far a response is."""

    HEARING = "hearing"  # waits for the words of the person
    THINKING = "thinking"  # waits for an answer
    SYNTHESIS = "synthesis"  # waits for its sound
    TELLING = "telling"  # words go out
    STUCK = "stuck"  # says nothing more: a fault on order
    OVER = "over"


TRANSITIONS: dict[Phase, frozenset[Phase]] = {
    Phase.HEARING: frozenset({Phase.THINKING, Phase.STUCK, Phase.OVER}),
    Phase.THINKING: frozenset({Phase.SYNTHESIS, Phase.TELLING, Phase.OVER}),
    Phase.SYNTHESIS: frozenset({Phase.TELLING, Phase.OVER}),
    Phase.TELLING: frozenset({Phase.OVER}),
    Phase.STUCK: frozenset({Phase.OVER}),
    Phase.OVER: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Manner:
    """How one response is to be given: the session's settings with those of ``response.create`` on top."""

    is_spoken: bool
    voice: str
    speed: float
    tools: tuple[str, ...]
    tool_choice: str | JsonObject
    instructions: str
    max_output_tokens: int | str
    metadata: JsonObject | None
    in_conversation: bool

    @classmethod
    def of(cls, session: SessionWishes, wishes: ResponseWishes) -> Manner:
        """Put ``wishes`` on top of ``session``."""
        modalities = wishes.output_modalities or session.output_modalities or ("audio",)
        tools = session.tools or () if wishes.tools is None else wishes.tools
        names = (tool.get("name") for tool in tools if tool.get("type") == "function")
        return cls(
            is_spoken="audio" in modalities,
            voice=_voice(wishes, session),
            speed=session.speed or 1.0,
            tools=tuple(name for name in names if isinstance(name, str)),
            tool_choice=wishes.tool_choice or session.tool_choice or "auto",
            instructions=session.instructions or "" if wishes.instructions is None else wishes.instructions,
            max_output_tokens=wishes.max_output_tokens or session.max_output_tokens or "inf",
            metadata=wishes.metadata,
            in_conversation=wishes.conversation != "none",
        )


def _voice(wishes: ResponseWishes, session: SessionWishes) -> str:
    output = wishes.audio.get("output") if wishes.audio else None
    voice = output.get("voice") if isinstance(output, dict) else None
    return next((name for name in (voice, session.voice) if isinstance(name, str)), DEFAULT_VOICE)


class Answer:
    """One response. Methods return the events that are due; the caller sends them in that order."""

    def __init__(self, response_id: str, conversation_id: str, manner: Manner) -> None:
        self.response_id = response_id
        self.manner = manner
        self.text = ""
        self.item: Item | None = None
        self.heard_item_id: str | None = None
        self.next_word_at: float | None = None
        self._conversation_id = conversation_id
        self._phase = Phase.HEARING
        self._words: Iterator[str] = iter(())
        self._word_count = 0
        self._told_words = 0
        self._word_s = 0.0
        self._told = ""
        self._previous_item_id: str | None = None

    @property
    def phase(self) -> Phase:
        """How far it is."""
        return self._phase

    def created(self) -> list[ev.ServerEvent]:
        """Return the events of its beginning."""
        return [ev.ResponseCreated(response=self._response("in_progress"))]

    def think(self) -> None:
        """The words of the person are known."""
        self._set_phase(Phase.THINKING)

    def get_stuck(self) -> None:
        """Say nothing more, until cancelled."""
        self._set_phase(Phase.STUCK)

    def call(self, item: Item, previous_item_id: str | None) -> list[ev.ServerEvent]:
        """Answer by calling a function; ``item`` is the complete call. Nothing is left but ``finish``."""
        self.item = item
        self._set_phase(Phase.TELLING)
        call_id, arguments = item.call_id or "", item.arguments or ""
        begun = msgspec.structs.replace(item, status="in_progress", arguments="")
        return [
            *self._item_added(begun, previous_item_id),
            ev.ResponseFunctionCallArgumentsDelta(
                response_id=self.response_id, item_id=item.id, call_id=call_id, delta=arguments
            ),
            ev.ResponseFunctionCallArgumentsDone(
                response_id=self.response_id,
                item_id=item.id,
                call_id=call_id,
                name=item.name,
                arguments=arguments,
            ),
        ]

    def say(self, text: str, item_id: str, previous_item_id: str | None) -> list[ev.ServerEvent]:
        """Answer with ``text``: next comes ``tell``, for a spoken answer when its sound is there."""
        self.text = text
        self.item = Item(
            id=item_id, type="message", object="realtime.item", status="in_progress", role="assistant"
        )
        self._set_phase(Phase.SYNTHESIS)
        part = ContentPart(type="audio", transcript="") if self.manner.is_spoken else _written("")
        return [
            *self._item_added(self.item, previous_item_id),
            ev.ResponseContentPartAdded(response_id=self.response_id, item_id=item_id, part=part),
        ]

    def tell(self, duration_s: float, now: float) -> list[ev.ServerEvent]:
        """Begin with the words; ``duration_s`` is how long they take when they are spoken (0: written)."""
        self._set_phase(Phase.TELLING)
        words = re.findall(r"\S+\s*", self.text)
        self._words = iter(words)
        self._word_count = len(words)
        spoken_word_s = duration_s / GENERATION_SPEED / max(1, len(words))
        self._word_s = spoken_word_s or WRITTEN_WORD_S
        self.next_word_at = now
        return self.tick(now)

    def tick(self, now: float) -> list[ev.ServerEvent]:
        """Return the words that are due. ``next_word_at`` is None after the last."""
        events: list[ev.ServerEvent] = []
        while self.next_word_at is not None and self.next_word_at <= now:
            word = next(self._words, None)
            if word is None:
                self.next_word_at = None
            else:
                self._told += word
                self._told_words += 1
                events.append(self._delta(word))
                self.next_word_at += self._word_s
        return events

    def finish(
        self, status: str, details: ResponseStatusDetails | None, usage: Usage
    ) -> list[ev.ServerEvent]:
        """Return the events of its end, whatever was said by then."""
        self.next_word_at = None
        self._set_phase(Phase.OVER)
        closing: list[ev.ServerEvent] = []
        if self.item is not None:
            closing = self._item_done(self.item, "completed" if status == "completed" else "incomplete")
        return [*closing, ev.ResponseDone(response=self._response(status, details, usage))]

    @property
    def told(self) -> str:
        """What was said so far."""
        return self._told.rstrip()

    @property
    def share_told(self) -> float:
        """How much of its words was said so far, 0 to 1; an answer without words is said at once."""
        return self._told_words / self._word_count if self._word_count else 1.0

    def _item_added(self, item: Item, previous_item_id: str | None) -> list[ev.ServerEvent]:
        added: list[ev.ServerEvent] = [ev.ResponseOutputItemAdded(response_id=self.response_id, item=item)]
        if self.manner.in_conversation:
            added.append(ev.ConversationItemAdded(item=item, previous_item_id=previous_item_id))
        self._previous_item_id = previous_item_id
        return added

    def _delta(self, word: str) -> ev.ServerEvent:
        assert self.item is not None
        kind = ev.ResponseOutputAudioTranscriptDelta if self.manner.is_spoken else ev.ResponseOutputTextDelta
        return kind(response_id=self.response_id, item_id=self.item.id, delta=word)

    def _item_done(self, item: Item, status: str) -> list[ev.ServerEvent]:
        closing: list[ev.ServerEvent] = []
        if item.type == "message":
            closing = self._part_done(item.id)
            content = ContentPart(type="output_audio", transcript=self.told)
            content = content if self.manner.is_spoken else _written(self.told, "output_text")
            item = msgspec.structs.replace(item, content=(content,))
        self.item = msgspec.structs.replace(item, status=status)
        if self.manner.in_conversation:
            closing.append(ev.ConversationItemDone(item=self.item, previous_item_id=self._previous_item_id))
        return [*closing, ev.ResponseOutputItemDone(response_id=self.response_id, item=self.item)]

    def _part_done(self, item_id: str) -> list[ev.ServerEvent]:
        rid, told = self.response_id, self.told
        if not self.manner.is_spoken:
            return [
                ev.ResponseOutputTextDone(response_id=rid, item_id=item_id, text=told),
                ev.ResponseContentPartDone(response_id=rid, item_id=item_id, part=_written(told)),
            ]
        part = ContentPart(type="audio", transcript=told)
        return [
            ev.ResponseOutputAudioDone(response_id=rid, item_id=item_id),
            ev.ResponseOutputAudioTranscriptDone(response_id=rid, item_id=item_id, transcript=told),
            ev.ResponseContentPartDone(response_id=rid, item_id=item_id, part=part),
        ]

    def _response(
        self, status: str, details: ResponseStatusDetails | None = None, usage: Usage | None = None
    ) -> Response:
        manner = self.manner
        return Response(
            id=self.response_id,
            status=status,
            status_details=details,
            output=() if self.item is None or status == "in_progress" else (self.item,),
            conversation_id=self._conversation_id if manner.in_conversation else None,
            output_modalities=("audio",) if manner.is_spoken else ("text",),
            audio=ResponseAudio(
                AudioOutput(format={"type": "audio/pcm", "rate": 24_000}, voice=manner.voice)
            ),
            max_output_tokens=manner.max_output_tokens,
            metadata=manner.metadata,
            usage=usage,
        )

    def _set_phase(self, phase: Phase) -> None:
        if phase not in TRANSITIONS[self._phase]:
            raise RuntimeError(f"response: {self._phase.value} -> {phase.value}")
        self._phase = phase


def cancelled(reason: str) -> ResponseStatusDetails:
    """Return the details of a response that was cancelled: turn_detected or client_cancelled."""
    return ResponseStatusDetails(type="cancelled", reason=reason)


def failed(error_type: str, code: str | None, message: str) -> ResponseStatusDetails:
    """Return the details of a response that failed."""
    return ResponseStatusDetails(type="failed", error=ApiError(type=error_type, code=code, message=message))


def _written(text: str, kind: str = "text") -> ContentPart:
    return ContentPart(type=kind, text=text)
