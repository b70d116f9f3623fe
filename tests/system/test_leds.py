"""What the pins of an RGB LED did over a whole conversation, held against the table in ARCHITECTURE.md."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin

from edge_agent.appliance import Appliance
from edge_agent.config.loader import parse_config
from edge_agent.parts import parts_of
from edge_agent.supervision import Supervisor
from tests.processes import DEADLINE_S
from tests.speech import spoken
from tests.system.local_server import LocalServer, local_server

ARCHITECTURE = Path(__file__).parent.parent.parent / "ARCHITECTURE.md"
RGB_PINS = (22, 23, 24)
SETTLED_S = 0.1
"""A state that lasted less is not looked at: a busy machine may not have come to show it."""

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Row:
    """One row of the table: colour in duty cycles, motion in its words."""

    color: Color
    motion: str


def rows_of_the_table() -> dict[str, Row]:
    """Read the table as a person would."""
    table = re.search(r"<!-- table: leds -->\n(.*?)<!-- end -->", ARCHITECTURE.read_text(), re.DOTALL)
    assert table is not None
    rows = {}
    for line in table[1].splitlines()[2:]:
        state, _, color, motion, _ = (cell.strip() for cell in line.strip("|").split("|"))
        red, green, blue = (int(part) / 100 for part in re.findall(r"(\d+) %", color))
        rows[state] = Row((red, green, blue), motion)
    return rows


class Diary(Supervisor):
    """A supervisor that nobody listens to; it notes when each state was shown."""

    def __init__(self) -> None:
        super().__init__({})
        self.states: list[tuple[float, str]] = []

    def status(self, status: str) -> None:
        self.states.append((time.monotonic(), status.split(" ")[0]))

    @property
    def names(self) -> list[str]:
        return [name for _, name in self.states]

    async def wait_for(self, name: str, since: int) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while name not in self.names[since:]:
            assert time.monotonic() < deadline, f"no state {name}: {self.names}"
            await asyncio.sleep(0.02)


class Room:
    """An appliance in this process: its pins, its diary, and a mouth at its microphone."""

    def __init__(self, url: str, folder: Path) -> None:
        self._fifo = folder / "microphone"
        os.mkfifo(self._fifo)
        self._mouth = os.open(self._fifo, os.O_RDWR | os.O_NONBLOCK)
        config = parse_config(
            f"endpoints: [{{name: local, profile: local, url: '{url}'}}]\n"
            f"sound: {{input: 'fifo:{self._fifo}', output: 'null', duplex: full}}\n"
            f"leds: [{{type: rgbled, red: {RGB_PINS[0]}, green: {RGB_PINS[1]}, blue: {RGB_PINS[2]}}}]\n",
            "test",
        )
        self.factory = MockFactory(pin_class=MockPWMPin)
        self.pins = [self.factory.pin(number) for number in RGB_PINS]
        self.parts = replace(parts_of(config), open_pins=lambda: (self.factory, ""))
        self.diary = Diary()
        self._began_at = time.monotonic()
        for pin in self.pins:
            pin.clear_states()

    async def say(self, text: str) -> None:
        """Speak in real time."""
        speech = spoken(text)
        began = time.monotonic()
        for start in range(0, len(speech), 960):
            await asyncio.sleep(max(0.0, began + start / 96_000 - time.monotonic()))
            os.write(self._mouth, speech[start : start + 960])

    def close(self) -> None:
        os.close(self._mouth)

    def colors(self) -> list[tuple[float, Color]]:
        """Every colour that the three pins made together, with the moment it began."""
        edges = []
        for index, pin in enumerate(self.pins):
            at = self._began_at
            for state in pin.states:
                at += state.timestamp
                edges.append((at, index, float(state.state)))
        color = [0.0, 0.0, 0.0]
        colors: list[tuple[float, Color]] = []
        for at, index, value in sorted(edges):
            color[index] = value
            colors.append((at, (color[0], color[1], color[2])))
        # The three pins are written one after the other: only the last colour of a moment is seen.
        return [one for one, following in pairwise(colors) if following[0] - one[0] > 0.002] + colors[-1:]


@asynccontextmanager
async def room(url: str, folder: Path) -> AsyncIterator[Room]:
    there = Room(url, folder)
    stop = asyncio.Event()
    running = asyncio.create_task(Appliance(there.parts, there.diary).run(stop, lambda: None))
    try:
        yield there
    finally:
        stop.set()
        async with asyncio.timeout(DEADLINE_S):
            await running
        there.close()


def colors_in(colors: list[tuple[float, Color]], begin: float, end: float) -> list[Color]:
    """The colours that began in a stretch of time, without those at its edges."""
    return [color for at, color in colors if begin + SETTLED_S / 2 <= at < end - SETTLED_S / 5]


def is_shade_of(color: Color, full: Color) -> bool:
    """Whether ``color`` is ``full``, dimmed."""
    strength = max(color) / max(full) if max(full) else 0.0
    return strength <= 1.001 and all(
        abs(part - strength * whole) < 0.01 for part, whole in zip(color, full, strict=True)
    )


def check(state: str, row: Row, seen: list[Color], lasted_s: float) -> None:
    """Hold what was seen during one state against its row."""
    assert all(is_shade_of(color, row.color) for color in seen), (state, row, seen[:5])
    if row.motion in ("steady", "off"):
        assert set(seen) <= {row.color}, (state, "shows nothing else", seen[:5])
    elif "swells" in row.motion and lasted_s > 0.5:
        assert len(set(seen)) > 3, (state, row, seen)
    elif " on, " in row.motion:
        assert set(seen) <= {row.color, (0.0, 0.0, 0.0)}, (state, row, seen)


def check_all(there: Room, table: Mapping[str, Row]) -> None:
    colors = there.colors()
    for (begin, state), (end, _) in pairwise(there.diary.states):
        if end - begin >= 2 * SETTLED_S:
            check(state, table[state], colors_in(colors, begin, end), end - begin)
            at_the_end = [color for at, color in colors if at < end - SETTLED_S / 5][-1]
            assert is_shade_of(at_the_end, table[state].color), (state, at_the_end)
            if table[state].motion == "steady":
                assert at_the_end == pytest.approx(table[state].color)


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with local_server() as server:
        yield server


async def test_pins_show_a_conversation_a_barge_in_and_a_failure_as_the_table_says(
    server: LocalServer, tmp_path: Path
) -> None:
    async with room(server.url, tmp_path) as there:
        diary = there.diary
        await diary.wait_for("ready", 0)
        await there.say("what is seven plus five")
        await diary.wait_for("speaking", 0)
        mark = len(diary.states)
        await diary.wait_for("ready", mark)

        mark = len(diary.states)
        await there.say("what can you do")
        await diary.wait_for("speaking", mark)
        interrupted = len(diary.states)
        await there.say("what day is it")
        await diary.wait_for("listening", interrupted)
        assert diary.names[interrupted] == "listening", "a barge-in goes from speaking to listening at once"
        await diary.wait_for("speaking", interrupted)

        mark = len(diary.states)
        server.process.end()
        await diary.wait_for("reconnecting", mark)
        await asyncio.sleep(1.0)  # a second of the outage, to have something to look at
        diary.status("end (of the test)")
        check_all(there, rows_of_the_table())
    assert [pin.state for pin in there.pins] == [0.0, 0.0, 0.0] or there.pins[0].function == "input"
    first = ["connecting", "ready", "listening", "thinking", "speaking", "ready"]
    assert diary.names[: len(first)] == first
