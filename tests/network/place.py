"""A daemon and its servers, as real processes on two machines with a network between them.

The daemon speaks TLS with the front, as with a server far away; what is sound and events is WebRTC between
the two namespaces. Its loudspeaker is listened to, so that silence and sound are measured where a person
would hear them.
"""

from __future__ import annotations

import contextlib
import enum
import shutil
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.certificates import FILE, self_signed
from tests.interop import foreign
from tests.interop.foreign import ForeignServer
from tests.network.ear import Ear
from tests.network.front import Front, front
from tests.network.wires import DEVICE, SERVER, SERVER_ADDRESS, Wires, wires
from tests.processes import Daemon, Process, running_daemon
from tests.system.local_server import LocalServer

KEY = "sk-of-a-test-in-namespaces"
KEY_NAME = "EDGE_AGENT_TEST_KEY"

COUNTING = "one two three four five six seven eight nine ten "
"""2.5 s without a pause that a person would notice."""

QUICK_TURNS = {"type": "server_vad", "silence_duration_ms": 200}


class ServerKind(enum.Enum):
    """Who is called."""

    EMBEDDED = "embedded"
    FOREIGN = "foreign"


class ServerThere(LocalServer):
    """One server in the server's namespace."""

    def __init__(self, process: Process, there: Wires) -> None:
        super().__init__(process)
        self.port = urlsplit(self.url).port or 0
        self.url = f"http://127.0.0.1:{self.port}"
        self._there = there

    def _fetch(self, request: urllib.request.Request) -> bytes:
        return self._there.call(SERVER, lambda: super(ServerThere, self)._fetch(request))


class ForeignServerThere(ServerThere, ForeignServer):
    """One that we did not write."""


@dataclass(frozen=True)
class _Recipe:
    """How a server is started there, and called."""

    new: Callable[[Process, Wires], ServerThere]
    command: Callable[[], list[str]]
    environment: Mapping[str, str]
    profile: str


_RECIPES = {
    ServerKind.EMBEDDED: _Recipe(
        ServerThere,
        lambda: [
            *(sys.executable, "-m", "edge_agent", "serve", "--host", "0.0.0.0", "--port", "0"),
            *("--key-env", KEY_NAME),
        ],
        {KEY_NAME: KEY},
        "local",
    ),
    ServerKind.FOREIGN: _Recipe(ForeignServerThere, foreign.command, foreign.ENVIRONMENT, "huggingface"),
}


class Place:
    """Everything of one test. ``server`` is the one that calls lead to now."""

    def __init__(
        self, lines: Wires, door: Front, daemon: Daemon, ear: Ear, servers: list[ServerThere]
    ) -> None:
        self.wires = lines
        self.front = door
        self.daemon = daemon
        self.ear = ear
        self.servers = servers
        self.server = servers[0]

    def lead_to(self, server: ServerThere) -> None:
        """Calls from now on are that server's."""
        self.server = server
        self.front.port_behind = server.port

    def sessions_made(self) -> int:
        """How often the daemon has called, at any server that still answers."""
        return sum(server.calls_made() for server in self.servers if server.process.exit_code is None)


@contextmanager
def place(
    config: Mapping[str, Any] | None = None,
    *,
    servers: int = 1,
    kind: ServerKind = ServerKind.EMBEDDED,
    before: Callable[[Wires], None] = lambda _: None,
) -> Iterator[Place]:
    """Set all of it up for the length of the block; nothing of it is left afterwards.

    With more than one of ``servers`` the others stand by, loaded, with nobody calling them. ``before`` is
    done to the wires before the daemon starts.
    """
    with contextlib.ExitStack() as cleanup:
        folder = Path(tempfile.mkdtemp(prefix="edge-agent-"))
        cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
        lines = cleanup.enter_context(wires())
        door = cleanup.enter_context(front(lines, self_signed(folder, SERVER_ADDRESS)))
        recipe = _RECIPES[kind]
        running = [cleanup.enter_context(_server(lines, recipe)) for _ in range(servers)]
        there = [recipe.new(process, lines) for process in running]
        door.port_behind = there[0].port
        ear = Ear(folder / "loudspeaker.fifo")
        cleanup.callback(ear.close)
        settings = _config(folder / "loudspeaker.fifo", recipe.profile, config or {})
        environment = {"SSL_CERT_FILE": str(folder / FILE), KEY_NAME: KEY}
        before(lines)
        daemon = cleanup.enter_context(running_daemon(settings, environment, lines.inside(DEVICE)))
        yield Place(lines, door, daemon, ear, there)


@contextmanager
def _server(lines: Wires, recipe: _Recipe) -> Iterator[Process]:
    process = Process([*lines.inside(SERVER), *recipe.command()], recipe.environment)
    try:
        yield process
    finally:
        process.kill()


def _config(loudspeaker: Path, profile: str, wishes: Mapping[str, Any]) -> dict[str, Any]:
    endpoint = {"name": "there", "profile": profile, "url": Front.url, "key": {"env": KEY_NAME}}
    config = {"session": {"turn_detection": QUICK_TURNS}, "endpoints": [endpoint], **wishes}
    return {**config, "sound": {**wishes.get("sound", {}), "output": f"fifo:{loudspeaker}"}}
