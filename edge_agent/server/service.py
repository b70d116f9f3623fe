"""The server as a whole: what it needs, how it starts, how it stops."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import sys
from contextlib import AsyncExitStack
from types import TracebackType

from aiohttp import web

from edge_agent.server.call import Staff
from edge_agent.server.exchange import Exchange
from edge_agent.server.http import make_app
from edge_agent.server.recognizer import Recognizer
from edge_agent.server.scenario import Scenario, Stage, load_scenario
from edge_agent.server.settings import CannotServe, ServerSettings
from edge_agent.server.voice import Voice

logger = logging.getLogger(__name__)

SHUTDOWN_S = 1.0
"""For HTTP requests that are under way when the server stops."""

LOG_FORMAT = "%(levelname)s %(name)s: %(message)s"


class LocalServer:
    """The embedded Realtime server. An asynchronous context manager; ``url`` is there once it has started."""

    def __init__(self, settings: ServerSettings, recognizer: Recognizer | None = None) -> None:
        self.url = ""
        self._settings = settings
        self._recognizer = recognizer
        self._open = AsyncExitStack()

    async def __aenter__(self) -> LocalServer:
        """Load the models and listen. Raises CannotServe."""
        settings = self._settings
        settings.check()
        scenario = load_scenario(settings.scenario) if settings.scenario else Scenario()
        async with AsyncExitStack() as opened:
            self.url = await self._start(settings, scenario, opened)
            self._open = opened.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End all calls and let go of everything."""
        await self._open.aclose()

    async def _start(self, settings: ServerSettings, scenario: Scenario, opened: AsyncExitStack) -> str:
        voice = Voice()
        recognizer = self._recognizer
        if recognizer is None:
            recognizer = Recognizer()
        opened.push_async_callback(recognizer.close)
        await recognizer.start()
        exchange = Exchange(settings, Staff(recognizer, voice, Stage(scenario)))
        app = make_app(exchange, settings.dialect)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=SHUTDOWN_S, access_log=None)
        await runner.setup()
        opened.push_async_callback(runner.cleanup)
        opened.push_async_callback(exchange.close)
        return await _listen(runner, settings)


async def _listen(runner: web.AppRunner, settings: ServerSettings) -> str:
    host = "127.0.0.1" if settings.host == "localhost" else settings.host
    try:
        await web.TCPSite(runner, host, settings.port).start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = "another program listens there; stop it, or choose another: --port"
        else:
            reason = error.strerror or str(error)
        raise CannotServe(f"can't listen on {host} port {settings.port}: {reason}") from error
    port = runner.addresses[0][1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(settings: ServerSettings) -> None:
    """Serve until SIGTERM or SIGINT; say where on stdout. Raises CannotServe."""
    stop = asyncio.Event()
    server = LocalServer(settings)
    serving = asyncio.create_task(_serve_until(server, stop))

    def end() -> None:
        stop.set()
        if not server.url:
            serving.cancel()  # it loads its models still

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    try:
        await serving
    except asyncio.CancelledError:
        if not stop.is_set():
            raise


async def _serve_until(server: LocalServer, stop: asyncio.Event) -> None:
    async with server:
        sys.stdout.write(f"listening on {server.url}\n")
        sys.stdout.flush()
        await stop.wait()


def run_server(settings: ServerSettings) -> None:
    """Serve until SIGTERM or SIGINT. Raises CannotServe."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    for noisy in ("aioice", "aiortc"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    asyncio.run(serve(settings))
