"""Edges of one button become gestures."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.gesture import DEBOUNCE_S, DOUBLE_TAP_GAP_S, Gesture, GestureReader, GestureSettings

DOWN, TAP, DOUBLE, HOLD, HOLD_END, SHORT_UP = (
    Gesture.DOWN,
    Gesture.TAP,
    Gesture.DOUBLE_TAP,
    Gesture.HOLD,
    Gesture.HOLD_END,
    Gesture.SHORT_UP,
)
HOLD_S = 0.5


def reader(wait_for_double: bool = True) -> GestureReader:
    return GestureReader(GestureSettings(HOLD_S, wait_for_double))


def play(button: GestureReader, edges: list[tuple[float, bool]], until: float) -> list[tuple[float, Gesture]]:
    """Feed the edges, tick at every deadline between them, and return the gestures with their times."""
    gestures: list[tuple[float, Gesture]] = []
    for at, pressed in [*edges, (until, None)]:
        while (deadline := button.next_deadline()) is not None and deadline < at:
            gestures += [(deadline, gesture) for gesture in button.tick(deadline)]
        if pressed is not None:
            gestures += [(at, gesture) for gesture in button.edge(pressed, at)]
    return gestures


def names(gestures: list[tuple[float, Gesture]]) -> list[Gesture]:
    return [gesture for _, gesture in gestures]


def test_a_press_is_felt_at_once() -> None:
    assert reader().edge(True, 1.0) == [DOWN]


def test_a_tap_is_certain_when_no_second_one_can_follow() -> None:
    gestures = play(reader(), [(1.0, True), (1.1, False)], until=3.0)
    assert gestures == [(1.0, DOWN), (1.1, SHORT_UP), (1.1 + DOUBLE_TAP_GAP_S, TAP)]


def test_a_tap_is_certain_at_once_where_double_taps_mean_nothing() -> None:
    gestures = play(reader(wait_for_double=False), [(1.0, True), (1.1, False)], until=3.0)
    assert gestures == [(1.0, DOWN), (1.1, SHORT_UP), (1.1, TAP)]


def test_two_quick_taps_are_one_double_tap() -> None:
    gestures = play(reader(), [(1.0, True), (1.1, False), (1.3, True), (1.4, False)], until=3.0)
    assert names(gestures) == [DOWN, SHORT_UP, DOWN, SHORT_UP, DOUBLE]


def test_two_slow_taps_are_two_taps() -> None:
    gestures = play(reader(), [(1.0, True), (1.1, False), (1.5, True), (1.6, False)], until=3.0)
    assert names(gestures) == [DOWN, SHORT_UP, TAP, DOWN, SHORT_UP, TAP]


def test_a_third_tap_begins_anew() -> None:
    edges = [(1.0 + 0.2 * number, number % 2 == 0) for number in range(6)]
    assert names(play(reader(), edges, until=4.0))[-3:] == [DOWN, SHORT_UP, TAP]


def test_a_hold_is_known_while_the_finger_is_still_down() -> None:
    gestures = play(reader(), [(1.0, True), (3.0, False)], until=4.0)
    assert gestures == [(1.0, DOWN), (1.0 + HOLD_S, HOLD), (3.0, HOLD_END)]


def test_a_tap_before_a_hold_is_not_lost() -> None:
    gestures = play(reader(), [(1.0, True), (1.1, False), (1.2, True), (2.5, False)], until=4.0)
    assert names(gestures) == [DOWN, SHORT_UP, DOWN, TAP, HOLD, HOLD_END]


def test_bounces_of_press_and_release_count_once() -> None:
    press = [(1.0, True), (1.002, False), (1.004, True)]
    release = [(1.2, False), (1.203, True), (1.206, False)]
    assert names(play(reader(), [*press, *release], until=3.0)) == [DOWN, SHORT_UP, TAP]


def test_a_press_shorter_than_its_bouncing_ends_when_the_bouncing_does() -> None:
    gestures = play(reader(), [(1.0, True), (1.01, False)], until=3.0)
    assert gestures[:2] == [(1.0, DOWN), (1.0 + DEBOUNCE_S, SHORT_UP)]


def test_a_hold_is_a_hold_however_late_somebody_looks() -> None:
    button = reader()
    button.edge(True, 1.0)
    assert button.edge(False, 9.0) == [HOLD, HOLD_END]


def test_a_short_press_is_no_hold_however_late_somebody_looks() -> None:
    button = reader()
    button.edge(True, 1.0)
    button.edge(False, 1.01)
    assert button.tick(9.0) == [SHORT_UP, TAP]


def test_a_repeated_edge_changes_nothing() -> None:
    button = reader()
    button.edge(True, 1.0)
    assert button.edge(True, 1.1) == []
    assert reader().edge(False, 1.0) == []


def test_an_idle_button_has_no_deadline() -> None:
    assert reader().next_deadline() is None
    assert reader().tick(5.0) == []


@given(
    gaps=st.lists(st.floats(0.0, 0.7), min_size=1, max_size=40),
    contacts=st.lists(st.booleans(), min_size=40, max_size=40),
    wait_for_double=st.booleans(),
)
def test_every_press_ends_in_exactly_one_way(
    gaps: list[float], contacts: list[bool], wait_for_double: bool
) -> None:
    now, edges = 1.0, []
    for gap, contact in zip(gaps, contacts, strict=False):
        now += gap
        edges.append((now, contact))
    edges.append((now + 1.0, False))
    gestures = names(play(reader(wait_for_double), edges, until=now + 5.0))
    downs, ends = gestures.count(DOWN), gestures.count(SHORT_UP) + gestures.count(HOLD_END)
    assert downs == ends
    assert gestures.count(HOLD) == gestures.count(HOLD_END)
    assert gestures.count(TAP) + 2 * gestures.count(DOUBLE) == gestures.count(SHORT_UP)
