"""A conversation without a network: events go in and come out, time is a number."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from edge_agent.protocol import client_events as ce
from edge_agent.protocol.client_events import ClientEvent
from edge_agent.protocol.dialect import Dialect
from edge_agent.protocol.objects import ContentPart, Item
from edge_agent.protocol.server_events import ErrorEvent, ServerEvent
from edge_agent.protocol.session_object import DEFAULTS, parse_session
from edge_agent.server.brain import answer
from edge_agent.server.conversation import Conversation, Setup, new_session
from edge_agent.server.effects import Effect, Emit, Recognise, Speak, Think
from edge_agent.server.scenario import Scenario, Stage
from edge_agent.server.state import SessionState

TODAY = datetime(2026, 3, 9, 8, 5)
MAX_SESSION_S = 3600.0
SPOKEN_S = 2.0
"""Length of every spoken answer."""

E = TypeVar("E", bound=ServerEvent)
F = TypeVar("F", bound=Effect)


class Table:
    """Thinks at once; speaking, hearing and playing are done by the test when it likes."""

    def __init__(
        self, *faults: Any, session: dict[str, Any] | None = None, dialect: Dialect = Dialect.GA
    ) -> None:
        self.now = 0.0
        self.audio_ms = 0
        self.events: list[ServerEvent] = []
        self.effects: list[Effect] = []
        numbers = itertools.count(1)
        wishes = parse_session({"type": "realtime"} | session, Dialect.GA) if session else DEFAULTS
        state = SessionState(
            session_id="sess_1",
            wishes=new_session(wishes, "model", "slt"),
            new_id=lambda prefix: f"{prefix}_{next(numbers)}",
            stage=Stage(Scenario(tuple(faults))),
        )
        setup = Setup(dialect, expires_at_unix=1_800_000_000, expires_at=MAX_SESSION_S)
        self.conversation = Conversation(setup, state)
        self.do(self.conversation.start())

    def do(self, effects: Iterable[Effect]) -> None:
        """Take effects as the call does; answer questions at once."""
        for effect in effects:
            self.effects.append(effect)
            if isinstance(effect, Emit):
                self.events.append(effect.event)
            elif isinstance(effect, Think):
                reply = answer(effect.question, TODAY)
                self.do(self.conversation.thought(effect.response_id, reply, self.now))

    def send(self, event: ClientEvent) -> None:
        self.do(self.conversation.handle(event, self.now, self.audio_ms))

    def update(self, **session: Any) -> None:
        self.send(ce.SessionUpdate(session={"type": "realtime", **session}))

    def write(self, text: str, item_id: str = "") -> None:
        """Add a written user item."""
        part = ContentPart(type="input_text", text=text)
        item = Item(id=item_id, type="message", role="user", content=(part,))
        self.send(ce.ConversationItemCreate(item=item))

    def ask(self, text: str, **response: Any) -> None:
        """Write, and ask for an answer."""
        self.write(text)
        self.send(ce.ResponseCreate(response=response or None))

    def wait(self, seconds: float) -> None:
        """Let time pass, with every deadline on the way."""
        end = self.now + seconds
        while (due := self.conversation.next_deadline()) <= end:
            self.now = max(self.now, due)
            self.do(self.conversation.tick(self.now, self.audio_ms))
        self.now = end

    def say(self, words: str | None, length_ms: int = 1000) -> None:
        """Speak: a turn, and its words."""
        self.begin_to_speak()
        self.finish_speaking(length_ms)
        self.be_heard(words)

    def begin_to_speak(self) -> None:
        self.do(self.conversation.voice_started(self.audio_ms, self.now))

    def finish_speaking(self, length_ms: int = 1000) -> None:
        self.audio_ms += length_ms
        self.now += length_ms / 1000
        self.do(self.conversation.voice_stopped(self.audio_ms, self.now))

    def be_heard(self, words: str | None) -> None:
        recognised = self.last_effect(Recognise)
        self.do(self.conversation.heard(recognised.item_id, words, self.now))

    def synthesise(self, duration_s: float | None = SPOKEN_S) -> str:
        """The sound of the answer is there; return the id of its response."""
        response_id = self.last_effect(Speak).response_id
        self.do(self.conversation.spoken(response_id, duration_s, self.now))
        return response_id

    def start_playing(self) -> str:
        """The same, and it is audible."""
        response_id = self.synthesise()
        self.do(self.conversation.started(response_id, self.now))
        return response_id

    def play(self) -> str:
        """The same, until it has been heard to its end."""
        response_id = self.start_playing()
        self.wait(SPOKEN_S)
        self.do(self.conversation.drained(response_id, self.now))
        return response_id

    @property
    def types(self) -> list[str]:
        return [event.wire_type for event in self.events]

    def last(self, kind: type[E]) -> E:
        return self.all(kind)[-1]

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def last_effect(self, kind: type[F]) -> F:
        return [effect for effect in self.effects if isinstance(effect, kind)][-1]

    def errors(self) -> list[tuple[str | None, str | None]]:
        """Return code and parameter of every error."""
        return [(event.error.code, event.error.param) for event in self.all(ErrorEvent)]

    def forget(self) -> None:
        """Look only at what comes from now on."""
        self.events.clear()
        self.effects.clear()


def runs(types: list[str]) -> list[str]:
    """Return ``types`` with repetitions made one."""
    return [name for name, _ in itertools.groupby(types)]
