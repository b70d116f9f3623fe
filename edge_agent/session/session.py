"""One Realtime session from call to end: set-up, the order of events, and exactly one reason of the end.

Knows events and deadlines, and nothing of HTTP or WebRTC: those are behind
:class:`~edge_agent.session.transport.Transport`.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace

import msgspec

from edge_agent.core.events import (
    Event,
    LinkDoubted,
    LinkDown,
    LinkLapsed,
    LinkMended,
    LinkStirred,
    LinkTrusted,
    LinkUp,
    ServerSaid,
)
from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.lapse import Missed, Passage
from edge_agent.errors import IllegalTransition, SignalingError
from edge_agent.protocol.client_events import ClientEvent, RawEvent, SessionUpdate
from edge_agent.protocol.codec import Malformed, decode_server_event, encode_client_event
from edge_agent.protocol.fragments import Unwrapper
from edge_agent.protocol.objects import ApiError
from edge_agent.protocol.server_events import ErrorEvent, ServerEvent, SessionCreated, SessionUpdated
from edge_agent.protocol.session_object import SessionWishes, session_object, update_object
from edge_agent.session.endpoint import Endpoint
from edge_agent.session.finish import finish
from edge_agent.session.http_answers import shown
from edge_agent.session.path_probe import PathProbe
from edge_agent.session.transport import Opened, SoundRoad, Transport, TransportCounters
from edge_agent.session.watch import Watch
from edge_agent.session.webrtc import WebRtcTransport

logger = logging.getLogger(__name__)

EARLY_EVENTS_LIMIT = 256
"""Events that are held back until the session is up; set-up takes some seconds at most.
Overflow rule: the newest is dropped, as what came first explains the session."""

LIFETIME_LIMIT_S = 24 * 60 * 60.0
"""A session's life beyond a day is a sign that our clock is wrong: sessions live for an hour at most."""


class Phase(enum.Enum):
    """How far a session is."""

    NEW = "new"
    CONNECTING = "connecting"
    CONFIGURING = "configuring"
    UP = "up"
    CLOSING = "closing"
    OVER = "over"


TRANSITIONS: dict[Phase, frozenset[Phase]] = {
    Phase.NEW: frozenset({Phase.CONNECTING, Phase.OVER}),
    Phase.CONNECTING: frozenset({Phase.CONFIGURING, Phase.CLOSING}),
    Phase.CONFIGURING: frozenset({Phase.UP, Phase.CLOSING}),
    Phase.UP: frozenset({Phase.CLOSING}),
    Phase.CLOSING: frozenset({Phase.OVER}),
    Phase.OVER: frozenset(),
}
"""The legal moves; any other is a bug."""

NOBODY_THERE = frozenset(
    {FaultKind.CLOSED, FaultKind.LOST, FaultKind.EXPIRED, FaultKind.PEER_DEAD, FaultKind.PATH_DEAD}
)
"""Ends after which there is nobody to say goodbye to."""


def _ignore(_: str) -> None:
    return None


