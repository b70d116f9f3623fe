"""One call: what carries it, what is heard in it, and the conversation that decides. A mere shell."""

from __future__ import annotations

import asyncio
import base64
import binascii
import enum
import logging
import math
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime

from edge_agent.protocol import malformed
from edge_agent.protocol.client_events import ClientEvent, InputAudioBufferAppend, RawEvent
from edge_agent.protocol.codec import Malformed, decode_client_event
from edge_agent.protocol.server_events import ResponseOutputAudioDelta
from edge_agent.server import brain
from edge_agent.server.carrier import Carrier, Channel
from edge_agent.server.conversation import Conversation, Setup
from edge_agent.server.effects import (
    ClearOutput,
    DetectTurns,
    Effect,
    Emit,
    EndCall,
    Forget,
    Listen,
    Play,
    Recognise,
    Speak,
    Stream,
    Think,
)
from edge_agent.server.microphone import Microphone
from edge_agent.server.outgoing import Outgoing, count
from edge_agent.server.recognizer import Recognizer
from edge_agent.server.scenario import (
    CloseCall,
    EmptyPayload,
    Expire,
    IgnoreConsent,
    LateStopped,
    NoOutputEvents,
    PauseRtp,
    SendError,
    SendMessage,
    SlowChannel,
    Stage,
    StopMedia,
    TimedFault,
    Vanish,
)
from edge_agent.server.state import SessionState
from edge_agent.server.vad import Edge
from edge_agent.server.voice import Speech, Voice
from edge_agent.server.websocket import InputSound

logger = logging.getLogger(__name__)

CONNECT_DEADLINE_S = 30.0
"""From the answer to the open event channel. ICE gives up a pair after some 60 s; no client waits so long."""

CLOSE_DEADLINE_S = 2.0
"""For DTLS and SCTP to say goodbye."""

SAY_GOODBYE_S = 0.200
"""Between the last event and the end of the connection, so that it arrives."""

MAX_INBOX = 256
"""Client events that wait; more are thrown away and counted."""

MAX_EVENT_BYTES = 262_144
"""Of one client event; a second of sound in Base64 has 64 000."""


class State(enum.Enum):
    """How far a call is."""

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSED = "closed"


