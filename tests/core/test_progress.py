"""The watchdog's gate: counters that move, stand still, pause and come back."""

from __future__ import annotations

import pytest

from edge_agent.core.progress import ProgressGate

LIMITS_S = {"capture": 2.0, "playback": 5.0}


def test_moving_counters_are_never_stuck() -> None:
    gate = ProgressGate(LIMITS_S)
    for second in range(100):
        assert gate.stuck({"capture": second, "playback": second * 100}, float(second)) == ()


def test_a_counter_is_stuck_only_after_its_own_limit() -> None:
    gate = ProgressGate(LIMITS_S)
    counts = {"capture": 7, "playback": 7}
    assert gate.stuck(counts, 10.0) == ()
    assert gate.stuck(counts, 12.0) == ()
    assert gate.stuck(counts, 12.1) == ("capture",)
    assert gate.stuck(counts, 15.1) == ("capture", "playback")


def test_progress_ends_the_complaint() -> None:
    gate = ProgressGate(LIMITS_S)
    gate.stuck({"capture": 1}, 0.0)
    assert gate.stuck({"capture": 1}, 3.0) == ("capture",)
    assert gate.stuck({"capture": 2}, 4.0) == ()
    assert gate.stuck({"capture": 2}, 6.0) == ()


def test_a_counter_that_starts_again_from_zero_has_moved() -> None:
    gate = ProgressGate(LIMITS_S)
    gate.stuck({"capture": 500}, 0.0)
    assert gate.stuck({"capture": 0}, 3.0) == ()


@pytest.mark.parametrize("paused", [{"capture": None}, {}])
def test_a_pause_is_not_held_against_a_counter(paused: dict[str, int | None]) -> None:
    gate = ProgressGate(LIMITS_S)
    gate.stuck({"capture": 5}, 0.0)
    assert gate.stuck(paused, 60.0) == ()
    assert gate.stuck({"capture": 5}, 120.0) == ()
    assert gate.stuck({"capture": 5}, 122.5) == ("capture",)


def test_late_questions_do_not_blame_threads_that_went_on_meanwhile() -> None:
    gate = ProgressGate(LIMITS_S)
    gate.stuck({"capture": 1, "playback": 1}, 0.0)
    assert gate.stuck({"capture": 900, "playback": 900}, 60.0) == ()


def test_a_counter_without_a_limit_is_refused() -> None:
    with pytest.raises(KeyError):
        ProgressGate(LIMITS_S).stuck({"loop": 1}, 0.0)


@pytest.mark.parametrize("limit_s", [0.0, -1.0])
def test_a_limit_has_to_be_above_zero(limit_s: float) -> None:
    with pytest.raises(ValueError, match="above 0 s"):
        ProgressGate({"capture": limit_s})