class RealtimeSession:
    """One session. :meth:`run` owns it: everything it opens is closed when ``run`` returns or raises.

    ``post`` gets, in this order: one LinkUp, any number of ServerSaid, LinkDoubted and LinkTrusted,
    LinkLapsed and LinkMended, one LinkDown; only the LinkDown if the session never came up; nothing at all
    once :meth:`hang_up` is called or ``run`` is cancelled. ``on_wire`` gets the type name of every message
    that is an event, as it was sent. ``on_malformed`` gets the reason the first time that a message of this
    session is none; all of them count in ``malformed``. Microphone and loudspeaker belong to the session
    from :meth:`take_sound` to :meth:`release_sound`. ``ends_are_known``: the server is known to say when it
    has sent all the sound of an answer.
    """

    def __init__(
        self,
        epoch: int,
        endpoint: Endpoint,
        wishes: SessionWishes,
        sound: SoundRoad,
        post: Callable[[Event], None],
        *,
        on_wire: Callable[[str], None] = _ignore,
        on_malformed: Callable[[str], None] = _ignore,
        new_transport: Callable[[Endpoint, SoundRoad], Transport] = WebRtcTransport,
        ends_are_known: bool = False,
    ) -> None:
        self._epoch = epoch
        model = endpoint.model or wishes.model
        self._endpoint = replace(endpoint, model=model)
        self._wishes = msgspec.structs.replace(wishes, model=model)
        self._sound = sound
        self._post = post
        self._on_wire = on_wire
        self._on_malformed = on_malformed
        self._new_transport = new_transport
        self._ends_are_known = ends_are_known
        self._phase = Phase.NEW
        self._transport: Transport | None = None
        self._watch: Watch | None = None
        self._life: asyncio.Task[Fault] | None = None
        self._over = asyncio.Event()
        self._hung_up = False
        self._setup_event_id = f"edge-agent-setup-{epoch}"
        self._unwrapper = Unwrapper() if endpoint.profile.wrapped_events else None
        self._session_id = ""
        self._expires_at: float | None = None
        self._early: list[ServerEvent] = []
        self._last_error: ApiError | None = None
        self.malformed = 0
        """Messages that were no events."""

    @property
    def phase(self) -> Phase:
        """How far it is."""
        return self._phase

    @property
    def counters(self) -> TransportCounters:
        """How much came and went; grows as long as the session makes progress."""
        return TransportCounters() if self._transport is None else self._transport.counters

    async def run(self) -> None:
        """Open the session and keep it until it ends. To be called once.

        Returns after LinkDown was posted, or silently after :meth:`hang_up`. Cancelling it closes the
        connection, bounded by ``close_s``, and leaves out the farewell over HTTP.
        """
        if self._hung_up:
            return
        self._check_move(Phase.CONNECTING)
        self._transport = transport = self._new_transport(self._endpoint, self._sound)
        self._set_phase(Phase.CONNECTING)
        self._life = life = asyncio.create_task(self._live(transport), name=f"session {self._epoch}")
        fault: Fault | None = None
        says_goodbye = False
        try:
            await asyncio.wait({life})
            fault = None if life.cancelled() else life.result()
            says_goodbye = fault is None or fault.kind not in NOBODY_THERE
        finally:
            life.cancel()
            if self._phase is not Phase.CLOSING:
                self._set_phase(Phase.CLOSING)
            await finish(self._wind_up(life, transport, says_goodbye))
        if fault is not None and not self._hung_up:
            self._post(LinkDown(self._epoch, fault))

    def send(self, event: ClientEvent) -> None:
        """Send an event in the server's dialect. One that can't be sent any more is dropped and logged."""
        name = str(event.payload.get("type")) if isinstance(event, RawEvent) else event.wire_type
        transport = self._transport
        if transport is None or self._phase not in (Phase.CONFIGURING, Phase.UP):
            logger.debug("x %s: the session is %s", shown(name), self._phase.value)
            return
        try:
            text = encode_client_event(event, self._endpoint.profile.dialect)
        except ValueError:
            logger.warning("x %s: it holds text that is not Unicode", shown(name))
            return
        if transport.send(text):
            logger.debug("> %s", shown(name))
            if self._watch is not None:
                self._watch.sent(event)
        else:
            logger.warning("x %s: the event channel does not take it (%d bytes)", shown(name), len(text))

    def take_sound(self) -> None:
        """Hear the microphone and play on the loudspeaker from now on; nothing unless the session is up."""
        if self._transport is not None and self._phase is Phase.UP:
            self._transport.take_sound()

    def release_sound(self) -> None:
        """Leave microphone and loudspeaker to another session; events still come and go."""
        if self._transport is not None and self._phase is Phase.UP:
            self._transport.release_sound()

    async def hang_up(self) -> None:
        """End the session and wait until all of it is gone: ``hang_up_s`` + ``close_s`` at most.

        From the call on nothing is posted. May be called at any time and again.
        """
        self._hung_up = True
        if self._phase is Phase.NEW:
            self._set_phase(Phase.OVER)
            self._over.set()
            return
        if self._phase not in (Phase.CLOSING, Phase.OVER):
            self._set_phase(Phase.CLOSING)
        if self._life is not None:
            self._life.cancel()
        await self._over.wait()

    async def _live(self, transport: Transport) -> Fault:
        """Open, set up and listen; return why it ended."""
        try:
            opened = await transport.open(session_object(self._wishes, self._endpoint.profile.dialect))
        except SignalingError as error:
            return error.fault
        self._set_phase(Phase.CONFIGURING)
        self._session_id = opened.call_id or ""
        fault = await self._set_up(transport, opened)
        if fault is not None:
            return fault
        self._set_phase(Phase.UP)
        self._post(LinkUp(self._epoch, self._session_id, self._lifetime_s()))
        for event in self._early:
            self._post(ServerSaid(self._epoch, event))
        self._watch = watch = Watch(
            transport,
            PathProbe(self._endpoint.base_url),
            self._tell_doubt,
            self._tell_passage,
            ends_are_known=self._ends_are_known,
        )
        for event in self._early:
            watch.saw(event)
        self._early.clear()
        return await _first_of(self._listen(transport, watch), watch.run())

    async def _listen(self, transport: Transport, watch: Watch) -> Fault:
        """Post what the server says, as it comes; return why it ended."""

        def take(message: str | bytes) -> None:
            event = self._event_in(message)
            if event is not None:
                watch.saw(event)
                self._post(ServerSaid(self._epoch, event))

        return self._reason_of_end(await transport.forward(take))

    def _tell_doubt(self, is_doubted: bool) -> None:
        self._post(LinkDoubted(self._epoch) if is_doubted else LinkTrusted(self._epoch))

    def _tell_passage(self, passage: Passage, missed: Missed | None) -> None:
        if missed is not None:
            self._post(LinkMended(self._epoch, missed))
        else:
            self._post((LinkLapsed if passage is Passage.LAPSED else LinkStirred)(self._epoch))

    async def _set_up(self, transport: Transport, opened: Opened) -> Fault | None:
        """Wait for the greeting, send the settings if they did not go with the call, wait for the consent."""
        fault = await self._await_created(transport)
        is_configured = opened.session_sent and not self._endpoint.profile.initial_update
        if fault is not None or is_configured:
            return fault
        return await self._update(transport)

    async def _await_created(self, transport: Transport) -> Fault | None:
        """Wait for ``session.created``; a server that says other things in time is taken as well."""
        limit_s = self._endpoint.deadlines.session_created_s
        try:
            async with asyncio.timeout(limit_s):
                while True:
                    heard = await self._hear_early(transport)
                    if isinstance(heard, Fault):
                        return heard
                    if isinstance(heard, SessionCreated | SessionUpdated):
                        return None
        except TimeoutError:
            if any(not isinstance(event, ErrorEvent) for event in self._early):
                return None
            return self._blame_last_error(
                Fault(FaultKind.TIMEOUT, f"the server did not say session.created within {limit_s:g} s")
            )

    async def _update(self, transport: Transport) -> Fault | None:
        """Send the settings and wait for ``session.updated``."""
        limit_s = self._endpoint.deadlines.session_updated_s
        error_before = self._last_error
        settings = update_object(self._wishes, self._endpoint.profile.dialect)
        self.send(SessionUpdate(session=settings, event_id=self._setup_event_id))
        try:
            async with asyncio.timeout(limit_s):
                while True:
                    heard = await self._hear_early(transport)
                    if isinstance(heard, Fault):
                        return heard
                    if isinstance(heard, SessionUpdated):
                        return None
                    if isinstance(heard, ErrorEvent) and heard.error.event_id == self._setup_event_id:
                        return _refused(heard.error)
        except TimeoutError:
            # Some servers do not repeat our event_id: an error and no consent is a refusal all the same.
            if self._last_error is not None and self._last_error is not error_before:
                return _refused(self._last_error)
            return Fault(FaultKind.TIMEOUT, f"the server did not say session.updated within {limit_s:g} s")

    async def _hear_early(self, transport: Transport) -> ServerEvent | Fault:
        heard = await self._hear(transport)
        if isinstance(heard, Fault):
            return heard
        if len(self._early) < EARLY_EVENTS_LIMIT:
            self._early.append(heard)
        return heard

    async def _hear(self, transport: Transport) -> ServerEvent | Fault:
        """Return the next event, or why there is none any more."""
        while True:
            message = await transport.receive()
            if isinstance(message, Fault):
                return self._reason_of_end(message)
            event = self._event_in(message)
            if event is not None:
                return event

    def _event_in(self, message: str | bytes) -> ServerEvent | None:
        """Return the event that a message is; None if it is none, or a fragment and not the last one."""
        try:
            unwrapped = message if self._unwrapper is None else self._unwrapper.unwrap(message)
            decoded = None if unwrapped is None else decode_server_event(unwrapped)
        except Malformed as reason:
            self._count_malformed(str(reason))
            return None
        if decoded is None:
            return None
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("< %s", shown(decoded.wire_type))
        self._on_wire(decoded.wire_type)
        event = decoded.event
        if isinstance(event, ErrorEvent):
            self._last_error = event.error
        elif isinstance(event, SessionCreated | SessionUpdated):
            self._session_id = event.session.id or self._session_id
            self._expires_at = event.session.expires_at or self._expires_at
        return event

    def _count_malformed(self, reason: str) -> None:
        self.malformed += 1
        if self.malformed == 1:
            self._on_malformed(shown(reason))

    def _reason_of_end(self, fault: Fault) -> Fault:
        error = self._last_error
        if error is not None and error.name == "session_expired":
            return _with_words_of(error, Fault(FaultKind.EXPIRED, shown(error.message) or "session expired"))
        # Once the session is up, the agent hears of errors itself.
        return fault if self._phase is Phase.UP else self._blame_last_error(fault)

    def _blame_last_error(self, fault: Fault) -> Fault:
        error = self._last_error
        if error is None:
            return fault
        message = f"{fault.message}; before that it said: {shown(error.message)}"
        return _with_words_of(error, replace(fault, message=message))

    def _lifetime_s(self) -> float | None:
        """Seconds until the server ends the session: as it said, or else as its profile knows.

        What it said is not believed where our clock is plainly wrong.
        """
        left_s = 0.0 if self._expires_at is None else self._expires_at - time.time()
        return left_s if 0 < left_s <= LIFETIME_LIMIT_S else self._endpoint.profile.max_session_s

    async def _wind_up(self, life: asyncio.Task[Fault], transport: Transport, says_goodbye: bool) -> None:
        try:
            await asyncio.wait({life})
            if says_goodbye:
                await transport.hang_up()
            await transport.close()
        finally:
            self._set_phase(Phase.OVER)
            self._over.set()

    def _set_phase(self, new: Phase) -> None:
        self._check_move(new)
        self._phase = new

    def _check_move(self, new: Phase) -> None:
        if new not in TRANSITIONS[self._phase]:
            raise IllegalTransition(f"session {self._epoch}: {self._phase.value} -> {new.value}")


async def _first_of(*ways_to_end: Coroutine[None, None, Fault]) -> Fault:
    """Run all until one ends, and return what it returned; the others are cancelled, and waited for."""
    tasks = [asyncio.create_task(way) for way in ways_to_end]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task.result() for task in tasks if task in done)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _refused(error: ApiError) -> Fault:
    about = f" ({shown(error.param)})" if error.param else ""
    message = f"the server refused the session's settings{about}: {shown(error.message)}"
    return _with_words_of(error, Fault(FaultKind.SETUP_REFUSED, message))


def _with_words_of(error: ApiError, fault: Fault) -> Fault:
    return replace(fault, code=error.name, error_type=error.type or None, param=error.param)
