"""What happened in the conversation, put together from the control socket's messages. Pure: no clock, no I/O.

The socket tells states, texts and answers without saying which turn they belong to. A turn begins when the
person is heard and ends when the answer has been played.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from edge_agent.control.messages import (
    Hello,
    LedShown,
    Level,
    Message,
    StateShown,
    Transcript,
    TurnAnswered,
    WireEvent,
)
from edge_agent.core.status import AgentState

QUIET_STATES = frozenset({AgentState.READY.value, AgentState.IDLE.value})
"""Nobody speaks and nothing is awaited."""

LEVEL_FLOOR_DBFS = -96.0
"""Digital silence of 16 bit samples."""


@dataclass(slots=True)
class Turn:
    """One question and its answer. Texts are None until they are known."""

    user: str | None = None
    assistant: str | None = None
    is_answered: bool = False
    voice_to_voice_ms: float | None = None


@dataclass(slots=True)
class Record:
    """Everything seen so far. ``states`` and ``leds`` are names with seconds since the daemon's start."""

    turns: list[Turn] = field(default_factory=list)
    states: list[tuple[str, float]] = field(default_factory=list)
    leds: list[tuple[str, float]] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    input_dbfs: float = LEVEL_FLOOR_DBFS
    output_dbfs: float = LEVEL_FLOOR_DBFS
    person_says: str = ""
    agent_says: str = ""
    _open: Turn | None = None

    @property
    def state(self) -> str | None:
        """The state's name, None before the first message."""
        return self.states[-1][0] if self.states else None

    @property
    def led(self) -> str | None:
        """The name of what the LEDs show."""
        return self.leds[-1][0] if self.leds else None

    @property
    def is_ready(self) -> bool:
        """Whether the agent waits for the person and no turn is under way."""
        return self.state == AgentState.READY.value and self._open is None

    @property
    def has_failed(self) -> bool:
        """Whether somebody has to help, as the agent sees it."""
        return self.state == AgentState.FAILED.value

    @property
    def is_complete(self) -> bool:
        """Whether every turn was answered with sound, at least one was, and none is under way."""
        return self._open is None and bool(self.turns) and all(turn.is_answered for turn in self.turns)

    def see(self, message: Message) -> None:
        """Take one message."""
        match message:
            case Hello():
                self._greeted(message)
            case StateShown(name=name, at_s=at_s):
                self._entered(name, at_s)
            case LedShown(name=name, at_s=at_s):
                self.leds.append((name, at_s))
            case WireEvent(name=name):
                self.events[name] += 1
            case Transcript():
                self._heard(message)
            case TurnAnswered(voice_to_voice_ms=latency_ms):
                self._answered(latency_ms)
            case Level():
                self.input_dbfs = _known(message.input_dbfs)
                self.output_dbfs = _known(message.output_dbfs)
            case _:
                pass

    def give_up(self) -> None:
        """End the turn under way as one without an answer; if none is, the question itself was not heard."""
        self.turns.append(self._open or Turn())
        self._open = None

    def _greeted(self, hello: Hello) -> None:
        if hello.state is not None:
            self._entered(hello.state, hello.since_start_s)
        if hello.led is not None:
            self.leds.append((hello.led, hello.since_start_s))

    def _entered(self, state: str, at_s: float) -> None:
        self.states.append((state, at_s))
        if state == AgentState.LISTENING.value:
            if self._open is not None and self._open.is_answered:
                self._finish()  # the person spoke into the answer
            self._open = self._open or Turn()
            self.person_says = self.agent_says = ""
        elif state in QUIET_STATES and self._open is not None:
            if self._open.is_answered or self._open.user:
                self._finish()
            else:
                self._open = None  # a cough: nothing was understood and nothing is missing

    def _finish(self) -> None:
        assert self._open is not None
        self.turns.append(self._open)
        self._open = None

    def _answered(self, latency_ms: float | None) -> None:
        self._open = self._open or Turn()
        self._open.is_answered = True
        if self._open.voice_to_voice_ms is None:
            self._open.voice_to_voice_ms = latency_ms

    def _heard(self, said: Transcript) -> None:
        is_person = said.role == "user"
        if is_person:
            self.person_says = said.text
        else:
            self.agent_says = said.text
        if not said.final:
            return
        turn = self._turn_of_person() if is_person else self._open or self._last_turn()
        if turn is None:
            return
        if is_person:
            turn.user = _joined(turn.user, said.text)
        else:
            turn.assistant = _joined(turn.assistant, said.text)

    def _turn_of_person(self) -> Turn | None:
        """The transcription of what was said may come late: the oldest turn without one gets it."""
        known = [*self.turns, self._open] if self._open is not None else self.turns
        return next((turn for turn in known if turn.user is None), known[-1] if known else None)

    def _last_turn(self) -> Turn | None:
        return self.turns[-1] if self.turns else None


def _joined(before: str | None, text: str) -> str:
    return f"{before} {text}".strip() if before else text.strip()


def _known(level_dbfs: float | None) -> float:
    return LEVEL_FLOOR_DBFS if level_dbfs is None else level_dbfs
