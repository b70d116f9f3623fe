"""Showing the conversation as one panel that lives; the only file that imports rich."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.style import Style
from rich.table import Table
from rich.text import Text

from edge_agent.control.messages import Message, NoticeTold
from edge_agent.core.indicator import PATTERNS, Color, color_at
from edge_agent.demo.record import LEVEL_FLOOR_DBFS, Record
from edge_agent.demo.view import LOUD_SEVERITIES

PANEL_CELLS = 78
BAR_CELLS = 30

QUIETEST_SHOWN_DBFS = -60.0
"""A quiet room; the left end of a level bar."""

GAMMA = 2.2
"""Pins give light in proportion, screens by this power (sRGB, roughly)."""

PATTERN_BY_NAME = {pattern.name: pattern for pattern in PATTERNS.values()}


class LiveView:
    """State, LED in its colour, both texts, levels and latencies, redrawn in place."""

    def __init__(self, stream: TextIO) -> None:
        console = Console(file=stream)
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
        self._live.start()
        self._led: str | None = None
        self._led_since_s = 0.0

    def say(self, text: str) -> None:
        """Put a line above the panel."""
        self._live.console.print(Text(text))

    def see(self, message: Message) -> None:
        """Put warnings above the panel; everything else is in it."""
        if isinstance(message, NoticeTold) and message.severity in LOUD_SEVERITIES:
            self.say(f"{message.severity}: {message.text}")

    def draw(self, record: Record, t_s: float) -> None:
        """Redraw the panel."""
        if record.led != self._led:
            self._led, self._led_since_s = record.led, t_s
        self._live.update(render(record, t_s - self._led_since_s), refresh=True)

    def close(self) -> None:
        """Leave the last panel on the terminal."""
        self._live.stop()


def render(record: Record, led_t_s: float) -> Panel:
    """Return the panel for the moment; ``led_t_s`` is how long the LEDs have shown what they show."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="bold")
    table.add_column()
    table.add_row("state", record.state or "not connected")
    table.add_row("LED", _swatch(record.led, led_t_s))
    table.add_row("you", Text(record.person_says))
    table.add_row("agent", Text(record.agent_says))
    table.add_row("microphone", _bar(record.input_dbfs))
    table.add_row("loudspeaker", _bar(record.output_dbfs))
    table.add_row("turns", _turns(record))
    return Panel(table, title="edge-agent", width=PANEL_CELLS)


def _swatch(name: str | None, t_s: float) -> Text:
    pattern = PATTERN_BY_NAME.get(name or "")
    if pattern is None:
        return Text(name or "none")
    return Text.assemble(("    ", Style(bgcolor=_on_screen(color_at(pattern, t_s)))), f" {pattern.name}")


def _on_screen(color: Color) -> str:
    red, green, blue = (round(255 * part ** (1 / GAMMA)) for part in color)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _bar(level_dbfs: float) -> Text:
    share = 1 - min(1.0, max(0.0, level_dbfs / QUIETEST_SHOWN_DBFS))
    cells = round(share * BAR_CELLS)
    figure = "silence" if level_dbfs <= LEVEL_FLOOR_DBFS else f"{level_dbfs:.0f} dBFS"
    return Text("█" * cells + "·" * (BAR_CELLS - cells) + f"  {figure}")


def _turns(record: Record) -> str:
    known_ms = [turn.voice_to_voice_ms for turn in record.turns if turn.voice_to_voice_ms is not None]
    last = f", last answered after {known_ms[-1]:.0f} ms" if known_ms else ""
    return f"{sum(turn.is_answered for turn in record.turns)} answered{last}"
