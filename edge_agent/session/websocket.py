"""Transport number two: everything over one WebSocket, for networks that let no UDP through."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from urllib.parse import urlsplit

from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.playout.streamed import Note
from edge_agent.errors import SignalingError
from edge_agent.protocol.objects import JsonObject
from edge_agent.session.answer_events import AnswerEvents
from edge_agent.session.connection_faults import fault_of_exception
from edge_agent.session.endpoint import Endpoint
from edge_agent.session.endpoint_request import (
    check_is_secure,
    key_header,
    key_of,
    own_headers,
    unfit,
    url_of,
)
from edge_agent.session.http_answers import fault_of_status
from edge_agent.session.http_request import NotHttp
from edge_agent.session.message_queue import MessageQueue
from edge_agent.session.outbox import Outbox
from edge_agent.session.transport import (
    AnswerStream,
    EncodedPacket,
    Opened,
    PlainSoundRoad,
    TransportCounters,
)
from edge_agent.session.websocket_connection import (
    MESSAGE_LIMIT_BYTES,
    Ended,
    Refused,
    WebSocketConnection,
)

logger = logging.getLogger(__name__)

CHECK_LIMIT_S = 2.0
"""For a ping to be taken by the network; whether it is answered shows in the counters."""


class WebSocketTransport:
    """A :class:`~edge_agent.session.transport.Transport` over one WebSocket."""

    loses = False

    def __init__(self, endpoint: Endpoint, sound: PlainSoundRoad) -> None:
        self._endpoint = endpoint
        self._sound = sound
        self._messages = MessageQueue()
        self._outbox = Outbox()
        self._events = AnswerEvents(MESSAGE_LIMIT_BYTES, self._messages.put, self._outbox.put_event)
        self._connection: WebSocketConnection | None = None
        self._stream: AnswerStream | None = None
        self._played_before = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._loop = asyncio.get_running_loop()

    @property
    def counters(self) -> TransportCounters:
        """How far it got."""
        return TransportCounters(
            messages_received=self._messages.received,
            messages_dropped=self._messages.dropped,
            sound_packets_received=self._played_before + (self._stream.played_blocks if self._stream else 0),
            sound_packets_empty=self._events.deltas_empty,
            datagrams_received=0 if self._connection is None else self._connection.chunks_received,
            packets_sent=self._outbox.sound_sent,
            packets_dropped=self._outbox.sound_dropped,
            bytes_sent=self._outbox.sound_sent_bytes,
        )

    async def open(self, session: JsonObject) -> Opened:
        """Connect and shake hands; ``session`` is sent later, by itself. Raises SignalingError."""
        limit_s = self._endpoint.deadlines.connect_s
        try:
            async with asyncio.timeout(limit_s):
                self._connection = connection = await self._connect()
        except TimeoutError:
            message = f"no WebSocket to {self._server} within {limit_s:g} s"
            raise SignalingError(Fault(FaultKind.TIMEOUT, message)) from None
        logger.debug("= connected")
        for work in (self._receive(connection), self._transmit(connection)):
            self._own(work)
        return Opened(call_id=None, session_sent=False)

    def take_sound(self) -> None:
        """Send the microphone and play what comes, from now on."""
        self._stream = self._sound.open_stream(self._noted)
        self._events.play_on(self._stream)
        self._sound.connect_plain_microphone(self._deliver)

    def release_sound(self) -> None:
        """Send nothing any more, and drop what comes."""
        stream, self._stream = self._stream, None
        if stream is not None:
            self._events.play_on(None)
            stream.close()
            self._played_before += stream.played_blocks
            self._sound.disconnect_microphone()

    def send(self, text: str) -> bool:
        """Queue one message; False if the connection is over, or too much waits already."""
        if self._connection is None or self._messages.ended is not None:
            return False
        return self._events.takes(text) or self._outbox.put_event(text)

    async def receive(self) -> str | bytes | Fault:
        """Return the next message, or why the connection ended.

        Raises what the sound road raised, if it did.
        """
        return await self._messages.get()

    async def forward(self, take: Callable[[str | bytes], None]) -> Fault:
        """Hand every message to ``take`` as it comes, and return why the connection ended.

        Raises what the sound road raised, if it did, and what ``take`` raises.
        """
        return await self._messages.forward(take)

    @property
    def local_address(self) -> str | None:
        """The address of this machine from which it sends, once it is open."""
        return None if self._connection is None else self._connection.local_address

    @property
    def is_stuck(self) -> bool:
        """Whether what was sent has been sent again and is not acknowledged yet."""
        return self._connection is not None and self._connection.is_stuck

    async def check(self) -> bool:
        """Ask for a sign of life by a ping, and tell whether it was answered."""
        if self._connection is None:
            return False
        with contextlib.suppress(Ended, TimeoutError):
            async with asyncio.timeout(CHECK_LIMIT_S):
                await self._connection.ping()
                return True
        return False

    async def hang_up(self) -> None:
        """Nothing to do: the goodbye of a WebSocket is its closing."""

    async def close(self) -> None:
        """Say goodbye and release everything."""
        self._messages.end(Fault(FaultKind.CLOSED, "we closed the connection"))
        try:
            self.release_sound()
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
            if self._connection is not None:
                await self._connection.close(self._endpoint.deadlines.close_s)

    # -- connecting --------------------------------------------------------------------------------

    @property
    def _server(self) -> str:
        return urlsplit(self._endpoint.base_url).hostname or self._endpoint.name

    async def _connect(self) -> WebSocketConnection:
        """Raises SignalingError."""
        profile = self._endpoint.profile
        if profile.websocket_path is None:
            raise unfit(f"the profile of endpoint {self._endpoint.name} knows no WebSocket")
        url = url_of(self._endpoint, profile.websocket_path, profile.websocket_query)
        check_is_secure(url)
        headers, key = own_headers(self._endpoint), key_of(self._endpoint)
        if key is not None:
            headers |= key_header(self._endpoint, key)
        server = urlsplit(url).hostname or self._server
        logger.debug("> WebSocket")
        try:
            return await WebSocketConnection.open(url, headers)
        except Refused as refused:
            secrets = () if key is None else (key,)
            fault = fault_of_status(refused.reply, step="handshake", server=server, secrets=secrets)
            raise SignalingError(fault) from refused
        except TimeoutError:
            raise
        except (NotHttp, OSError, ValueError) as error:
            raise SignalingError(fault_of_exception(error, server, "handshake")) from error

    # -- while it is open --------------------------------------------------------------------------

    async def _receive(self, connection: WebSocketConnection) -> None:
        while True:
            self._events.server_said(await connection.receive())

    async def _transmit(self, connection: WebSocketConnection) -> None:
        while True:
            await connection.send(await self._outbox.get())

    def _deliver(self, packet: EncodedPacket) -> None:
        """Take a packet of the microphone, in its thread."""
        with contextlib.suppress(RuntimeError):  # the loop has been closed: the process ends
            self._loop.call_soon_threadsafe(self._outbox.put_sound, packet.payload)

    def _noted(self, note: Note) -> None:
        """Something has happened to the sound, in any thread."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._events.noted, note)

    def _own(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name="websocket")
        task.add_done_callback(self._task_done)
        self._tasks.append(task)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        """Note the end of the connection, or a bug of ours."""
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Ended):
            self._messages.end(error.fault)
        elif error is not None:
            self._messages.fail(error)
            self._messages.end(Fault(FaultKind.CLOSED, "its sound could not be taken"))
