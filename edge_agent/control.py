"""A Unix socket on which the running agent shows what it does and takes presses, for people and tests.

One JSON object a line. Out go the messages of :data:`Message` (their ``type`` first), in come those of
:data:`Request` (``do``), for example ``{"do":"press","button":"talk"}``. Only the user the agent runs as (and
root) may connect: the file has mode 0600. Nothing a client does or fails to do holds up the agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import stat
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from edge_agent import __version__
from edge_agent.errors import ControlError, ControlTaken

logger = logging.getLogger(__name__)

MAX_LINE_BYTES = 65_536
"""Longest line in either direction; a client event of some hundred bytes is usual."""

MAX_DEPTH = 64
"""Deepest nesting of an event to send. Client events need about ten; what is deeper could end the stack of
whoever walks it."""

MAX_CLIENTS = 8
"""A live view, a test or two, and a forgotten one; more are turned away."""

QUEUE_LIMIT = 256
"""Messages that may wait for one client, about ten seconds' worth while the agent speaks.
Overflow rule: the oldest is dropped and counted."""

SEND_LIMIT_S = 30.0
"""A client that takes nothing for so long (a stopped process) is disconnected."""

CONNECT_LIMIT_S = 2.0
"""Longest wait for the answer of a local socket, which comes at once or not at all."""

CLOSE_LIMIT_S = 1.0
"""Longest wait for connections to end when the socket closes."""

BACKLOG = MAX_CLIENTS


class Hello(msgspec.Struct, frozen=True, tag="hello", tag_field="type"):
    """First message to every client: what has been shown last, None if nothing yet."""

    version: str
    state: str | None
    led: str | None
    since_start_s: float


class StateShown(msgspec.Struct, frozen=True, tag="state", tag_field="type"):
    """The agent's state changed, ``at_s`` seconds after its start."""

    name: str
    at_s: float


class LedShown(msgspec.Struct, frozen=True, tag="led", tag_field="type"):
    """The LEDs show another pattern (by name), ``at_s`` seconds after the start."""

    name: str
    at_s: float


class WireEvent(msgspec.Struct, frozen=True, tag="event", tag_field="type"):
    """The server sent an event; ``name`` is the type as it stood on the wire."""

    name: str


class Transcript(msgspec.Struct, frozen=True, tag="transcript", tag_field="type"):
    """What ``role`` (``user`` or ``assistant``) says in one item so far; a final text stays as it is."""

    role: str
    item_id: str
    text: str
    final: bool


class Level(msgspec.Struct, frozen=True, tag="level", tag_field="type"):
    """Loudness of both directions in dBFS; None is digital silence."""

    input_dbfs: float | None
    output_dbfs: float | None


class TurnAnswered(msgspec.Struct, frozen=True, tag="turn", tag_field="type"):
    """An answer became audible, so long after the person fell silent; None if that is not known."""

    voice_to_voice_ms: float | None


class StatisticsShown(msgspec.Struct, frozen=True, tag="statistics", tag_field="type"):
    """What was counted since the session began: groups of numbers, named as in W3C webrtc-stats.

    Told every few seconds, and when it is asked for.
    """

    at_s: float
    groups: dict[str, dict[str, float | None]]


class NoticeTold(msgspec.Struct, frozen=True, tag="notice", tag_field="type"):
    """Something was told to the journal."""

    notice: str
    severity: str
    text: str


class Refused(msgspec.Struct, frozen=True, tag="error", tag_field="type"):
    """The client's last line was not understood or not allowed."""

    text: str


Message = (
    Hello
    | StateShown
    | LedShown
    | WireEvent
    | Transcript
    | Level
    | TurnAnswered
    | StatisticsShown
    | NoticeTold
    | Refused
)


class Press(msgspec.Struct, frozen=True, tag="press", tag_field="do"):
    """The contact of ``button`` closes."""

    button: str


class Release(msgspec.Struct, frozen=True, tag="release", tag_field="do"):
    """The contact of ``button`` opens."""

    button: str


class Mute(msgspec.Struct, frozen=True, tag="mute", tag_field="do"):
    """Close (``on``) or open the microphone."""

    on: bool


class Volume(msgspec.Struct, frozen=True, tag="volume", tag_field="do"):
    """Make the loudspeaker so loud, in percent."""

    percent: int


class ShowStatistics(msgspec.Struct, frozen=True, tag="statistics", tag_field="do"):
    """Show the statistics now, to everybody."""


class SendRaw(msgspec.Struct, frozen=True, tag="send", tag_field="do"):
    """Send ``event`` to the server as it is."""

    event: dict[str, object]


