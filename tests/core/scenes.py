"""An agent on a stage: time is a number, and the test plays the server, the fingers and the sound devices.

Moving the time forward ticks every deadline on the way at its very moment, as the runner does. Whatever the
agent commands is kept with its time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from edge_agent.core import events as happened
from edge_agent.core.agent import Agent
from edge_agent.core.commands import (
    CloseLink,
    Command,
    FlushPlayout,
    Gate,
    OpenLink,
    Send,
    SetCapture,
    SetUplink,
    Tell,
)
from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.limits import Costs
from edge_agent.core.notices import Notice
from edge_agent.core.settings import Action, AgentSettings, ButtonSettings, Duplex, Mode, TurnTaking
from edge_agent.protocol import client_events as ask
from edge_agent.protocol import server_events as said
from edge_agent.protocol.objects import ApiError, ContentPart, Item, Response, ResponseStatusDetails

OPENED_AT = 100.0
"""When :func:`connected` has a session: monotonic time does not begin at zero."""

DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""What the backoff says in these tests; the last one repeats."""

TURN_DETECTION_ON: dict[str, object] = {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}}
TURN_DETECTION_OFF: dict[str, object] = {"audio": {"input": {"turn_detection": None}}}

TALK_BUTTON = ButtonSettings("talk", Action.CONVERSATION, Action.TALK, Action.MUTE, hold_s=0.3)
MUTE_BUTTON = ButtonSettings("side", Action.INTERRUPT, Action.MUTE, Action.NONE, hold_s=1.0)


TURN_TAKING_FIELDS = {field.name for field in fields(TurnTaking)}


def chance() -> float:
    """Chance at its worst: every wait takes as long as it can."""
    return 1.0


def new_delays() -> Iterator[float]:
    """Waiting times that grow as a backoff's do, without chance."""
    return itertools.chain(DELAYS, itertools.repeat(DELAYS[-1]))


def settings(**changes: Any) -> AgentSettings:
    """Settings of a device with both buttons and one endpoint.

    ``changes`` are fields of AgentSettings, and of the endpoint's TurnTaking.
    """
    turns: dict[str, Any] = {"detection_on": TURN_DETECTION_ON, "detection_off": TURN_DETECTION_OFF}
    turns |= {name: changes.pop(name) for name in TURN_TAKING_FIELDS & changes.keys()}
    values: dict[str, Any] = {
        "turn_taking": (TurnTaking(**turns),),
        "buttons": (TALK_BUTTON, MUTE_BUTTON),
        **changes,
    }
    offers = changes.get("offers", ())
    if isinstance(offers, tuple) and len(offers) > 1:
        values.setdefault("costs", tuple(Costs(offer.name) for offer in offers))
    return AgentSettings(**values)


class Scene:
    """One agent, from its start at ``now``."""

    def __init__(self, agent_settings: AgentSettings | None = None, now: float = OPENED_AT) -> None:
        self.agent = Agent(agent_settings or settings(), chance)
        self.now = now
        self.log: list[tuple[float, Command]] = []
        self.states: list[tuple[float, str]] = []
        self._taken = 0
        self._record(self.agent.start(now))

    # -- what happens ------------------------------------------------------------------------------

    def until(self, now: float) -> Scene:
        """Let time pass until ``now``."""
        assert now >= self.now, f"time does not go back from {self.now} to {now}"
        while (deadline := self.agent.next_deadline()) is not None and deadline <= now:
            assert deadline >= self.now - 1e-9
            self.now = max(self.now, deadline)
            self._record(self.agent.tick(self.now))
            after = self.agent.next_deadline()
            assert after is None or after > self.now, "a tick at a deadline has to move it"
        self.now = now
        return self

    def event(self, event: happened.Event) -> Scene:
        """Let something happen now."""
        self._record(self.agent.handle(event, self.now))
        return self.until(self.now)

    def hear(self, *events: said.ServerEvent, epoch: int | None = None) -> Scene:
        """The server says something now, on the current session unless an ``epoch`` is given."""
        for event in events:
            self.event(happened.ServerSaid(self.epoch if epoch is None else epoch, event))
        return self

    def up(self, session_id: str = "sess_1", lifetime_s: float | None = None) -> Scene:
        """The session that was asked for last is open, and nothing was said before."""
        return self.event(happened.LinkUp(self.epoch, session_id, lifetime_s)).caught_up()

    def caught_up(self) -> Scene:
        """What was held of the microphone's sound has been sent."""
        return self.event(happened.MicrophoneCaughtUp())

    def down(self, kind: FaultKind = FaultKind.LOST, message: str = "gone", **fields: Any) -> Scene:
        """The current session ends, or the current attempt fails."""
        fault = Fault(kind, message, **fields)
        return self.event(happened.LinkDown(self.epoch, fault))

    def press(self, button: str = "talk") -> Scene:
        """A finger goes down."""
        return self.event(happened.ButtonPressed(button))

    def release(self, button: str = "talk") -> Scene:
        """A finger goes up."""
        return self.event(happened.ButtonReleased(button))

    def tap(self, button: str = "talk", for_s: float = 0.1) -> Scene:
        """A finger goes down, and up again soon."""
        return self.press(button).until(self.now + for_s).release(button)

    def sound(self, voice_ended_at: float | None = None) -> Scene:
        """The loudspeaker becomes audible."""
        return self.event(happened.SoundStarted(voice_ended_at))

    def silence(self) -> Scene:
        """The loudspeaker has played the last of it."""
        return self.event(happened.SoundEnded())

    def echo(self, likeness: float | None) -> Scene:
        """The microphone's sound has been compared with the loudspeaker's."""
        return self.event(happened.EchoMeasured(likeness))

    # -- what comes of it --------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """What the agent is doing, by its public name."""
        return self.agent.status.state.value

    @property
    def epoch(self) -> int:
        """The session that was asked for last."""
        return max((command.epoch for _, command in self.log if isinstance(command, OpenLink)), default=0)

    @property
    def gate_is_open(self) -> bool:
        """Whether the microphone is heard."""
        return self.gate is Gate.OPEN

    @property
    def gate(self) -> Gate:
        """Where the microphone's sound goes."""
        gates = [command.gate for _, command in self.log if isinstance(command, SetUplink)]
        return gates[-1] if gates else Gate.CLOSED

    @property
    def capture_is_open(self) -> bool:
        """Whether the microphone device is open."""
        return next(
            (command.open for _, command in reversed(self.log) if isinstance(command, SetCapture)), True
        )

    @property
    def opened_at(self) -> list[float]:
        """When a session was asked for."""
        return [at for at, command in self.log if isinstance(command, OpenLink)]

    def names(self) -> list[str]:
        """The states so far, in order."""
        return [name for _, name in self.states]

    def take(self) -> list[Command]:
        """The commands since the last call."""
        commands = [command for _, command in self.log[self._taken :]]
        self._taken = len(self.log)
        return commands

    def take_sent(self) -> list[ask.ClientEvent]:
        """The client events since the last call of this or of :meth:`take`."""
        return [command.event for command in self.take() if isinstance(command, Send)]

    def told(self, notice: Notice) -> list[Tell]:
        """Every notice of that kind so far."""
        return [command for _, command in self.log if isinstance(command, Tell) and command.notice is notice]

    def _record(self, commands: list[Command]) -> None:
        self.log += [(self.now, command) for command in commands]
        if not self.states or self.states[-1][1] != self.state:
            self.states.append((self.now, self.state))


