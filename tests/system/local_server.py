"""The embedded local server as a process of its own, and its control endpoints."""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.processes import DEADLINE_S, Process, running

Fault = dict[str, Any]
State = dict[str, Any]


class LocalServer:
    """One ``edge-agent serve``. Use it as ``with local_server() as server``."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.url = process.wait_for_line("listening on ").removeprefix("listening on ")

    def endpoint(self, deadlines: Mapping[str, float] | None = None) -> dict[str, Any]:
        """The entry of a configuration that leads here by WebRTC, with that much patience."""
        return {
            "name": "local",
            "profile": "local",
            "url": self.url,
            "transport": "webrtc",
            "deadlines": dict(deadlines or {}),
        }

    def play(self, *faults: Fault) -> None:
        """Misbehave like this from now on, and no longer as before."""
        self._request("/control/scenario", {"faults": faults})

    def behave(self) -> None:
        """Do everything right from now on."""
        self.play()

    def state(self) -> State:
        """What the server counts and remembers."""
        return self._request("/control/state")

    def open_calls(self) -> list[State]:
        """The calls that are under way."""
        return [call for call in self.state()["calls"] if call["state"] == "open"]

    def calls_made(self) -> int:
        """How often somebody asked for a call, answered or not."""
        return [attempt["path"] for attempt in self.state()["attempts"]].count("/v1/realtime/calls")

    def say(self, text: str) -> None:
        """Say it in every call, without being asked."""
        self._request("/control/say", {"text": text})

    def hang_up(self) -> None:
        """End the call as a polite server does, and return when that is done."""
        self.play({"fault": "close_call", "times": 1})
        self.wait_until_taken()

    def wait_until_taken(self, deadline_s: float = DEADLINE_S) -> None:
        """Wait until every fault of the scenario was met."""
        until(lambda: all(self.state()["faults_taken"]), "every fault is met", deadline_s)

    def _request(self, path: str, body: Mapping[str, object] | None = None) -> State:
        data = None if body is None else json.dumps(body).encode()
        answer: State = json.loads(self._fetch(urllib.request.Request(self.url + path, data)))
        return answer

    def _fetch(self, request: urllib.request.Request) -> bytes:
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as response:
            body: bytes = response.read()
            return body


@contextmanager
def local_server(*options: str) -> Iterator[LocalServer]:
    """Run a server for the length of the block."""
    command = [sys.executable, "-m", "edge_agent", "serve", "--port", "0", *options]
    with running(command) as process:
        yield LocalServer(process)


def until(
    holds: Callable[[], object], what: str, deadline_s: float = DEADLINE_S, pause_s: float = 0.05
) -> None:
    """Ask every ``pause_s`` until ``holds()`` is true. Fails the test after ``deadline_s``."""
    deadline = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {deadline_s} s: {what}"
        time.sleep(pause_s)
