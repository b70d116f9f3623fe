"""The agent's side of the control socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_agent import __version__
from edge_agent.control.connection import Connection
from edge_agent.control.lines import CONNECT_LIMIT_S, MAX_LINE_BYTES, line_of
from edge_agent.control.messages import (
    Hello,
    LedShown,
    Message,
    Refused,
    Request,
    SendRaw,
    StateShown,
    Transcript,
)
from edge_agent.errors import ControlError, ControlTaken

MAX_CLIENTS = 8
"""A live view, a test or two, and a forgotten one; more are turned away."""

CLOSE_LIMIT_S = 1.0
"""Longest wait for connections to end when the socket closes."""

BACKLOG = MAX_CLIENTS

MAX_DEPTH = 64
"""Deepest nesting of an event to send. Client events need about ten; what is deeper could end the stack of
whoever walks it."""


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
        self._clients: dict[Connection, asyncio.Task[None]] = {}
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
            line = line_of(message)
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
        client = Connection(reader, writer)
        if len(self._clients) >= MAX_CLIENTS:
            writer.write(line_of(Refused(f"there are {MAX_CLIENTS} clients already")))
            writer.close()
            return
        now = time.monotonic()
        client.put(line_of(Hello(__version__, self._state, self._led, self.since_start_s(now))))
        task = asyncio.get_running_loop().create_task(client.serve(self._take), name="control-client")
        self._clients[client] = task
        self._has_clients.set()
        task.add_done_callback(lambda task: self._gone(client, task))

    def _gone(self, client: Connection, task: asyncio.Task[None]) -> None:
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
