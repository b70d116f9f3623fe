"""A conversation that outlasts its sessions: nobody notices when one is followed by another."""

from __future__ import annotations

from tests.system.renewals import converse

TURNS = 4

GAP_LIMIT_S = 0.060
"""One packet of 20 ms is what is promised, and kept where nothing else runs (tests/system/soak.py); a machine
that is busy with other tests lets two more come too late."""

LATE_LIMIT_S = 0.2
"""A busy machine lets a thread wait for so long; what is late at the end was lost."""


def test_a_conversation_goes_on_over_sessions_that_soon_end() -> None:
    found = converse(lambda found: len(found.asked) < TURNS)
    assert not found.unanswered
    assert not found.mistaken, "every word was heard, and heard once"
    assert not found.forgotten, "what was said in one session is known in the next"
    assert found.renewals >= TURNS - 2
    assert not found.losses, "no session ended before another had taken over"
    assert max(found.overlaps_s) < 3.0
    assert abs(found.loudspeaker_s - found.elapsed_s) < 2.0, "the loudspeaker never paused"
    assert found.late_s < LATE_LIMIT_S, "nor at a hand-over"
    assert abs(found.late_at_end_s) < GAP_LIMIT_S
    assert len(found.gaps) == TURNS, "every answer was compared with what the server said"
    assert max(found.gaps_s(by_hand_over=True)) < GAP_LIMIT_S, found.gaps
