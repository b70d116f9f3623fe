"""Patterns are data; these tests hold what makes them readable."""

from __future__ import annotations

from itertools import combinations

import pytest

from edge_agent.core.indicator import (
    DARK,
    FRAME_S,
    LIT_LEVEL,
    MEANINGS,
    PATTERNS,
    SHORTEST_PERIOD_S,
    Motion,
    Pattern,
    color_at,
    level_of,
    next_change_s,
    render_table,
)
from edge_agent.core.status import AgentState

CLEARLY_DIFFERENT = 1.5
"""Two rhythms are told apart without a watch when one is at least this many times as long as the other."""


def rhythm(pattern: Pattern, lit_level: float) -> tuple[float, float]:
    """Return how many seconds of each period an LED is dark and lit; a steady one is so for ever."""
    steps = 1000
    period_s = pattern.period_s or 1.0
    lit = sum(level_of(color_at(pattern, period_s * step / steps)) >= lit_level for step in range(steps))
    lit_s, dark_s = period_s * lit / steps, period_s * (steps - lit) / steps
    forever = float("inf")
    return (dark_s if lit else forever, lit_s if dark_s else forever if lit else 0.0)


def clearly_differ(first_s: float, second_s: float) -> bool:
    low, high = sorted((first_s, second_s))
    return high > 0.0 and (low == 0.0 or high / low >= CLEARLY_DIFFERENT)


def test_every_state_has_a_pattern_and_a_meaning() -> None:
    assert set(PATTERNS) == set(AgentState) == set(MEANINGS)


def test_names_and_patterns_are_unique() -> None:
    assert len({pattern.name for pattern in PATTERNS.values()}) == len(PATTERNS)
    looks = {(pattern.color, pattern.motion, pattern.on_s, pattern.off_s) for pattern in PATTERNS.values()}
    assert len(looks) == len(PATTERNS)


@pytest.mark.parametrize(("one", "other"), list(combinations(AgentState, 2)))
def test_an_led_that_is_only_on_or_off_tells_any_two_states_apart(one: AgentState, other: AgentState) -> None:
    first, second = rhythm(PATTERNS[one], LIT_LEVEL), rhythm(PATTERNS[other], LIT_LEVEL)
    assert any(clearly_differ(a, b) for a, b in zip(first, second, strict=True)), (first, second)


@pytest.mark.parametrize("state", list(AgentState))
def test_no_pattern_flashes_more_than_three_times_a_second(state: AgentState) -> None:
    period_s = PATTERNS[state].period_s
    assert period_s == 0.0 or period_s >= SHORTEST_PERIOD_S


@pytest.mark.parametrize(
    "state", [AgentState.IDLE, AgentState.ASLEEP, AgentState.READY, AgentState.MUTED, AgentState.RECONNECTING]
)
def test_states_that_may_last_all_night_are_dim(state: AgentState) -> None:
    assert level_of(PATTERNS[state].color) <= 0.5


def test_colours_are_duty_cycles() -> None:
    for pattern in PATTERNS.values():
        for step in range(200):
            assert all(0.0 <= part <= 1.0 for part in color_at(pattern, step * 0.037))


def test_a_solid_pattern_never_changes() -> None:
    pattern = Pattern("test", (0.1, 0.2, 0.3))
    assert color_at(pattern, 0.0) == color_at(pattern, 1e6) == (0.1, 0.2, 0.3)
    assert next_change_s(pattern, 5.0) is None


def test_a_blink_changes_only_at_its_edges() -> None:
    pattern = Pattern("test", (1.0, 0.5, 0.0), Motion.BLINK, on_s=0.5, off_s=1.5)
    assert color_at(pattern, 0.0) == (1.0, 0.5, 0.0)
    assert next_change_s(pattern, 0.1) == pytest.approx(0.4)
    assert color_at(pattern, 0.5) == DARK
    assert next_change_s(pattern, 0.75) == pytest.approx(1.25)
    assert color_at(pattern, 2.0) == (1.0, 0.5, 0.0)


def test_a_pulse_swells_from_dark_to_full_and_back() -> None:
    pattern = Pattern("test", (0.0, 0.0, 0.8), Motion.PULSE, on_s=1.0, off_s=3.0)
    assert color_at(pattern, 0.0) == DARK
    assert color_at(pattern, 0.5)[2] == pytest.approx(0.4)
    assert color_at(pattern, 1.0)[2] == pytest.approx(0.8)
    assert color_at(pattern, 2.5)[2] == pytest.approx(0.4)
    assert color_at(pattern, 4.0) == pytest.approx(DARK)
    assert next_change_s(pattern, 0.3) == FRAME_S


def test_the_table_has_one_row_for_each_state() -> None:
    lines = render_table().splitlines()
    assert len(lines) == 2 + len(AgentState)
    for line, (state, pattern) in zip(lines[2:], PATTERNS.items(), strict=True):
        assert line.startswith(f"| {state.value} | `{pattern.name}` |")
    assert render_table().count("swells and fades every") == 4