Request = Press | Release | Mute | Volume | ShowStatistics | SendRaw


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """``path``: where the socket is. ``transcripts``: whether what is said may be shown on it.
    ``raw_events``: whether clients may send events to the server."""

    path: Path
    transcripts: bool = False
    raw_events: bool = False


class ControlSocket:
    """The agent's side. Everything but :meth:`start` and :meth:`close` returns at once; event loop only."""

    def __init__(self, settings: ControlSettings, on_request: Callable[[Request], None]) -> None:
        """``on_request`` is called for every valid line, in the loop, in order for each client."""
        self._settings = settings
        self._on_request = on_request
        self._began_at = time.monotonic()
        self._state: str | None = None
        self._led: str | None = None
        self._clients: dict[_Client, asyncio.Task[None]] = {}
        self._has_clients = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._inode = 0
        self._read_request = msgspec.json.Decoder(Request).decode

    async def start(self) -> None:
        """Open the socket, taking the place of one that a dead process left behind.

        Raises ControlTaken if a living process has it, ControlError if the path is taken by something else
        than a socket or can't be made.
        """
        path = self._settings.path
        _remove_stale(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            listener.bind(str(path))
            # Nobody can connect before listen(), so there is no moment with the wrong mode.
            path.chmod(0o600)
            self._inode = path.stat().st_ino
            self._server = await asyncio.start_unix_server(
                self._welcome, sock=listener, limit=MAX_LINE_BYTES, backlog=BACKLOG
            )
        except OSError as error:
            listener.close()
            raise ControlError(f"control.socket: can't open {path}: {error}") from error

    def since_start_s(self, now: float) -> float:
        """Return the seconds from the making of this object to ``now`` (monotonic)."""
        return round(now - self._began_at, 3)

    def publish(self, message: Message) -> None:
        """Show ``message`` to every client. Transcripts go nowhere unless the settings allow them."""
        match message:
            case StateShown(name=name):
                self._state = name
            case LedShown(name=name):
                self._led = name
            case Transcript() if not self._settings.transcripts:
                return
            case _:
                pass
        if self._clients:
            line = _line(message)
            for client in self._clients:
                client.put(line)

    async def wait_for_client(self) -> None:
        """Wait until somebody is connected, so that nothing is measured for nobody."""
        await self._has_clients.wait()

    async def close(self) -> None:
        """Disconnect everybody and remove the socket file. May be called twice."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for task in self._clients.values():
            task.cancel()
        if self._clients:
            await asyncio.wait(self._clients.values(), timeout=CLOSE_LIMIT_S)
        with contextlib.suppress(OSError):
            if self._settings.path.stat().st_ino == self._inode:
                self._settings.path.unlink()

    # -- clients -----------------------------------------------------------------------------------

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = _Client(reader, writer)
        if len(self._clients) >= MAX_CLIENTS:
            writer.write(_line(Refused(f"there are {MAX_CLIENTS} clients already")))
            writer.close()
            return
        now = time.monotonic()
        client.put(_line(Hello(__version__, self._state, self._led, self.since_start_s(now))))
        task = asyncio.get_running_loop().create_task(client.serve(self._take), name="control-client")
        self._clients[client] = task
        self._has_clients.set()
        task.add_done_callback(lambda task: self._gone(client, task))

    def _gone(self, client: _Client, task: asyncio.Task[None]) -> None:
        del self._clients[client]
        if not self._clients:
            self._has_clients.clear()
        if not task.cancelled() and task.exception() is not None:
            task.get_loop().call_exception_handler(
                {"message": "a request of the control socket failed", "exception": task.exception()}
            )

    def _take(self, line: bytes) -> Refused | None:
        """Act on one line; return what to answer if it is refused."""
        try:
            request = self._read_request(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return Refused(f"not understood: {error}")
        if isinstance(request, SendRaw) and not self._settings.raw_events:
            return Refused("sending events is not allowed; set control.raw_events: true")
        if isinstance(request, SendRaw) and _is_deeper(request.event, MAX_DEPTH):
            return Refused(f"an event may nest {MAX_DEPTH} levels")
        self._on_request(request)
        return None


class _Client:
    """One connection: a reader that takes lines, and a writer with a queue that has a limit."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: deque[bytes] = deque(maxlen=QUEUE_LIMIT)
        self._has_work = asyncio.Event()
        self._dropped = 0

    def put(self, line: bytes) -> None:
        if len(self._waiting) == QUEUE_LIMIT:
            self._dropped += 1
        self._waiting.append(line)
        self._has_work.set()

    async def serve(self, take: Callable[[bytes], Refused | None]) -> None:
        """Serve until the client goes or takes nothing for too long, or this is cancelled."""
        writing = asyncio.create_task(self._write_lines(), name="control-writer")
        reading = asyncio.create_task(self._read_lines(take), name="control-reader")
        try:
            await asyncio.wait({writing, reading}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._writer.transport.abort()
            writing.cancel()
            reading.cancel()
            outcomes = await asyncio.gather(writing, reading, return_exceptions=True)
        if self._dropped:
            logger.info("a control client was too slow: %d messages dropped", self._dropped)
        for outcome in outcomes:
            # An OSError is the client: it has gone, or it took nothing for too long.
            if isinstance(outcome, Exception) and not isinstance(outcome, OSError):
                raise outcome

    async def _read_lines(self, take: Callable[[bytes], Refused | None]) -> None:
        while True:
            line = await _next_line(self._reader)
            if line is None:
                return
            answer = Refused(f"a line may have {MAX_LINE_BYTES} bytes") if line == b"" else take(line)
            if answer is not None:
                self.put(_line(answer))

    async def _write_lines(self) -> None:
        while True:
            await self._has_work.wait()
            self._has_work.clear()
            while self._waiting:
                self._writer.write(self._waiting.popleft())
                async with asyncio.timeout(SEND_LIMIT_S):
                    await self._writer.drain()


class ControlClient:
    """The other side, for the demo and for tests. Use as ``async with await ControlClient.connect(path)``."""

    def __init__(self, path: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._path = path
        self._reader = reader
        self._writer = writer
        self._read_message = msgspec.json.Decoder(Message).decode

    @classmethod
    async def connect(cls, path: Path) -> Self:
        """Connect to a running agent. Raises ControlError when nobody listens at ``path``."""
        try:
            async with asyncio.timeout(CONNECT_LIMIT_S):
                reader, writer = await asyncio.open_unix_connection(str(path), limit=MAX_LINE_BYTES)
        except OSError as error:
            raise ControlError(f"no agent answers at {path}: {error}") from error
        return cls(path, reader, writer)

    async def receive(self) -> Message | None:
        """Return the next message, or None when the agent has closed the socket.

        Raises ControlError for a line that is no message of this version.
        """
        try:
            line = await _next_line(self._reader)
            return None if line is None else self._read_message(line)
        except ConnectionError:
            return None
        except msgspec.MsgspecError as error:
            raise ControlError(f"{self._path} speaks another version: {error}") from error

    async def send(self, request: Request) -> None:
        """Send one request; it is answered only when it is refused. Raises ControlError if nobody listens."""
        await self.send_line(msgspec.json.encode(request))

    async def send_line(self, line: bytes) -> None:
        """Send one line as it is. Raises ControlError if nobody listens."""
        self._writer.write(line + b"\n")
        try:
            async with asyncio.timeout(SEND_LIMIT_S):
                await self._writer.drain()
        except OSError as error:
            raise ControlError(f"no agent answers at {self._path}: {error}") from error

    async def close(self) -> None:
        """Disconnect."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def ask_for_statistics(path: Path) -> dict[str, dict[str, float | None]]:
    """Return what the agent at ``path`` counts. Raises ControlError if none answers."""
    try:
        async with asyncio.timeout(CONNECT_LIMIT_S), await ControlClient.connect(path) as client:
            await client.send(ShowStatistics())
            while (message := await client.receive()) is not None:
                if isinstance(message, StatisticsShown):
                    return message.groups
    except TimeoutError as error:
        raise ControlError(f"no agent answers at {path} within {CONNECT_LIMIT_S:g} s") from error
    raise ControlError(f"the agent at {path} has ended")


def _line(message: Message) -> bytes:
    return msgspec.json.encode(message) + b"\n"


def _is_deeper(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [child for node in level for child in _children(node)]
        if not level:
            return False
    return True


def _children(node: object) -> Iterable[object]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


async def _next_line(reader: asyncio.StreamReader) -> bytes | None:
    """Return the next line with its newline, b"" for one that is too long (and skipped), None at the end."""
    is_too_long = False
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            is_too_long = True
            await reader.readexactly(error.consumed)
        except asyncio.IncompleteReadError:
            return None
        else:
            return b"" if is_too_long else line


def _remove_stale(path: Path) -> None:
    """Remove a socket that nobody listens on. Raises ControlTaken or ControlError for anything else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise ControlError(f"control.socket: can't look at {path}: {error}") from error
    if not stat.S_ISSOCK(mode):
        raise ControlError(f"control.socket: {path} exists and is not a socket; choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(CONNECT_LIMIT_S)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError as error:
            raise ControlError(f"control.socket: can't use {path}: {error}") from error
        else:
            raise ControlTaken(f"control.socket: another edge-agent listens on {path}; stop it first")
