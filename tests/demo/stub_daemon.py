"""Stands in for ``edge-agent run``: hears the microphone's pipe and tells of a conversation on its socket.

Behaves as it is told.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from edge_agent.audio.fifo import FifoInput
from edge_agent.audio.null import NullInput
from edge_agent.control.listener import ControlSettings, ControlSocket
from edge_agent.control.messages import (
    LedShown,
    Level,
    Request,
    SendRaw,
    StateShown,
    Transcript,
    TurnAnswered,
    WireEvent,
)
from edge_agent.core.indicator import PATTERNS
from edge_agent.core.playout.samples import peak
from edge_agent.core.status import AgentState

LOUD = 1000
HANGOVER_PERIODS = 40


class StubDaemon:
    def __init__(self, behaviour: str, config: Path) -> None:
        settings = json.loads(config.read_text())
        self.behaviour = behaviour
        self.clock = asyncio.get_running_loop().time
        self.began_at = self.clock()
        self.control = ControlSocket(
            ControlSettings(Path(settings["control"]["socket"]), transcripts=True, raw_events=True),
            self.asked,
        )
        spec = settings["sound"]["input"]
        self.microphone = FifoInput(Path(spec[5:])) if spec.startswith("fifo:") else NullInput()
        self.turns = 0
        if "STUB_PID_FILE" in os.environ:
            Path(os.environ["STUB_PID_FILE"]).write_text(f"{os.getpid()}\n")

    def enter(self, state: AgentState) -> None:
        at_s = round(self.clock() - self.began_at, 3)
        self.control.publish(StateShown(state.value, at_s))
        self.control.publish(LedShown(PATTERNS[state].name, at_s))

    def asked(self, request: Request) -> None:
        if isinstance(request, SendRaw) and self.behaviour != "ignores":
            self.control.publish(WireEvent("error"))

    async def run(self) -> None:
        await self.control.start()
        self.enter(AgentState.CONNECTING)
        await asyncio.sleep(0.3)
        if self.behaviour == "has-no-microphone":
            sys.stderr.write("microphone: No such device\n")
            self.enter(AgentState.FAILED)
            await asyncio.Event().wait()
        if self.behaviour != "never-ready":
            self.enter(AgentState.READY)
        while True:
            await self.hear()
            self.turns += 1
            await self.answer()

    async def hear(self) -> None:
        """Wait for an utterance to begin and to end."""
        quiet_periods: int | None = None
        while quiet_periods is None or quiet_periods < HANGOVER_PERIODS:
            block = await asyncio.to_thread(self.microphone.read)
            if peak(block) > LOUD:
                if quiet_periods is None:
                    self.enter(AgentState.LISTENING)
                quiet_periods = 0
            elif quiet_periods is not None:
                quiet_periods += 1

    async def answer(self) -> None:
        self.enter(AgentState.THINKING)
        self.control.publish(Transcript("user", f"u{self.turns}", f"question {self.turns}", final=True))
        if self.behaviour == "mute":
            self.enter(AgentState.READY)
            return
        self.control.publish(TurnAnswered(100.0 + self.turns))
        self.enter(AgentState.SPEAKING)
        self.control.publish(Level(-60.0, -12.0))
        self.control.publish(Transcript("assistant", f"a{self.turns}", f"answer {self.turns}", final=True))
        self.control.publish(WireEvent("response.done"))
        await asyncio.sleep(0.1)
        self.enter(AgentState.READY)
        if self.behaviour == "dies":
            sys.stderr.write("no more\n")
            sys.stderr.flush()
            os._exit(5)


async def main() -> None:
    stub = StubDaemon(sys.argv[1], Path(sys.argv[sys.argv.index("--config") + 1]))
    running = asyncio.create_task(stub.run())
    loop = asyncio.get_running_loop()
    if stub.behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        loop.add_signal_handler(signal.SIGTERM, running.cancel)
    await asyncio.wait({running})
    await stub.control.close()
    if not running.cancelled():
        running.result()


if __name__ == "__main__":
    asyncio.run(main())
