"""One call: a peer connection, its sound both ways, and the conversation that decides. A mere shell."""

from __future__ import annotations

import asyncio
import enum
import logging
import math
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime

from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, AudioResampler

from edge_agent.protocol.client_events import RawEvent
from edge_agent.protocol.codec import Malformed, decode_client_event
from edge_agent.server import brain
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
    Think,
)
from edge_agent.server.microphone import BYTES_PER_MS, Microphone
from edge_agent.server.outgoing import Outgoing, count
from edge_agent.server.output import Idle, OutputTrack
from edge_agent.server.peer_hooks import cut_off, offer_addresses, open_channels_late
from edge_agent.server.recognizer import Recognizer
from edge_agent.server.scenario import (
    CloseCall,
    DeadAnswer,
    Expire,
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
from edge_agent.server.vad import SAMPLE_RATE_HZ, Edge
from edge_agent.server.voice import Speech, Voice

logger = logging.getLogger(__name__)

CONNECT_DEADLINE_S = 30.0
"""From the answer to the open event channel. ICE gives up a pair after some 60 s; no client waits so long."""

CLOSE_DEADLINE_S = 2.0
"""For DTLS and SCTP to say goodbye."""

SILENCE_AFTER_S = 0.200
"""Without RTP for so long, the person is taken to be silent: a client that mutes may stop sending."""

SAY_GOODBYE_S = 0.200
"""Between the last event and the end of the connection, so that it arrives."""

MAX_INBOX = 256
"""Client events that wait; more are thrown away and counted."""


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


class BadOffer(ValueError):
    """The offer can't be answered. The text goes to the client."""


@dataclass(frozen=True, slots=True)
class Staff:
    """What all calls use."""

    recognizer: Recognizer
    voice: Voice
    stage: Stage


@dataclass(frozen=True, slots=True)
class Line:
    """What is known of a call before it begins. ``addresses``: where to be reached, None for everywhere."""

    call_id: str
    setup: Setup
    addresses: list[str] | None


class Call:
    """One client. ``answer`` it, then it lives until ``close`` or until the client goes."""

    def __init__(self, line: Line, state: SessionState, staff: Staff, on_end: Callable[[Call], None]) -> None:
        self.call_id = line.call_id
        self.end_reason: str | None = None
        self._line = line
        self._staff = staff
        self._on_end = on_end
        self._state = State.CONNECTING
        self._conversation = Conversation(line.setup, state)
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._track = OutputTrack(staff.voice.silence, self._started, self._drained)
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

    async def answer(self, offer: str) -> str:
        """Return the SDP answer to ``offer``. Raises BadOffer."""
        self._pc.on("track", self._on_track)
        self._pc.on("datachannel", self._on_channel)
        self._pc.on("connectionstatechange", self._on_connection)
        self._pc.addTrack(self._track)
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            answer = await self._pc.createAnswer()
        except (ValueError, AssertionError, KeyError, IndexError) as error:  # what aiortc's parser raises
            raise BadOffer("Failed to parse offer.") from error
        if not self._pc.getTransceivers() or self._pc.sctp is None:
            raise BadOffer("The offer needs one audio section and one for data channels.")
        if self._line.addresses is not None:
            offer_addresses(self._pc, self._line.addresses)
        self._commit_connection_faults()
        await self._pc.setLocalDescription(answer)
        if self._staff.stage.take(DeadAnswer):
            cut_off(self._pc)
        self._keep(self._hang_up_unless_open())
        return self._pc.localDescription.sdp

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
            "dialect": self._line.setup.dialect.value,
            "audio_ms": self._microphone.position_ms,
            "frames_received": self._counts["frames"],
            "loud_frames_received": self._microphone.loud_frames,
            "packets_sent": self._track.sent_packets,
            "events_received": dict(self._received),
            "events_malformed": self._counts["malformed"],
            "events_sent": dict(self._outgoing.sent),
        }

    # Faults

    def _commit_connection_faults(self) -> None:
        slow = self._take_habits()
        if slow and slow.open_after_s:
            open_channels_late(self._pc, slow.open_after_s, self._keep_task)

    def _take_habits(self) -> SlowChannel | None:
        """Take the faults that last for the whole call; those of an earlier scenario end."""
        stage = self._staff.stage
        slow = stage.take(SlowChannel)
        self._outgoing.delay_s = slow.delay_s if slow else 0.0
        late = stage.take(LateStopped)
        self._outgoing.late_stopped_s = late.delay_s if late else None
        self._outgoing.hides_output_events = stage.take(NoOutputEvents) is not None
        if self._track.idle is not Idle.STOPPED:
            self._track.idle = Idle.PAUSE if stage.take(PauseRtp) else Idle.SILENCE
        return slow

    def _take_timed_faults(self) -> None:
        loop = asyncio.get_running_loop()
        for fault in self._staff.stage.take_timed():
            self._fault_timers.append(loop.call_later(fault.after_s, self._commit_fault, fault))

    def _commit_fault(self, fault: TimedFault) -> None:
        match fault:
            case Vanish():
                cut_off(self._pc)
            case CloseCall():
                self._end("closed by the scenario")
            case StopMedia():
                self._track.idle = Idle.STOPPED
            case SendMessage():
                self._outgoing.send_bad_message(fault)
            case SendError():
                problem = self._conversation.complain(fault.type, fault.code, fault.message)
                self._perform(problem)

    # What happens

    def _on_connection(self) -> None:
        if self._pc.connectionState in ("closed", "failed"):
            self._end("closed by the client")

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if self._state is not State.CONNECTING:
            return  # one channel is enough
        channel.on("message", self._on_message)
        self._outgoing.open(channel)
        self._set_state(State.OPEN)
        self._keep(self._converse())  # an error in a handler of aiortc would close the connection

    def _on_message(self, message: str | bytes) -> None:
        try:
            self._inbox.put_nowait(message)
        except asyncio.QueueFull:
            self._counts["dropped"] += 1

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._keep(self._hear(track) if track.kind == "audio" else _drain(track))

    def _started(self, response_id: str) -> None:
        self._perform(self._conversation.started(response_id, self._now()))

    def _drained(self, response_id: str) -> None:
        self._perform(self._conversation.drained(response_id, self._now()))

    async def _converse(self) -> None:
        self._perform(self._conversation.start())
        self._take_timed_faults()
        while True:
            message = await self._inbox.get()
            try:
                event = decode_client_event(message)
            except Malformed as problem:
                self._counts["malformed"] += 1
                self._perform(self._conversation.refuse(problem))
                continue
            name = event.payload.get("type") if isinstance(event, RawEvent) else event.wire_type
            count(self._received, str(name))
            self._perform(self._conversation.handle(event, self._now(), self._microphone.position_ms))

    async def _hear(self, track: MediaStreamTrack) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
        silence = bytes(int(SILENCE_AFTER_S * 1000) * BYTES_PER_MS)
        while True:
            try:
                async with asyncio.timeout(SILENCE_AFTER_S):
                    frame = await track.recv()
            except TimeoutError:
                self._take_sound(silence)
                continue
            except MediaStreamError:
                return
            if isinstance(frame, AudioFrame):
                self._counts["frames"] += 1
                for part in resampler.resample(frame):
                    self._take_sound(bytes(part.planes[0])[: part.samples * 2])

    def _take_sound(self, pcm: bytes) -> None:
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
                self._keep(self._recognise(effect))
            case Forget():
                self._microphone.forget(effect.item_id)
            case Think():
                self._think(effect)
            case Speak():
                self._keep(self._speak(effect))
            case Play():
                self._track.buffer.load(effect.response_id, self._speeches[effect.response_id])
            case ClearOutput():
                self._track.buffer.clear()
            case DetectTurns():
                self._microphone.detect(effect.detection)
            case EndCall():
                asyncio.get_running_loop().call_later(SAY_GOODBYE_S, self._end, effect.reason)

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

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        self._keep_task(asyncio.create_task(work))

    def _keep_task(self, task: asyncio.Task[None]) -> None:
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
                await self._pc.close()
        except TimeoutError:
            logger.warning("call %s: the connection did not close in time", self.call_id)
        self._on_end(self)

    def _set_state(self, state: State) -> None:
        if state not in TRANSITIONS[self._state]:
            raise RuntimeError(f"call: {self._state.value} -> {state.value}")
        self._state = state
        logger.info(
            "call %s: %s%s", self.call_id, state.value, f" ({self.end_reason})" if self.end_reason else ""
        )


async def _drain(track: MediaStreamTrack) -> None:
    """Read a track that nobody needs: aiortc keeps what is not read."""
    while True:
        try:
            await track.recv()
        except MediaStreamError:
            return
