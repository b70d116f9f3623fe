"""The door of the server's machine: TLS from outside, plain HTTP to whichever server stands behind it now."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.network.wires import SERVER, SERVER_ADDRESS, Wires
from tests.processes import DEADLINE_S

PORT = 8443
CHUNK_BYTES = 65_536


class Front:
    """A thread in the server's namespace. It outlives the servers, as a load balancer does."""

    url = f"https://{SERVER_ADDRESS}:{PORT}"

    def __init__(self, wires: Wires, tls: ssl.SSLContext) -> None:
        self.port_behind = 0
        """Where the server listens, at loopback of the same namespace."""
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._listens = threading.Event()
        self._thread = threading.Thread(target=wires.call, args=(SERVER, self._run), name="front")

    def open(self) -> None:
        """Listen."""
        self._thread.start()
        assert self._listens.wait(DEADLINE_S), "the front does not listen"

    def close(self) -> None:
        """Listen no longer, and cut every connection."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(DEADLINE_S)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._pass_on, SERVER_ADDRESS, PORT, ssl=self._tls)
        self._listens.set()
        await self._end.wait()
        server.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind, to_behind = await asyncio.open_connection("127.0.0.1", self.port_behind)
            ways = [_pump(reader, to_behind), _pump(behind, writer)]
            await asyncio.wait([asyncio.ensure_future(way) for way in ways])
        except OSError:
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@contextmanager
def front(wires: Wires, tls: ssl.SSLContext) -> Iterator[Front]:
    """Keep the door open for the length of the block."""
    door = Front(wires, tls)
    door.open()
    try:
        yield door
    finally:
        door.close()