def connected(agent_settings: AgentSettings | None = None) -> Scene:
    """A scene that begins with an open session; what led to it is taken already."""
    scene = Scene(agent_settings).up()
    scene.take()
    return scene


def in_button_mode(**changes: object) -> Scene:
    """As :func:`connected`, in button mode."""
    return connected(settings(mode=Mode.BUTTON, **changes))


# -- what the server says ------------------------------------------------------------------------------


def speech_started(item_id: str = "item_u") -> said.ServerEvent:
    return said.InputAudioBufferSpeechStarted(item_id=item_id)


def speech_stopped(item_id: str = "item_u") -> said.ServerEvent:
    return said.InputAudioBufferSpeechStopped(item_id=item_id)


def committed(item_id: str = "item_u") -> said.ServerEvent:
    return said.InputAudioBufferCommitted(item_id=item_id)


def created(response_id: str = "resp_1") -> said.ServerEvent:
    return said.ResponseCreated(response=Response(id=response_id, status="in_progress"))


def delta(response_id: str = "resp_1", text: str = "Hello") -> said.ServerEvent:
    return said.ResponseOutputAudioTranscriptDelta(
        response_id=response_id, item_id=f"item_{response_id}", delta=text
    )


def started(response_id: str = "resp_1") -> said.ServerEvent:
    return said.OutputAudioBufferStarted(response_id=response_id)


def wrote(text: str, item_id: str = "item_u") -> said.ServerEvent:
    """The server has written down what it heard."""
    return said.ConversationItemInputAudioTranscriptionCompleted(item_id=item_id, transcript=text)


def says(text: str, response_id: str = "resp_1") -> said.ServerEvent:
    """The server tells the words of an answer."""
    return said.ResponseOutputAudioTranscriptDone(
        response_id=response_id, item_id=f"item_{response_id}", transcript=text
    )


def stopped(response_id: str = "resp_1") -> said.ServerEvent:
    return said.OutputAudioBufferStopped(response_id=response_id)


def cleared(response_id: str = "resp_1") -> said.ServerEvent:
    return said.OutputAudioBufferCleared(response_id=response_id)


def done(
    response_id: str = "resp_1",
    status: str = "completed",
    parts: tuple[str, ...] = ("output_audio",),
    output: tuple[Item, ...] | None = None,
) -> said.ServerEvent:
    """``response.done`` of a message with content of the types ``parts``, or with that ``output``."""
    message = Item(type="message", role="assistant", content=tuple(ContentPart(type=part) for part in parts))
    items = (message,) if output is None else output
    return said.ResponseDone(response=Response(id=response_id, status=status, output=items))


def failed(code: str, response_id: str = "resp_1") -> said.ServerEvent:
    details = ResponseStatusDetails(type="failed", error=ApiError(message="it went wrong", code=code))
    return said.ResponseDone(response=Response(id=response_id, status="failed", status_details=details))


def error(code: str | None, message: str = "no", **fields: str) -> said.ServerEvent:
    return said.ErrorEvent(error=ApiError(message=message, code=code, **fields))


def flushes(commands: list[Command]) -> int:
    """How often the loudspeaker is stopped."""
    return sum(isinstance(command, FlushPlayout) for command in commands)


def closes(commands: list[Command]) -> list[int]:
    """The sessions that are hung up."""
    return [command.epoch for command in commands if isinstance(command, CloseLink)]


def asked(scene: Scene, at: float) -> Scene:
    """The person says something for a second, until ``at``."""
    scene.until(at - 1.0).hear(speech_started())
    return scene.until(at).hear(speech_stopped(), committed())


def speaking(scene: Scene, at: float, response_id: str = "resp_1") -> Scene:
    """The person has asked, and the answer is audible from ``at`` on; it is still being made."""
    asked(scene, at - 0.5).hear(created(response_id)).until(at)
    scene.hear(started(response_id)).sound(at - 1.0)
    assert scene.state == "speaking"
    scene.take()
    return scene


def full_duplex(**changes: object) -> Scene:
    return connected(settings(duplex=Duplex.FULL, **changes))