TRANSITIONS = {
    State.CONNECTING: frozenset({State.OPEN, State.CLOSED}),
    State.OPEN: frozenset({State.CLOSED}),
    State.CLOSED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Staff:
    """What all calls use."""

    recognizer: Recognizer
    voice: Voice
    stage: Stage


@dataclass(frozen=True, slots=True)
class Line:
    """What is known of a call before it begins."""

    call_id: str
    setup: Setup


class Call:
    """One client. Give it a carrier by ``carry``, then it lives until ``close`` or until the client goes."""

    def __init__(self, line: Line, state: SessionState, staff: Staff, on_end: Callable[[Call], None]) -> None:
        self.call_id = line.call_id
        self.end_reason: str | None = None
        self._line = line
        self._staff = staff
        self._on_end = on_end
        self._state = State.CONNECTING
        self._opened_at_s: float | None = None
        self._ended_at_s: float | None = None
        self._conversation = Conversation(line.setup, state)
        self._carrier: Carrier | None = None
        self._input = InputSound()
        self._outgoing = Outgoing(line.setup.dialect)
        self._inbox: asyncio.Queue[str | bytes] = asyncio.Queue(MAX_INBOX)
        self._microphone = Microphone(staff.recognizer)
        self._speeches: dict[str, Speech] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._fault_timers: list[asyncio.TimerHandle] = []
        self._timer: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None
        self._received: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()

    @property
    def state(self) -> State:
        """How far it is."""
        return self._state

    def carry(self, carrier: Carrier) -> None:
        """Go over ``carrier``, which is to be opened after this. Once only."""
        self._carrier = carrier
        slow = self._take_habits()
        if slow and slow.open_after_s:
            carrier.open_late(slow.open_after_s)
        self.keep(self._hang_up_unless_open())

    async def close(self, reason: str) -> None:
        """End the call, and wait until it has ended."""
        await asyncio.shield(self._end(reason))

    def announce(self, text: str) -> None:
        """Say ``text`` without being asked."""
        self._perform(self._conversation.announce(text, self._now()))

    def adopt_scenario(self) -> None:
        """Take the faults of a scenario that has just begun."""
        for timer in self._fault_timers:
            timer.cancel()
        self._fault_timers.clear()
        if self._state is not State.OPEN:
            return
        self._take_habits()
        if expire := self._staff.stage.take(Expire):
            self._conversation.expire_at(self._now() + expire.after_s)
            self._set_timer()
        self._take_timed_faults()

    def snapshot(self) -> dict[str, object]:
        """Return what is known of the call, for the control endpoint."""
        return {
            "id": self.call_id,
            "state": self._state.value,
            "end_reason": self.end_reason,
            "opened_at_s": self._opened_at_s,
            "ended_at_s": self._ended_at_s,
            "dialect": self._line.setup.dialect.value,
            "audio_ms": self._microphone.position_ms,
            "frames_received": self._counts["frames"],
            "loud_frames_received": self._microphone.loud_frames,
            "packets_sent": self._carrier.packets_sent if self._carrier else 0,
            "events_received": dict(self._received),
            "events_malformed": self._counts["malformed"],
            "events_sent": dict(self._outgoing.sent),
            "billed": dict(self._outgoing.billed),
        }

    # Faults

    def _take_habits(self) -> SlowChannel | None:
        """Take the faults that last for the whole call; those of an earlier scenario end."""
        stage = self._staff.stage
        slow = stage.take(SlowChannel)
        self._outgoing.delay_s = slow.delay_s if slow else 0.0
        late = stage.take(LateStopped)
        self._outgoing.late_stopped_s = late.delay_s if late else None
        self._outgoing.hides_output_events = stage.take(NoOutputEvents) is not None
        if self._carrier is not None:
            self._carrier.set_idle(pauses=stage.take(PauseRtp) is not None)
        return slow

    def _take_timed_faults(self) -> None:
        loop = asyncio.get_running_loop()
        for fault in self._staff.stage.take_timed():
            self._fault_timers.append(loop.call_later(fault.after_s, self._commit_fault, fault))

    def _commit_fault(self, fault: TimedFault) -> None:
        assert self._carrier is not None
        match fault:
            case Vanish():
                self._carrier.cut_off()
            case CloseCall():
                self._end("closed by the scenario")
            case StopMedia():
                self._carrier.stop_sound()
            case EmptyPayload():
                self._carrier.send_empty()
            case IgnoreConsent():
                self._carrier.ignore_checks()
            case SendMessage():
                self._outgoing.send_bad_message(fault)
            case SendError():
                problem = self._conversation.complain(fault.type, fault.code, fault.message)
                self._perform(problem)

    # What happens

    def carrier_lost(self) -> None:
        """The client has gone."""
        self._end("closed by the client")

    def channel_opened(self, channel: Channel) -> None:
        """Events can come and go from now on."""
        if self._state is not State.CONNECTING:
            return
        self._outgoing.open(channel)
        self._set_state(State.OPEN)
        self.keep(self._converse())  # an error in a handler of aiortc would close the connection

    def message_came(self, message: str | bytes) -> None:
        """The client sent one message."""
        try:
            self._inbox.put_nowait(message)
        except asyncio.QueueFull:
            self._counts["dropped"] += 1

    def answer_started(self, response_id: str) -> None:
        """The first packet of an answer has left."""
        self._perform(self._conversation.started(response_id, self._now()))

    def answer_drained(self, response_id: str) -> None:
        """The last packet of an answer has left."""
        self._perform(self._conversation.drained(response_id, self._now()))

    def frame_came(self) -> None:
        """Another piece of the client's sound arrived."""
        self._counts["frames"] += 1

    async def _converse(self) -> None:
        self._perform(self._conversation.start())
        self._take_timed_faults()
        while True:
            message = await self._inbox.get()
            try:
                event = decode_client_event(message, MAX_EVENT_BYTES)
                name = event.payload.get("type") if isinstance(event, RawEvent) else event.wire_type
                count(self._received, str(name))
                self._take_event(event)
            except Malformed as problem:
                self._counts["malformed"] += 1
                self._perform(self._conversation.refuse(problem))

    def _take_event(self, event: ClientEvent) -> None:
        """Raises Malformed for sound that is none."""
        if self._line.setup.streams_sound and isinstance(event, InputAudioBufferAppend):
            self.frame_came()
            self.sound_came(self._input.feed(_appended(event)))
            return
        self._perform(self._conversation.handle(event, self._now(), self._microphone.position_ms))

    def sound_came(self, pcm: bytes) -> None:
        """The client's microphone: 16 kHz mono s16le, any length."""
        if self._state is not State.OPEN:
            return
        for turn in self._microphone.take(pcm):
            happened = (
                self._conversation.voice_started
                if turn.edge is Edge.STARTED
                else self._conversation.voice_stopped
            )
            self._perform(happened(turn.at_ms, self._now()))

    def _tick(self) -> None:
        self._perform(self._conversation.tick(self._now(), self._microphone.position_ms))

    # What is to be done

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._do(effect)
        self._set_timer()

    def _do(self, effect: Effect) -> None:
        match effect:
            case Emit():
                self._outgoing.send(effect.event)
            case Listen():
                self._microphone.listen(effect.item_id, effect.start_ms)
            case Recognise():
                self.keep(self._recognise(effect))
            case Forget():
                self._microphone.forget(effect.item_id)
            case Think():
                self._think(effect)
            case Speak():
                self.keep(self._speak(effect))
            case Play():
                self._play(effect.response_id)
            case Stream():
                self._stream(effect)
            case ClearOutput():
                self._carrier_in_use.stop_playing()
            case DetectTurns():
                self._microphone.detect(effect.detection)
            case EndCall():
                asyncio.get_running_loop().call_later(SAY_GOODBYE_S, self._end, effect.reason)

    def _play(self, response_id: str) -> None:
        self._carrier_in_use.play(response_id, self._speeches[response_id])

    def _stream(self, wanted: Stream) -> None:
        pcm = self._carrier_in_use.stream(wanted.response_id, wanted.until_ms)
        if pcm:
            delta = base64.b64encode(pcm).decode()
            self._outgoing.send(
                ResponseOutputAudioDelta(
                    event_id=wanted.event_id,
                    response_id=wanted.response_id,
                    item_id=wanted.item_id,
                    delta=delta,
                )
            )

    @property
    def _carrier_in_use(self) -> Carrier:
        assert self._carrier is not None
        return self._carrier

    async def _recognise(self, wanted: Recognise) -> None:
        words = await self._microphone.recognise(wanted.item_id, wanted.start_ms, wanted.end_ms)
        self._perform(self._conversation.heard(wanted.item_id, words, self._now()))

    def _think(self, wanted: Think) -> None:
        reply = brain.answer(wanted.question, datetime.now())  # local time: people ask for it
        self._perform(self._conversation.thought(wanted.response_id, reply, self._now()))

    async def _speak(self, wanted: Speak) -> None:
        speech = await self._staff.voice.speak(wanted.text, wanted.voice, wanted.speed)
        if speech is not None:
            self._speeches[wanted.response_id] = speech
        duration_s = speech.duration_s if speech else None
        self._perform(self._conversation.spoken(wanted.response_id, duration_s, self._now()))
        self._speeches.pop(wanted.response_id, None)

    # Time, tasks, state

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due = self._conversation.next_deadline()
        if self._state is State.OPEN and due < math.inf:
            self._timer = asyncio.get_running_loop().call_at(due, self._tick)

    def keep(self, work: Coroutine[None, None, None]) -> None:
        """Own ``work`` until it ends, or the call does."""
        self.keep_task(asyncio.create_task(work))

    def keep_task(self, task: asyncio.Task[None]) -> None:
        """The same for a task that runs already."""
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("call %s failed", self.call_id, exc_info=error)
            self._end("internal error")

    async def _hang_up_unless_open(self) -> None:
        await asyncio.sleep(CONNECT_DEADLINE_S)
        if self._state is State.CONNECTING:
            self._end("the client did not connect")

    def _end(self, reason: str) -> asyncio.Task[None]:
        if self._closing is None:
            self.end_reason = reason
            self._set_state(State.CLOSED)
            self._closing = asyncio.create_task(self._release(), name=f"end of call {self.call_id}")
        return self._closing

    async def _release(self) -> None:
        for timer in (*self._fault_timers, *filter(None, (self._timer,))):
            timer.cancel()
        self._microphone.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                if self._carrier is not None:
                    await self._carrier.close()
        except TimeoutError:
            logger.warning("call %s: the connection did not close in time", self.call_id)
        self._on_end(self)

    def _set_state(self, state: State) -> None:
        if state not in TRANSITIONS[self._state]:
            raise RuntimeError(f"call: {self._state.value} -> {state.value}")
        self._state = state
        if state is State.OPEN:
            self._opened_at_s = self._now()
        elif state is State.CLOSED:
            self._ended_at_s = self._now()
        logger.info(
            "call %s: %s%s", self.call_id, state.value, f" ({self.end_reason})" if self.end_reason else ""
        )


def _appended(event: InputAudioBufferAppend) -> bytes:
    """Return the sound of an event. Raises Malformed."""
    try:
        return base64.b64decode(event.audio, validate=True)
    except binascii.Error:
        complaint = malformed.wrong_value("audio", "sound in Base64")
        complaint.event_id = event.event_id
        raise complaint from None
