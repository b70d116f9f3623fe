"""What the LEDs show: one pattern for each state of the agent, as data, and its colour at any moment.

It knows states and time, no pins. Each pattern can be recognised three times over: by colour on an RGB LED,
by brightness and rhythm on a dimmable LED of one colour, and by rhythm alone on an LED that is only on or
off. States that last for hours (idle, asleep, ready, muted) are dark or dim, so that a bedroom stays dark.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

from edge_agent.core.status import AgentState

Color = tuple[float, float, float]
"""Red, green and blue as duty cycles from 0.0 (off) to 1.0 (full)."""

DARK: Color = (0.0, 0.0, 0.0)

FRAME_S = 1 / 25
"""Time between two colours of a pulse: 25 per second look smooth, and each one costs a small board work."""

SHORTEST_PERIOD_S = 1 / 3
"""No pattern may repeat faster: more than three flashes a second can provoke seizures (WCAG 2.2, 2.3.1)."""

LIT_LEVEL = 0.2
"""From this level on, an LED that can't be dimmed is on: below every steady pattern, above a pulse's foot."""


class Motion(enum.Enum):
    """How a pattern changes with time."""

    SOLID = "solid"  # never
    BLINK = "blink"  # on for on_s, then dark for off_s
    PULSE = "pulse"  # swells for on_s and fades for off_s


@dataclass(frozen=True, slots=True)
class Pattern:
    """One recognisable thing that LEDs can do.

    ``name`` is its public name, ``color`` the colour at its brightest. ``on_s`` and ``off_s`` are the two
    parts of one period in seconds; a solid pattern has none.
    """

    name: str
    color: Color
    motion: Motion = Motion.SOLID
    on_s: float = 0.0
    off_s: float = 0.0

    @property
    def period_s(self) -> float:
        """Time after which it repeats in seconds; 0.0 if it never changes."""
        return self.on_s + self.off_s


PATTERNS: dict[AgentState, Pattern] = {
    AgentState.STARTING: Pattern("white-flicker", (0.5, 0.5, 0.5), Motion.BLINK, 0.1, 0.4),
    AgentState.CONNECTING: Pattern("blue-flash", (0.0, 0.2, 0.7), Motion.BLINK, 0.2, 1.0),
    AgentState.RECONNECTING: Pattern("amber-breath", (0.5, 0.2, 0.0), Motion.PULSE, 2.0, 2.0),
    AgentState.FAILED: Pattern("red-flash", (0.8, 0.0, 0.0), Motion.BLINK, 0.2, 2.8),
    AgentState.MUTED: Pattern("red-wink", (0.4, 0.0, 0.0), Motion.BLINK, 2.8, 0.2),
    AgentState.BUDGET: Pattern("amber-flash", (0.6, 0.25, 0.0), Motion.BLINK, 0.6, 3.6),
    AgentState.BUDGET_LOW: Pattern("amber-wink", (0.35, 0.15, 0.0), Motion.BLINK, 7.0, 0.6),
    AgentState.IDLE: Pattern("dark", DARK),
    AgentState.ASLEEP: Pattern("blue-blip", (0.0, 0.1, 0.3), Motion.BLINK, 0.1, 5.9),
    AgentState.READY: Pattern("green-steady", (0.0, 0.3, 0.0)),
    AgentState.LISTENING: Pattern("cyan-pulse", (0.0, 0.9, 0.9), Motion.PULSE, 0.25, 0.25),
    AgentState.THINKING: Pattern("violet-pulse", (0.6, 0.0, 0.9), Motion.PULSE, 0.5, 0.5),
    AgentState.SPEAKING: Pattern("blue-pulse", (0.0, 0.3, 1.0), Motion.PULSE, 1.0, 1.0),
}
"""What each state looks like. The pulses differ by a factor of two in period, the blinks by which part is
long. A test keeps any two of them apart on every kind of LED."""

MEANINGS: dict[AgentState, str] = {
    AgentState.STARTING: "the program has started and reads its configuration",
    AgentState.CONNECTING: "the first connection to the server is being made",
    AgentState.RECONNECTING: "the connection was lost and is being made again",
    AgentState.FAILED: "somebody has to help: see the journal",
    AgentState.MUTED: "the microphone is closed",
    AgentState.BUDGET: "the budget is spent: no session until the hour, day or month is over",
    AgentState.BUDGET_LOW: "in conversation, and much of the budget is spent",
    AgentState.IDLE: "waiting for the button; the microphone is not heard",
    AgentState.ASLEEP: "waiting for its word or a voice; nothing leaves the device",
    AgentState.READY: "in conversation: say something",
    AgentState.LISTENING: "you are heard",
    AgentState.THINKING: "the answer is being made",
    AgentState.SPEAKING: "the answer is being spoken",
}
"""Each state in words for the person in the room."""


def level_of(color: Color) -> float:
    """Return how bright a colour is on an LED of one colour, 0.0 to 1.0: its strongest part."""
    return max(color)


def scaled(color: Color, factor: float) -> Color:
    """Return the same hue at ``factor`` (0.0 to 1.0) of its brightness."""
    red, green, blue = color
    return (red * factor, green * factor, blue * factor)


def color_at(pattern: Pattern, t_s: float) -> Color:
    """Return the colour that ``pattern`` shows ``t_s`` seconds (0.0 or more) after it began."""
    return scaled(pattern.color, _strength_at(pattern, t_s))


def next_change_s(pattern: Pattern, t_s: float) -> float | None:
    """Return how many seconds after ``t_s`` the colour is worth setting again, or None for never."""
    if pattern.motion is Motion.SOLID:
        return None
    if pattern.motion is Motion.PULSE:
        return FRAME_S
    phase_s = t_s % pattern.period_s
    return (pattern.on_s if phase_s < pattern.on_s else pattern.period_s) - phase_s


def render_table() -> str:
    """Return the Markdown table of all states and patterns, as ARCHITECTURE.md shows it."""
    rows = [
        "| state | pattern | colour (red, green, blue) | motion | meaning |",
        "|---|---|---|---|---|",
    ]
    for state, pattern in PATTERNS.items():
        color = ", ".join(f"{round(part * 100)} %" for part in pattern.color)
        motion = _motion_in_words(pattern)
        rows.append(f"| {state.value} | `{pattern.name}` | {color} | {motion} | {MEANINGS[state]} |")
    return "\n".join(rows) + "\n"


def _strength_at(pattern: Pattern, t_s: float) -> float:
    if pattern.motion is Motion.SOLID:
        return 1.0
    phase_s = t_s % pattern.period_s
    is_first_part = phase_s < pattern.on_s
    if pattern.motion is Motion.BLINK:
        return 1.0 if is_first_part else 0.0
    turn = phase_s / pattern.on_s if is_first_part else 1 + (phase_s - pattern.on_s) / pattern.off_s
    return (1 - math.cos(turn * math.pi)) / 2


def _motion_in_words(pattern: Pattern) -> str:
    match pattern.motion:
        case Motion.SOLID:
            return "off" if pattern.color == DARK else "steady"
        case Motion.BLINK:
            return f"{pattern.on_s:g} s on, {pattern.off_s:g} s off"
        case Motion.PULSE:
            return f"swells and fades every {pattern.period_s:g} s"
