"""What the LEDs show over conversations, a barge-in and failures: the pins' own record against the table.

The appliance runs in the test's own loop, so that the pins are in the test's hand; the server is a process.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from gpiozero.pins.mock import MockFactory, MockPWMPin

from edge_agent.appliance import Appliance
from edge_agent.config.loader import load_config
from edge_agent.control.client import ControlClient
from edge_agent.control.messages import Mute
from edge_agent.core.indicator import DARK, PATTERNS, Color, Motion, Pattern
from edge_agent.core.pcm import BYTES_PER_S
from edge_agent.core.status import AgentState
from edge_agent.parts import parts_of
from edge_agent.supervision import Supervisor
from tests.processes import AHEAD_S, free_port
from tests.session.peer_server import eventually, quick_consent
from tests.speech import spoken
from tests.system.local_server import LocalServer, local_server

RGB = (16, 20, 21)
PWM = 12
LED = 25
LEDS = [
    {"type": "rgbled", "red": RGB[0], "green": RGB[1], "blue": RGB[2]},
    {"type": "pwmled", "pin": PWM},
    {"type": "led", "pin": LED},
]

CHUNK_S = 0.02

ONE_TURN = ["listening", "thinking", "speaking", "ready"]

Diary = list[tuple[int, float]]
"""What was written to which pin, in the order in which it happened."""


class Pins:
    """Mock pins with one diary for all, so that the order between pins is known as well."""

    def __init__(self) -> None:
        diary: Diary = []
        self._diary = diary

        class DiaryPin(MockPWMPin):  # type: ignore[misc]  # gpiozero has no types
            def _change_state(self, value: float) -> bool:
                is_new: bool = super()._change_state(value)
                if is_new:
                    diary.append((int(self.info.name.removeprefix("GPIO")), float(value)))
                return is_new

        self.factory = MockFactory(pin_class=DiaryPin)

    def colors(self) -> list[Color]:
        """What the RGB LED showed, with what it showed between the writes to its three pins."""
        now = dict.fromkeys(RGB, 0.0)
        colors: list[Color] = []
        for pin, value in self._diary:
            if pin in now:
                now[pin] = value
                colors.append((now[RGB[0]], now[RGB[1]], now[RGB[2]]))
        return colors

    def patterns(self) -> list[str]:
        """The names of the patterns that were seen, in order."""
        names = [name for color in self.colors() if (name := pattern_that_shows(color))]
        return [name for index, name in enumerate(names) if index == 0 or name != names[index - 1]]

    def level(self, pin: int) -> float:
        """What a pin is at."""
        return next((value for number, value in reversed(self._diary) if number == pin), 0.0)


def pattern_that_shows(color: Color) -> str | None:
    """The pattern that has ``color``; None for darkness, and for what is seen between two writes."""
    names = [pattern.name for pattern in PATTERNS.values() if is_shown_by(pattern, color)]
    assert len(names) <= 1
    return names[0] if names else None


def is_shown_by(pattern: Pattern, color: Color) -> bool:
    if DARK in (pattern.color, color):
        return False
    strength = max(color) / max(pattern.color)
    is_possible = strength < 1 + 1e-9 if pattern.motion is Motion.PULSE else math.isclose(strength, 1.0)
    parts = zip(color, pattern.color, strict=True)
    return is_possible and all(math.isclose(part, strength * full, abs_tol=1e-9) for part, full in parts)


class Device:
    """An appliance in this loop with its pins, its microphone and its log."""

    def __init__(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        self.folder = folder
        self.pins = Pins()
        self._caplog = caplog
        self._microphone = folder / "microphone.fifo"
        os.mkfifo(self._microphone)
        self._pipe = os.open(self._microphone, os.O_RDWR | os.O_NONBLOCK)

    @property
    def states(self) -> list[str]:
        """The states that the journal tells of."""
        return [record.EDGE_STATE for record in self._caplog.records if hasattr(record, "EDGE_STATE")]

    async def is_in(self, state: str, at_least: int = 0) -> None:
        """Wait for a state, after ``at_least`` other ones."""
        await eventually(lambda: len(self.states) > at_least and self.states[-1] == state, f"state {state}")

    async def say(self, text: str) -> None:
        """Speak into the microphone at the pace of real time, AHEAD_S of it waiting in the pipe."""
        pcm = spoken(text)
        chunk_bytes = round(CHUNK_S * BYTES_PER_S)
        loop = asyncio.get_running_loop()
        began = loop.time() - AHEAD_S
        for index in range(0, len(pcm), chunk_bytes):
            await asyncio.sleep(began + index / BYTES_PER_S - loop.time())
            os.write(self._pipe, pcm[index : index + chunk_bytes])

    async def mute(self, on: bool) -> None:
        async with await ControlClient.connect(self.folder / "control") as control:
            await control.send(Mute(on))
            await self.is_in("muted" if on else "ready")

    @asynccontextmanager
    async def alive(self, server: LocalServer) -> AsyncIterator[None]:
        """Run the appliance for the length of the block."""
        appliance = self._appliance(server)
        stop = asyncio.Event()
        life = asyncio.create_task(appliance.run(stop, lambda: None))
        try:
            yield
        finally:
            stop.set()
            await life
            os.close(self._pipe)
            self.pins.factory.close()

    def _appliance(self, server: LocalServer) -> Appliance:
        config = {
            "endpoints": [server.endpoint()],
            "session": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 200}},
            "sound": {
                "input": f"fifo:{self._microphone}",
                "output": f"file:{self.folder}/loudspeaker.wav",
                "duplex": "full",
                "echo": {"cancellation": "off"},  # this room has no echo
            },
            "leds": LEDS,
            "control": {"socket": str(self.folder / "control")},
        }
        path = self.folder / "edge-agent.yaml"
        path.write_text(yaml.safe_dump(config))
        parts = parts_of(load_config(path))
        mine = dataclasses.replace(parts, open_pins=lambda: (self.pins.factory, ""))
        return Appliance(mine, Supervisor({}))


@pytest.fixture
def device(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Device:
    caplog.set_level(logging.INFO)
    return Device(tmp_path, caplog)


def table(*states: str) -> list[str]:
    """The patterns of the table for these states."""
    return [PATTERNS[AgentState(state)].name for state in states]


async def test_a_conversation_with_a_barge_in(device: Device) -> None:
    with local_server() as server:
        async with device.alive(server):
            await device.is_in("ready")
            steady = PATTERNS[AgentState.READY].color
            await eventually(lambda: device.pins.colors()[-1] == steady, "the light of ready")
            assert (device.pins.level(PWM), device.pins.level(LED)) == (max(steady), 1.0)
            await device.say("what can you do")
            await device.is_in("speaking")
            await asyncio.sleep(0.2)  # a person who hears that it goes on
            await device.say("stop")
            await device.is_in("ready", at_least=8)
        states = ["connecting", "ready", *ONE_TURN[:3], *ONE_TURN]
        assert device.states == states
        assert device.pins.patterns() == table(*states)
        assert device.pins.colors()[-1] == DARK
        assert (device.pins.level(PWM), device.pins.level(LED)) == (0.0, 0.0)


async def test_mute_outage_and_refusal(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    quick_consent(monkeypatch)
    port = str(free_port())
    with local_server("--port", port) as server:
        async with device.alive(server):
            await device.is_in("ready")
            await device.mute(True)
            await device.mute(False)
            server.process.kill()
            await device.is_in("reconnecting")
            with local_server("--port", port) as restarted:
                await device.is_in("ready", at_least=5)
                await device.say("stop")
                await device.is_in("ready", at_least=9)
                restarted.play({"fault": "http_status", "status": 403}, {"fault": "close_call"})
                await device.is_in("failed")
        states = ["connecting", "ready", "muted", "ready", "reconnecting", "ready", *ONE_TURN]
        assert device.states == [*states, "reconnecting", "failed"]
        assert device.pins.patterns() == table(*states, "reconnecting", "failed")
